import type { BarrierView, QualityVerdict } from '../contracts/ending.ts'

/** How a workflow declares what ends its runs, besides output, budget and people. */

/** The run at a barrier, as the functions of a termination contract see it. */
export interface TerminationView<State> extends Omit<BarrierView, 'state'> {
  readonly state: State
}

/** When a run repeats itself. */
export interface LoopDef<State> {
  /** How often the same situation may come about before the run ends. */
  readonly repeats: number
  /** How many different situations are remembered; a longer cycle is not seen. Default 16. */
  readonly window?: number
  /**
   * What makes two situations the same, together with the nodes that run next. Default: their messages and every field
   * that has an owner. It gives JSON.
   */
  readonly of?: (view: TerminationView<State>) => unknown
  /** The node, a port say, that the state goes to as an `Escalation` instead of ending the run; once, then it ends. */
  readonly escalateTo?: string
}

/** A check of what the run has made so far. */
export interface QualityDef<State> {
  /** A word for it, as in a result and an explanation. */
  readonly name: string
  /** Null when there is nothing to judge at this barrier, which counts neither way. */
  readonly check: (view: TerminationView<State>) => QualityVerdict
  /** So many failures in a row. */
  readonly failures: number
  /** As for a loop. */
  readonly escalateTo?: string
}

/**
 * The termination contract. Its functions are pure and are called at each barrier; one that throws parks the run. Hard
 * limits are in the budget and hold with it or without it.
 */
export interface TerminationDef<State> {
  /** True ends the run at this barrier: with its last output, else with what `partial` makes, where that fits the output. */
  readonly until?: (view: TerminationView<State>) => boolean
  /** Model calls over all agents. The smaller of this and the budget's own limit counts; it is the same counter. */
  readonly maxTurns?: number
  /**
   * Wall time of the whole run in seconds, waiting for people included, since it was started, forked or last restored.
   * The active time is the budget's.
   */
  readonly timeoutSeconds?: number
  /** False switches the detector off that every graph with a loop has: 10 times the same messages and the same state. */
  readonly loop?: false | LoopDef<State>
  readonly quality?: QualityDef<State>
  /** What there is of a result in this state, as JSON. Default: the last output. */
  readonly partial?: (state: State) => unknown
  /** What is left to do, a text each, besides what the runtime tells by itself. */
  readonly leftUndone?: (view: TerminationView<State>) => readonly string[]
  /**
   * What ends a run by the workflow's own nodes, a line each that begins with `when` or `after`: shown with all other ends
   * to whoever reviews the workflow, and part of its signature. It ends nothing by itself.
   */
  readonly stops?: readonly string[]
}
