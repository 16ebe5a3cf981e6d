import { appendBarrier } from './barrier.ts'
import { outputsToJudge } from './barrier-view.ts'
import { openHeld } from './fan-in.ts'
import type { Scope } from './scope.ts'
import type { OpenState } from './state.ts'
import type { Superstep } from './superstep.ts'

/** The error codes of ends that a workflow's own contract brings about. */
export const VERDICT_CODES = { loop: 'LOOP_FOUND', quality: 'QUALITY_FAILED', completion_event: 'NO_OUTPUT' } as const

/** What comes next in a scope, told from what is open in its checkpoint (invariant 12). */
export function nextMove({ spec, state }: Scope): 'verdict' | 'superstep' | 'limit' | 'wait' | 'end' {
  const { queue, requests, superstep, mark } = state.checkpoint
  // It is on record with the barrier, so that a crash changes nothing of it.
  if (mark?.verdict && mark.verdict.escalated_to === undefined) return 'verdict'
  if (queue.length > 0) return superstep < spec.maxSupersteps ? 'superstep' : 'limit'
  return requests.length > 0 ? 'wait' : 'end'
}

/** Commits a superstep whose nodes all are done. Its scope does not go on before that is durable (invariant 10). */
export async function closeSuperstep(scope: Scope, step: Superstep, before: OpenState): Promise<void> {
  const { run } = scope
  await run.env.fault?.('barrier', { runId: run.runId, name: String(step.number) })
  const held = await openHeld(scope)
  // Conditions of edges are user code too.
  const place = { runId: run.runId, activation: null, where: 'condition', mediated: false } as const
  const outputs = await outputsToJudge(scope)
  run.env.outlet.runIn(place, () => appendBarrier(scope, before, held, step, outputs))
  await run.flush()
  await run.env.fault?.('barrier_durable', { runId: run.runId, name: String(step.number) })
}
