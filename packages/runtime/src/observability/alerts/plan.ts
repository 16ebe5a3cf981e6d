import type { AlertEngagement, AlertKind, AlertRow, AlertSeverity } from '../../contracts/alerts.ts'
import { ALERT_SERVICE, type AlertChange, alertId, changed, inputsOf } from './change.ts'
import type { AlertFinding } from './facts.ts'
import { isIncident } from './kinds.ts'
import { ALERT_MACHINE } from './machine.ts'

/** What a plan is made under; a project's settings. */
export interface AlertTerms {
  readonly severityOf: (kind: AlertKind) => AlertSeverity
  /** After how long the condition must be gone, in milliseconds; null: a person resolves it. */
  readonly resolveAfterMs: (kind: AlertKind) => number | null
  /** A page that nobody acknowledged is told again, once, after this long; null: never. */
  readonly escalateAfterMs: number | null
  /** Name of the rule that throws a switch for this alert, or null. */
  readonly engages: (kind: AlertKind, finding: AlertFinding) => string | null
}

/** What was seen again is written so often at most. */
const REFRESH_MS = 60_000

/**
 * What changes by one evaluation. `rows` are all alerts that are not resolved and, of what was found, those that are; by id.
 * Pure: planned again after a lost answer it gives the same, and the store takes it once.
 */
export function planAlerts(
  found: readonly { readonly kind: AlertKind; readonly finding: AlertFinding }[],
  rows: ReadonlyMap<string, AlertRow>,
  now: number,
  terms: AlertTerms,
): readonly AlertChange[] {
  const seen = new Set<string>()
  const changes: AlertChange[] = []
  for (const { kind, finding } of found) {
    const id = alertId(finding.tenant, kind, finding.key)
    if (seen.has(id)) continue
    seen.add(id)
    const row = rows.get(id)
    const change = row ? again(row, finding, now, terms) : opened(null, kind, finding, now, terms)
    if (change) changes.push(change)
  }
  for (const row of rows.values()) {
    const change = seen.has(row.id) ? null : unseen(row, now, terms)
    if (change) changes.push(change)
  }
  return changes
}

/** A new opening: of an alert that never was, or is resolved, or was silent for a time and still holds. */
function opened(
  before: AlertRow | null,
  kind: AlertKind,
  finding: AlertFinding,
  now: number,
  terms: AlertTerms,
  reason = 'found',
): AlertChange {
  const { tenant, key, workflow, labels } = finding
  const inputs = inputsOf(finding, now)
  const openings = (before?.openings ?? 0) + 1
  const id = alertId(tenant, kind, key)
  const rule = terms.engages(kind, finding)
  const engaged: AlertEngagement | null =
    rule === null ? null : { rule, switch_id: `ksw_${id.slice(4)}_${openings}`, state: 'wanted' }
  const row: AlertRow = {
    ...{ tenant, id, kind, key, state: 'open', severity: terms.severityOf(kind), workflow, labels },
    ...{
      holds: !isIncident(kind, finding),
      count: newOnes(kind, finding),
      openings,
      openedAt: now,
      lastSeenAt: now,
      clearSince: null,
    },
    ...{ inputs, latest: inputs, acknowledgedBy: null, acknowledgedAt: null, silencedUntil: null },
    ...{ resolvedAt: null, resolvedBy: null, escalatedAt: null, engaged, revision: (before?.revision ?? 0) + 1 },
  }
  const event = before ? 'reopened' : 'opened'
  return changed(row, { kind: event, by: ALERT_SERVICE, reason, now, notice: 'alert.opened' })
}

/** Incidents are counted by the runs that they are in; a condition that holds is one. */
function newOnes(kind: AlertKind, finding: AlertFinding): number {
  const { runs } = finding.values
  return isIncident(kind, finding) && typeof runs === 'number' ? runs : 1
}

/** Found, and there is an alert about it. */
function again(row: AlertRow, finding: AlertFinding, now: number, terms: AlertTerms): AlertChange | null {
  const to = ALERT_MACHINE[row.state].found
  if (row.state === 'resolved' && to === 'open') return opened(row, row.kind, finding, now, terms, 'found again')
  if (isSilenceOver(row, now))
    return opened(row, row.kind, finding, now, terms, 'its silence is over, and it still holds')
  const incident = isIncident(row.kind, finding)
  const isNew = incident || !row.holds
  const late = escalation(row, now, terms)
  if (!isNew && !late && now - row.lastSeenAt < REFRESH_MS) return null
  const next: AlertRow = {
    ...row,
    holds: !incident,
    clearSince: null,
    count: row.count + (isNew ? newOnes(row.kind, finding) : 0),
    lastSeenAt: now,
    latest: inputsOf(finding, now),
    workflow: finding.workflow,
    labels: finding.labels,
    revision: row.revision + 1,
  }
  return late ? escalated(next, now) : { row: next, events: [], notices: [] }
}

/** Not found. */
function unseen(row: AlertRow, now: number, terms: AlertTerms): AlertChange | null {
  if (row.state === 'resolved') return null
  const after = terms.resolveAfterMs(row.kind)
  const gone: AlertRow = row.holds ? { ...row, holds: false, clearSince: now } : row
  const isLong = after !== null && now - (gone.clearSince ?? now) >= after
  if (isSilenceOver(row, now)) return silenceOver(gone, after !== null, now)
  if (isLong && ALERT_MACHINE[row.state].gone === 'resolved')
    return resolvedBy(gone, ALERT_SERVICE, 'the condition is gone', now)
  const late = escalation(row, now, terms)
  if (gone === row && !late) return null
  const next = { ...gone, revision: row.revision + 1 }
  return late ? escalated(next, now) : { row: next, events: [], notices: [] }
}

function isSilenceOver({ state, silencedUntil }: AlertRow, now: number): boolean {
  return state === 'silenced' && silencedUntil !== null && silencedUntil <= now
}

/** What nobody needs to look at is resolved; what somebody must look at is open again, and told. */
function silenceOver(row: AlertRow, isGone: boolean, now: number): AlertChange {
  if (isGone) return resolvedBy(row, ALERT_SERVICE, 'its silence is over, and the condition is gone', now)
  const next: AlertRow = {
    ...row,
    ...{ state: 'open', silencedUntil: null, openings: row.openings + 1, openedAt: now, escalatedAt: null },
    ...{ acknowledgedBy: null, acknowledgedAt: null, revision: row.revision + 1 },
  }
  const reason = 'its silence is over, and nobody has resolved it'
  return changed(next, { kind: 'reopened', by: ALERT_SERVICE, reason, now, notice: 'alert.opened' })
}

/** Resolved, by the evaluation or a person. */
export function resolvedBy(row: AlertRow, by: string, reason: string, now: number): AlertChange {
  const next: AlertRow = {
    ...row,
    ...{ state: 'resolved', resolvedAt: now, resolvedBy: by, silencedUntil: null, revision: row.revision + 1 },
  }
  return changed(next, { kind: 'resolved', by, reason, now, notice: 'alert.resolved' })
}

function escalation(row: AlertRow, now: number, { escalateAfterMs }: AlertTerms): boolean {
  if (escalateAfterMs === null || row.state !== 'open' || row.severity !== 'page') return false
  return row.escalatedAt === null && now - row.openedAt >= escalateAfterMs
}

function escalated(row: AlertRow, now: number): AlertChange {
  const reason = 'nobody has acknowledged it'
  const told = { kind: 'escalated', by: ALERT_SERVICE, reason, now, notice: 'alert.escalated' } as const
  return changed({ ...row, escalatedAt: now }, told)
}
