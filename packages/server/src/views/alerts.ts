import type {
  AlertEventView,
  AlertInputsView,
  AlertRuleView,
  AlertStatsView,
  AlertSummaryView,
  AlertView,
} from '@signalbox/protocol'
import { ALERT_RULES, type AlertEvent, type AlertInputs, type AlertRow, alertTitle } from 'signalbox'
import type { AlertRuleStanding, AlertSummary } from '../alerts/service.ts'
import { isoOf, isoOrNull } from './runs.ts'

/** An alert as the API shows it. */
export function alertView(row: AlertRow): AlertView {
  const { id, kind, key, state, severity, workflow, labels, holds, count, openings, engaged } = row
  return {
    ...{ id, kind, key, title: alertTitle(row), state, severity, workflow, labels, holds, count, openings },
    opened_at: isoOf(row.openedAt),
    last_seen_at: isoOf(row.lastSeenAt),
    acknowledged_by: row.acknowledgedBy,
    acknowledged_at: isoOrNull(row.acknowledgedAt),
    silenced_until: isoOrNull(row.silencedUntil),
    resolved_by: row.resolvedBy,
    resolved_at: isoOrNull(row.resolvedAt),
    escalated_at: isoOrNull(row.escalatedAt),
    kill_switch: engaged && { id: engaged.switch_id, rule: engaged.rule, state: engaged.state },
    runbook: ALERT_RULES[kind].runbook,
    inputs: inputsView(row.inputs),
    latest: inputsView(row.latest),
  }
}

function inputsView({ version, at, window_seconds, values, limits, refs }: AlertInputs): AlertInputsView {
  const shown = refs.map(({ run, seq }) => ({ run_id: run, seq }))
  return { version, at, window_seconds, values: { ...values }, limits: { ...limits }, refs: shown }
}

/** An entry of its history. */
export function alertEventView({
  seq,
  at,
  kind,
  opening,
  state,
  by,
  reason,
  until,
  switch_id,
  inputs,
}: AlertEvent): AlertEventView {
  return { seq, at, kind, opening, state, by, reason, until, switch_id, inputs: inputsView(inputs) }
}

/** How the alerts stand as a whole. */
export function alertSummaryView({ evaluatedAt, open, silenced, blind }: AlertSummary): AlertSummaryView {
  return { evaluated_at: isoOrNull(evaluatedAt), open: { ...open }, silenced, blind }
}

/** A kind as the project has it. */
export function alertRuleView({
  kind,
  rule,
  severity,
  limits,
  off,
  resolveAfterSeconds,
  ...own
}: AlertRuleStanding): AlertRuleView {
  return {
    ...{ kind, about: rule.about, severity, off, limits: { ...limits }, labels: [...rule.labels] },
    runbook: rule.runbook,
    resolve_after_seconds: resolveAfterSeconds,
    overrides: own.overrides.map(({ tenant, workflow, off: isOff, limits: other }) => ({
      tenant: tenant ?? null,
      workflow: workflow ?? null,
      off: isOff ?? false,
      limits: { ...other },
    })),
    switches: own.switches.map(({ name, workflow, engage: { scope, target, mode, expiresInMinutes } }) => ({
      ...{ rule: name, workflow: workflow ?? null, scope, target, mode, expires_in_minutes: expiresInMinutes },
    })),
  }
}

/** What alerts of each kind were like. */
export function alertKindStats(rows: readonly AlertRow[]): AlertStatsView['by_kind'] {
  return [...Map.groupBy(rows, ({ kind }) => kind)].map(([kind, all]) => ({
    kind,
    alerts: all.length,
    unresolved: all.filter(({ state }) => state !== 'resolved').length,
    openings: all.reduce((sum, { openings }) => sum + openings, 0),
    to_acknowledge_seconds: medianSeconds(all, ({ acknowledgedAt }) => acknowledgedAt),
    to_resolve_seconds: medianSeconds(all, ({ resolvedAt }) => resolvedAt),
  }))
}

function medianSeconds(rows: readonly AlertRow[], end: (row: AlertRow) => number | null): number | null {
  const spans = rows.flatMap((row) => {
    const at = end(row)
    return at === null ? [] : [Math.max(0, at - row.openedAt) / 1_000]
  })
  return spans.sort((a, b) => a - b)[Math.floor(spans.length / 2)] ?? null
}
