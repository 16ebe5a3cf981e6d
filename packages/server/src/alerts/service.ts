import {
  ALERT_KINDS,
  ALERT_MACHINE,
  ALERT_RULES,
  type AlertAct,
  type AlertChange,
  type AlertEvent,
  type AlertFilter,
  type AlertKind,
  type AlertRow,
  type AlertRule,
  type AlertSeverity,
  alertChanged,
  alertEventOf,
  alertHistoryFindings,
  chainAlertEvents,
  type Host,
  type Principal,
  resolveAlert,
  SignalboxError,
  type Store,
} from 'signalbox'
import { headsOf } from './evaluator.ts'
import { type AlertSettings, termsIn } from './settings.ts'

/** A kind as the project has it. */
export interface AlertRuleStanding {
  readonly kind: AlertKind
  readonly rule: AlertRule
  readonly severity: AlertSeverity
  readonly limits: Readonly<Record<string, number>>
  readonly off: boolean
  /** Null: a person resolves it. */
  readonly resolveAfterSeconds: number | null
  readonly overrides: AlertSettings['overrides']
  readonly switches: AlertSettings['onAlert']
}

/** How alerts stand, and whether anybody evaluates them. */
export interface AlertSummary {
  /** Milliseconds since 1970; null before the first evaluation. */
  readonly evaluatedAt: number | null
  /** Unresolved ones that are not silenced, up to a thousand. */
  readonly open: Readonly<Record<AlertSeverity, number>>
  readonly silenced: number
  /** Set when the evaluation does not work: a sentence. */
  readonly blind: string | null
}

/** What people do with alerts. Evaluating them is the leader's. */
export interface AlertService {
  list(filter: AlertFilter & { readonly tenant: string }): Promise<readonly AlertRow[]>
  /** With its history, oldest first. Throws NOT_FOUND. */
  show(tenant: string, id: string): Promise<{ readonly row: AlertRow; readonly events: readonly AlertEvent[] }>
  /** Throws NOT_FOUND and CONFLICT. */
  acknowledge(id: string, by: Principal, reason: string): Promise<AlertRow>
  /** Nobody is told of it until then. Throws NOT_FOUND, CONFLICT, and INPUT_INVALID for a time that has passed. */
  silence(id: string, by: Principal, reason: string, until: number): Promise<AlertRow>
  /** Throws NOT_FOUND, and CONFLICT while the condition still holds. */
  resolve(id: string, by: Principal, reason: string): Promise<AlertRow>
  rules(): readonly AlertRuleStanding[]
  summary(tenant: string): Promise<AlertSummary>
  /** Whether the history of the tenant's alerts verifies. */
  audit(
    tenant: string,
  ): Promise<{ readonly ok: boolean; readonly events: number; readonly findings: readonly string[] }>
}

const MOST_COUNTED = 1_000
const MOST_AUDITED = 1_000_000
/** The leader may change the row between a read and a write: so often it is tried again. */
const TRIES = 10
/** An evaluation that said nothing for so long is missing. */
const MISSING_MS = 120_000

/** What the service works with. `fault`: why this process's own evaluation fails, where it has one. */
export interface AlertServiceOptions {
  readonly store: Pick<Store, 'alerts' | 'alert' | 'alertEvents' | 'alertHead' | 'alertProgress' | 'commitAlerts'>
  readonly settings: AlertSettings
  readonly host: Host
  readonly fault?: () => string | null
}

/** The service over a store, with or without a server that evaluates. */
export function alertService(options: AlertServiceOptions): AlertService {
  const { store, settings } = options
  return {
    list: (filter) => store.alerts(filter),
    show: async (tenant, id) => {
      const row = await alertOf(store, tenant, id)
      return { row, events: (await store.alertEvents(tenant, { alertId: id })).map(alertEventOf) }
    },
    acknowledge: (id, by, reason) =>
      change(options, id, by, (row, now) => {
        const state = after(row, 'acknowledge')
        const next = { ...row, state, acknowledgedBy: by.id, acknowledgedAt: now, silencedUntil: null }
        return told(next, 'acknowledged', by, reason, now)
      }),
    silence: (id, by, reason, until) =>
      change(options, id, by, (row, now) => {
        if (until <= now) throw new SignalboxError('INPUT_INVALID', '`until` has passed already: give a later time')
        return told({ ...row, state: after(row, 'silence'), silencedUntil: until }, 'silenced', by, reason, now)
      }),
    resolve: (id, by, reason) =>
      change(options, id, by, (row, now) => {
        after(row, 'resolve')
        refuseHolding(row)
        return resolveAlert(row, by.id, reason, now)
      }),
    rules: () => ALERT_KINDS.map((kind) => standingOf(kind, settings)),
    summary: (tenant) => summaryOf(options, tenant),
    audit: async (tenant) => {
      const events = await store.alertEvents(tenant)
      const findings = alertHistoryFindings(events, await store.alerts({ tenant, limit: MOST_AUDITED }))
      return { ok: findings.length === 0, events: events.length, findings }
    },
  }

  function told(
    next: AlertRow,
    kind: 'acknowledged' | 'silenced',
    by: Principal,
    reason: string,
    now: number,
  ): AlertChange {
    return alertChanged({ ...next, revision: next.revision + 1 }, { kind, by: by.id, reason, now })
  }

  function after(row: AlertRow, act: Extract<AlertAct, 'acknowledge' | 'silence' | 'resolve'>): AlertRow['state'] {
    const to = ALERT_MACHINE[row.state][act]
    if (to !== 'refused') return to
    throw new SignalboxError('CONFLICT', `alert \`${row.id}\` is ${row.state} already`, {
      details: { state: row.state },
    })
  }

  function refuseHolding(row: AlertRow): void {
    if (row.holds)
      throw new SignalboxError(
        'CONFLICT',
        `what alert \`${row.id}\` is about still holds: mend it, or silence the alert until then`,
      )
    if (row.engaged?.state === 'wanted')
      throw new SignalboxError('CONFLICT', `the kill switch of rule \`${row.engaged.rule}\` is being thrown: try again`)
  }
}

async function alertOf(store: AlertServiceOptions['store'], tenant: string, id: string): Promise<AlertRow> {
  const row = await store.alert(tenant, id)
  if (row) return row
  throw new SignalboxError('NOT_FOUND', `there is no alert \`${id}\`: see \`signalbox alerts list\``)
}

async function change(
  { store, host }: AlertServiceOptions,
  id: string,
  by: Principal,
  edit: (row: AlertRow, now: number) => AlertChange,
): Promise<AlertRow> {
  for (let tries = 0; tries < TRIES; tries++) {
    const { row, events, notices } = edit(await alertOf(store, by.tenant, id), host.now())
    const chained = chainAlertEvents(events, await headsOf(store, events))
    const commit = { lease: null, progress: null, rows: [row], events: chained, notices }
    if ((await store.commitAlerts(commit)) === 'committed') return row
  }
  throw new SignalboxError('CONFLICT', `alert \`${id}\` changes all the time: try again`)
}

function standingOf(kind: AlertKind, settings: AlertSettings): AlertRuleStanding {
  const own = settings.kinds[kind]
  const { severityOf, resolveAfterMs } = termsIn(settings)
  const after = resolveAfterMs(kind)
  return {
    kind,
    rule: ALERT_RULES[kind],
    severity: severityOf(kind),
    limits: { ...ALERT_RULES[kind].limits, ...own?.limits },
    off: own?.off ?? false,
    resolveAfterSeconds: after === null ? null : after / 1_000,
    overrides: settings.overrides.filter((each) => each.kind === kind),
    switches: settings.onAlert.filter((each) => each.kind === kind),
  }
}

async function summaryOf({ store, host, fault }: AlertServiceOptions, tenant: string): Promise<AlertSummary> {
  const progress = await store.alertProgress()
  const states = ['open', 'acknowledged', 'silenced'] as const
  const rows = await store.alerts({ tenant, states, limit: MOST_COUNTED })
  const loud = rows.filter(({ state }) => state !== 'silenced')
  const count = (severity: AlertSeverity): number => loud.filter((row) => row.severity === severity).length
  const silentMs = progress ? host.now() - progress.evaluatedAt : 0
  const own = fault?.() ?? null
  const missing = silentMs > MISSING_MS ? `no evaluation for ${Math.round(silentMs / 1_000)} s` : null
  return {
    evaluatedAt: progress?.evaluatedAt ?? null,
    open: { page: count('page'), ticket: count('ticket'), info: count('info') },
    silenced: rows.length - loud.length,
    blind: own ?? missing,
  }
}
