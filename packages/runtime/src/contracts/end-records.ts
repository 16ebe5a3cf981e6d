import type { ErrorCode } from '../base/errors.ts'
import type { ContentRef, Principal } from './common.ts'
import type { EndingRecord } from './ending.ts'
import type { Decision } from './policy.ts'
import type { RecordBase } from './record-base.ts'

/** Why a run stopped before its own end. */
export interface StopReason {
  readonly kind:
    | 'budget'
    | 'failed'
    | 'rejected'
    | 'denied'
    | 'person'
    | 'supersteps'
    | 'deadline'
    | 'unmediated'
    | 'completion_event'
    | 'timeout'
    | 'loop'
    | 'quality'
  /** Closed error code. */
  readonly code: ErrorCode
  /** Which limit, node, approval. Names only. */
  readonly subject: string | null
}

/** The run has to stop, but an effect is still open: no new work starts. */
export interface RunStopping extends RecordBase {
  readonly type: 'run.stopping'
  readonly reason: StopReason
  /** How the run will end once nothing is open. */
  readonly end: 'stopped' | 'cancelled' | 'terminated'
  readonly by: Principal | null
}

/** The run reached its output. */
export interface RunCompleted extends RecordBase {
  readonly type: 'run.completed'
  readonly output: ContentRef | null
  /** Decision at the output point, when a rule is in force there. */
  readonly decision: Decision | null
  /** Limits of which 90 per cent or more was used. */
  readonly near_misses?: readonly string[]
  /** Absent in histories of the first version. */
  readonly ending?: EndingRecord
}

/** The run ended before its output; `undone` names what was left (nodes with queued messages, open requests). */
export interface RunStopped extends RecordBase {
  readonly type: 'run.stopped' | 'run.cancelled' | 'run.terminated'
  readonly reason: StopReason
  readonly by: Principal | null
  readonly partial: ContentRef | null
  readonly undone: readonly string[]
  /** Limits of which 90 per cent or more was used. */
  readonly near_misses?: readonly string[]
  /** Absent in histories of the first version. */
  readonly ending?: EndingRecord
}
