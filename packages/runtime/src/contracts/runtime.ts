import type { FoundEffects, LookUpRequest } from './lineage.ts'
import type { ErrorCode } from '../base/errors.ts'
import type { JsonObject, JsonValue } from '../base/json.ts'
import type { CostCorrection } from './budget-records.ts'
import type { OutcomeStatus, Principal } from './common.ts'
import type { CompensateRequest, CompensationPlan } from './compensation.ts'
import type { Ending } from './ending.ts'
import type { ModelDelta } from './model.ts'
import type { ReconcileReport } from './reconcile.ts'
import type {
  ApprovalPacket,
  QuestionPacket,
  FeedbackVerdict,
  RecordType,
  RunRecord,
  RunStatus,
  RunWaiting,
  StopReason,
} from './records.ts'
import type { ApprovalEvent, ReviewApi } from './review.ts'
import type { ScopeState } from './scopes.ts'
import type { EffectState, PersonRequestRow, RecordFilter, RequestState, RunFilter, RunRow } from './store.ts'
import type { KillSwitch } from './switches.ts'

/** What a consumer of a run's stream sees: durable records with ids, and provisional deltas without (ENGINE R17). */
export type StreamItem =
  | { readonly kind: 'record'; readonly runId: string; readonly record: RunRecord }
  | {
      readonly kind: 'delta'
      readonly runId: string
      readonly ask: string
      readonly attempt: number
      readonly offset: number
      readonly delta: ModelDelta
    }
  /** Deltas of this ask shown so far are void: the call starts again. */
  | { readonly kind: 'attempt_restarted'; readonly runId: string; readonly ask: string; readonly attempt: number }

/** Opens contents of a run for someone who may see them. */
export interface ContentReader {
  /** The JSON value behind a reference of this run. Throws CONTENT_ERASED. */
  read(ref: { readonly s: number; readonly i: number; readonly h: string; readonly r?: string }): Promise<JsonValue>
}

/** What a caller needs to start a run. Identity comes from the credential that the caller presented. */
export interface StartRequest {
  readonly workflow: string
  readonly input: unknown
  readonly principal: Principal
  /** Equal ids start one run only. Default: a new id. */
  readonly requestId?: string
  /** Data subject whose key seals the contents. Default: the run itself. */
  readonly subject?: string
}

/** A person's answer to an approval. */
export interface DecideRequest {
  readonly approvalId: string
  readonly answer: 'approved' | 'rejected'
  readonly by: Principal
  /** Required: at least three characters. */
  readonly reason: string
  /** Keyed hash of the packet that the reviewer saw; refused as APPROVAL_VOID when it is another. Null: not told. */
  readonly seen: string | null
}

/** A person's answer to a question about an effect. */
export interface AnswerRequest {
  readonly questionId: string
  readonly answer: 'happened' | 'did_not' | 'stop'
  readonly by: Principal
  readonly reason: string
}

/** A place where a run can be restored to. */
export interface RestorePoint {
  /** Sequence of the record. */
  readonly seq: number
  readonly kind: 'entry' | 'superstep' | 'response' | 'upgrade' | 'save_point'
  readonly at: string
  readonly superstep: number
  /** For save points: node and turn; inside a nested workflow the nodes that lead to it, and its next superstep. */
  readonly node: string | null
  readonly position: number | null
  /** False when it lies on an abandoned branch. */
  readonly current: boolean
  /** Tools whose effects were recorded after it: on a restore they are answered from the ledger or asked. */
  readonly laterEffects: readonly { readonly tool: string; readonly seq: number; readonly status: OutcomeStatus }[]
}

/** Which version a run is with, and what the definitions of this process can do with it (ENGINE R14). */
export interface DefinitionReport {
  /** The version that the run is with. */
  readonly version: string
  /** The version of its workflow that is here, or null. */
  readonly here: string | null
  /** `refused`: nothing here can go on with it; `same_graph`: code alone differs; `upgrade`: steps are declared. */
  readonly standing: 'same' | 'same_graph' | 'upgrade' | 'refused'
  /** Between supersteps, at save points, or in the midst of one. */
  readonly stands: 'barrier' | 'position' | 'open'
  /** The steps that will carry it, such as `1.0.0 to 1.1.0`. */
  readonly steps: readonly string[]
  /** What differs, a sentence each. */
  readonly changes: readonly string[]
  /** Why it is refused and what to do, or null. */
  readonly reason: string | null
}

/** What happens to an effect that was recorded after a point, when the run is restored to it or forked from it. */
export interface LaterEffect {
  readonly effectId: string
  readonly tool: string
  /** The run and intent record of the effect: another run of the family has effects of its own. */
  readonly runId: string
  readonly seq: number
  readonly outcomeSeq: number | null
  readonly state: EffectState
  /**
   * `ledger`: asked for again with equal arguments it is answered from the record, with other arguments a person is asked.
   * `asked`: a person is asked in both cases. `repeated`: it is done again after a new approval. `again`: it did not
   * happen, and is done when it is asked for. `kept`: it was open at the point and takes the end that it had. `waits`: it
   * is open in another run and waited for. `blocks`: it is open, and nothing can be done before its end is known.
   */
  readonly handling: 'ledger' | 'asked' | 'repeated' | 'again' | 'kept' | 'waits' | 'blocks'
}

/** What a restore or fork would do, before it is done. */
export interface MovePlan {
  readonly kind: 'restore' | 'fork'
  readonly runId: string
  /** The record that would be the last one kept, and its type and time. */
  readonly seq: number
  readonly type: RecordType
  readonly at: string
  /** The checkpoint from which the work is taken up, and the superstep that runs next. */
  readonly checkpointSeq: number
  readonly superstep: number
  readonly effects: readonly LaterEffect[]
  /** Calls after the point that are made again when they are asked for. */
  readonly again: { readonly modelCalls: number; readonly reads: number }
  /** Tools whose approvals are asked anew. */
  readonly askedAnew: readonly string[]
  /** Why it would be refused now, or null. */
  readonly refused: { readonly code: ErrorCode; readonly message: string } | null
}

/** What a fork does about one later effect, named by its run and intent record; all others are reused. */
export interface ForkChoice {
  /** Default: the run that is forked. */
  readonly runId?: string
  readonly seq: number
  readonly action: 'reuse' | 'ask' | 'repeat'
}

/** Makes a new run from a point of another. Identity comes from the credential that the caller presented. */
export interface ForkRequest {
  readonly runId: string
  readonly seq: number
  readonly by: Principal
  /** Required: at least three characters. */
  readonly reason: string
  readonly plan?: readonly ForkChoice[]
  /** Equal ids make one fork only. Default: a new id. */
  readonly requestId?: string
}

/** An approval, question or port request with its opened packet. */
export interface PersonRequest {
  readonly row: PersonRequestRow
  /** Null when the content was erased, and for a port's request. */
  readonly packet: ApprovalPacket | QuestionPacket | null
  /** What a port asks, and the JSON Schema of the answer (null when the workflow is not loaded here); null for others. */
  readonly port: { readonly payload: JsonValue | null; readonly responseSchema: JsonObject | null } | null
  /** Keyed hash of the packet: what a decision says it saw. */
  readonly packetHash: string
  /** The answer's sealed reason, opened; null when none or erased. */
  readonly reason: string | null
  /** Of an approval: JSON Schema of the tool's arguments; null when the workflow is not loaded here. */
  readonly argumentsSchema?: JsonObject | null
  /** Of an approval: what happened to it, in order. */
  readonly history?: readonly ApprovalEvent[]
}

/** What the server, the terminal and user code do with runs. All methods check the tenant of the principal or argument. */
export interface RunsApi extends ReviewApi {
  /** Stores a new run and returns; a worker takes it up. Throws WORKFLOW_UNKNOWN, INPUT_INVALID, KILL_SWITCH. */
  start(request: StartRequest): Promise<{ readonly runId: string; readonly existed: boolean }>
  get(tenant: string, runId: string): Promise<RunRow>
  list(filter: RunFilter): Promise<readonly RunRow[]>
  /** Parsed records, oldest first. */
  records(tenant: string, runId: string, filter?: RecordFilter): Promise<readonly RunRecord[]>
  /** The run's records from after `after`, live, until the run ends or the signal aborts; deltas where this process runs it. */
  stream(tenant: string, runId: string, options?: { after?: number; signal?: AbortSignal }): AsyncIterable<StreamItem>
  contents(tenant: string, runId: string): Promise<ContentReader>
  /** Waits for the run's end by draining its stream (invariant 1). Waiting runs resolve too when `untilWaiting` is set. */
  wait(tenant: string, runId: string, options?: { untilWaiting?: boolean; signal?: AbortSignal }): Promise<RunResult>

  requests(filter: {
    tenant: string
    state?: RequestState
    kind?: PersonRequestRow['kind']
    runId?: string
    /** Newest first. */
    newest?: boolean
    limit: number
  }): Promise<readonly PersonRequestRow[]>
  /** What people see of such requests, in the order of the rows: for lists, without histories. Null when erased. */
  packets(rows: readonly PersonRequestRow[]): Promise<readonly PersonRequest['packet'][]>
  request(tenant: string, id: string): Promise<PersonRequest>
  /** Throws APPROVAL_NOT_FOUND, APPROVAL_DECIDED (with who), APPROVAL_SELF, APPROVAL_NOT_ALLOWED, APPROVAL_EXPIRED. */
  decide(request: DecideRequest): Promise<void>
  answer(request: AnswerRequest): Promise<void>
  /** Answers a port request with a JSON value; checked against the port's schema. */
  respond(request: { requestId: string; value: unknown; by: Principal }): Promise<void>
  cancel(request: { runId: string; by: Principal; reason: string; terminate?: boolean }): Promise<void>
  /** Lets a parked run go on. Throws RUN_STATE otherwise. */
  resume(request: { runId: string; by: Principal; reason: string }): Promise<void>
  /** Whether the definitions of this process can go on with a run, and what to do when they cannot. Changes nothing. */
  definition(tenant: string, runId: string): Promise<DefinitionReport>
  /** Lets a quarantined run be tried again (ENGINE R15). Throws RUN_STATE otherwise, KEY_MISSING while its key does not open. */
  release(request: { runId: string; by: Principal; reason: string }): Promise<void>
  restorePoints(tenant: string, runId: string): Promise<readonly RestorePoint[]>
  /** What a restore to this record, or a fork from it, would do. Throws CHECKPOINT_NOT_FOUND when there is no such record. */
  movePlan(
    tenant: string,
    runId: string,
    move: { kind: MovePlan['kind']; seq: number; plan?: readonly ForkChoice[] },
  ): Promise<MovePlan>
  /**
   * Moves the head to any recorded event as a new branch. Throws CHECKPOINT_NOT_FOUND, WORKFLOW_CHANGED (with the
   * difference), RUN_STATE while a worker has it or an effect is open, CONTENT_ERASED.
   */
  restore(request: { runId: string; seq: number; by: Principal; reason: string }): Promise<void>
  /**
   * Makes a new run from any recorded event of another, which stays as it is. Throws as `restore` does, FORK_EFFECT_OPEN
   * when an effect that is open at the point has no end yet, INPUT_INVALID for a plan that names no later effect, KILL_SWITCH.
   */
  fork(request: ForkRequest): Promise<{ readonly runId: string; readonly existed: boolean }>

  /** What can be undone of a run, newest effect first. */
  compensationPlan(tenant: string, runId: string): Promise<CompensationPlan>
  /** Starts the run that undoes effects of an ended run. Throws RUN_STATE, COMPENSATION_REFUSED with every reason. */
  compensate(request: CompensateRequest): Promise<{ readonly runId: string; readonly existed: boolean }>

  /** Records what a person says of an ended run's result. Throws RUN_STATE while it has not ended. */
  feedback(request: { runId: string; verdict: FeedbackVerdict; by: Principal; reason: string }): Promise<void>
  /** Records costs of an ended run by another price table. Throws RUN_STATE while it has not ended. */
  correctCost(request: {
    runId: string
    table: string
    lines: readonly CostCorrection[]
    by: Principal
    reason: string
  }): Promise<void>

  /** Records by object, approver, tool, rule and ids, newest first. Throws INPUT_INVALID for a value without text. */
  lookUp(request: LookUpRequest): Promise<FoundEffects>

  /** What a comparison with outside systems found; null while it is not over. Throws INPUT_INVALID for another run. */
  reconciliation(tenant: string, runId: string): Promise<ReconcileReport | null>

  /** Budgets over many runs of the tenant: those in force, and periods that are over; by name. */
  outerBudgets(tenant: string): Promise<readonly ScopeState[]>

  /** Switches of the tenant and of every tenant, oldest first, lifted ones too. */
  killSwitches(tenant: string): Promise<readonly KillSwitch[]>
  /** Throws INPUT_INVALID. One person is enough to stop something. */
  engageKillSwitch(request: {
    by: Principal
    scope: KillSwitch['scope']
    target: string
    mode: KillSwitch['mode']
    reason: string
    expiresAt?: number
    /** Thrown again under the same id it is the same switch, on record once. Default: a new one. */
    id?: string
  }): Promise<KillSwitch>
  /**
   * Lifts it; where that takes two persons, the first one asks (`lifted` is false) and the second one lifts. Throws
   * NOT_FOUND; CONFLICT when it is lifted or over already; APPROVAL_SELF when the second person is the first.
   */
  liftKillSwitch(request: {
    id: string
    by: Principal
    reason: string
  }): Promise<{ readonly row: KillSwitch; readonly lifted: boolean }>
}

/**
 * Every entry point of `RunsApi`, and what it may set going: `makes` a run, `moves` one, or only `reads`. One that is not
 * here does not compile.
 */
export const ENTRY_POINTS = {
  start: 'makes',
  fork: 'makes',
  compensate: 'makes',
  decide: 'moves',
  answer: 'moves',
  respond: 'moves',
  resume: 'moves',
  release: 'moves',
  restore: 'moves',
  cancel: 'moves',
  claim: 'moves',
  unclaim: 'moves',
  askInformation: 'moves',
  giveInformation: 'moves',
  edit: 'moves',
  snooze: 'moves',
  withdraw: 'moves',
  markSeen: 'moves',
  delegate: 'moves',
  giveStanding: 'moves',
  revoke: 'moves',
  liftDecline: 'moves',
  feedback: 'reads',
  correctCost: 'reads',
  delegations: 'reads',
  standing: 'reads',
  stats: 'reads',
  get: 'reads',
  list: 'reads',
  records: 'reads',
  stream: 'reads',
  contents: 'reads',
  wait: 'reads',
  requests: 'reads',
  packets: 'reads',
  request: 'reads',
  definition: 'reads',
  restorePoints: 'reads',
  movePlan: 'reads',
  compensationPlan: 'reads',
  outerBudgets: 'reads',
  lookUp: 'reads',
  reconciliation: 'reads',
  killSwitches: 'reads',
  engageKillSwitch: 'moves',
  liftKillSwitch: 'moves',
} as const satisfies Record<keyof RunsApi, 'makes' | 'moves' | 'reads'>

/** How a run ended or what it waits for; never a mere string. */
export interface RunResult {
  readonly runId: string
  readonly status: RunStatus
  /** Output when completed; partial output when stopped. */
  readonly output: JsonValue | null
  readonly reason: StopReason | null
  readonly undone: readonly string[]
  readonly waitingOn: RunWaiting['on']
  /** How it ended; null while it has not, and for a history of the first version. */
  readonly ending: Ending | null
}

/** Advances runs until stopped. */
export interface WorkerHandle {
  /**
   * Resolves when each run has reached its next barrier or position or, after `graceMs` (default 10,000), was dropped
   * safely. The leases are given up: another worker goes on at once, and nothing is repeated.
   */
  stop(graceMs?: number): Promise<void>
}
