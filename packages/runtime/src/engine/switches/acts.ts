import { SignalboxError } from '../../base/errors.ts'
import { newId } from '../../base/ids.ts'
import { isoTime } from '../../base/time.ts'
import type { RunsApi } from '../../contracts/runtime.ts'
import { EVERY_TENANT, type KillSwitch, type SwitchEvent } from '../../contracts/switches.ts'
import { needsTwo, stands, SWITCH_MACHINE, type SwitchAct, switchState } from '../../policy/index.ts'
import type { Env } from '../env.ts'
import { recordSwitch, type SwitchDraft } from './history.ts'
import { wakeRuns } from './reach.ts'

/** Switches of the tenant and of every tenant, oldest first, lifted ones too. */
export async function allSwitches({ store }: Pick<Env, 'store'>, tenant: string): Promise<readonly KillSwitch[]> {
  const rows = [...(await store.killSwitches(tenant)), ...(await store.killSwitches(EVERY_TENANT))]
  return rows.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
}

type Engage = Parameters<RunsApi['engageKillSwitch']>[0]

/** Throws a switch: on record and known here when it returns; known to every other worker within the lease. */
export async function engageSwitch(env: Env, request: Engage): Promise<KillSwitch> {
  const row = newSwitch(env, request)
  await storeThrown(env, row)
  await env.switches.readAgain()
  await wakeRuns(env, row, 'thrown')
  return row
}

function newSwitch(env: Env, { by, scope, target, mode, reason, expiresAt, id }: Engage): KillSwitch {
  const whole = scope === 'tenant' || scope === 'global'
  if (!whole && target.trim() === '')
    throw new SignalboxError('INPUT_INVALID', `\`target\` must name the ${scope} to stop`)
  const now = env.host.now()
  if (expiresAt !== undefined && expiresAt <= now)
    throw new SignalboxError('INPUT_INVALID', '`expires_at` has passed already: give a later time, or none')
  return {
    id: id ?? newId(env.host, 'ksw'),
    tenant: scope === 'global' ? EVERY_TENANT : by.tenant,
    scope,
    target: whole ? '*' : target,
    mode,
    reason,
    by: by.id,
    createdAt: now,
    expiresAt: expiresAt ?? null,
    liftedAt: null,
    liftedBy: null,
  }
}

async function storeThrown(env: Env, row: KillSwitch): Promise<void> {
  await recordSwitch(env, row.tenant, (events) => thrown(row, events))
}

/** The same switch is thrown once, however many processes tell of it. */
function thrown(row: KillSwitch, events: readonly SwitchEvent[]): SwitchDraft | null {
  if (events.some(({ kind, switch_id: id }) => kind === 'thrown' && id === row.id)) return null
  return { kind: 'thrown', row, changesRow: true, by: row.by, reason: row.reason }
}

/** Records what was stopped beside the store, now that it answers. It stands from then on like any other. */
export async function recordLocalStops(env: Env): Promise<void> {
  const { unrecorded } = env.switches
  for (const row of unrecorded) await storeThrown(env, row)
  if (unrecorded.length > 0) await env.switches.readAgain()
}

/** Lifts a switch, or asks for the second person where that takes two. */
export async function liftSwitch(
  env: Env,
  { id, by, reason }: Parameters<RunsApi['liftKillSwitch']>[0],
): Promise<{ readonly row: KillSwitch; readonly lifted: boolean }> {
  const { tenant } = await switchOf(env, by.tenant, id)
  const done = await recordSwitch(env, tenant, async () => {
    const now = await switchOf(env, by.tenant, id)
    const act = actOf(env, now)
    const next = SWITCH_MACHINE[switchState(now, env.host.now())][act]
    if (next === 'refused') throw over(now, env.host.now())
    if (act === 'ask_lift')
      return { kind: 'lift_asked', row: { ...now, liftAskedBy: by.id }, changesRow: true, by: by.id, reason }
    if (now.liftAskedBy === by.id)
      throw new SignalboxError('APPROVAL_SELF', `\`${by.id}\` asked to lift \`${id}\`: somebody else must confirm it`)
    const row = { ...now, liftedAt: env.host.now(), liftedBy: by.id }
    return { kind: 'lifted', row, changesRow: true, by: by.id, reason }
  })
  if (!done) throw new SignalboxError('INTERNAL', 'a lift gave no event')
  await env.switches.readAgain()
  const { row } = done.draft
  const lifted = !stands(row, env.host.now())
  if (lifted) await wakeRuns(env, row, 'lifted')
  return { row, lifted }
}

function actOf(env: Env, row: KillSwitch): SwitchAct {
  if (row.liftAskedBy !== undefined) return 'confirm_lift'
  return needsTwo(env.switches.twoPersonLift, row) ? 'ask_lift' : 'lift'
}

function over(row: KillSwitch, now: number): SignalboxError {
  const ended = row.liftedAt !== null ? 'lifted' : `over since ${isoTime(row.expiresAt ?? now)}`
  return new SignalboxError('CONFLICT', `kill switch \`${row.id}\` is ${ended} already`, {
    details: { lifted_by: row.liftedBy },
  })
}

/** The switch, as the tenant may see it. Throws NOT_FOUND. */
export async function switchOf(env: Pick<Env, 'store'>, tenant: string, id: string): Promise<KillSwitch> {
  const row = (await allSwitches(env, tenant)).find((one) => one.id === id)
  if (!row) throw new SignalboxError('NOT_FOUND', `there is no kill switch \`${id}\``)
  return row
}
