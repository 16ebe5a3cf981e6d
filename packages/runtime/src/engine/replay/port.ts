import type { JsonValue } from '../../base/json.ts'
import type { ModelMessage } from '../../contracts/model.ts'
import type { AskSpec } from '../../contracts/workflow.ts'
import type { ActivityOutcome } from '../../contracts/records.ts'
import type { AskJournal } from '../../reliability/fold.ts'

/** What is on record of a stretch of one activation: from its beginning or a save point to the next one or its end. */
export interface RecordedStretch {
  readonly asks: ReadonlyMap<number, AskJournal>
  /** Ends in log order (ENGINE R1). */
  readonly outcomes: readonly ActivityOutcome[]
  /** ISO 8601: the time that handlers were told where it began; absent at the beginning of an activation. */
  readonly at?: string
}

/** One ask of a handler that is run again. */
export interface AskedAgain {
  readonly node: string
  /** The agent's conversation as it stands now. */
  readonly conversation: () => readonly ModelMessage[]
  /** What is asked for, as records hold it. */
  readonly args: () => JsonValue
  readonly activation: string
  readonly attempt: number
  readonly position: number
  readonly ordinal: number
  readonly spec: AskSpec
  readonly digest: string
}

/**
 * A run is replayed to compare, not to go on: handlers get what is on record, and the door stays shut. Whatever a handler
 * asks beside it has no end, so that nothing is sent, decided or charged (Invariant 1).
 */
export interface ReplayPort {
  stretch(activation: string, attempt: number, position: number): RecordedStretch
  asked(ask: AskedAgain): void
}
