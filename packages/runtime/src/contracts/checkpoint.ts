import type { Amounts, ContentRef, ListRef } from './common.ts'
import type { BarrierMark } from './ending.ts'

/** A message on its way to a node in the next superstep. */
export interface QueuedMessage {
  readonly to: string
  /** The node that sent it (for a fan-in: the last of its sources that did), or null for the run's input. */
  readonly from: string | null
  /** Id of the edge it travelled, or `start` / `rejected:<node>` / `failed:<node>` / `response:<port>` / `escalation:<cause>`. */
  readonly edge: string
  readonly message: ContentRef
}

/** What is open at a port node (a request to a person or system) or at a timer node (its own passing of time). */
export interface OpenRequest {
  readonly request_id: string
  readonly node: string
  readonly payload: ContentRef
  /** ISO 8601. Of a timer: when its message travels on. */
  readonly deadline: string
  /** Set for a timer node: nobody is asked, and the deadline is the answer. */
  readonly timer?: true
  /** The nested scope that asks; absent for the run itself. */
  readonly scope?: string
}

/** Value of one state field at a barrier: a reference, a list, or null when never written. */
export type FieldRef = ContentRef | ListRef | null

/** Kept conversations by node. */
export type Sessions = Readonly<Record<string, ListRef>>

/** Which version of its workflow a run is with: the hashes of graph and state shape tell a changed one apart. */
export interface DefinitionRef {
  readonly version: string
  readonly signature: string
  readonly shape: string
}

/** The committed state at a barrier. The body of a genesis, barrier or response record (ENGINE R20). */
export interface CheckpointBody {
  readonly kind: 'entry' | 'superstep' | 'response' | 'upgrade'
  /** Number of the superstep that will run next, from 0. */
  readonly superstep: number
  readonly state: Readonly<Record<string, FieldRef>>
  /** Messages for the next superstep in delivery order. */
  readonly queue: readonly QueuedMessage[]
  /** Half-filled fan-in buffers by edge id and source. */
  readonly fan_in: Readonly<Record<string, Readonly<Record<string, readonly ContentRef[]>>>>
  readonly requests: readonly OpenRequest[]
  /** Outputs yielded so far. */
  readonly outputs: readonly { readonly node: string; readonly value: ContentRef }[]
  /** Idempotency keys of the effects that ended since the previous checkpoint. */
  readonly effect_keys: readonly string[]
  /** Effects of abandoned branches that this timeline was answered with from the ledger (ENGINE R5). */
  readonly adopted: readonly string[]
  /** What the run has spent so far, over all branches (invariant 6). Nothing is reserved at a barrier. */
  readonly spent: Amounts
  /** Conversations that agents with a kept session go on with, by node; absent when there are none. */
  readonly sessions?: Sessions
  /** The version that the run is with, once it is not the one that it was started with. */
  readonly definition?: DefinitionRef
  /** What the termination contract keeps of the supersteps so far; absent where there is nothing to keep. */
  readonly mark?: BarrierMark
}
