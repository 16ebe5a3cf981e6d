import type { ApprovalChange } from '../contracts/approval.ts'
import type { CheckpointBody, OpenRequest } from '../contracts/checkpoint.ts'
import type {
  ActivationFailed,
  ActivationResult,
  ActivityIntent,
  ActivityOutcome,
  ApprovalDecided,
  ApprovalRequested,
  AskRef,
  DecisionRecorded,
  DefinitionRef,
  PositionSaved,
  QuestionAnswered,
  QuestionAsked,
  RequestAnswered,
  RequestOpened,
  RunStarted,
  RunStatus,
  RunStopping,
  StepFailed,
  TimerSet,
} from '../contracts/records.ts'

/** A request that a handler opened itself. */
export type OpenedByAsk = RequestOpened & Required<Pick<RequestOpened, 'ask' | 'proposal'>>

/** A record that tells what an ask proposed. */
export type FirstRecord = ActivityIntent | ApprovalRequested | TimerSet | OpenedByAsk | StepFailed | ActivityOutcome

/** All that is on record of one ask. */
export interface AskJournal {
  readonly ask: AskRef
  intents: ActivityIntent[]
  /** The latest outcome; an `unknown` one of an effect is not its end. */
  outcome: ActivityOutcome | null
  approval: {
    requested: ApprovalRequested
    /** What happened to it before it was decided. */
    changes: ApprovalChange[]
    decided: ApprovalDecided | null
  } | null
  /** When the ask is a timer: until when it sleeps. */
  timer: TimerSet | null
  /** When the ask is a request of its handler: what was asked, and how that ended. */
  request: { opened: OpenedByAsk; answered: RequestAnswered | null } | null
  /** When the ask is a local step: its attempts that failed and were followed by another. */
  failures: StepFailed[]
  questions: { asked: QuestionAsked; answered: QuestionAnswered | null }[]
  /** Outcomes of what the activity itself asked, by `<phase>/<n>`. */
  children: Map<string, ActivityOutcome>
}

/** All that is on record of one activation since its last save point, in its present attempt. */
export interface ActivationFold {
  readonly id: string
  readonly scope: string
  attempt: number
  /** The attempt that it began with: above 1 where the node around its scope was tried again. */
  readonly firstAttempt: number
  /** The highest attempt of anything in the scopes that it entered. */
  beneath: number
  /** The same at its own last failure: what it enters in the next attempt counts on from there. */
  floor: number
  /** The failure after which the present attempt started or will start. */
  failed: ActivationFailed | null
  /** The failure that ended it for good. */
  dead: ActivationFailed | null
  position: PositionSaved | null
  asks: Map<number, AskJournal>
  /** Ends in log order: the order in which the handler got them (ENGINE R1). */
  outcomes: ActivityOutcome[]
  result: ActivationResult | null
  /** Active milliseconds of the present attempt, from its first record on; waits for people and times left out. */
  usedMs: number
  /** Effects of the turns before the last save point. */
  effects: Set<string>
  /** Those of them that the ledger answered with: they lie on an abandoned branch or an earlier attempt. */
  adopted: Set<string>
  /** Approved and unused on an earlier attempt, by `<tool>|<args digest>`: kept by a retry (ENGINE R5). */
  carried: Map<string, { requested: ApprovalRequested; changes: ApprovalChange[]; decided: ApprovalDecided }>
}

/** What the run itself and each nested scope have: a checkpoint, and requests that were opened since. */
export interface ScopeState {
  checkpointSeq: number
  /** When the checkpoint was recorded, for a record of a fork's parent there. */
  checkpointAt: string
  checkpoint: CheckpointBody
  /** Port requests opened since the checkpoint; the next barrier carries them. */
  opened: OpenRequest[]
}

/** A nested scope, from its intent until the activation that entered it goes on to a position or barrier (ENGINE R20). */
export interface ScopeFold extends ScopeState {
  readonly id: string
  /** The ask that entered it. */
  readonly ask: AskRef
  /** Name of what was asked for: the tool under which the workflow around it knows it. */
  readonly name: string
  ended: boolean
  /** The port whose request nobody answered in time, when that came last. */
  expired: string | null
  /** Effects of its supersteps, and those of them that the ledger answered with. */
  readonly effects: Set<string>
  readonly adopted: Set<string>
}

/** A run as its records tell it: the last checkpoint and what happened since (ENGINE resume). */
export interface RunFold extends ScopeState {
  readonly started: RunStarted
  /** The version that the run is with (ENGINE R14). */
  definition: DefinitionRef
  status: RunStatus
  /** Activations of the open supersteps of all scopes. */
  activations: Map<string, ActivationFold>
  /** Nested scopes that were entered since the last barrier of the run. */
  scopes: Map<string, ScopeFold>
  /** Verdicts at points of the open supersteps, by `judgedKey`. */
  judged: Map<string, DecisionRecorded>
  stopping: RunStopping | null
  parkedCode: string | null
  segment: number
  branch: number
  activeMs: number
  /** When it was started or last restored. */
  since: string
  lastSeq: number
  lastAt: string
}
