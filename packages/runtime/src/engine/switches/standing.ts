import { isoTime } from '../../base/time.ts'
import type { KillSwitch } from '../../contracts/switches.ts'
import { engaged } from '../../policy/index.ts'
import type { LiveRun } from '../live-run.ts'

/** How long a paused run waits before it looks again; a lift wakes it sooner. */
const PAUSED_MS = 60_000

/** The switch that stands against the whole run now, or null. */
function against(run: LiveRun): KillSwitch | null {
  const { env, tenant, runId, spec } = run
  const subject = { tenant, workflow: spec.name, tool: null, class: null, run: runId }
  return engaged(env.switches.switches, subject, env.host.now(), 'run')
}

/** Ends a run that a switch stops: nothing new starts, what is in flight is broken off and looked up (ENGINE R19). */
export function stopBySwitch(run: LiveRun): void {
  if (run.dead || run.halt) return
  const hit = against(run)
  if (hit?.mode !== 'stop_now') return
  run.stopWith({
    kind: 'stop',
    end: 'stopped',
    reason: { kind: 'person', code: 'KILL_SWITCH', subject: hit.id },
    by: null,
  })
  run.abort.abort()
  run.waits.wakeAll(['approval', 'retry', 'switch', 'timer', 'request'])
}

/** Until when the run stands still between supersteps, as a record of its wait says it; null when it goes on. */
export function pausedUntil(run: LiveRun): { readonly id: string; readonly ms: number; readonly iso: string } | null {
  const hit = against(run)
  if (hit?.mode !== 'pause') return null
  const ms = Math.min(hit.expiresAt ?? Number.POSITIVE_INFINITY, run.env.host.now() + PAUSED_MS)
  return { id: hit.id, ms, iso: isoTime(ms) }
}
