import type { InterventionPoint, Verdict } from '../contracts/policy.ts'

interface Point {
  /** Decided for every call; the others are skipped when nothing is in force there (ENGINE R20). */
  readonly always: boolean
  /** What the bundle may answer. */
  readonly bundle: readonly Verdict[]
  /** What a control may answer. */
  readonly control: readonly Verdict[]
}

const PASS_OR_DENY = ['allow', 'warn', 'deny'] as const
const OF_VALUES = [...PASS_OR_DENY, 'transform'] as const

/**
 * The eight intervention points with the verdicts that are possible at each; any other one is a malfunction. Points that
 * are not `always` are in force when a policy names their action `point:<name>`, or a control is registered there.
 */
export const POINTS = {
  agent_startup: { always: false, bundle: PASS_OR_DENY, control: PASS_OR_DENY },
  input: { always: false, bundle: PASS_OR_DENY, control: OF_VALUES },
  pre_model_call: { always: true, bundle: PASS_OR_DENY, control: OF_VALUES },
  post_model_call: { always: false, bundle: PASS_OR_DENY, control: OF_VALUES },
  pre_tool_call: {
    always: true,
    bundle: [...PASS_OR_DENY, 'require_approval'],
    control: [...OF_VALUES, 'require_approval'],
  },
  post_tool_call: { always: false, bundle: PASS_OR_DENY, control: OF_VALUES },
  output: { always: false, bundle: PASS_OR_DENY, control: OF_VALUES },
  agent_shutdown: { always: false, bundle: PASS_OR_DENY, control: PASS_OR_DENY },
} as const satisfies Record<InterventionPoint, Point>

/** True for a name of an intervention point. */
export function isPoint(name: string): name is InterventionPoint {
  return Object.hasOwn(POINTS, name)
}

/** True when this element may answer so at the point. */
export function mayAnswer(by: 'bundle' | 'control', point: InterventionPoint, verdict: Verdict): boolean {
  const possible: readonly Verdict[] = POINTS[point][by]
  return possible.includes(verdict)
}

/** The points in the order of a run. */
export const POINT_NAMES: readonly InterventionPoint[] = Object.keys(POINTS).filter(isPoint)
