import type { AlertKind, AlertRef, AlertValue } from '../../contracts/alerts.ts'
import type { RecordType } from '../../contracts/records.ts'
import type { DenialStream } from './denials.ts'

/** What the evaluation remembers of the records that it has read. Stored with the alerts, as JSON. */
export interface AlertProgress {
  readonly v: 1
  /** Effects whose outcome is unknown, by run and ask. */
  readonly unknown: Readonly<Record<string, Marked & { readonly tool: string }>>
  /** Runs that stand still, by tenant and run. */
  readonly parked: Readonly<Record<string, Marked & { readonly code: string }>>
  readonly denials: Readonly<Record<string, DenialStream>>
  /** What happened at a moment and is counted over a window: limits that were passed or nearly. The newest last. */
  readonly marks: readonly (Marked & {
    readonly kind: 'budget.violation' | 'budget.near_miss'
    readonly what: string
  })[]
  /** Models whose calls fail by trouble of their provider, since the last one that did not. */
  readonly failing: Readonly<Record<string, FailingModel>>
}

/** Something at a record. `at` in milliseconds since 1970. */
export interface Marked extends AlertRef {
  readonly tenant: string
  readonly workflow: string
  readonly at: number
}

/** A model that does not answer. */
export interface FailingModel {
  readonly tenant: string
  readonly model: string
  readonly trouble: string
  readonly since: number
  readonly lastAt: number
  readonly failures: number
  readonly newest: AlertRef
}

/** Before anything was read. */
export const NO_PROGRESS: AlertProgress = { v: 1, unknown: {}, parked: {}, denials: {}, marks: [], failing: {} }

/** Something that was found once and stays on record: told when it is read, and never again for the same record. */
export interface AlertIncident {
  readonly kind: Extract<AlertKind, 'lineage.gap' | 'audit.failed' | 'call.unmediated' | 'outside.differs'>
  readonly tenant: string
  readonly workflow: string
  readonly refs: readonly AlertRef[]
  readonly values: Readonly<Record<string, AlertValue>>
}

/** What is so now, read beside the records. Times in milliseconds since 1970. */
export interface AlertGauges {
  /** The oldest approval that waits, of each tenant that has one. */
  readonly approvals: readonly {
    readonly tenant: string
    readonly id: string
    readonly run: string
    readonly workflow: string
    readonly tool: string
    readonly requestedAt: number
  }[]
  /** Kill switches in force. */
  readonly switches: readonly {
    readonly tenant: string
    readonly id: string
    readonly scope: string
    readonly target: string
    readonly mode: string
    readonly createdAt: number
  }[]
  /** Messages that were given up, by tenant and channel. */
  readonly deadMessages: readonly { readonly tenant: string; readonly channel: string; readonly count: number }[]
  /** Null where no telemetry is sent. `ratio`: part of the records that was delivered, where it is known. */
  readonly telemetry: { readonly oldestUnsentAt: number | null; readonly ratio: number | null } | null
  /** Schedules with a due time that nobody has decided. */
  readonly missed: readonly { readonly schedule: string; readonly dueAt: number }[]
  /** Schedules of drills and of the audit whose last firing failed. */
  readonly failedJobs: readonly {
    readonly schedule: string
    readonly job: string
    readonly firing: string
    readonly code: string | null
    readonly at: number
  }[]
  /** Runs that the last check of all runs found wanting: also what was damaged after a run had ended. */
  readonly lineage: readonly {
    readonly tenant: string
    readonly run: string
    readonly workflow: string
    readonly gaps: readonly { readonly kind: string; readonly seq: number }[]
  }[]
  /** The last exposure audit, or null before the first. `report`: `signed`, or what its file turned out to be. */
  readonly exposure: { readonly at: number; readonly findings: number; readonly report: string } | null
  /** Trouble that no run records, by code. */
  readonly troubles: readonly { readonly code: string; readonly since: number }[]
  /** Null where it cannot be read. */
  readonly disk: { readonly freeBytes: number; readonly totalBytes: number } | null
}

/** Gauges of a server where nothing is wrong. */
export const QUIET_GAUGES: AlertGauges = {
  approvals: [],
  switches: [],
  deadMessages: [],
  telemetry: null,
  missed: [],
  failedJobs: [],
  lineage: [],
  exposure: null,
  troubles: [],
  disk: null,
}

/** All that an evaluation looks at. */
export interface AlertFacts {
  readonly now: number
  /** The tenant to whom the server's own alerts belong. */
  readonly home: string
  readonly progress: AlertProgress
  readonly incidents: readonly AlertIncident[]
  readonly gauges: AlertGauges
}

/** One condition that holds, or one incident. */
export interface AlertFinding {
  readonly tenant: string
  readonly key: string
  readonly workflow: string | null
  readonly labels: Readonly<Record<string, string>>
  readonly values: Readonly<Record<string, AlertValue>>
  readonly windowSeconds: number | null
  /** All of them, oldest first. */
  readonly refs: readonly AlertRef[]
  readonly limits: Readonly<Record<string, number>>
}

/** Types of record whose bodies the evaluation reads. Others pass by their type alone. */
export const ALERT_READS: ReadonlySet<RecordType> = new Set<RecordType>([
  'activity.outcome',
  'run.parked',
  'run.completed',
  'run.stopped',
  'budget.slice',
  'unmediated.call',
])

/** Types of record with which a run ends. */
export const RUN_ENDS: ReadonlySet<RecordType> = new Set<RecordType>([
  'run.completed',
  'run.stopped',
  'run.cancelled',
  'run.terminated',
])
