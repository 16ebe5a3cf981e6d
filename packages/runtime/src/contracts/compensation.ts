import type { EffectClass, OutcomeStatus, Principal } from './common.ts'

/**
 * Name of the built-in workflow that undoes effects. The policy catalogue says who may start it, as of any workflow;
 * where it is not listed nobody may.
 */
export const COMPENSATION_WORKFLOW = 'signalbox-compensation'

/**
 * How an effect stands towards being undone.
 * `undoable`: its tool declares how, and it is not too late. `impossible`: its tool says that nothing can. `undeclared`:
 * its tool says nothing. `too_late`: the time for it has passed. `undone`: it has been. `being_undone`: a compensation is
 * at it. `unknown`: what became of it has to be answered first. `not_loaded`: its tool is not here. `refused`: the tool's
 * undo cannot be made for this one, or its content was erased.
 */
export type UndoState =
  | 'undoable'
  | 'impossible'
  | 'undeclared'
  | 'too_late'
  | 'undone'
  | 'being_undone'
  | 'unknown'
  | 'not_loaded'
  | 'refused'

/** One effect of a run in the order in which it would be undone. */
export interface CompensationItem {
  /** Sequence of its outcome record; of its intent while it is unknown. People name it by this. */
  readonly seq: number
  readonly effectId: string
  readonly tool: string
  readonly class: string
  readonly effect: EffectClass
  readonly node: string
  /** ISO 8601: when it happened. */
  readonly at: string
  readonly state: UndoState
  /** One sentence for people: why it is in this state. */
  readonly why: string
  /** The tool that undoes it, or null. */
  readonly undo: string | null
  /** ISO 8601: the last moment to undo it, or null. */
  readonly until: string | null
  /** The run and record of the undo, where there is one. The record is null while it is open. */
  readonly undoneBy: { readonly run: string; readonly seq: number | null } | null
  /** Other runs that were answered with this effect: they take it for done. */
  readonly sharedWith: readonly string[]
}

/** What can be undone of a run, newest first (reverse order of completion), over all its branches. */
export interface CompensationPlan {
  readonly run: string
  /** Why nothing of it can be undone now, or null. */
  readonly refused: string | null
  readonly items: readonly CompensationItem[]
}

/** What a person asks for. */
export interface CompensateRequest {
  readonly runId: string
  readonly by: Principal
  /** At least three characters. */
  readonly reason: string
  /** Sequences of the effects, as the plan gives them. Default: all that are undoable. */
  readonly effects?: readonly number[]
  /** What an undo that does not succeed means for the ones after it. Default `stop`. */
  readonly onFailure?: 'stop' | 'continue'
  /** True: also effects that other runs take for done. Default: they are refused. */
  readonly shared?: boolean
  /** Equal ids start one compensation only. Default: a new id. */
  readonly requestId?: string
}

/** Output of a compensation. */
export interface CompensationResult {
  readonly run: string
  readonly compensated: readonly {
    readonly seq: number
    readonly effect_id: string
    readonly tool: string
    readonly undo: string
    /** Sequence of the undo's outcome in the compensation's own history. */
    readonly undo_seq: number
  }[]
  readonly left: readonly {
    readonly seq: number
    readonly effect_id: string
    readonly tool: string
    /** The state that kept it out of the plan, how its undo ended, or `stopped_before` when an earlier one stopped the chain. */
    readonly why: UndoState | OutcomeStatus | 'stopped_before' | 'not_chosen'
    readonly code: string | null
    readonly reason: string
  }[]
}
