import type { ActivityIntent, ActivityOutcome, RunRecord } from '../contracts/records.ts'

/** One activity as its records tell it: the intent, if one was written, and the outcomes in order. */
export interface ActivityView {
  /** Key of the ask; the same on every attempt, branch and worker. */
  readonly key: string
  readonly intent: ActivityIntent | null
  /** More than one when an unknown outcome was resolved later, or a nested scope ended again on another branch. */
  readonly outcomes: readonly ActivityOutcome[]
}

interface OpenActivity extends ActivityView {
  readonly outcomes: ActivityOutcome[]
}

/**
 * Groups intents and outcomes into activities, in the order of their first record. An outcome belongs to the latest
 * intent of its ask that is open or unknown; an outcome without one, as an answer from the ledger has none, stands alone.
 */
export function activitiesOf(records: readonly RunRecord[]): readonly ActivityView[] {
  const all: OpenActivity[] = []
  const latest = new Map<string, OpenActivity>()
  for (const record of records) {
    if (record.type === 'activity.intent') {
      const opened: OpenActivity = { key: record.ask.key, intent: record, outcomes: [] }
      all.push(opened)
      latest.set(record.ask.key, opened)
    } else if (record.type === 'activity.outcome') {
      const open = latest.get(record.ask.key)
      if (open?.intent && (isOpen(open) || record.kind === 'scope')) open.outcomes.push(record)
      else all.push({ key: record.ask.key, intent: null, outcomes: [record] })
    }
  }
  return all
}

/** True when an activity was sent, or may have been, and nobody knows yet how it ended. */
export function isOpen(activity: ActivityView): boolean {
  const last = activity.outcomes.at(-1)
  return activity.intent !== null && (last === undefined || last.status === 'unknown')
}

/** True when a fork took the call over from its parent: it was made there, and is told and paid for there. */
export function isCopied({ intent, outcomes }: ActivityView): boolean {
  return (intent ?? outcomes[0])?.origin !== undefined
}

/** Answers which records lie on the way that led to another record, over all branches (Invariant 11). */
export interface Branches {
  /** True when `seq` is `at` or one of the records that the state at `at` was folded from. */
  leadsTo(seq: number, at: number): boolean
}

interface Stretch {
  readonly start: number
  readonly from: number | null
}

/** Reads the branch records of a history. A branch record continues from the record it names, not from the one before. */
export function branchesOf(records: readonly RunRecord[]): Branches {
  const stretches: Stretch[] = [{ start: Number.NEGATIVE_INFINITY, from: null }]
  for (const record of records) {
    if (record.type === 'branch.started') stretches.push({ start: record.seq, from: record.from })
  }
  const stretchOf = (seq: number): Stretch | undefined => stretches.findLast((stretch) => stretch.start <= seq)
  return {
    leadsTo(seq, at) {
      let end: number | null = at
      while (end !== null) {
        const stretch = stretchOf(end)
        if (!stretch || seq > end) return false
        if (seq >= stretch.start) return true
        // A damaged history may name a later record: stop instead of walking in circles.
        end = stretch.from !== null && stretch.from < stretch.start ? stretch.from : null
      }
      return false
    },
  }
}

/** The records from which the state at the head was folded: abandoned branches left out, in order. */
export function presentBranch(records: readonly RunRecord[]): readonly RunRecord[] {
  const head = records.at(-1)
  if (!head) return []
  const branches = branchesOf(records)
  return records.filter((record) => branches.leadsTo(record.seq, head.seq))
}

/** Milliseconds since 1970 of an ISO 8601 text, or 0 when it cannot be read. */
export function millisOf(at: string): number {
  const millis = Date.parse(at)
  return Number.isNaN(millis) ? 0 : millis
}
