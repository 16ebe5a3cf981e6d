import type { ErrorCode } from '../base/errors.ts'
import type { JsonObject, JsonValue } from '../base/json.ts'

/** How runs end: what a workflow declares of it, what is kept of it at a barrier, and what every ended run tells. */

/**
 * What ended a run. `completed`: its output was reached and nothing was left to do. `completion_event`: the workflow's
 * own `until`. `max_turns` and `budget`: a limit of the budget. `timeout`: the time of the whole run, waiting included.
 * `supersteps`: too many rounds. `loop`: it repeated itself. `quality`: its check failed too often. `deadline`: a port
 * was not answered. `rejected`, `person`: people. `denied`, `unmediated`: policy. `failure`: a step failed.
 */
export const ENDED_BY = [
  'completed',
  'completion_event',
  'max_turns',
  'budget',
  'timeout',
  'supersteps',
  'loop',
  'quality',
  'deadline',
  'rejected',
  'person',
  'denied',
  'unmediated',
  'failure',
] as const

/** What ended a run. */
export type EndedBy = (typeof ENDED_BY)[number]

/** Why something was left undone. */
export type UndoneWhy =
  /** A message waited for this node. */
  | 'message_waiting'
  /** A fan-in to this node still waited for a source. */
  | 'fan_in_incomplete'
  /** This node had begun. */
  | 'unfinished'
  /** The request of this port was open. */
  | 'request_open'
  /** The timer of this node had not come to its end. */
  | 'timer_running'
  /** An approval of this tool was open. */
  | 'approval_open'
  /** A question about an effect of this tool was open. */
  | 'question_open'
  /** Whether this tool's effect happened is not known. */
  | 'effect_unknown'
  /** The workflow's own `leftUndone` says so. */
  | 'declared'
  /** A function of the termination contract threw, or what it needs is gone: this part of the ending is not known. */
  | 'not_told'

/** One thing that a run left undone. */
export interface LeftUndone {
  /** A node, port or tool; with `declared` what the workflow says. */
  readonly what: string
  readonly why: UndoneWhy
}

/** How a run ended, as its last record tells it; the partial result lies beside it in that record. */
export interface EndingRecord {
  readonly by: EndedBy
  /** Closed error code; null for `completed` and `completion_event`. */
  readonly code: ErrorCode | null
  /** Which limit, node, check, port or person's order. Names only. */
  readonly subject: string | null
  readonly left_undone: readonly LeftUndone[]
  /** Model calls over all agents and branches. */
  readonly turns: number
  readonly cost_nano_usd: string
  /** Of a loop: the nodes that it went through, in order. */
  readonly cycle?: readonly string[]
}

/** How a run ended: typed, with what there is of a result and what was left undone. */
export interface Ending {
  readonly by: EndedBy
  readonly code: ErrorCode | null
  readonly subject: string | null
  /** What the workflow's `partial` made of the state, else its last output; null when there is none or it was erased. */
  readonly partial: JsonValue | null
  readonly leftUndone: readonly LeftUndone[]
  /** Model calls over all agents and branches. */
  readonly turns: number
  readonly costNanoUsd: string
  readonly cycle: readonly string[]
}

/** What the functions of a termination contract see: the run at a barrier. */
export interface BarrierView {
  /** Fields that were never written are absent; a list to which nobody appended is empty. */
  readonly state: JsonObject
  /** Messages for the next superstep, in delivery order. */
  readonly queue: readonly { readonly to: string; readonly from: string | null; readonly message: JsonValue }[]
  /** How many supersteps are over. */
  readonly superstep: number
  /** Model calls so far. */
  readonly turns: number
  readonly outputs: readonly { readonly node: string; readonly value: JsonValue }[]
}

/** A check's word on the run at a barrier; null when there is nothing to judge, which counts neither way. */
export type QualityVerdict = 'pass' | 'fail' | { readonly verdict: 'pass' | 'fail'; readonly score: number } | null

/** What a workflow declares of its ends. All functions are pure. */
export interface TerminationSpec {
  readonly until: ((view: BarrierView) => boolean) | null
  /** Wall time of the whole run, waiting included, since it was started, forked or last restored. */
  readonly timeoutSeconds: number | null
  readonly loop: {
    /** How often the same situation may come about before the run ends. */
    readonly repeats: number
    /** How many different situations are remembered; a longer cycle is not seen. */
    readonly window: number
    readonly of: ((view: BarrierView) => JsonValue) | null
    /** The node that the state goes to, once, instead of ending the run; null stops it. */
    readonly escalateTo: string | null
    /** False for the detector that every graph with a loop has. */
    readonly declared: boolean
  } | null
  readonly quality: {
    readonly name: string
    readonly check: (view: BarrierView) => QualityVerdict
    /** So many failures in a row. */
    readonly failures: number
    /** As for a loop. */
    readonly escalateTo: string | null
  } | null
  readonly partial: ((state: JsonObject) => JsonValue) | null
  readonly leftUndone: ((view: BarrierView) => readonly string[]) | null
  /** What ends a run by the workflow's own nodes, a line each that begins with `when` or `after`; for whoever reviews it. */
  readonly stops?: readonly string[]
}

/** A cause that can be escalated. */
export type EscalationCause = 'loop' | 'quality'

/** Kept at a barrier, so that a crash, a restore or a fork forgets nothing of it. Bounded by the detector's window. */
export interface BarrierMark {
  /** The latest situations, oldest first: digest, how often it came about, the nodes that run next. */
  readonly seen?: readonly { readonly d: string; readonly n: number; readonly to: readonly string[] }[]
  /** Failures of the quality check in a row. */
  readonly failed?: number
  /** The score that the check gave last. */
  readonly score?: number
  readonly escalated?: readonly EscalationCause[]
  /** The verdict of this barrier: the run ends with it, or was escalated. */
  readonly verdict?: BarrierVerdict
}

/** What the termination contract says at a barrier. */
export interface BarrierVerdict {
  readonly by: 'completion_event' | 'loop' | 'quality'
  /** The check's name, or how often the situation came about. */
  readonly subject: string | null
  readonly cycle?: readonly string[]
  /** The node that the state went to; the run goes on. */
  readonly escalated_to?: string
}
