import type { SwitchStatusView } from '@signalbox/protocol'
import { type Principal, SignalboxError, type SwitchEvent, type SwitchesApi, type SwitchStatus } from 'signalbox'
import { requirePermission } from '../auth.ts'
import { isoOf, isoOrNull } from '../views/runs.ts'
import { blastRadiusView, overrideView } from '../views/switches.ts'
import { killSwitchView } from '../views/system.ts'
import type { ApiDeps, Handlers } from './handlers.ts'

type Names =
  | 'killSwitches'
  | 'engageKillSwitch'
  | 'liftKillSwitch'
  | 'blastRadius'
  | 'switchStatus'
  | 'switchHistory'
  | 'overrides'
  | 'askOverride'
  | 'confirmOverride'
  | 'reviewOverride'

/** Endpoints about kill switches and leave to pass one. */
export function switchHandlers(deps: ApiDeps): Pick<Handlers, Names> {
  const { runs, host } = deps
  const switches = async (tenant: string) =>
    (await runs.killSwitches(tenant))
      .map((row) => killSwitchView(row, host.now()))
      .sort((a, b) => b.created_at.localeCompare(a.created_at))
  return {
    killSwitches: async (_input, who) => ({ kill_switches: await switches(who.tenant) }),
    engageKillSwitch: async ({ body }, who) => {
      const { scope, target, mode, reason, expires_in_seconds: seconds } = body
      refuseTarget(body)
      if (scope === 'global') requirePermission(who, 'kill_switches.global')
      const expiry = seconds === undefined ? {} : { expiresAt: host.now() + seconds * 1_000 }
      const row = await runs.engageKillSwitch({ by: who, scope, target, mode, reason, ...expiry })
      return killSwitchView(row, host.now())
    },
    liftKillSwitch: async ({ params, body }, who) => {
      await refuseForeign(deps, who, params.id)
      const { lifted } = await runs.liftKillSwitch({ id: params.id, by: who, reason: body.reason })
      return { kill_switches: await switches(who.tenant), lifted }
    },
    blastRadius: async ({ query }, who) => {
      refuseTarget(query)
      if (query.scope === 'global') requirePermission(who, 'kill_switches.global')
      return blastRadiusView(await apiOf(deps).blastRadius(who.tenant, query))
    },
    switchStatus: async ({ query }, who) => {
      const api = apiOf(deps)
      const all = await api.status(who.tenant, query.id)
      const overrides = await api.overrides(who.tenant)
      const unreviewed = overrides.filter((one) => one.confirmedBy !== null && one.reviewedBy === null)
      return { switches: all.map((one) => statusView(one, host.now())), unreviewed_overrides: unreviewed.length }
    },
    switchHistory: async (_input, who) => {
      const api = apiOf(deps)
      const { ok, findings } = await api.audit(who.tenant)
      return { ok, findings: [...findings], events: (await api.events(who.tenant)).map(eventView) }
    },
    overrides: async (_input, who) => {
      const all = await apiOf(deps).overrides(who.tenant)
      return { overrides: all.map(overrideView).reverse() }
    },
    askOverride: async ({ body }, who) => {
      const { switch_id: switchId, run_id: runId, ask, reason, expires_in_seconds: seconds } = body
      const expiresAt = host.now() + seconds * 1_000
      return overrideView(await apiOf(deps).askOverride({ switchId, runId, ask, by: who, reason, expiresAt }))
    },
    confirmOverride: async ({ params, body }, who) =>
      overrideView(await apiOf(deps).confirmOverride({ id: params.id, by: who, reason: body.reason })),
    reviewOverride: async ({ params, body }, who) =>
      overrideView(await apiOf(deps).reviewOverride({ id: params.id, by: who, reason: body.reason })),
  }
}

function apiOf({ switches }: ApiDeps): SwitchesApi {
  if (switches) return switches
  throw new SignalboxError('NOT_FOUND', 'this server does not keep the state of kill switches')
}

function refuseTarget({ scope, target }: { readonly scope: string; readonly target: string }): void {
  if ((scope === 'tenant' || scope === 'global') && target !== '*')
    throw new SignalboxError('INPUT_INVALID', `\`target\` must be \`*\` for the ${scope} scope`)
}

/** What stops every tenant is let go of by those who may stop every tenant. */
async function refuseForeign({ runs }: ApiDeps, who: Principal, id: string): Promise<void> {
  const row = (await runs.killSwitches(who.tenant)).find((one) => one.id === id)
  if (row && row.tenant !== who.tenant) requirePermission(who, 'kill_switches.global')
}

function statusView(status: SwitchStatus, now: number): SwitchStatusView['switches'][number] {
  return {
    kill_switch: killSwitchView(status.switch, now),
    acknowledged: status.acknowledged,
    workers: status.workers.map(({ worker, state, seenAt, at }) => ({
      worker,
      state,
      seen_at: isoOf(seenAt),
      at: isoOrNull(at),
    })),
  }
}

function eventView({ seq, at, kind, switch_id, override_id, by, reason, scope, target, mode, channel }: SwitchEvent) {
  return { seq, at, kind, switch_id, override_id, by, reason, scope, target, mode, channel }
}
