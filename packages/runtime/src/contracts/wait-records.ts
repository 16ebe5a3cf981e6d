/** Records of what an ask waits for: a person's approval, a person's answer, a time. */
import type { ApprovalChange, EditedApproval, StandingUse, Vote } from './approval.ts'
import type { ContentRef, Principal } from './common.ts'
import type { AskingPolicy, Decision } from './policy.ts'
import type { AskRef, Proposal, RecordBase } from './record-base.ts'

/** A durable request to a person to let one action happen once (invariant 7). */
export interface ApprovalRequested extends RecordBase {
  readonly type: 'approval.requested'
  readonly approval_id: string
  readonly ask: AskRef
  readonly proposal: Proposal
  readonly decision: Decision
  readonly asks: readonly AskingPolicy[]
  /** What the reviewer sees: ApprovalPacket, sealed. */
  readonly packet: ContentRef
  /** Digest of the target's version as the preview told it. */
  readonly target_digest: string
  /** ISO 8601: silence denies. Each later stage has a deadline of its own. */
  readonly deadline: string
  /** Digest of what is asked, equal for equal questions of one requester to one workflow, over all runs of the tenant. */
  readonly question?: string
}

/** Something happened to an approval that did not end it. */
export interface ApprovalChanged extends RecordBase {
  readonly type: 'approval.changed'
  readonly approval_id: string
  readonly ask: AskRef
  readonly change: ApprovalChange
}

/** The person's answer, or silence. */
export interface ApprovalDecided extends RecordBase {
  readonly type: 'approval.decided'
  readonly approval_id: string
  readonly ask: AskRef
  readonly answer: 'approved' | 'rejected' | 'expired' | 'cancelled' | 'void'
  /** Who answered last, or took it back as the requester; null for expired, void, and a run that stops. */
  readonly by: Principal | null
  /** Sealed reason text, or null. */
  readonly reason: ContentRef | null
  /** Keyed hash of the packet that the reviewer saw. */
  readonly seen: string | null
  readonly wait_ms: number
  /** Why it is void: closed code. */
  readonly code: string | null
  /** Everybody who said yes, the last one too; absent where `by` answered alone and in the own name. */
  readonly votes?: readonly Vote[]
  /** Set where a standing approval answered: `by` is who gave that. */
  readonly standing?: StandingUse
  /** Set where what may happen is what a reviewer made of it. */
  readonly edited?: EditedApproval
}

/** A handler sleeps (`ctx.sleep`): nothing of the ask goes on before its due time. It ends in an outcome of kind `timer`. */
export interface TimerSet extends RecordBase {
  readonly type: 'timer.set'
  readonly ask: AskRef
  readonly proposal: Proposal
  /** ISO 8601 wall time from which it has fired. */
  readonly due: string
}

/** A local step failed and is tried again: its attempts are counted over crashes and waits. The last one is its outcome. */
export interface StepFailed extends RecordBase {
  readonly type: 'step.failed'
  readonly ask: AskRef
  readonly proposal: Proposal
  /** Attempt of the step, from 1. */
  readonly attempt: number
  /** Closed error code. */
  readonly code: string
  /** Sealed error text. */
  readonly error: ContentRef
  /** ISO 8601. */
  readonly retry_at: string
}

/** The end of a request that a handler made (`ctx.ask`): an answer, silence, or nobody needs it any more. */
export interface RequestAnswered extends RecordBase {
  readonly type: 'request.answered'
  readonly request_id: string
  readonly ask: AskRef
  readonly answer: 'answered' | 'expired' | 'cancelled'
  /** Who answered; null for expired and cancelled. */
  readonly by: Principal | null
  /** The sealed answer; null for expired and cancelled. */
  readonly value: ContentRef | null
}

/**
 * A call that had been given up answered after all. Tells of it and changes nothing: how the call ended was recorded
 * when it was given up.
 */
export interface ActivityLate extends RecordBase {
  readonly type: 'activity.late'
  readonly ask: AskRef
  readonly name: string
  readonly how: 'answered' | 'failed'
  /** Milliseconds after it was given up. */
  readonly late_ms: number
}

/**
 * A question only a person can answer: an effect with an unknown outcome, one asked again with other arguments, or one
 * asked again after it was undone, or in a fork whose plan says that a person decides.
 */
export interface QuestionAsked extends RecordBase {
  readonly type: 'question.asked'
  readonly question_id: string
  readonly ask: AskRef
  readonly about: QuestionAbout
  /** Sealed QuestionPacket. */
  readonly packet: ContentRef
}

/** What a question is about. */
export type QuestionAbout = 'unknown_effect' | 'other_arguments' | 'undone_effect' | 'asked_again'

/** The answer to a question. `did_not` orders a repeat under a new key; `stop` ends the run. */
export interface QuestionAnswered extends RecordBase {
  readonly type: 'question.answered'
  readonly question_id: string
  readonly ask: AskRef
  readonly answer: 'happened' | 'did_not' | 'stop'
  readonly by: Principal
  readonly reason: ContentRef | null
}
