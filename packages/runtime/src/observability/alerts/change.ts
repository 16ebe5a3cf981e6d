import { sha256Hex } from '../../base/hash.ts'
import { isoTime } from '../../base/time.ts'
import type { AlertEvent, AlertEventKind, AlertInputs, AlertKind, AlertRow } from '../../contracts/alerts.ts'
import type { Notice, NoticeKind, NoticeSeverity } from '../../contracts/outbox.ts'
import type { AlertFinding } from './facts.ts'
import { ALERT_RULES, ALERT_RULES_VERSION } from './kinds.ts'

/** Who changes an alert where no person does, and throws the switches that rules declare. */
export const ALERT_SERVICE = 'service:alerts'

/** An event before its place in the history is known. */
export type AlertEventDraft = Omit<AlertEvent, 'seq' | 'prev'>

/** An alert as it is after a change, with what tells of it; `events` is empty where only what was seen changed. */
export interface AlertChange {
  readonly row: AlertRow
  readonly events: readonly AlertEventDraft[]
  readonly notices: readonly Notice[]
}

/** The id of the alert about this; the same trouble has the same. */
export function alertId(tenant: string, kind: AlertKind, key: string): string {
  return `alr_${sha256Hex(JSON.stringify([tenant, kind, key])).slice(0, 20)}`
}

/** References that an alert keeps. */
const MOST_REFS = 20

/** What was seen, as the alert keeps it. */
export function inputsOf(finding: AlertFinding, now: number): AlertInputs {
  const { windowSeconds, values, limits, refs } = finding
  return {
    version: ALERT_RULES_VERSION,
    at: isoTime(now),
    window_seconds: windowSeconds,
    values,
    limits,
    refs: refs.slice(-MOST_REFS),
  }
}

/** What is wrong, in a sentence. */
export function alertTitle({ kind, latest, labels, workflow }: AlertRow): string {
  return ALERT_RULES[kind].title({ values: latest.values, labels, workflow })
}

/** A change with its event, and its message where people are to be told. */
export function changed(
  row: AlertRow,
  told: {
    readonly kind: AlertEventKind
    readonly by: string
    readonly reason: string
    readonly now: number
    readonly switchId?: string
    readonly notice?: NoticeKind
  },
): AlertChange {
  const { kind, by, reason, now, switchId, notice } = told
  const event: AlertEventDraft = {
    v: 1,
    tenant: row.tenant,
    at: isoTime(now),
    kind,
    alert_id: row.id,
    alert_kind: row.kind,
    key: row.key,
    opening: row.openings,
    state: row.state,
    severity: row.severity,
    by,
    reason,
    until: kind === 'silenced' && row.silencedUntil !== null ? isoTime(row.silencedUntil) : null,
    switch_id: switchId ?? null,
    inputs: row.latest,
  }
  return { row, events: [event], notices: notice === undefined ? [] : [noticeOf(row, notice, now)] }
}

const URGENCY: Readonly<Record<AlertRow['severity'], NoticeSeverity>> = {
  page: 'urgent',
  ticket: 'warning',
  info: 'info',
}

/** What people are told: names, numbers and what to do (Invariant 14). Its id makes it one message of each opening. */
function noticeOf(row: AlertRow, kind: NoticeKind, now: number): Notice {
  const { tenant, id, workflow, openings, severity } = row
  const what = kind.slice('alert.'.length)
  return {
    tenant,
    id: what === 'opened' ? `${id}.${openings}` : `${id}.${openings}.${what}`,
    kind,
    severity: kind === 'alert.resolved' ? 'info' : URGENCY[severity],
    runId: row.latest.refs.at(-1)?.run ?? null,
    workflow,
    subject: id,
    roles: ['operator'],
    facts: {
      ...row.latest.values,
      title: alertTitle(row),
      severity,
      alert: row.kind,
      key: row.key,
      since: isoTime(row.openedAt),
      count: row.count,
      opening: openings,
      runbook: ALERT_RULES[row.kind].runbook,
      command: `signalbox alerts show ${id}`,
    },
    at: now,
  }
}
