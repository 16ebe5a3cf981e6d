/**
 * Who leads among processes on one store. No time is in it: a process that sees the same row for the length of a lease on
 * its own monotonic clock may take it over, so that clocks which differ or are set back make neither two leaders nor none.
 */
export interface LeaseRow {
  readonly name: string
  /** Unique for each process that asks; null when it was given back. */
  readonly owner: string | null
  /** Raised by each change of owner; what the owner writes is checked against it. */
  readonly epoch: number
  /** Raised by each sign of life of the owner. */
  readonly beat: number
}

/** A schedule as the store knows it. The definition is the project's; pause and what is decided are the store's. */
export interface ScheduleRow {
  readonly tenant: string
  readonly name: string
  /** Raised by one with each change of this row or of its firings. */
  readonly revision: number
  /** Canonical JSON of the definition that was last seen. */
  readonly definition: string
  readonly paused: boolean
  /** Milliseconds since 1970. Each due time up to here is decided: fired, or skipped by the rule. It never goes back. */
  readonly decidedThrough: number
  readonly updatedAt: number
  /** Principal or process that made the last change. */
  readonly updatedBy: string
}

/** How a firing stands. `recorded` is for entries that are only told, such as a changed definition. */
export type FiringState = 'queued' | 'running' | 'succeeded' | 'failed' | 'timed_out' | 'skipped' | 'recorded'

/** States in which a firing is still to be worked on. */
export const OPEN_FIRINGS: readonly FiringState[] = ['queued', 'running']

/** One firing of a schedule, or one change of it: its history. */
export interface FiringRow {
  readonly tenant: string
  readonly schedule: string
  /** `slot-<due time in milliseconds>` for due times, so that one cannot be in the history twice. */
  readonly id: string
  readonly kind: 'slot' | 'manual' | 'change'
  /** Milliseconds since 1970: when it was due, or asked for. */
  readonly dueAt: number
  readonly state: FiringState
  /** How often it was started; more than once only for a job whose leader died. */
  readonly attempt: number
  /** Epoch of the leader that started it; 0 before. */
  readonly epoch: number
  /** The run that it started, or null. */
  readonly runId: string | null
  /** Closed error code of a failure, or null. */
  readonly code: string | null
  /** One sentence for people. Never content of a run. */
  readonly detail: string
  /** Who caused it: `schedule`, or a principal's id. */
  readonly by: string
  readonly startedAt: number | null
  readonly endedAt: number | null
}

/** One atomic change of a schedule with its firings. */
export interface ScheduleCommit {
  /** The lease under which a leader writes; null for a person's change, which the revision alone guards. */
  readonly lease: { readonly name: string; readonly epoch: number } | null
  /** Revision that the change was made for; 0 when there is no row yet. */
  readonly expectRevision: number
  readonly row: ScheduleRow
  /** Stored or replaced by id. */
  readonly firings: readonly FiringRow[]
  /** So many entries that are not open are kept, the newest; null keeps all. */
  readonly keep: number | null
}

/** `fenced`: another leader wrote since; `changed`: the revision is another. Nothing is stored then. */
export type ScheduleCommitResult = 'committed' | 'fenced' | 'changed'

/** The part of a store that durable schedules live in. */
export interface ScheduleStore {
  /** The row of a lease; one without owner, epoch 0 and beat 0 when nobody ever had it. */
  lease(name: string): Promise<LeaseRow>
  /** Stores the row if epoch and beat are still as expected. False when they are not. */
  setLease(row: LeaseRow, expect: { readonly epoch: number; readonly beat: number }): Promise<boolean>

  /** Schedules of a tenant by name. */
  schedules(tenant: string): Promise<readonly ScheduleRow[]>
  /** Firings of a schedule, newest due time first; `open` gives only queued and running ones. */
  firings(filter: {
    readonly tenant: string
    readonly schedule: string
    readonly open?: boolean
    readonly limit: number
  }): Promise<readonly FiringRow[]>
  commitSchedule(commit: ScheduleCommit): Promise<ScheduleCommitResult>
}
