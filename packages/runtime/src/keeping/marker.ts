/** Appending the marker of a pruned history together with what it vouches for: one commit of a run that has ended. */
import { SignalboxError } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import { parseJson } from '../base/json.ts'
import { isoTime } from '../base/time.ts'
import { type Kept, type PruningBase, type PruningRecord, skeletonDigest } from '../contracts/pruning.ts'
import { RECORD_VERSION, type RecordBase } from '../contracts/record-base.ts'
import type { HistoryMoved } from '../contracts/records.ts'
import type { RunCommit, RunRow, Store } from '../contracts/store.ts'
import { encodeRecord } from '../reliability/chain.ts'
import { leafDigest } from '../reliability/run-leaves.ts'

/** What kind of marker, without what every one of them says. */
export type MarkerDraft = PruningRecord extends infer R
  ? R extends PruningRecord
    ? Omit<R, Exclude<keyof PruningBase, 'by'>>
    : never
  : never

const LEASE_MS = 30_000

/** Claims a run that nobody works on; null when somebody does. The lease runs out by itself after half a minute. */
export async function claimRun(
  store: Pick<Store, 'claim'>,
  host: Host,
  { tenant, runId }: Pick<RunRow, 'tenant' | 'runId'>,
  who: string,
): Promise<RunRow | null> {
  const now = host.now()
  const worker = `${who}:${Buffer.from(host.randomBytes(6)).toString('hex')}`
  const only = { tenant, runId }
  const [row] = await store.claim({ worker, now, leaseUntil: now + LEASE_MS, limit: 1, signatures: null, only })
  return row ?? null
}

/** The commit that marks a claimed run as moved to another store: it ends here, or stays ended, and asks nobody any more. */
export async function movingCommit(
  store: Pick<Store, 'records' | 'requests' | 'inbox'>,
  host: Host,
  row: RunRow,
  words: Pick<HistoryMoved, 'digest' | 'by'>,
  status: RunRow['status'],
): Promise<RunCommit> {
  const { tenant, runId } = row
  const [open, unread] = await Promise.all([
    store.requests({ tenant, runId, state: 'open', limit: 1_000 }),
    store.inbox(tenant, runId),
  ])
  const record: HistoryMoved = { ...(await nextBase(store, host, row)), type: 'history.moved', ...words }
  return {
    ...endCommit(row, record),
    row: { ...rowFields(row), status, code: 'RUN_MOVED' },
    // What was told to the run goes along with it.
    consumed: unread.map((item) => item.row),
    closed: open.map(({ id }) => ({ id, state: 'cancelled', decidedBy: null, decidedAt: host.now() })),
  }
}

/** The commit that prunes a claimed run: its marker, what it destroys, and the lease given back (Invariants 9, 10). */
export async function pruningCommit(
  store: Pick<Store, 'records'>,
  host: Host,
  row: RunRow,
  keep: Kept,
  draft: MarkerDraft,
): Promise<RunCommit> {
  const { tenant, runId, seq, head } = row
  const covered = keep === 'nothing' ? await store.records(tenant, runId, { through: seq }) : null
  const marker: PruningRecord = {
    ...(await nextBase(store, host, row)),
    first_seq: 1,
    last_seq: seq,
    keep,
    head,
    leaf: leafDigest({ tenant, runId, seq, head }),
    skeleton: covered ? skeletonDigest(covered) : null,
    ended_as: endOf(row),
    ...draft,
  }
  return { ...endCommit(row, marker), prune: { through: seq, keep } }
}

/** What every record carries, for the one after the last of a run. */
async function nextBase(store: Pick<Store, 'records'>, host: Host, row: RunRow): Promise<RecordBase> {
  const { tenant, runId, seq, head } = row
  const [last] = await store.records(tenant, runId, { descending: true, limit: 1 })
  const fields = lastFields(last?.body ?? '{}')
  return { v: RECORD_VERSION, run: runId, seq: seq + 1, at: isoTime(host.now()), prev: head, cause: null, ...fields }
}

/** A commit of one record that gives the lease back and changes nothing else. */
function endCommit(row: RunRow, record: PruningRecord | HistoryMoved): RunCommit {
  const { body, hash } = encodeRecord(record)
  return {
    tenant: row.tenant,
    runId: row.runId,
    epoch: row.epoch,
    expectSeq: row.seq,
    records: [{ seq: record.seq, type: record.type, body, hash, sealed: null }],
    seq: record.seq,
    head: hash,
    row: rowFields(row),
    release: true,
    consumed: [],
    effects: [],
    requests: [],
    closed: [],
  }
}

/** The time of the last change stays: rules of retention count from it. */
function rowFields(row: RunRow): RunCommit['row'] {
  const { status, code, branch, checkpointSeq, superstep, costNanoUsd, updatedAt } = row
  return { status, code, branch, checkpointSeq, superstep, wakeAt: null, costNanoUsd, updatedAt }
}

function endOf({ status, runId }: RunRow): PruningRecord['ended_as'] {
  if (status === 'completed' || status === 'stopped' || status === 'cancelled' || status === 'terminated') return status
  throw new SignalboxError('RUN_STATE', `run \`${runId}\` is \`${status}\`: only the history of an ended run is pruned`)
}

/** The numbers that go on from the last record; it is never a pruned one, because its marker comes after it. */
function lastFields(body: string): { branch: number; segment: number; active_ms: number } {
  const value = parseJson(body, 'the last record')
  const of = (name: string): number => {
    const field: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : 0
    return typeof field === 'number' ? field : 0
  }
  return { branch: of('branch'), segment: of('segment'), active_ms: of('active_ms') }
}
