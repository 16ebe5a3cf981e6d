import { SignalboxError } from '../base/errors.ts'
import { isoTime } from '../base/time.ts'
import type { Principal } from '../contracts/common.ts'
import type { ApprovalChanged, ApprovalDecided, ApprovalRequested } from '../contracts/records.ts'
import type { InboxItem, KeptInboxItem, PersonRequestRow, RunRow } from '../contracts/store.ts'
import {
  actOnApproval,
  type ApprovalAction,
  type ApprovalProgress,
  type ApprovalTerms,
  foldApproval,
  approvalTimes,
} from '../policy/index.ts'
import { decodeRecord } from '../reliability/chain.ts'
import { onTimeline, timelineRanges } from '../reliability/timeline.ts'
import { actionOf, reviewBody } from './approval-inbox.ts'
import { progressOf, termsOf } from './approval-rows.ts'
import type { Env } from './env.ts'
import { readBranches, readStarted } from './load.ts'

/** Where an approval stands for somebody who wants to act on it: with all that others posted and no worker has read yet. */
export interface ReviewState {
  readonly run: RunRow
  readonly terms: ApprovalTerms
  readonly requested: ApprovalRequested
  readonly progress: ApprovalProgress
  /** The slot of the next inbox row: whoever takes it first acts next, and nobody acts on what they have not seen. */
  readonly slot: string
}

/** How often the inbox and the records are read until they belong together. */
const MAX_READS = 20

/**
 * Reads it. The inbox rows of an approval are its one order of answers: each is judged by all before it, here and again
 * where it is put on record.
 * @throws SignalboxError APPROVAL_DECIDED with who and when, where a row that nobody has read yet decides it
 */
export async function reviewState(env: Env, row: PersonRequestRow): Promise<ReviewState> {
  for (let reads = 0; reads < MAX_READS; reads++) {
    const before = await env.store.inboxKept(row.tenant, row.runId)
    const run = await env.store.run(row.tenant, row.runId)
    if (!run) throw new SignalboxError('RUN_NOT_FOUND', `there is no run \`${row.runId}\``)
    const read = await readApproval(env, row, run)
    const after = await env.store.inboxKept(row.tenant, row.runId)
    if (stand(before) === stand(after)) return { run, ...withPosted(env, row, run, read, after) }
  }
  throw new SignalboxError('CONFLICT', `approval \`${row.id}\` changes too fast to act on it: try again`)
}

function stand(inbox: readonly KeptInboxItem[]): string {
  return inbox.map((item) => (item.consumed ? '1' : '0')).join('')
}

interface ReadApproval {
  readonly requested: ApprovalRequested
  readonly requester: Principal
  readonly changes: readonly ApprovalChanged['change'][]
}

async function readApproval(env: Env, row: PersonRequestRow, run: RunRow): Promise<ReadApproval> {
  const [asked] = await env.store.recordsAt(row.tenant, row.runId, [row.seq])
  const requested = asked && decodeRecord(asked)
  if (requested?.type !== 'approval.requested')
    throw new SignalboxError('APPROVAL_NOT_FOUND', `there is no approval \`${row.id}\``)
  const ranges = timelineRanges(run.seq, await readBranches(env, row.tenant, row.runId))
  const types = ['approval.changed', 'approval.decided'] as const
  const later = (await env.store.records(row.tenant, row.runId, { after: row.seq, types })).map(decodeRecord)
  const own = later.filter(
    (record): record is ApprovalChanged | ApprovalDecided =>
      (record.type === 'approval.changed' || record.type === 'approval.decided') &&
      record.approval_id === row.id &&
      onTimeline(ranges, record.seq),
  )
  const decided = own.find((record) => record.type === 'approval.decided')
  if (decided) throw decidedAlready(row.id, decided.answer, decided.by?.id ?? null, decided.at)
  const { principal: requester } = await readStarted(env, row.tenant, row.runId)
  return { requested, requester, changes: own.flatMap((one) => (one.type === 'approval.changed' ? [one.change] : [])) }
}

function withPosted(
  env: Env,
  row: PersonRequestRow,
  run: RunRow,
  { requested, requester, changes }: ReadApproval,
  inbox: readonly KeptInboxItem[],
): Omit<ReviewState, 'run'> {
  const terms = termsOf(requested, requester, env.limits.approvalSeconds)
  const base = `approval:${row.id}:${run.branch}`
  const taken = inbox.filter((item) => item.slot === base || item.slot?.startsWith(`${base}:`) === true)
  let progress = progressOf(terms, [...changes])
  for (const item of inbox.filter((one) => !one.consumed && isAbout(one, row.id)))
    progress = afterPosted(row, terms, progress, item)
  const slot = taken.length === 0 ? base : `${base}:${taken.length}`
  return { terms, requested, progress: due(terms, progress, env.host.now()), slot }
}

function isAbout(item: KeptInboxItem, id: string): boolean {
  return (item.kind === 'decide' || item.kind === 'review') && reviewBody(item).approval_id === id
}

function afterPosted(
  row: PersonRequestRow,
  terms: ApprovalTerms,
  before: ApprovalProgress,
  item: InboxItem,
): ApprovalProgress {
  const progress = due(terms, before, item.createdAt)
  const result = tryAct(terms, progress, actionOf(item, reviewBody(item)))
  if (!result) return progress
  if (result.end) throw decidedAlready(row.id, result.end, item.by.id, isoTime(item.createdAt))
  return result.changes.reduce((now, change) => foldApproval(terms, now, change), progress)
}

function tryAct(
  terms: ApprovalTerms,
  progress: ApprovalProgress,
  action: ApprovalAction,
): ReturnType<typeof actOnApproval> | null {
  try {
    return actOnApproval(terms, progress, action)
  } catch {
    // It came too late in its turn, and will leave no trace.
    return null
  }
}

/** With what time has done to it, whether or not a worker was there to put it on record. */
function due(terms: ApprovalTerms, progress: ApprovalProgress, now: number): ApprovalProgress {
  return approvalTimes(terms, progress, now).due.reduce((at, change) => foldApproval(terms, at, change), progress)
}

/** Somebody was first. */
export function decidedAlready(id: string, state: string, by: string | null, at: string | null): SignalboxError {
  const when = at === null ? '' : ` at ${at}`
  return new SignalboxError('APPROVAL_DECIDED', `\`${id}\` is \`${state}\` already, by \`${by ?? 'nobody'}\`${when}`, {
    details: { decided_by: by, decided_at: at, state },
  })
}
