import type { InterventionPoint } from '../contracts/policy.ts'

/**
 * The eight intervention points. `always` points are decided for every call; the others are skipped when no policy
 * names their action `point:<name>` (ENGINE R20).
 */
export const POINTS = {
  agent_startup: { always: false },
  input: { always: false },
  pre_model_call: { always: true },
  post_model_call: { always: false },
  pre_tool_call: { always: true },
  post_tool_call: { always: false },
  output: { always: false },
  agent_shutdown: { always: false },
} as const satisfies Record<InterventionPoint, { readonly always: boolean }>

/** True for a name of an intervention point. */
export function isPoint(name: string): name is InterventionPoint {
  return Object.hasOwn(POINTS, name)
}

/** The points in the order of a run. */
export const POINT_NAMES: readonly InterventionPoint[] = Object.keys(POINTS).filter(isPoint)
