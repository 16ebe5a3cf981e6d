import type { ContentRef, Principal } from './common.ts'

/** Where a fork comes from, who made it, and what it does about the effects that came later (invariant 11). */
export interface ForkParent {
  readonly run: string
  /** Sequence of the last record that the fork shares, and its hash. */
  readonly seq: number
  readonly head: string
  /** The first run of the family: the only one that is no fork. */
  readonly root: string
  /** The checkpoint at or before `seq`: the fork's own checkpoint is a copy of it. */
  readonly checkpoint_seq: number
  /** ISO 8601: when that checkpoint was first made. */
  readonly checkpoint_at: string
  /** Later effects that are not simply answered from the ledger. */
  readonly plan: readonly ForkPlanEntry[]
  readonly by: Principal
  readonly reason: ContentRef | null
}

/** What happens when a fork asks for an effect again that happened after its point (ENGINE fork). */
export interface ForkPlanEntry {
  readonly effect_id: string
  readonly tool: string
  /** The run and intent record of the effect. */
  readonly run: string
  readonly seq: number
  /** `ask`: a person decides. `repeat`: it is done again, after a new approval. */
  readonly action: 'ask' | 'repeat'
}

/** The outcome record that an ask was answered with instead of being sent. */
export interface LedgerRef {
  readonly run: string
  readonly seq: number
  /** The effect lies off this timeline in the same family of forks: nothing else on this timeline is answered with it. */
  readonly family?: true
}
