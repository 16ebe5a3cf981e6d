import { canonicalJson, type JsonValue, parseJson } from '../base/json.ts'
import { isoTime, timeOf } from '../base/time.ts'
import type { ActingFor } from '../contracts/acting.ts'
import type { ApprovalChange, Vote } from '../contracts/approval.ts'
import { type ContentRef, OPERATOR_LABELS, UNLABELLED } from '../contracts/common.ts'
import type { InboxItem, StoredInboxItem } from '../contracts/store.ts'
import {
  type ApprovalResult,
  actOnApproval,
  type ApprovalAction,
  type ApprovalProgress,
  type ApprovalTerms,
  CLAIM_SECONDS,
  approvalTimes,
} from '../policy/index.ts'
import { type AskJournal, findAsk } from '../reliability/fold.ts'
import { listApproval, progressOf, termsIn } from './approval-rows.ts'
import type { LiveRun, Put } from './live-run.ts'

type Approval = NonNullable<AskJournal['approval']>
type Found = AskJournal & { readonly approval: Approval }

/** What a person does, as the body of an inbox row says it. */
export interface ReviewBody {
  readonly approval_id: string
  /** Rows of the first version have an answer in its place. */
  readonly do?: ApprovalAction['do']
  readonly answer?: 'approved' | 'rejected'
  readonly seen?: string
  readonly for?: ActingFor
  readonly until?: string
}

const NOTHING: ContentRef = { s: 0, i: 0, h: '', l: UNLABELLED }

/** The action that an inbox row orders; its texts are on no record yet. */
export function actionOf(item: Pick<InboxItem, 'by' | 'createdAt'>, body: ReviewBody): ApprovalAction {
  const { by } = item
  const given_at = isoTime(item.createdAt)
  const does = body.do ?? (body.answer === 'approved' ? 'approve' : 'reject')
  const seen = body.seen === undefined || body.seen === '' ? null : body.seen
  const vote: Vote = { by, ...(body.for ? { for: body.for } : {}), given_at, reason: null, seen }
  const until = body.until ?? isoTime(item.createdAt + CLAIM_SECONDS * 1_000)
  switch (does) {
    case 'approve':
    case 'reject':
      return { do: does, vote }
    case 'edit':
      return { do: 'edit', change: { what: 'edited', ...vote, args: NOTHING, args_digest: '' } }
    case 'claim':
      return { do: 'claim', change: { what: 'claimed', by, given_at, until } }
    case 'unclaim':
      return { do: 'unclaim', change: { what: 'unclaimed', by, given_at } }
    case 'ask':
      return { do: 'ask', change: { what: 'information_asked', by, given_at, text: null } }
    case 'tell':
      return { do: 'tell', change: { what: 'information_given', by, given_at, text: null } }
    case 'snooze':
      return { do: 'snooze', change: { what: 'snoozed', by, given_at, until } }
    case 'see':
      return { do: 'see', change: { what: 'seen', by, given_at } }
    case 'withdraw':
      return { do: 'withdraw', by, givenAt: given_at }
    default:
      return does satisfies never
  }
}

/** The body of a row, as this program wrote it. */
export function reviewBody(item: Pick<InboxItem, 'body'>): ReviewBody {
  return parseJson(item.body, 'an inbox row') as unknown as ReviewBody
}

/** Puts on record what a person did to an approval; what comes too late, or is no longer right, leaves no trace. */
export function applyReview(run: LiveRun, item: StoredInboxItem, texts: readonly string[]): void {
  const body = reviewBody(item)
  const found = findAsk(run.fold, (entry) => entry.approval?.requested.approval_id === body.approval_id)
  if (!hasApproval(found) || found.approval.decided) return
  const terms = termsIn(run, found.approval.requested)
  recordTimed(run, found, terms, item.createdAt)
  const progress = progressOf(terms, found.approval.changes)
  const result = judged(terms, progress, actionOf(item, body))
  if (!result) return
  for (const change of result.changes) recordChange(run, found, (put) => withTexts(run, change, found, texts, put))
  if (result.end) recordEnd(run, found, progress, result, item, texts)
  listApproval(run, found.approval)
  run.waits.wake('approval', body.approval_id)
}

function hasApproval(found: AskJournal | null): found is Found {
  return found !== null && found.approval !== null
}

function judged(terms: ApprovalTerms, progress: ApprovalProgress, action: ApprovalAction): ApprovalResult | null {
  try {
    return actOnApproval(terms, progress, action)
  } catch {
    // Whoever posted it was told so, or came second in the very moment.
    return null
  }
}

/** What was due by time before something else happened: it is on record first. True when there was anything. */
export function recordTimed(run: LiveRun, found: Found, terms: ApprovalTerms, now: number): boolean {
  const { due } = approvalTimes(terms, progressOf(terms, found.approval.changes), now)
  for (const change of due) recordChange(run, found, () => change)
  return due.length > 0
}

/** Appends what happened to an open approval. */
export function recordChange(run: LiveRun, found: Found, make: (put: Put) => ApprovalChange): void {
  const { requested } = found.approval
  run.append(
    (put) => ({
      type: 'approval.changed' as const,
      approval_id: requested.approval_id,
      ask: found.ask,
      change: make(put),
    }),
    requested.seq,
  )
}

function withTexts(
  run: LiveRun,
  change: ApprovalChange,
  found: Found,
  texts: readonly string[],
  put: Put,
): ApprovalChange {
  const [first] = texts
  const text = first === undefined ? null : put(first, OPERATOR_LABELS)
  switch (change.what) {
    case 'voted':
      return { ...change, reason: text }
    case 'information_asked':
    case 'information_given':
      return { ...change, text }
    case 'edited': {
      // What a person made of arguments is no better than what they were made from.
      const { name, labels } = found.approval.requested.proposal
      const value = parseJson(texts[1] ?? 'null', 'edited arguments')
      const digest = editDigest((all) => run.sealer.digest(all), name, value)
      return { ...change, reason: text, args: put(value, labels), args_digest: digest }
    }
    default:
      return change
  }
}

function recordEnd(
  run: LiveRun,
  { ask, approval }: Found,
  progress: ApprovalProgress,
  { end, vote }: ApprovalResult,
  item: StoredInboxItem,
  texts: readonly string[],
): void {
  if (end === null) return
  const { requested } = approval
  run.append((put) => {
    const reason = texts[0] === undefined ? null : put(texts[0], OPERATOR_LABELS)
    const votes = end === 'approved' && vote ? [...progress.votes.map(plain), { ...vote, reason }] : []
    // One person's own yes is told by `by` alone.
    const alone = votes.length === 1 && !vote?.for && !vote?.escalated
    return {
      type: 'approval.decided' as const,
      approval_id: requested.approval_id,
      ask,
      answer: end,
      by: item.by,
      reason,
      seen: vote?.seen ?? null,
      wait_ms: Math.max(0, item.createdAt - timeOf(requested.at)),
      code: end === 'cancelled' ? 'WITHDRAWN' : null,
      ...(votes.length > 0 && !alone ? { votes } : {}),
    }
  }, requested.seq)
}

function plain({ stage: _, ...vote }: ApprovalProgress['votes'][number]): Vote {
  return vote
}

/** Digest of arguments that a reviewer wrote: that of a call which had proposed them itself. */
export function editDigest(digest: (text: string) => string, tool: string, value: JsonValue): string {
  return digest(canonicalJson(['tool', tool, value]))
}
