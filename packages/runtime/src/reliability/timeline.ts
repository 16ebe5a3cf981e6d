import type { CheckpointBody, RunRecord, RunUpgraded } from '../contracts/records.ts'

/** A stretch of records that belongs to a timeline, both ends included. */
export interface Range {
  readonly from: number
  readonly through: number
}

/** What is known of a branch: the record that started it and the last record that it keeps. */
export interface BranchPoint {
  readonly seq: number
  readonly from: number
}

/**
 * The ranges of records that make up the timeline ending at `head`, oldest first (ENGINE R13). Every record follows the
 * one before it, but a `branch.started` follows its `from`; what lies between is kept and skipped.
 */
export function timelineRanges(head: number, branches: readonly BranchPoint[]): readonly Range[] {
  const ranges: Range[] = []
  let through = head
  while (through > 0) {
    const branch = branches.filter((b) => b.seq <= through).at(-1)
    if (!branch) {
      ranges.push({ from: 1, through })
      break
    }
    ranges.push({ from: branch.seq, through })
    through = branch.from
  }
  return ranges.reverse()
}

/** True when the record with this sequence is on the timeline. */
export function onTimeline(ranges: readonly Range[], seq: number): boolean {
  return ranges.some((range) => seq >= range.from && seq <= range.through)
}

/** A record whose body holds a checkpoint. */
export type CheckpointRecord =
  | Extract<RunRecord, { type: 'run.started' | 'superstep.completed' | 'response.received' }>
  | (RunUpgraded & { readonly checkpoint: CheckpointBody })

/** Types of records that may hold a checkpoint. */
export const CHECKPOINT_TYPES = ['run.started', 'superstep.completed', 'response.received', 'run.upgraded'] as const

/** True for a record whose body holds a checkpoint. */
export function isCheckpoint(record: RunRecord): record is CheckpointRecord {
  if (record.type === 'run.upgraded') return record.checkpoint !== null
  return record.type === 'run.started' || record.type === 'superstep.completed' || record.type === 'response.received'
}
