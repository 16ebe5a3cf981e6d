import { isEnded } from '../../reliability/run-machine.ts'
import type { Ask } from './ask.ts'

/** What answers after it was given up is told, while the run is here and goes on; it changes nothing (invariant 5). */
export function recordLate(ask: Ask, call: Promise<unknown>): void {
  const { run, name, ref } = ask
  const since = run.env.host.monotonicMs()
  const tell = (how: 'answered' | 'failed'): void => {
    if (run.dead || run.isReleasing || isEnded(run.fold.status)) return
    const late = Math.round(run.env.host.monotonicMs() - since)
    run.append({ type: 'activity.late' as const, ask: ref, name, how, late_ms: late })
  }
  call.then(
    () => tell('answered'),
    () => tell('failed'),
  )
}
