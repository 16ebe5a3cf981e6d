import type { RunStarted } from '../contracts/records.ts'
import type { EffectRow } from '../contracts/store.ts'
import { type BranchPoint, onTimeline, type Range, timelineRanges } from './timeline.ts'

/** A run from which another was forked, and how far the fork shares its records. */
export interface Ancestor {
  readonly run: string
  /** The shared records: its timeline that ends at the fork's point. */
  readonly ranges: readonly Range[]
  /** The last shared record, and the last shared checkpoint. */
  readonly seq: number
  readonly checkpointSeq: number
}

/** A stretch of one run's records that led to a head. */
export interface Stretch {
  readonly run: string
  readonly ranges: readonly Range[]
  /** Effects with an intent up to here lie before the open superstep. */
  readonly behind: number
}

/** The ancestor that a fork names, with the branches of that run. */
export function ancestorOf(parent: NonNullable<RunStarted['parent']>, branches: readonly BranchPoint[]): Ancestor {
  const shared = branches.filter((branch) => branch.seq <= parent.seq)
  const ranges = timelineRanges(parent.seq, shared)
  return { run: parent.run, ranges, seq: parent.seq, checkpointSeq: parent.checkpoint_seq }
}

/**
 * The way that led to a head over all runs of its family, nearest first. While a fork is still in the superstep that it
 * took over (its checkpoint is its genesis), that superstep's effects in its parent are not behind it.
 */
export function wayTo(own: Stretch, ancestors: readonly Ancestor[]): readonly Stretch[] {
  const way: Stretch[] = [own]
  let open = own.behind === 1
  for (const { run, ranges, seq, checkpointSeq } of ancestors) {
    way.push({ run, ranges, behind: open ? checkpointSeq : seq })
    open = open && checkpointSeq === 1
  }
  return way
}

/** True for an effect that was asked for before the open superstep: it belongs to what is done. */
export function isBehind(way: readonly Stretch[], effect: Pick<EffectRow, 'runId' | 'intentSeq'>): boolean {
  return way.some((stretch) => holds(stretch, effect) && effect.intentSeq <= stretch.behind)
}

/** True for an effect whose intent lies on the way. */
export function isOnWay(way: readonly Stretch[], effect: Pick<EffectRow, 'runId' | 'intentSeq'>): boolean {
  return way.some((stretch) => holds(stretch, effect))
}

function holds(stretch: Stretch, { runId, intentSeq }: Pick<EffectRow, 'runId' | 'intentSeq'>): boolean {
  return stretch.run === runId && onTimeline(stretch.ranges, intentSeq)
}
