import { isoTime, SignalboxError } from 'signalbox'
import { permissionsOf } from '../auth.ts'
import { outerBudgetView } from '../views/budgets.ts'
import { undosOf } from '../views/compensation.ts'
import { auditEvery, auditOne, explanationOf, lineageView } from '../views/history.ts'
import { killSwitchView, workflowView } from '../views/system.ts'
import type { ApiDeps, Handlers } from './handlers.ts'

type Names =
  | 'health'
  | 'status'
  | 'me'
  | 'workflows'
  | 'explain'
  | 'lineage'
  | 'budgets'
  | 'audit'
  | 'auditAll'
  | 'killSwitches'
  | 'engageKillSwitch'
  | 'liftKillSwitch'

/** Endpoints about the server itself, explanations and audits, and kill switches. */
export function systemHandlers(deps: ApiDeps): Pick<Handlers, Names> {
  const { runs, host, mode, version } = deps
  const switches = async (tenant: string) =>
    (await runs.killSwitches(tenant))
      .map((row) => killSwitchView(row, host.now()))
      .sort((a, b) => b.created_at.localeCompare(a.created_at))
  return {
    health: async () => ({ status: 'ok', name: 'signalbox', version, mode }),
    status: async () => {
      const troubles = [...(deps.troubles?.view() ?? [])]
      return { ok: troubles.length === 0, version, mode, now: isoTime(host.now()), troubles }
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
    budgets: async (_input, who) => ({ budgets: (await runs.outerBudgets(who.tenant)).map(outerBudgetView) }),
    explain: async ({ params }, who) => await explanationOf(deps, who.tenant, params.id),
    lineage: async ({ params }, who) => {
      await runs.get(who.tenant, params.id)
      const undos = await undosOf(runs, who.tenant, params.id)
      return lineageView(params.id, await runs.records(who.tenant, params.id), undos)
    },
    audit: async ({ params }, who) => await auditOne(deps.store, await runs.get(who.tenant, params.id)),
    auditAll: async (_input, who) => await auditEvery(deps.store, who.tenant),
    killSwitches: async (_input, who) => ({ kill_switches: await switches(who.tenant) }),
    engageKillSwitch: async ({ body }, who) => {
      const { scope, target, mode: how, reason, expires_in_seconds: seconds } = body
      if (scope === 'tenant' && target !== '*')
        throw new SignalboxError('INPUT_INVALID', '`target` must be `*` for the tenant scope')
      const expiry = seconds === undefined ? {} : { expiresAt: host.now() + seconds * 1000 }
      const row = await runs.engageKillSwitch({ by: who, scope, target, mode: how, reason, ...expiry })
      return killSwitchView(row, host.now())
    },
    liftKillSwitch: async ({ params, body }, who) => {
      await runs.liftKillSwitch({ id: params.id, by: who, reason: body.reason })
      return { kill_switches: await switches(who.tenant) }
    },
  }
}
