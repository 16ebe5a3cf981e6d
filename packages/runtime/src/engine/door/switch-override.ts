import type { KillSwitch } from '../../contracts/switches.ts'
import { recordSwitch } from '../switches/history.ts'
import type { Ask } from './ask.ts'

/**
 * Whether two persons gave leave for exactly this ask to pass exactly this switch. The leave is used up in the store before
 * anything is sent: of two workers one gets it, and a crash in between uses it up for nothing.
 */
export async function passesBy(ask: Ask, hit: KillSwitch): Promise<boolean> {
  const { env, runId, tenant } = ask.run
  const leave = env.switches.overrideFor(hit.id, runId, ask.ref.key)
  if (!leave || leave.tenant !== tenant) return false
  const used = { ...leave, usedAt: env.host.now() }
  const { confirmedBy: by } = leave
  const stored = await recordSwitch(env, tenant, (events) =>
    events.some(({ kind, override_id: id }) => kind === 'override_used' && id === leave.id)
      ? null
      : { kind: 'override_used', row: hit, override: used, by: by ?? '', reason: leave.reason },
  )
  return stored !== null
}
