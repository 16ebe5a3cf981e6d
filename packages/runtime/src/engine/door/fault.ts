import type { FaultPoint } from '../env.ts'
import type { Ask } from './ask.ts'

/** Calls the fault hook at a named point, when there is one. */
export async function fault(ask: Ask, point: FaultPoint): Promise<void> {
  const hook = ask.run.env.fault
  if (hook) await hook(point, { runId: ask.run.runId, name: ask.name })
}
