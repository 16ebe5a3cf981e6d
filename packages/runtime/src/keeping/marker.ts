/** Appending the marker of a pruned history together with what it vouches for: one commit of a run that has ended. */
import { SignalboxError } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import { parseJson } from '../base/json.ts'
import { isoTime } from '../base/time.ts'
import { type Kept, type PruningBase, type PruningRecord, skeletonDigest } from '../contracts/pruning.ts'
import { RECORD_VERSION } from '../contracts/record-base.ts'
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
export async function claimEnded(
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

/** The commit that prunes a claimed run: its marker, what it destroys, and the lease given back (Invariants 9, 10). */
export async function pruningCommit(
  store: Pick<Store, 'records'>,
  host: Host,
  row: RunRow,
  keep: Kept,
  draft: MarkerDraft,
): Promise<RunCommit> {
  const { tenant, runId, seq, head } = row
  const [last] = await store.records(tenant, runId, { descending: true, limit: 1 })
  const { branch, segment, active_ms } = lastFields(last?.body ?? '{}')
  const covered = keep === 'nothing' ? await store.records(tenant, runId, { through: seq }) : null
  const marker: PruningRecord = {
    v: RECORD_VERSION,
    run: runId,
    seq: seq + 1,
    at: isoTime(host.now()),
    prev: head,
    branch,
    segment,
    cause: null,
    active_ms,
    first_seq: 1,
    last_seq: seq,
    keep,
    head,
    leaf: leafDigest({ tenant, runId, seq, head }),
    skeleton: covered ? skeletonDigest(covered) : null,
    ended_as: endOf(row),
    ...draft,
  }
  const { body, hash } = encodeRecord(marker)
  return {
    tenant,
    runId,
    epoch: row.epoch,
    expectSeq: seq,
    records: [{ seq: seq + 1, type: marker.type, body, hash, sealed: null }],
    seq: seq + 1,
    head: hash,
    // The time of the last change stays: rules of retention count from it.
    row: {
      status: row.status,
      code: row.code,
      branch: row.branch,
      checkpointSeq: row.checkpointSeq,
      superstep: row.superstep,
      wakeAt: null,
      costNanoUsd: row.costNanoUsd,
      updatedAt: row.updatedAt,
    },
    release: true,
    consumed: [],
    effects: [],
    requests: [],
    closed: [],
    prune: { through: seq, keep },
  }
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
