import type { AuditAll } from '@signalbox/protocol'
import { FACTS_CURSOR, isoTime, SignalboxError, type SwitchAudit } from 'signalbox'
import { permissionsOf } from '../auth.ts'
import { troubleNow } from '../health/troubles.ts'
import { signOffFault } from '../identity/access.ts'
import { alertSummaryView } from '../views/alerts.ts'
import { outerBudgetView } from '../views/budgets.ts'
import { undosOf } from '../views/compensation.ts'
import { auditEvery, auditOne, explanationOf, lineageView } from '../views/history.ts'
import { workflowView } from '../views/system.ts'
import type { ApiDeps, Handlers } from './handlers.ts'
import { noOutbox } from './outbox-handlers.ts'

type Names =
  | 'health'
  | 'ready'
  | 'status'
  | 'me'
  | 'workflows'
  | 'explain'
  | 'lineage'
  | 'budgets'
  | 'audit'
  | 'auditAll'

/** Troubles with which no run goes on. */
const STOPS: ReadonlySet<string> = new Set(['STORE_FULL', 'STORE_READ_ONLY', 'STORE_UNAVAILABLE', 'STORE_CORRUPT'])

/** Endpoints about the server itself, explanations and audits. */
export function systemHandlers(deps: ApiDeps): Pick<Handlers, Names> {
  const { runs, host, mode, version } = deps
  return {
    health: async () => ({ status: 'ok', name: 'signalbox', version, mode }),
    ready: async () => {
      const codes = (deps.troubles?.view() ?? []).map(({ code }) => code).filter((code) => STOPS.has(code))
      const unread = await deps.store.cursor(FACTS_CURSOR).then(
        () => [],
        () => ['STORE_UNAVAILABLE'],
      )
      const why = [...new Set([...codes, ...unread])]
      if (why.length === 0) return { status: 'ready' }
      throw new SignalboxError('NOT_READY', `runs do not go on: ${why.join(', ')}; see \`signalbox status\``)
    },
    status: async (_input, who) => {
      const unsigned = deps.access ? signOffFault(await deps.access.signOff()) : null
      const alerts = await deps.alerts?.summary(who.tenant)
      const blind = alerts?.blind ?? null
      const troubles = [
        ...(deps.troubles?.view() ?? []),
        ...(unsigned === null ? [] : [troubleNow('ROLES_NOT_SIGNED', unsigned, host.now())]),
        ...(blind === null ? [] : [troubleNow('ALERTS_BLIND', blind, host.now())]),
      ]
      const { queued, dead, disabled } = await (deps.outbox ?? noOutbox(deps)).summary(who.tenant)
      const notifications = { queued, dead, disabled_channels: [...disabled] }
      return {
        ok: troubles.length === 0,
        version,
        mode,
        now: isoTime(host.now()),
        troubles,
        notifications,
        ...(deps.telemetry ? { telemetry: await deps.telemetry() } : {}),
        ...(alerts ? { alerts: alertSummaryView(alerts) } : {}),
      }
    },
    me: async (_input, who) => ({
      principal: { ...who, roles: [...who.roles] },
      permissions: [...permissionsOf(who)],
    }),
    workflows: async () => ({
      workflows: deps.workflows
        .map((spec) => workflowView(spec, deps.models))
        .sort((a, b) => a.name.localeCompare(b.name)),
    }),
    budgets: async (_input, who) => ({
      budgets: (await runs.outerBudgets(who.tenant)).map((each) => outerBudgetView(each, host.now())),
    }),
    explain: async ({ params }, who) => await explanationOf(deps, who.tenant, params.id),
    lineage: async ({ params }, who) => {
      await runs.get(who.tenant, params.id)
      const undos = await undosOf(runs, who.tenant, params.id)
      return lineageView(params.id, await runs.records(who.tenant, params.id), undos)
    },
    audit: async ({ params }, who) => await auditOne(deps.store, await runs.get(who.tenant, params.id)),
    auditAll: async (_input, { tenant }) => {
      const all = await auditEvery(deps.store, tenant, deps.policy)
      const alerts = await deps.alerts?.audit(tenant)
      const switches = await deps.switches?.audit(tenant)
      return {
        ...all,
        ok: all.ok && (alerts?.ok ?? true) && (switches?.ok ?? true),
        ...(alerts ? { alerts: chainView(alerts) } : {}),
        ...(switches ? { switches: chainView(switches) } : {}),
      }
    },
  }
}

function chainView({ ok, events, findings }: SwitchAudit): NonNullable<AuditAll['switches']> {
  return { ok, events, findings: [...findings] }
}
