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
  | (Extract<RunRecord, { type: 'run.started' | 'superstep.completed' | 'response.received' }> & {
      readonly scope?: undefined
    })
  | (RunUpgraded & { readonly checkpoint: CheckpointBody })

/** Types of records that may hold a checkpoint. */
export const CHECKPOINT_TYPES = ['run.started', 'superstep.completed', 'response.received', 'run.upgraded'] as const

/** True for a record whose body holds a checkpoint of the run; that of a nested scope is none (ENGINE R20). */
export function isCheckpoint(record: RunRecord): record is CheckpointRecord {
  if (record.type === 'run.upgraded') return record.checkpoint !== null
  if (record.type === 'run.started') return true
  return (record.type === 'superstep.completed' || record.type === 'response.received') && record.scope === undefined
}

/** A record that holds a checkpoint of a nested scope: a save point of the run (ENGINE R8). */
export type ScopeCheckpointRecord = Extract<RunRecord, { type: 'superstep.completed' | 'response.received' }> & {
  readonly scope: string
}

/** True for the checkpoint of a nested scope. */
export function isScopeCheckpoint(record: RunRecord): record is ScopeCheckpointRecord {
  return (record.type === 'superstep.completed' || record.type === 'response.received') && record.scope !== undefined
}
