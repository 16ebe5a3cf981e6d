import { ROOT_SCOPE, scopeOf, scopePath } from '../base/scope-id.ts'
import type { BudgetLimits, OutcomeStatus } from '../contracts/common.ts'
import type { Decision } from '../contracts/policy.ts'
import type {
  ActivityOutcome,
  ApprovalDecided,
  ApprovalRequested,
  AskRef,
  Proposal,
  RunRecord,
  UndoneEffect,
} from '../contracts/records.ts'
import { type ActivityView, activitiesOf, type Branches, branchesOf } from './view.ts'

/** Who let an effect happen, why, and what they saw. Sequences point at the records. */
export interface EffectApproval {
  readonly id: string
  readonly requestedSeq: number | null
  readonly decidedSeq: number | null
  readonly answer: ApprovalDecided['answer'] | null
  readonly by: string | null
  /** True when a reason is on record (its text is sealed). */
  readonly reasoned: boolean
  /** Keyed hash of the packet that the reviewer saw. */
  readonly seen: string | null
  /** Everybody who said yes, with what they saw; one for an answer that was given alone. */
  readonly votes: readonly EffectVote[]
  /** Id of the standing approval that answered in place of a person, or null. */
  readonly standing: string | null
  /** True where a reviewer put other arguments in the place of those that were asked for. */
  readonly edited: boolean
}

/** One person's yes to an approval, and in whose place it was said. */
export interface EffectVote {
  readonly by: string
  /** In whose place, and by which delegation; null in the own name. */
  readonly actingFor: { readonly id: string; readonly delegation: string } | null
  /** ISO 8601. */
  readonly at: string
  readonly seen: string | null
}

/** Everything that is on record about one effect that was asked for (Invariant 15). Nulls are gaps or not applicable. */
export interface EffectLineage {
  readonly run: string
  readonly key: string
  readonly tool: string
  readonly class: string
  readonly effect: 'reversible' | 'irreversible'
  /** The nodes that lead to the nested workflow it lies in, outermost first; empty for the run itself. */
  readonly path: readonly string[]
  readonly superstep: number
  readonly node: string
  readonly agent: string | null
  /** The model's outcome record that proposed it, or null for a deterministic node. */
  readonly modelSeq: number | null
  readonly callId: string | null
  readonly decision: Decision | null
  readonly approval: EffectApproval | null
  /** Sequence of the checkpoint that the activation started from. */
  readonly checkpointSeq: number | null
  readonly intentSeq: number | null
  readonly outcomeSeq: number | null
  /** `open` while no outcome is on record. */
  readonly status: OutcomeStatus | 'open'
  /** Reason code of the outcome, or null. */
  readonly code: string | null
  readonly effectHash: string | null
  readonly effectId: string | null
  readonly idempotencyKey: string | null
  readonly ledger: ActivityOutcome['ledger']
  readonly resolvedBy: ActivityOutcome['resolved_by']
  /** Set when a fork took the call over: the run and record in which it was made. */
  readonly origin: { readonly run: string; readonly seq: number } | null
  /** For a call of a compensation: the effect that it undoes, or null. */
  readonly undoes: UndoneEffect | null
}

/** The approvals of a history by id: what was asked, and the first answer. */
export interface Approvals {
  readonly requested: ReadonlyMap<string, ApprovalRequested>
  readonly decided: ReadonlyMap<string, ApprovalDecided>
}

/** Collects approvals by id. Of several answers the first counts. */
export function approvalsOf(records: readonly RunRecord[]): Approvals {
  const requested = new Map<string, ApprovalRequested>()
  const decided = new Map<string, ApprovalDecided>()
  for (const record of records) {
    if (record.type === 'approval.requested') requested.set(record.approval_id, record)
    if (record.type === 'approval.decided' && !decided.has(record.approval_id)) decided.set(record.approval_id, record)
  }
  return { requested, decided }
}

/** The proposal of an activity, from its intent or from an outcome without one. */
export function proposalOf(activity: ActivityView): Proposal | null {
  return activity.intent?.proposal ?? activity.outcomes[0]?.proposal ?? null
}

/** Every effect that was asked for in a run, over all branches, in the order of the records. */
export function lineageOf(records: readonly RunRecord[]): readonly EffectLineage[] {
  const approvals = approvalsOf(records)
  const checkpointBefore = checkpointsOf(records, branchesOf(records))
  return activitiesOf(records)
    .map((activity) => effectLineage(activity, approvals, checkpointBefore))
    .filter((effect) => effect !== null)
}

function effectLineage(
  activity: ActivityView,
  approvals: Approvals,
  checkpointBefore: CheckpointBefore,
): EffectLineage | null {
  const first = activity.intent ?? activity.outcomes[0]
  const last = activity.outcomes.at(-1)
  const effect = last?.effect ?? activity.intent?.proposal.effect
  if (!first || effect === undefined || effect === 'none') return null
  const proposal = proposalOf(activity)
  const approvalId = activity.intent?.approval_id ?? last?.approval_id ?? null
  return {
    run: first.run,
    key: activity.key,
    tool: last?.name ?? proposal?.name ?? '',
    class: last?.class ?? proposal?.class ?? '',
    effect,
    path: scopePath(scopeOf(first.ask.activation)),
    superstep: first.ask.superstep,
    node: first.ask.node,
    agent: proposal?.agent ?? null,
    modelSeq: proposal?.model_seq ?? null,
    callId: proposal?.call_id ?? null,
    decision: activity.intent?.decision ?? activity.outcomes[0]?.decision ?? null,
    approval: approvalId === null ? null : effectApproval(approvalId, approvals),
    checkpointSeq: checkpointBefore(first.seq, first.ask),
    intentSeq: activity.intent?.seq ?? null,
    outcomeSeq: last?.seq ?? null,
    status: last?.status ?? 'open',
    code: last?.code ?? null,
    effectHash: last?.effect_hash ?? null,
    effectId: activity.intent?.effect_id ?? last?.effect_id ?? null,
    idempotencyKey: activity.intent?.idempotency_key ?? last?.idempotency_key ?? null,
    ledger: last?.ledger ?? null,
    resolvedBy: last?.resolved_by ?? null,
    origin: first.origin ? { run: first.origin.run, seq: first.origin.seq } : null,
    undoes: proposal?.undoes ?? null,
  }
}

function effectApproval(id: string, approvals: Approvals): EffectApproval {
  const asked = approvals.requested.get(id)
  const answer = approvals.decided.get(id)
  return {
    id,
    requestedSeq: asked?.seq ?? null,
    decidedSeq: answer?.seq ?? null,
    answer: answer?.answer ?? null,
    by: answer?.by?.id ?? null,
    reasoned: answer !== undefined && answer.reason !== null,
    seen: answer?.seen ?? null,
    votes: votesOf(answer),
    standing: answer?.standing?.mandate ?? null,
    edited: answer?.edited !== undefined,
  }
}

function votesOf(answer: ApprovalDecided | undefined): readonly EffectVote[] {
  if (answer?.answer !== 'approved') return []
  if (answer.votes)
    return answer.votes.map((vote) => ({
      by: vote.by.id,
      actingFor: vote.for ? { id: vote.for.id, delegation: vote.for.delegation } : null,
      at: vote.given_at,
      seen: vote.seen,
    }))
  return answer.by ? [{ by: answer.by.id, actingFor: null, at: answer.at, seen: answer.seen }] : []
}

/** Finds the checkpoint from which the superstep of a record started; null when none is on record before it. */
export type CheckpointBefore = (seq: number, ask: Pick<AskRef, 'activation' | 'superstep'>) => number | null

/** Reads the checkpoints of a history once, so that a long one is not gone through for each of its calls. */
export function checkpointsOf(records: readonly RunRecord[], branches: Branches): CheckpointBefore {
  const seqs = new Map<string, number[]>()
  for (const record of records) {
    const place = checkpointPlace(record)
    if (place === null) continue
    const own = seqs.get(place)
    if (own) own.push(record.seq)
    else seqs.set(place, [record.seq])
  }
  return (seq, { activation, superstep }) => {
    const own = seqs.get(placeText(scopeOf(activation), superstep))
    return own?.findLast((each) => each < seq && branches.leadsTo(each, seq)) ?? null
  }
}

/** The scope and superstep that start from the checkpoint of a record; the first of a scope is that of its entry. */
function checkpointPlace(record: RunRecord): string | null {
  if (record.type === 'activity.intent')
    return record.opens ? placeText(record.ask.key, record.opens.checkpoint.superstep) : null
  if (!('checkpoint' in record) || !record.checkpoint) return null
  const own = ('scope' in record ? record.scope : undefined) ?? ROOT_SCOPE
  return placeText(own, record.checkpoint.superstep)
}

function placeText(scope: string, superstep: number): string {
  return `${superstep} ${scope}`
}

/** What a lineage gap is about. */
export type GapKind =
  | 'run'
  | 'checkpoint'
  | 'model_call'
  | 'tool_call'
  | 'decision'
  | 'approval'
  | 'approval_reused'
  | 'intent'
  | 'outcome'
  | 'effect_hash'
  | 'ledger'
  | 'sent_twice'
  | 'budget'
  | 'undo'
  | 'object'

/** Something that the history should tell about an activity and does not. `detail` is a plain sentence without content. */
export interface Gap {
  readonly kind: GapKind
  /** The record at which the gap shows. */
  readonly seq: number
  readonly detail: string
}

/** Limits of the run, or null when its genesis is missing. */
export function limitsOf(records: readonly RunRecord[]): BudgetLimits | null {
  const first = records[0]
  return first?.type === 'run.started' ? first.budget : null
}
