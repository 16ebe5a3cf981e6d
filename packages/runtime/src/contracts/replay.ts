import type { JsonValue } from '../base/json.ts'
import type { RunStatus } from './records.ts'

/**
 * What differs first between a stored run and the same run on this build. The order is that of the run: what a node asks,
 * what it saves and gives, what the barrier makes of it, the output.
 */
export type ReplayDifferenceKind =
  /** A recorded call is asked for with other arguments, or another call in its place. */
  | 'ask_changed'
  | 'ask_added'
  | 'ask_removed'
  /** The call is the same; its tool takes or gives something else now, or is not there. */
  | 'tool_changed'
  | 'save_point'
  /** A node fails that did not, does not that did, or fails otherwise. */
  | 'failure'
  | 'result'
  | 'state'
  | 'message'
  | 'dropped'
  | 'output'
  /** A node waits for something that is not a call. */
  | 'waits'
  /** User code tried to reach something outside beside the door. */
  | 'outside_call'
  /** A declared upgrade step makes another checkpoint than the one on record, or fails. */
  | 'upgrade'

/** One difference, in plain words. Values are content: whoever writes this down leaves `before` and `after` out. */
export interface ReplayDifference {
  readonly kind: ReplayDifferenceKind
  readonly superstep: number
  readonly node: string | null
  /** `<scope>.<superstep>.<node>.<delivery>`, or null for what is not of one activation. */
  readonly activation: string | null
  /** Key of the ask, or null. */
  readonly ask: string | null
  /** The record that differs, or null when there is none. */
  readonly seq: number | null
  /** A sentence without content: names, numbers of records, fields. */
  readonly what: string
  /** The field, such as `args.amount`, or null. */
  readonly field: string | null
  readonly before: JsonValue | null
  readonly after: JsonValue | null
}

/** A decision that the bundle in force would take otherwise than the one that is on record. */
export interface PolicyFlip {
  readonly runId: string
  readonly seq: number
  readonly name: string
  /** `allow`, or `require_approval:TWO_PEOPLE`: the verdict, and the reason where it is not a plain allow. */
  readonly before: string
  readonly after: string
}

/** What became of one stored run when it was replayed. */
export interface RunReplay {
  readonly runId: string
  readonly tenant: string
  readonly workflow: string
  /** The version that the run is with. */
  readonly version: string
  /** The version of its workflow that it was replayed against, or null when there is none here. */
  readonly here: string | null
  readonly status: RunStatus
  /**
   * `same`: nothing differs. `differs`: `difference` says what does first. `skipped`: it cannot be replayed, and `why`
   * says why.
   */
  readonly end: 'same' | 'differs' | 'skipped'
  /** True when the difference lies where the run was with another version than the one here: it is to be expected then. */
  readonly otherVersion: boolean
  readonly difference: ReplayDifference | null
  /** What changed in the definition, a sentence each; empty when it is the same. */
  readonly changes: readonly string[]
  /** Why it was skipped: a closed error code and a sentence; null otherwise. */
  readonly why: { readonly code: string; readonly message: string } | null
  /** Of an open run: why nothing here can go on with it, or null. Null for an ended one too. */
  readonly cannotGoOn: string | null
  readonly supersteps: number
  readonly asks: number
  /** Decisions evaluated again, and those that came out otherwise (at most 20 of a run). */
  readonly decisions: number
  readonly flips: readonly PolicyFlip[]
  readonly flipped: number
}
