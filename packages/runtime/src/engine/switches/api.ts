import { SignalboxError } from '../../base/errors.ts'
import { newId } from '../../base/ids.ts'
import type { SwitchesApi } from '../../contracts/switches-api.ts'
import type { SwitchOverride } from '../../contracts/switches.ts'
import { stands } from '../../policy/index.ts'
import type { Env } from '../env.ts'
import { acknowledgements } from './acknowledged.ts'
import { allSwitches, switchOf } from './acts.ts'
import { eventOf, recordSwitch, switchFindings } from './history.ts'
import { blastRadius, wakeRun } from './reach.ts'

/** What is known of kill switches, and leave to pass one. */
export function createSwitches(env: Env): SwitchesApi {
  return {
    blastRadius: (tenant, target) => blastRadius(env, tenant, target),
    status: async (tenant, id) => {
      const now = env.host.now()
      const rows = await allSwitches(env, tenant)
      const wanted = rows.filter((row) => (id === undefined ? stands(row, now) : row.id === id))
      if (id !== undefined && wanted.length === 0)
        throw new SignalboxError('NOT_FOUND', `there is no kill switch \`${id}\``)
      const workers = await env.store.switchWorkers()
      return Promise.all(wanted.map((row) => acknowledgements(env, row, workers)))
    },
    workers: () => env.store.switchWorkers(),
    events: async (tenant) => (await env.store.switchEvents(tenant)).map(eventOf),
    audit: async (tenant) => {
      const events = await env.store.switchEvents(tenant)
      const findings = switchFindings(events, await env.store.killSwitches(tenant))
      return { ok: findings.length === 0, events: events.length, findings }
    },
    overrides: (tenant) => env.store.overrides(tenant),
    askOverride: (request) => askOverride(env, request),
    confirmOverride: ({ id, by, reason }) =>
      change(env, by.tenant, id, (row) => {
        if (row.confirmedBy !== null) throw done(row, 'confirmed')
        if (row.expiresAt <= env.host.now()) throw done(row, 'over')
        if (row.askedBy === by.id)
          throw new SignalboxError('APPROVAL_SELF', `\`${by.id}\` asked for it: somebody else must confirm it`)
        return { kind: 'override_confirmed', override: { ...row, confirmedBy: by.id }, by: by.id, reason }
      }),
    reviewOverride: ({ id, by, reason }) =>
      change(env, by.tenant, id, (row) => {
        if (row.reviewedBy !== null) throw done(row, 'reviewed')
        return { kind: 'override_reviewed', override: { ...row, reviewedBy: by.id }, by: by.id, reason }
      }),
  }
}

async function askOverride(
  env: Env,
  { switchId, runId, ask, by, reason, expiresAt }: Parameters<SwitchesApi['askOverride']>[0],
): Promise<SwitchOverride> {
  const row = await switchOf(env, by.tenant, switchId)
  const now = env.host.now()
  if (!stands(row, now)) throw new SignalboxError('CONFLICT', `kill switch \`${switchId}\` does not stand any more`)
  if (expiresAt <= now) throw new SignalboxError('INPUT_INVALID', '`expires_at` has passed already')
  const run = await env.store.run(by.tenant, runId)
  if (!run) throw new SignalboxError('RUN_NOT_FOUND', `there is no run \`${runId}\``)
  const override: SwitchOverride = {
    id: newId(env.host, 'ovr'),
    tenant: by.tenant,
    switchId,
    runId,
    ask,
    reason,
    askedBy: by.id,
    confirmedBy: null,
    createdAt: now,
    expiresAt,
    usedAt: null,
    reviewedBy: null,
  }
  await recordSwitch(env, by.tenant, () => ({ kind: 'override_asked', row, override, by: by.id, reason }))
  return override
}

type Change = (row: SwitchOverride) => {
  readonly kind: 'override_confirmed' | 'override_reviewed'
  readonly override: SwitchOverride
  readonly by: string
  readonly reason: string
}

async function change(env: Env, tenant: string, id: string, to: Change): Promise<SwitchOverride> {
  const stored = await recordSwitch(env, tenant, async () => {
    const found = (await env.store.overrides(tenant)).find((one) => one.id === id)
    if (!found) throw new SignalboxError('NOT_FOUND', `there is no override \`${id}\``)
    return { ...to(found), row: await switchOf(env, tenant, found.switchId) }
  })
  const override = stored?.draft.override
  if (!override) throw new SignalboxError('INTERNAL', 'an override gave no event')
  await env.switches.readAgain()
  // Best effort: without it the run looks again within a minute.
  if (override.usedAt === null)
    await wakeRun(env, `${id}:confirmed`, { tenant, runId: override.runId }, override.askedBy).catch(() => undefined)
  return override
}

function done(row: SwitchOverride, how: string): SignalboxError {
  return new SignalboxError('CONFLICT', `override \`${row.id}\` is ${how} already`)
}
