import type { BudgetWarning, CostCorrected } from './budget-records.ts'
import type { ErrorCode } from '../base/errors.ts'
import type { BuildRecord } from './build.ts'
import type { CheckpointBody, DefinitionRef, OpenRequest } from './checkpoint.ts'
import type {
  ActivityKind,
  Amounts,
  BudgetLimits,
  ContentRef,
  EffectClass,
  ListAppend,
  ListRef,
  Mode,
  OutcomeStatus,
  Principal,
  Usage,
} from './common.ts'
import type { CostNote } from './cost.ts'
import type { RunCompleted, RunStopped, RunStopping } from './end-records.ts'
import type { Decision } from './policy.ts'
import type { HistoryPruned, SubjectErased } from './pruning.ts'
import type { ForkParent, LedgerRef } from './fork.ts'
import type { ModelTrouble } from './provider.ts'
import type { AskRef, OutcomeLinks, Proposal, RecordBase, ScopeOpening } from './record-base.ts'
import type { ScopeAmounts } from './scopes.ts'
import type {
  ActivityLate,
  ApprovalChanged,
  ApprovalDecided,
  ApprovalRequested,
  QuestionAnswered,
  QuestionAsked,
  RequestAnswered,
  StepFailed,
  TimerSet,
} from './wait-records.ts'

export type { CheckpointBody, DefinitionRef, FieldRef, OpenRequest, QueuedMessage } from './checkpoint.ts'
export type { RunCompleted, RunStopped, RunStopping, StopReason } from './end-records.ts'
export type { ForkParent, ForkPlanEntry, LedgerRef } from './fork.ts'
export type { ApprovalPacket, QuestionPacket } from './packets.ts'
export type {
  ActivityLate,
  ApprovalChanged,
  ApprovalDecided,
  ApprovalRequested,
  QuestionAbout,
  QuestionAnswered,
  QuestionAsked,
  RequestAnswered,
  StepFailed,
  TimerSet,
} from './wait-records.ts'
export {
  type AskRef,
  type Proposal,
  RECORD_VERSION,
  type RecordBase,
  type ScopeOpening,
  type UndoneEffect,
} from './record-base.ts'
import type { Way } from './ways.ts'

/** Genesis: everything that the run was started with. */
export interface RunStarted extends RecordBase {
  readonly type: 'run.started'
  readonly tenant: string
  readonly workflow: {
    readonly name: string
    readonly version: string
    readonly signature: string
    readonly shape: string
  }
  readonly runtime_version: string
  readonly bundle: string
  readonly principal: Principal
  /** The caller's id for the request; equal ids start one run only. */
  readonly request_id: string
  /** Data subject whose key seals the contents. */
  readonly subject: string
  /** 32 hex digits, derived from the run id: one trace for all segments. */
  readonly trace_id: string
  readonly mode: Mode
  readonly input: ContentRef
  readonly budget: BudgetLimits
  /** Set for a fork: where it comes from. */
  readonly parent: ForkParent | null
  /** Set for a compensation: the run whose effects it undoes, and where that run stood. */
  readonly compensates?: { readonly run: string; readonly seq: number; readonly head: string }
  /** What it was started with; runs of earlier versions do not tell. */
  readonly build?: BuildRecord
  readonly checkpoint: CheckpointBody
}

/** A worker took the run up: at the start, after a wait, after a crash, by a person. */
export interface SegmentStarted extends RecordBase {
  readonly type: 'segment.started'
  readonly worker: string
  readonly epoch: number
  readonly why: Way<'segment'>
  /** Runtime downtime in ms since the last record, which counts in no budget. */
  readonly idle_ms: number
  /** Set when it is not what the run was started with. */
  readonly build?: BuildRecord
}

/** Durable before an activity is sent (invariant 3). */
export interface ActivityIntent extends RecordBase {
  readonly type: 'activity.intent'
  readonly ask: AskRef
  readonly proposal: Proposal
  readonly decision: Decision
  readonly approval_id: string | null
  readonly reserved: Amounts
  /** ISO 8601: not sent later than this (ENGINE R4). */
  readonly not_after: string
  readonly idempotency_key: string
  /** Set for effects: digest of (tenant, tool, scope, business identity). */
  readonly effect_id: string | null
  /** Of a model call that the budget covers only with fewer output tokens than were wanted. */
  readonly lowered_output?: { readonly from: number; readonly to: number }
  /** Set where a nested scope is entered: what it starts with. */
  readonly opens?: ScopeOpening
}

/** How an activity ended; for a denied, rejected, expired or refused one the only record of it besides its approval. */
export interface ActivityOutcome extends RecordBase, OutcomeLinks {
  readonly type: 'activity.outcome'
  readonly ask: AskRef
  readonly kind: ActivityKind
  readonly name: string
  readonly class: string
  readonly effect: EffectClass
  readonly agent: string | null
  readonly status: OutcomeStatus
  /** Reason code when not succeeded. */
  readonly code: string | null
  /** Sealed result, or sealed error text. */
  readonly result: ContentRef | null
  /** For effects that happened: HMAC over (effect id, arguments digest, result) (invariant 3). */
  readonly effect_hash: string | null
  readonly effect_id: string | null
  readonly idempotency_key: string | null
  /** What the reservation was settled to. */
  readonly settled: Amounts
  readonly usage: Usage | null
  /** Price table entry used, or null. */
  readonly price: string | null
  /** Of a model call that was sent: how its cost came about. Outcomes of earlier versions do not tell. */
  readonly cost?: CostNote
  readonly latency_ms: number
  /** Set when the answer came from the ledger: the run and record of the effect itself. */
  readonly ledger: LedgerRef | null
  /** For model calls: why the provider did not answer. */
  readonly trouble?: ModelTrouble
  /** Set when this attempt of a model call was not its end: the number of attempts so far, and when the next may be made. */
  readonly retry?: { readonly attempt: number; readonly at: string }
  /** How an unknown one was resolved. */
  readonly resolved_by: 'lookup' | 'same_key' | 'person' | null
  /** Present when there is no intent record. */
  readonly proposal: Proposal | null
  readonly decision: Decision | null
  readonly approval_id: string | null
  /** Keyed digests of whom or what the effect was about, where it bars its caller from another one. */
  readonly duty_subjects?: readonly string[]
  /** Tools whose credential was in the answer: it was taken out before anything was stored. */
  readonly credential_leak?: readonly string[]
  /** Of a refused call: the limits that did not cover it. */
  readonly limits?: readonly string[]
}

/** Marks where an agent's activation can be resumed: after each turn (save point; ENGINE R8). */
export interface PositionSaved extends RecordBase {
  readonly type: 'position.saved'
  readonly activation: string
  readonly node: string
  readonly superstep: number
  readonly attempt: number
  /** Number of the position that starts here, from 1. */
  readonly position: number
  /** Small state of the handler at this position, sealed. */
  readonly state: ContentRef
  /** The conversation after this turn, and what the turn appended. */
  readonly list: ListRef
  readonly append: ListAppend
}

/** What one activation wrote and sent. */
export interface ActivationResult {
  readonly activation: string
  readonly node: string
  readonly delivery: number
  /** Field writes in order; an appended field may occur several times. */
  readonly writes: readonly { readonly field: string; readonly value: ContentRef }[]
  /** The message it returned, or null when it ended in a rejection. */
  readonly message: ContentRef | null
  /** Set when the activation ended in a rejection, or with `failed` in a failure, that has a declared fallback. */
  readonly rejection: ContentRef | null
  readonly failed?: true
  /** The conversation as it was left, of an agent whose session is kept. */
  readonly session?: ListRef
  /** Set for a port inside a nested scope that the workflow around it answered. */
  readonly answered_by?: 'parent'
}

/** An activation that finished while siblings of its superstep still run. */
export interface ActivationCompleted extends RecordBase {
  readonly type: 'activation.completed'
  readonly superstep: number
  readonly result: ActivationResult
}

/** An activation that failed; with a retry declared and left, when it will be tried again. */
export interface ActivationFailed extends RecordBase {
  readonly type: 'activation.failed'
  readonly activation: string
  readonly node: string
  readonly superstep: number
  readonly attempt: number
  readonly code: string
  readonly error: ContentRef
  /** ISO 8601, or null when it will not be tried again. */
  readonly retry_at: string | null
}

/** A message that nobody accepted (invariant 9). */
export interface MessageDropped extends RecordBase {
  readonly type: 'message.dropped'
  /** The nested scope it belongs to; absent for the run itself. */
  readonly scope?: string
  readonly superstep: number
  readonly from: string
  readonly edge: string | null
  readonly reason: 'no_edge' | 'condition_false' | 'type_mismatch' | 'fan_in_incomplete' | 'escalated'
  readonly message: ContentRef
}

/** A barrier: what the activations of the superstep wrote and sent, and the checkpoint after it. */
export interface SuperstepCompleted extends RecordBase {
  readonly type: 'superstep.completed'
  /** The nested scope whose superstep it is; then the checkpoint is that scope's, and a save point of the run. */
  readonly scope?: string
  readonly superstep: number
  /** ISO 8601. */
  readonly started_at: string
  /** Results that are not in an activation.completed record of this superstep. */
  readonly results: readonly ActivationResult[]
  readonly appends: Readonly<Record<string, ListAppend>>
  readonly checkpoint: CheckpointBody
}

/** A port node asked, and its answer travels as a later message; or a handler did (`ctx.ask`), which waits for it. */
export interface RequestOpened extends RecordBase {
  readonly type: 'request.opened'
  readonly request: OpenRequest
  /** Set where a handler asked: its end is `request.answered`, and then the outcome of this ask. */
  readonly ask?: AskRef
  readonly proposal?: Proposal
}

/** A port's answer arrived, its deadline passed, or a timer node fired (`by` null). A checkpoint of kind response. */
export interface ResponseReceived extends RecordBase {
  readonly type: 'response.received'
  /** The nested scope whose port asked; then the checkpoint is that scope's. */
  readonly scope?: string
  readonly request_id: string
  readonly node: string
  readonly answer: 'answered' | 'expired' | 'fired'
  readonly by: Principal | null
  readonly checkpoint: CheckpointBody
}

/**
 * Another version of the workflow took the run over (invariant 11, ENGINE R14). With a checkpoint it stood at a barrier,
 * and the steps were applied, once: their result is on record and is never computed again. Without one nothing but code
 * changed, or an agent's activation goes on from its save point.
 */
export interface RunUpgraded extends RecordBase {
  readonly type: 'run.upgraded'
  readonly from: DefinitionRef
  readonly to: DefinitionRef
  /** The declared steps that carried it, in order; empty when code alone changed. */
  readonly steps: readonly { readonly from: string; readonly to: string }[]
  /** The worker that took it over. */
  readonly by: string
  readonly appends: Readonly<Record<string, ListAppend>>
  readonly checkpoint: CheckpointBody | null
}

/** Head moved to an earlier record: later records stay, folding skips them (invariant 11, ENGINE R13). */
export interface BranchStarted extends RecordBase {
  readonly type: 'branch.started'
  /** Sequence of the record that is the last one kept. */
  readonly from: number
  /** Sequence of the last checkpoint at or before `from` on its timeline. */
  readonly checkpoint_seq: number
  /** Totals stay those at the head; open reservations are charged in full. */
  readonly spent: Amounts
  readonly by: Principal
  readonly reason: ContentRef | null
  /** Approvals on the kept records that were used, answered or ran out after `from`: they count for nothing any more. */
  readonly asked_anew?: readonly string[]
}

/** A budget over many runs gave this run a slice, or the run passed one: a debt (ENGINE R12). */
export interface BudgetSlice extends RecordBase {
  readonly type: 'budget.slice'
  readonly what: 'granted' | 'debt'
  readonly scope: string
  /** The whole slice after it. */
  readonly granted: ScopeAmounts
}

/** Nothing can go on until one of these comes. */
export interface RunWaiting extends RecordBase {
  readonly type: 'run.waiting'
  readonly on: readonly {
    readonly kind: 'approval' | 'question' | 'request' | 'retry' | 'settle' | 'switch' | 'timer'
    readonly id: string
  }[]
  /** ISO 8601 of the nearest deadline or timer, or null. */
  readonly wake_at: string | null
}

/** A malfunction: the run stands still until a person acts (invariant 2). */
export interface RunParked extends RecordBase {
  readonly type: 'run.parked'
  readonly code: ErrorCode
  readonly detail: ContentRef | null
  /** Of a quarantine: what stood in the way of loading the run, or null when it loads (ENGINE R15). */
  readonly because?: ErrorCode | null
  /** Of a quarantine: how often the run was claimed without getting anywhere. */
  readonly attempts?: number
}

/** A person let a parked run go on, or acted beside the normal path. */
export interface OverrideRecorded extends RecordBase {
  readonly type: 'override.recorded'
  readonly what: 'resume_parked' | 'release_quarantined' | 'cancel' | 'terminate' | 'restore'
  readonly by: Principal
  readonly reason: ContentRef | null
}

/** What a person says of the result afterwards: quality is measured from these. */
export interface FeedbackRecorded extends RecordBase {
  readonly type: 'feedback.recorded'
  readonly verdict: FeedbackVerdict
  readonly by: Principal
  readonly reason: ContentRef
}

/** `edited`: used after changes by hand; `reopened`: the work had to be done again. */
export type FeedbackVerdict = 'accepted' | 'edited' | 'rejected' | 'reopened'

/** A verdict at a point other than a tool or model call. */
export interface DecisionRecorded extends RecordBase {
  readonly type: 'decision.recorded'
  readonly decision: Decision
  /** Sealed: the name, the agent and the value that was judged. Not there for what was denied, and in earlier versions. */
  readonly asked?: ContentRef
  /** What was judged: a resume finds the verdict by it and asks nobody again. Decisions of earlier versions do not tell. */
  readonly judged?: JudgedValue
  /** What a control made of the value, when one changed it. */
  readonly value?: ContentRef
}

/** What a verdict is about: where it passed, and keyed digests of the value with its labels before and after the chain. */
export interface JudgedValue {
  readonly at: string
  /** The bundle and controls that were in force, as a digest. */
  readonly under: string
  readonly digest: string
  /** Differs from `digest` when a control changed the value. */
  readonly after: string
}

/** A call was seen that went out beside the door. Host only, no path or content. */
export interface UnmediatedCall extends RecordBase {
  readonly type: 'unmediated.call'
  readonly activation: string | null
  readonly where: 'node' | 'condition' | 'preview' | 'facts' | 'tool' | 'step'
  readonly host: string
}

/** The run was exported to go on in another store, and goes on nowhere here. */
export interface HistoryMoved extends RecordBase {
  readonly type: 'history.moved'
  /** SHA-256 (hex) of the export: its last line names the same. */
  readonly digest: string
  readonly by: Pick<Principal, 'id' | 'kind'>
}

/** Every record of a run's history. */
export type RunRecord =
  | RunStarted
  | SegmentStarted
  | ActivityIntent
  | ActivityOutcome
  | ActivityLate
  | ApprovalRequested
  | ApprovalChanged
  | ApprovalDecided
  | TimerSet
  | StepFailed
  | RequestAnswered
  | QuestionAsked
  | QuestionAnswered
  | PositionSaved
  | ActivationCompleted
  | ActivationFailed
  | MessageDropped
  | SuperstepCompleted
  | RequestOpened
  | ResponseReceived
  | RunUpgraded
  | BranchStarted
  | BudgetSlice
  | BudgetWarning
  | RunWaiting
  | RunParked
  | OverrideRecorded
  | FeedbackRecorded
  | CostCorrected
  | RunStopping
  | RunCompleted
  | RunStopped
  | DecisionRecorded
  | UnmediatedCall
  | HistoryPruned
  | HistoryMoved
  | SubjectErased

/** The `type` of a record. */
export type RecordType = RunRecord['type']

/** A record before the engine adds what all carry. */
export type RecordDraft = RunRecord extends infer R ? (R extends RunRecord ? Omit<R, keyof RecordBase> : never) : never

/** States of a run (ENGINE R19). */
export type RunStatus =
  | 'queued'
  | 'running'
  | 'waiting'
  | 'parked'
  | 'stopping'
  | 'completed'
  | 'stopped'
  | 'cancelled'
  | 'terminated'
