import { ALERT_KINDS, ALERT_STATES, type AlertKind, type AlertRow, memoryStore, SignalboxError } from 'signalbox'
import { type AlertService, alertService } from '../alerts/service.ts'
import { readAlertSettings } from '../alerts/settings.ts'
import { alertEventView, alertKindStats, alertRuleView, alertSummaryView, alertView } from '../views/alerts.ts'
import type { ApiDeps, Handlers } from './handlers.ts'

type Names = 'alerts' | 'alert' | 'acknowledgeAlert' | 'silenceAlert' | 'resolveAlert' | 'alertRules' | 'alertStats'

/** The service of an application that keeps no alerts. */
export function noAlerts({ host }: Pick<ApiDeps, 'host'>): AlertService {
  return alertService({ store: memoryStore(), settings: readAlertSettings(undefined), host })
}

const MOST_COUNTED = 1_000

/** Endpoints about alerts. */
export function alertHandlers(deps: ApiDeps): Pick<Handlers, Names> {
  const { host } = deps
  const alerts = deps.alerts ?? noAlerts(deps)
  const summary = async (tenant: string) => alertSummaryView(await alerts.summary(tenant))
  return {
    alerts: async ({ query }, { tenant }) => {
      const { state, kind, severity, workflow, cursor, limit } = query
      const rows = await alerts.list({
        tenant,
        limit: limit + 1,
        ...(state === 'all' ? {} : { states: statesOf(state) }),
        ...(kind === undefined ? {} : { kind: kindOf(kind) }),
        ...(severity === undefined ? {} : { severity }),
        ...(workflow === undefined ? {} : { workflow }),
        ...(cursor === undefined ? {} : { before: placeIn(cursor) }),
      })
      const page = rows.slice(0, limit)
      const last = rows.length > limit ? page.at(-1) : undefined
      return { summary: await summary(tenant), alerts: page.map(alertView), next: last ? cursorOf(last) : null }
    },
    alert: async ({ params }, { tenant }) => {
      const { row, events } = await alerts.show(tenant, params.id)
      const about = alerts.rules().find(({ kind }) => kind === row.kind)?.rule.about ?? ''
      return { ...alertView(row), about, events: events.map(alertEventView) }
    },
    acknowledgeAlert: async ({ params, body }, who) => alertView(await alerts.acknowledge(params.id, who, body.reason)),
    silenceAlert: async ({ params, body }, who) =>
      alertView(await alerts.silence(params.id, who, body.reason, host.now() + body.for_seconds * 1_000)),
    resolveAlert: async ({ params, body }, who) => alertView(await alerts.resolve(params.id, who, body.reason)),
    alertRules: async () => ({ rules: alerts.rules().map(alertRuleView) }),
    alertStats: async (_input, { tenant }) => {
      const { ok, events, findings } = await alerts.audit(tenant)
      return {
        summary: await summary(tenant),
        by_kind: alertKindStats(await alerts.list({ tenant, limit: MOST_COUNTED })),
        history: { ok, events, findings: [...findings] },
      }
    },
  }
}

function statesOf(state: 'unresolved' | AlertRow['state']): readonly AlertRow['state'][] {
  return state === 'unresolved' ? ALERT_STATES.filter((each) => each !== 'resolved') : [state]
}

function kindOf(text: string): AlertKind {
  const kind = ALERT_KINDS.find((each) => each === text)
  if (kind) return kind
  throw new SignalboxError('INPUT_INVALID', `\`kind\` is not one: take ${ALERT_KINDS.join(', ')}`)
}

function cursorOf({ openedAt, id }: AlertRow): string {
  return `${openedAt}.${id}`
}

function placeIn(cursor: string): { readonly openedAt: number; readonly id: string } {
  const [, at, id] = /^(\d{1,16})\.(alr_[0-9a-f]{1,64})$/.exec(cursor) ?? []
  if (at !== undefined && id !== undefined) return { openedAt: Number(at), id }
  throw new SignalboxError('INPUT_INVALID', '`cursor` is not one that a page ended with')
}
