/**
 * What a fork takes over (invariant 11, ENGINE fork): the checkpoint at or before its point, and the records of the
 * superstep that was open there. Pure: the engine reads the records and stores what comes out.
 */
import type { CheckpointBody, OpenRequest } from '../contracts/checkpoint.ts'
import type { ActivityOutcome, AskRef, Proposal, RunRecord } from '../contracts/records.ts'
import { isTerminalOutcome } from './fold.ts'
import { isScopeCheckpoint } from './timeline.ts'

/** What is on record of one ask in one attempt. */
interface AskSummary {
  ended: boolean
  /** Sent as an effect, which may have happened, or entered as a scope, whose records follow: the fork must not forget it. */
  sent: boolean
}

/**
 * The records that a fork copies, out of those after the checkpoint on the timeline of its point. Left out is what cannot
 * be taken over: how the run stood (segments, waits, ends), asks that neither ended nor sent an effect (they are asked
 * anew), and approvals that no intent had used yet (an approval is one use of one thing, invariant 7).
 */
export function takenOver(records: readonly RunRecord[]): readonly RunRecord[] {
  const asks = summaries(records)
  const approvals = approvalsKept(records, asks)
  const questions = new Set(
    records.flatMap((record) => (record.type === 'question.answered' ? [record.question_id] : [])),
  )
  return records.filter((record) => {
    switch (record.type) {
      case 'activity.intent':
      case 'activity.outcome': {
        const ask = asks.get(idOf(record.ask))
        // A look-up of an effect that is still open says nothing by itself.
        const lookUp = record.ask.parent?.phase === 'reconcile'
        return ask?.ended === true || (ask?.sent === true && !lookUp)
      }
      case 'approval.requested':
      case 'approval.changed':
      case 'approval.decided':
        return approvals.has(record.approval_id)
      case 'question.asked':
      case 'question.answered':
        return asks.get(idOf(record.ask))?.ended === true && questions.has(record.question_id)
      // A timer goes on where it was: its due time is on record.
      case 'timer.set':
      case 'position.saved':
      case 'activation.completed':
      case 'activation.failed':
      case 'request.opened':
      case 'request.answered':
      case 'step.failed':
      case 'decision.recorded':
        return true
      case 'superstep.completed':
      case 'response.received':
        return isScopeCheckpoint(record)
      default:
        return false
    }
  })
}

function idOf(ask: AskRef): string {
  return `${ask.activation}/${ask.position}/${ask.ordinal}#${ask.attempt}`
}

function summaries(records: readonly RunRecord[]): ReadonlyMap<string, AskSummary> {
  const asks = new Map<string, AskSummary>()
  for (const record of records) {
    if (record.type !== 'activity.intent' && record.type !== 'activity.outcome') continue
    if (record.ask.parent !== null) continue
    const ask = asks.get(idOf(record.ask)) ?? { ended: false, sent: false }
    asks.set(idOf(record.ask), ask)
    if (record.type === 'activity.outcome') ask.ended ||= isTerminalOutcome(record)
    else ask.sent ||= record.proposal.effect !== 'none' || record.opens !== undefined
  }
  return asks
}

/** Approvals that were used by an intent, and those that ended their ask without being given. */
function approvalsKept(records: readonly RunRecord[], asks: ReadonlyMap<string, AskSummary>): ReadonlySet<string> {
  const kept = new Set<string>()
  for (const record of records) {
    if (record.type === 'activity.intent' && record.approval_id !== null) kept.add(record.approval_id)
    const ended = record.type === 'approval.decided' && asks.get(idOf(record.ask))?.ended === true
    if (ended && record.answer !== 'approved') kept.add(record.approval_id)
  }
  return kept
}

/** How copies are made: from which run, and what becomes of requests to people, which a fork opens as its own. */
export interface CopyOptions {
  readonly from: string
  /** Where the copies begin in the fork. */
  readonly firstSeq: number
  readonly request: (request: OpenRequest) => OpenRequest
}

/** A copy without the fields that its chain gives it. */
export type Copy = RunRecord extends infer R ? (R extends RunRecord ? Omit<R, OwnFields> : never) : never

type OwnFields = 'run' | 'at' | 'prev' | 'branch' | 'segment' | 'active_ms'

/** Copies of records for a fork, in order: their contents stay where they are, their numbers are the fork's. */
export function copiesOf(records: readonly RunRecord[], options: CopyOptions): readonly Copy[] {
  const seqs = new Map(records.map((record, i) => [record.seq, options.firstSeq + i]))
  return records.map((record) => copyOf(record, seqs, options))
}

function copyOf(record: RunRecord, seqs: ReadonlyMap<number, number>, options: CopyOptions): Copy {
  const { run, at, prev: _prev, branch: _branch, segment: _segment, active_ms: _active, ...rest } = record
  const origin = record.origin ?? { run, seq: record.seq, at }
  const cause = record.cause === null ? null : (seqs.get(record.cause) ?? null)
  const moved = { ...heldBy(rest, options.from), seq: seqs.get(record.seq) ?? 0, cause, origin }
  switch (moved.type) {
    case 'activity.intent':
    case 'approval.requested':
    case 'timer.set':
    case 'step.failed':
      return { ...moved, proposal: movedProposal(moved.proposal, seqs) }
    case 'activity.outcome': {
      const { ledger, proposal } = moved
      // What the parent was answered with from its own left branches is off the fork's timeline too.
      return {
        ...moved,
        ledger: ledger === null ? null : adopted(ledger, run),
        proposal: proposal && movedProposal(proposal, seqs),
      }
    }
    case 'request.opened':
      return {
        ...moved,
        request: options.request(moved.request),
        ...(moved.proposal ? { proposal: movedProposal(moved.proposal, seqs) } : {}),
      }
    case 'superstep.completed':
    case 'response.received': {
      const { checkpoint } = moved
      return { ...moved, checkpoint: { ...checkpoint, requests: checkpoint.requests.map(options.request) } }
    }
    default:
      return moved
  }
}

function adopted(ledger: NonNullable<ActivityOutcome['ledger']>, run: string): ActivityOutcome['ledger'] {
  return ledger.run === run ? { ...ledger, family: true } : ledger
}

/** The model answer that proposed a call was copied with it: both lie in one turn. */
function movedProposal(proposal: Proposal, seqs: ReadonlyMap<number, number>): Proposal {
  const { model_seq: seq, fallback_of: instead } = proposal
  const moved = { ...proposal, model_seq: seq === null ? null : (seqs.get(seq) ?? null) }
  return instead ? { ...moved, fallback_of: { ...instead, seq: seqs.get(instead.seq) ?? 0 } } : moved
}

/** The checkpoint of a fork: the same state by reference, its own requests to people, and the totals at its point. */
export function forkedCheckpoint(
  checkpoint: CheckpointBody,
  spent: CheckpointBody['spent'],
  options: Pick<CopyOptions, 'from' | 'request'>,
): CheckpointBody {
  // The fork's genesis names the version that it is with.
  const { definition: _definition, ...body } = heldBy(checkpoint, options.from)
  return { ...body, requests: body.requests.map(options.request), spent }
}

/** The same value with every reference to a content or list naming the run that holds it. */
export function heldBy<T>(value: T, run: string): T {
  // The copy has the shape of the value: only `r` is added to references.
  return held(value, run) as T
}

function held(value: unknown, run: string): unknown {
  if (Array.isArray(value)) return value.map((each) => held(each, run))
  if (typeof value !== 'object' || value === null) return value
  const copy = Object.fromEntries(Object.entries(value).map(([key, each]) => [key, held(each, run)]))
  return isReference(copy) && copy.r === undefined ? { ...copy, r: run } : copy
}

function isReference(value: Record<string, unknown>): boolean {
  if (value.list === true) return typeof value.head === 'string' && typeof value.length === 'number'
  return typeof value.s === 'number' && typeof value.i === 'number' && typeof value.h === 'string' && 'l' in value
}
