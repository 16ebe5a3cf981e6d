/** How far each tool of a bundle stands under approval, whatever is asked of it. */
import type { CatalogueTool } from '../../contracts/policy.ts'
import type { PolicyBundle } from '../bundle.ts'
import { type ActionShape, actionShapes } from '../cedar-schema.ts'
import type { Rule, RuleKind } from '../rules.ts'
import { type Standing, standingOf } from './structure.ts'

/** A policy that can match an action, and under which conditions. */
export interface PolicyStanding {
  readonly policy: string
  readonly kind: RuleKind
  readonly matches: 'always' | 'sometimes'
  /** Cedar text without the namespace; empty for `always`. */
  readonly conditions: readonly string[]
  /** Roles that may answer; empty unless it asks for a person. */
  readonly approvers: readonly string[]
}

/**
 * What can become of a call of a tool. `approval` is `always` when no call is let pass without a person; `sometimes` when
 * that depends on conditions; `never` when nobody is asked. `reach` is `none` when no policy permits it, `forbidden` when
 * a policy always denies it. Where it cannot be told, the answer is the less safe one.
 */
export interface ToolPosture {
  readonly tool: CatalogueTool
  readonly approval: 'always' | 'sometimes' | 'never'
  readonly reach: 'possible' | 'none' | 'forbidden'
  readonly policies: readonly PolicyStanding[]
}

/** The posture of every tool of the catalogue, in its order. */
export function toolPostures(bundle: Pick<PolicyBundle, 'catalogue' | 'rules'>): readonly ToolPosture[] {
  const shapes = new Map(actionShapes(bundle.catalogue).map((shape) => [shape.id, shape]))
  return bundle.catalogue.tools.flatMap((tool) => {
    const shape = shapes.get(`tool:${tool.name}`)
    return shape ? [postureOf(tool, shape, bundle.rules)] : []
  })
}

function postureOf(tool: CatalogueTool, shape: ActionShape, rules: readonly Rule[]): ToolPosture {
  const policies = rules.flatMap((rule) => standing(rule, standingOf(rule, shape)))
  const of = (kind: RuleKind) => policies.filter((each) => each.kind === kind)
  const isAlways = (each: PolicyStanding) => each.matches === 'always'
  const asking = of('require_approval')
  const approval = asking.some(isAlways) ? 'always' : asking.length > 0 ? 'sometimes' : 'never'
  const reach = of('permit').length === 0 ? 'none' : of('forbid').some(isAlways) ? 'forbidden' : 'possible'
  return { tool, approval, reach, policies }
}

function standing({ id, kind, approvers }: Rule, { matches, conditions }: Standing): PolicyStanding[] {
  return matches === 'never' ? [] : [{ policy: id, kind, matches, conditions, approvers }]
}
