import type { Notice } from './outbox.ts'

/** Everything that an alert can be about. What each looks at is in the table of `observability/alerts/kinds.ts`. */
export const ALERT_KINDS = [
  'effect.unknown',
  'lineage.gap',
  'outside.differs',
  'audit.failed',
  'call.unmediated',
  'denial.spike',
  'budget.violation',
  'budget.near_miss',
  'approval.oldest',
  'kill_switch.engaged',
  'run.quarantined',
  'runs.parked',
  'provider.down',
  'telemetry.incomplete',
  'outbox.dead',
  'schedule.missed',
  'drill.failed',
  'exposure.finding',
  'clock.trouble',
  'disk.trouble',
] as const
/** What an alert is about. */
export type AlertKind = (typeof ALERT_KINDS)[number]

/** `page` wakes somebody, `ticket` waits for the working day, `info` is read when somebody looks. */
export const ALERT_SEVERITIES = ['page', 'ticket', 'info'] as const
/** How much an alert matters. */
export type AlertSeverity = (typeof ALERT_SEVERITIES)[number]

/** How an alert stands. A silenced one is still looked at, and tells nobody. */
export const ALERT_STATES = ['open', 'acknowledged', 'silenced', 'resolved'] as const
/** How an alert stands. */
export type AlertState = (typeof ALERT_STATES)[number]

/** One value of what an evaluation saw. Names and numbers, never content (invariant 14). */
export type AlertValue = string | number | boolean | null

/** A record that an alert rests on. */
export interface AlertRef {
  readonly run: string
  readonly seq: number
}

/** What an evaluation saw and compared it with: kept, so that the alert explains itself when the data has moved on. */
export interface AlertInputs {
  /** Version of the evaluation (`ALERT_RULES_VERSION`). */
  readonly version: number
  /** ISO 8601: when it was looked at. */
  readonly at: string
  /** How far back it looked; null for what is so now. */
  readonly window_seconds: number | null
  readonly values: Readonly<Record<string, AlertValue>>
  /** The limits that were in force. */
  readonly limits: Readonly<Record<string, number>>
  /** The newest records behind it, at most twenty; `values` counts all. */
  readonly refs: readonly AlertRef[]
}

/** The kill switch that a rule of the project throws for an alert: wanted first, then done, so that a crash loses none. */
export interface AlertEngagement {
  readonly rule: string
  readonly switch_id: string
  /** `held_back`: a switch of the same rule stood already. */
  readonly state: 'wanted' | 'thrown' | 'held_back'
}

/** An alert. One row for each (tenant, kind, key) for good: the same trouble again opens it again. */
export interface AlertRow {
  readonly tenant: string
  /** Made from tenant, kind and key. */
  readonly id: string
  readonly kind: AlertKind
  /** What tells two troubles of a kind apart: a workflow, a channel, a switch. */
  readonly key: string
  readonly state: AlertState
  readonly severity: AlertSeverity
  readonly workflow: string | null
  readonly labels: Readonly<Record<string, string>>
  /** True while the last evaluation found the condition. */
  readonly holds: boolean
  /** How often it was found anew in this opening: incidents, or times that the condition came back. */
  readonly count: number
  /** 1, and one more for each time that it was opened again. */
  readonly openings: number
  /** Of this opening; milliseconds since 1970, as all times here. */
  readonly openedAt: number
  readonly lastSeenAt: number
  /** Since when the condition is gone; null while it holds. */
  readonly clearSince: number | null
  /** What opened it. */
  readonly inputs: AlertInputs
  /** What the last evaluation that told something new saw. */
  readonly latest: AlertInputs
  readonly acknowledgedBy: string | null
  readonly acknowledgedAt: number | null
  readonly silencedUntil: number | null
  readonly resolvedAt: number | null
  /** A principal, or `service:alerts` when the condition was gone for long enough. */
  readonly resolvedBy: string | null
  /** When people were told again because nobody acknowledged it. */
  readonly escalatedAt: number | null
  readonly engaged: AlertEngagement | null
  /** Raised by one with each change; a change made for another revision is refused. */
  readonly revision: number
}

/** What happened to an alert. */
export type AlertEventKind =
  | 'opened'
  | 'reopened'
  | 'escalated'
  | 'acknowledged'
  | 'silenced'
  | 'resolved'
  | 'switch_thrown'
  | 'switch_held_back'

/** One entry of the history of alerts of a tenant: stored once, never changed, chained by hash (invariant 9). */
export interface AlertEvent {
  readonly v: 1
  readonly tenant: string
  /** From 1 within the tenant. */
  readonly seq: number
  /** ISO 8601. */
  readonly at: string
  /** Hash of the event before it; 64 zeros for the first. */
  readonly prev: string
  readonly kind: AlertEventKind
  readonly alert_id: string
  readonly alert_kind: AlertKind
  readonly key: string
  readonly opening: number
  readonly state: AlertState
  readonly severity: AlertSeverity
  /** A principal, or `service:alerts`. */
  readonly by: string
  /** Of a person; a sentence of ours otherwise. */
  readonly reason: string
  /** ISO 8601: of a silence. */
  readonly until: string | null
  readonly switch_id: string | null
  /** What was seen. */
  readonly inputs: AlertInputs
}

/** An event as it is stored. */
export interface StoredAlertEvent {
  readonly tenant: string
  readonly seq: number
  readonly alertId: string
  /** JSON text of an AlertEvent, exactly as hashed. */
  readonly body: string
  /** SHA-256 hex over `body`. */
  readonly hash: string
}

/** How far the evaluation has read, and what it must remember of what it read. */
export interface AlertProgressRow {
  /** Place in the store's global order of records. */
  readonly position: number
  /** Milliseconds since 1970: the last whole evaluation. */
  readonly evaluatedAt: number
  /** JSON text, of the evaluation's own form. */
  readonly body: string
}

/** One atomic change: alerts, the events that tell of them, what people are told, and how far the evaluation read. */
export interface AlertCommit {
  /** The lease under which the leader writes; null for a person's change, which the revisions alone guard. */
  readonly lease: { readonly name: string; readonly epoch: number } | null
  readonly progress: AlertProgressRow | null
  /** Stored, or replaced where the stored revision is one less; a new one has revision 1. */
  readonly rows: readonly AlertRow[]
  /** Each tenant's follow its last one. */
  readonly events: readonly StoredAlertEvent[]
  readonly notices: readonly Notice[]
}

/** `fenced`: another leader wrote since; `changed`: a row or a history has moved on. Nothing is stored then. */
export type AlertCommitResult = 'committed' | 'fenced' | 'changed'

/** Which alerts are read, the newest opening first; what is absent does not narrow. */
export interface AlertFilter {
  /** Absent: of all tenants, for the leader. */
  readonly tenant?: string
  readonly states?: readonly AlertState[]
  readonly kind?: AlertKind
  readonly severity?: AlertSeverity
  readonly workflow?: string
  /** The cursor of the last row of the page before. */
  readonly before?: { readonly openedAt: number; readonly id: string }
  readonly limit: number
}

/** The part of a store that alerts live in. Nothing in it can be deleted. */
export interface AlertStore {
  alerts(filter: AlertFilter): Promise<readonly AlertRow[]>
  alert(tenant: string, id: string): Promise<AlertRow | null>
  /** Events of a tenant in order; `alertId` gives those of one alert. */
  alertEvents(
    tenant: string,
    filter?: { readonly alertId?: string; readonly limit?: number },
  ): Promise<readonly StoredAlertEvent[]>
  /** The tenant's last event, or null. */
  alertHead(tenant: string): Promise<StoredAlertEvent | null>
  /** Null before the first evaluation. */
  alertProgress(): Promise<AlertProgressRow | null>
  commitAlerts(commit: AlertCommit): Promise<AlertCommitResult>
}
