/** Alerts of the mock backend and what people do with them. */
import {
  type AlertDetailView,
  type AlertEventView,
  type AlertInputsView,
  type EndpointName,
  type Me,
  SignalboxError,
} from '@signalbox/protocol'
import { RUN } from './runs.ts'

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString()

/** Ids of alerts that tests speak of. */
export const ALERT = { unknown: 'alr_01kbunknowneffect000001', clock: 'alr_01kbclock0000000000002' } as const

const inputs = (seconds: number, unknown: number): AlertInputsView => ({
  version: 1,
  at: ago(seconds),
  window_seconds: null,
  values: { unknown, oldest_seconds: 330, note: '<b>not bold</b>' },
  limits: { olderThanSeconds: 300 },
  refs: [{ run_id: RUN.question, seq: 12 }],
})

function eventOf(alert: AlertDetailView, part: Partial<AlertEventView> & Pick<AlertEventView, 'kind'>): AlertEventView {
  const { state, openings, latest } = alert
  const seq = alert.events.length + 1
  return {
    ...{ seq, at: ago(0), opening: openings, state, by: 'service:alerts', reason: '' },
    until: null,
    switch_id: null,
    inputs: latest,
    ...part,
  }
}

/** One that pages, one that is over. */
export function allAlerts(): AlertDetailView[] {
  const rest = {
    ...{ count: 2, openings: 1, acknowledged_by: null, acknowledged_at: null, silenced_until: null },
    ...{ resolved_by: null, resolved_at: null, escalated_at: null, kill_switch: null },
  }
  const unknown: AlertDetailView = {
    ...rest,
    events: [],
    ...{ id: ALERT.unknown, kind: 'effect.unknown', key: 'payables/payments.pay', state: 'open', severity: 'page' },
    title: 'outcome of 1 effects of payments.pay in payables is unknown',
    about: 'effects whose outcome has been unknown for longer than their look-up takes',
    ...{ workflow: 'payables', labels: { tool: 'payments.pay' }, holds: true },
    ...{ opened_at: ago(400), last_seen_at: ago(3), runbook: 'docs/runbooks/unknown-effects.md' },
    ...{ inputs: inputs(400, 1), latest: inputs(3, 1) },
  }
  const clock: AlertDetailView = {
    ...rest,
    events: [],
    ...{ id: ALERT.clock, kind: 'clock.trouble', key: 'clock', state: 'acknowledged', severity: 'ticket' },
    ...{ title: 'the clock was set back', about: 'the clock of the server', workflow: null, labels: {}, holds: false },
    ...{ opened_at: ago(4000), last_seen_at: ago(900), runbook: 'docs/runbooks/clock.md' },
    ...{ acknowledged_by: 'user:olga', acknowledged_at: ago(3000) },
    inputs: { ...inputs(4000, 0), refs: [] },
    latest: { ...inputs(900, 0), refs: [] },
  }
  const all = [unknown, clock]
  for (const each of all) each.events.push(eventOf(each, { kind: 'opened', at: each.opened_at, state: 'open' }))
  return all
}

interface Held {
  readonly alerts: AlertDetailView[]
  blind: string | null
}
type Call = { id: string; query: unknown; body: unknown; me: Me | null }
type Answers = Partial<Record<EndpointName, (held: Held, call: Call) => unknown>>

function find(held: Held, id: string): AlertDetailView {
  const found = held.alerts.find((each) => each.id === id)
  if (!found) throw new SignalboxError('NOT_FOUND', `there is no alert \`${id}\`: see \`signalbox alerts list\``)
  return found
}

/** What is read of alerts. */
export const ALERT_READS: Answers = {
  alerts: (held, { query }) => {
    const { state, kind, severity, limit } = query as Record<string, string> & { limit: number } // parsed before
    const fits = (each: AlertDetailView) =>
      (state === 'all' || (state === 'unresolved' ? each.state !== 'resolved' : each.state === state)) &&
      (kind === undefined || each.kind === kind) &&
      (severity === undefined || each.severity === severity)
    const loud = held.alerts.filter((each) => each.state === 'open' || each.state === 'acknowledged')
    const count = (name: string) => loud.filter((each) => each.severity === name).length
    return {
      summary: {
        evaluated_at: ago(2),
        open: { page: count('page'), ticket: count('ticket'), info: 0 },
        silenced: held.alerts.filter((each) => each.state === 'silenced').length,
        blind: held.blind,
      },
      alerts: held.alerts.filter(fits).slice(0, limit),
      next: null,
    }
  },
  alert: (held, { id }) => find(held, id),
  alertRules: (held) => ({
    rules: held.alerts.map(({ kind, about, severity, runbook }) => ({
      ...{ kind, about, severity, runbook, off: false, limits: {}, labels: [], resolve_after_seconds: null },
      ...{ overrides: [], switches: [] },
    })),
  }),
}

/** What is done with them. */
export const ALERT_CHANGES: Answers = {
  acknowledgeAlert: (held, call) =>
    change(held, call, 'acknowledged', { acknowledged_by: call.me?.principal.id ?? null, acknowledged_at: ago(0) }),
  silenceAlert: (held, call) => {
    const { for_seconds: seconds } = call.body as { for_seconds: number } // parsed before
    return change(held, call, 'silenced', { silenced_until: ago(-seconds) })
  },
  resolveAlert: (held, call) =>
    change(held, call, 'resolved', { resolved_by: call.me?.principal.id ?? null, resolved_at: ago(0) }),
}

function change(
  held: Held,
  { id, body, me }: Call,
  state: 'acknowledged' | 'silenced' | 'resolved',
  part: Partial<AlertDetailView>,
): AlertDetailView {
  const alert = find(held, id)
  const { reason } = body as { reason: string } // parsed before
  Object.assign(alert, { state, ...part })
  const until = state === 'silenced' ? alert.silenced_until : null
  alert.events.push(eventOf(alert, { kind: state, by: me?.principal.id ?? '', reason, until }))
  return alert
}
