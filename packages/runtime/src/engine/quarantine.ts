import { type ErrorCode, toSignalboxError } from '../base/errors.ts'
import { withNotices } from './notices.ts'
import { isoTime } from '../base/time.ts'
import { RECORD_VERSION, type RecordBase, type RecordDraft, type RunRecord } from '../contracts/records.ts'
import type { RunCommit, RunRow, StoredRecord } from '../contracts/store.ts'
import { decodeRecord, encodeRecord } from '../reliability/chain.ts'
import { isEnded, nextStatus } from '../reliability/run-machine.ts'
import type { Env } from './env.ts'
import { deadlineIn } from './lease.ts'
import { loadRun } from './load.ts'
import { tellStored } from './stored-channel.ts'

/** Claims without progress after which a run is set aside (ENGINE R15). */
export const QUARANTINE_AFTER = 5

/** How often rows that arrive meanwhile are read before it is left to the next claim. */
const MAX_TRIES = 5

/**
 * Sets a claimed run aside that was claimed again and again and never got anywhere: it parks with RUN_QUARANTINED until
 * an operator releases it (ENGINE R15). Nothing of the run needs to be readable: its key may be wrong and its records
 * damaged; what can be found out about the cause is recorded. Inbox rows stay unread, for the time after the release.
 */
export async function quarantine(env: Env, row: RunRow, worker: string): Promise<void> {
  if (isEnded(row.status)) return
  const because = await whyNotLoaded(env, row)
  const base = await baseOf(env, row)
  const now = env.host.now()
  const drafts: readonly RecordDraft[] = [
    { type: 'segment.started', worker, epoch: row.epoch, why: 'takeover', idle_ms: 0 },
    { type: 'run.parked', code: 'RUN_QUARANTINED', detail: null, because, attempts: row.attempts - 1 },
  ]
  const made = chained(row, drafts, { ...base, at: isoTime(now) })
  const commit: RunCommit = {
    tenant: row.tenant,
    runId: row.runId,
    epoch: row.epoch,
    expectSeq: row.seq,
    records: made.map((one) => one.stored),
    seq: row.seq + made.length,
    head: made.at(-1)?.stored.hash ?? row.head,
    row: {
      status: nextStatus(nextStatus(row.status, 'segment'), 'park'),
      code: 'RUN_QUARANTINED',
      branch: row.branch,
      checkpointSeq: row.checkpointSeq,
      superstep: row.superstep,
      wakeAt: null,
      costNanoUsd: row.costNanoUsd,
      updatedAt: now,
    },
    release: true,
    consumed: [],
    effects: [],
    requests: [],
    closed: [],
  }
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const unread = await env.store.inbox(row.tenant, row.runId)
    // An order to go on was given before this: it must not release the run when another row wakes it.
    const consumed = unread.filter((item) => item.kind === 'resume').map((item) => item.row)
    const left = unread.filter((item) => item.kind !== 'resume').map((item) => item.row)
    const [result] = await env.store.commit([withNotices({ ...commit, consumed, left }, row.workflow)])
    if (result?.status === 'inbox_not_empty') continue
    if (result?.status !== 'committed') return
    tellStored(row.runId, commit.records)
    for (const { record } of made) env.hub.publish({ kind: 'record', runId: row.runId, record })
    return
  }
}

/** The code of what stands in the way, or null when the run loads and its workers died of something else. */
async function whyNotLoaded(env: Env, row: RunRow): Promise<ErrorCode | null> {
  try {
    const run = await loadRun(env, row, deadlineIn(env.host, 0))
    run.unload()
    return null
  } catch (thrown) {
    return toSignalboxError(thrown).code
  }
}

/** What each record carries on from the one before it; from the row where that one cannot be read. */
async function baseOf(env: Env, row: RunRow): Promise<Omit<RecordBase, 'seq' | 'prev' | 'at'>> {
  const common = { v: RECORD_VERSION, run: row.runId, cause: null } as const
  try {
    const [stored] = await env.store.records(row.tenant, row.runId, { descending: true, limit: 1 })
    if (stored) {
      const { branch, segment, active_ms } = decodeRecord(stored)
      return { ...common, branch, segment: segment + 1, active_ms }
    }
  } catch {
    // A damaged record: its numbers are lost, and the run does not go on before they are found again.
  }
  return { ...common, branch: row.branch, segment: 0, active_ms: 0 }
}

function chained(
  row: RunRow,
  drafts: readonly RecordDraft[],
  base: Omit<RecordBase, 'seq' | 'prev'>,
): readonly { readonly record: RunRecord; readonly stored: StoredRecord }[] {
  let prev = row.head
  return drafts.map((draft, i) => {
    const seq = row.seq + 1 + i
    // A draft and the base fields together are a record.
    const record = { ...base, seq, prev, ...draft } as RunRecord
    const { body, hash } = encodeRecord(record)
    prev = hash
    return { record, stored: { seq, type: record.type, body, hash, sealed: null } }
  })
}
