import type { EffectClass } from '../contracts/common.ts'
import type { CatalogueTool, Decision, InterventionPoint, PolicyPort, PolicyRequest } from '../contracts/policy.ts'

/** What a scripted policy answers; everything it does not answer is allowed. */
export interface PolicyScript {
  /** Tools by name: class and effect as the catalogue has them. */
  readonly tools: Readonly<Record<string, { readonly class: string; readonly effect: EffectClass }>>
  /** The verdict for a request; undefined allows. May throw, as a broken policy does. */
  readonly decide?: (request: PolicyRequest) => Partial<Omit<Decision, 'id'>> | undefined
  /** Default `scripted@0`. */
  readonly bundle?: string
  /** Tools that a step may call, by workflow and node. */
  readonly steps?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
  /** Points that have rules. */
  readonly points?: readonly InterventionPoint[]
}

/** A policy for tests of everything but policy: it allows what its script does not judge. Never use it for real work. */
export function scriptedPolicy(script: PolicyScript): PolicyPort {
  const { bundle = 'scripted@0' } = script
  return {
    bundle,
    hasRulesAt: (point) => script.points?.includes(point) ?? false,
    decide: (request) => ({
      point: request.point,
      verdict: 'allow',
      reason_code: 'PERMITTED',
      policies: ['scripted'],
      asks: [],
      bundle,
      ...script.decide?.(request),
    }),
    mayStart: () => true,
    tool: (name) => catalogueRow(name, script.tools),
    checkTools: () => undefined,
    cannotPermit: () => null,
    stepTools: (workflow, node) => script.steps?.[workflow]?.[node] ?? null,
    checkSteps: () => undefined,
    sentence: () => null,
  }
}

/** Asks for a person with this role unless a bound approval is there: for `decide` of a scripted policy. */
export function needsApproval(request: PolicyRequest, role: string): Partial<Omit<Decision, 'id'>> {
  const asks = [{ id: 'scripted.approval', reason_code: 'NEEDS_APPROVAL', approvers: [role] }]
  const { approval } = request
  if (approval?.bound && approval.fresh && approval.approver.id !== request.principal.id)
    return { verdict: 'allow', reason_code: 'APPROVED', asks }
  return { verdict: 'require_approval', reason_code: 'NEEDS_APPROVAL', policies: ['scripted.approval'], asks }
}

function catalogueRow(name: string, tools: PolicyScript['tools']): CatalogueTool | null {
  if (!Object.hasOwn(tools, name)) return null
  const row = tools[name]
  if (!row) return null
  return { name, class: row.class, effect: row.effect, owner: 'tests', blast_radius: 'none', input: {}, facts: {} }
}
