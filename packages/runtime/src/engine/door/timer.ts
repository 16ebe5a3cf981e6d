import { isoTime, timeOf } from '../../base/time.ts'
import { NO_AMOUNTS } from '../../contracts/common.ts'
import type { TimerSet } from '../../contracts/records.ts'
import type { Ask, Ended } from './ask.ts'

/**
 * Sleeps until the due time that is on record, which is worked out once: a crash, a wait in another process or a fork
 * neither lengthens nor shortens it. The wall clock decides: set forward it brings the timer on, set back it holds it up
 * by as much. The outcome's latency is how late the timer fired.
 */
export async function passTime(ask: Ask): Promise<Ended> {
  const { run } = ask
  const { host } = run.env
  const due = timeOf((ask.journal().timer ?? setTimer(ask)).due)
  while (host.now() < due) {
    if (ask.withdrawn) return ask.withdrawn
    await ask.wait('timer', ask.ref.key, due)
  }
  return { status: 'succeeded', code: null, result: null, settled: NO_AMOUNTS, latencyMs: host.now() - due }
}

function setTimer(ask: Ask): TimerSet {
  const { run, spec } = ask
  if (spec.kind !== 'timer') throw new Error('only a timer can be set')
  const due = 'until' in spec.for ? timeOf(spec.for.until) : run.env.host.now() + spec.for.seconds * 1_000
  const set = { type: 'timer.set' as const, ask: ask.ref, due: isoTime(due) }
  // The record was appended as exactly this type.
  return run.append((put) => ({ ...set, proposal: ask.proposal(put) })) as unknown as TimerSet
}
