import type { EffectClass } from '../contracts/common.ts'
import type { Decision, PolicyPort, PolicyRequest, StepTools } from '../contracts/policy.ts'

/** Sees each decision after it was made. It must not throw, and nothing that it does changes the decision. */
export type PolicyObserver = (request: PolicyRequest, decision: Omit<Decision, 'id'>) => void

/** The policy of a process whose bundle can be exchanged while runs go on. */
export interface LivePolicy extends PolicyPort {
  /** The bundle in force here. */
  current(): PolicyPort
  /**
   * Takes up another bundle, for every question from here on. A call that was decided under the one before and is not on
   * record yet is asked again. Throws CATALOGUE_LAXER or POLICY_BUNDLE_INVALID when the tools of this process do not fit its
   * catalogue; then the one before stays in force.
   */
  swap(next: PolicyPort): void
  /** Shows each decision to an observer from here on; null ends that. */
  observe(observer: PolicyObserver | null): void
}

type DeclaredTools = readonly { readonly name: string; readonly class: string; readonly effect: EffectClass }[]

/** Makes a policy that starts with one bundle and can take up another. */
export function livePolicy(first: PolicyPort): LivePolicy {
  let current = first
  let tools: DeclaredTools = []
  let steps: readonly StepTools[] = []
  let observer: PolicyObserver | null = null
  return {
    current: () => current,
    swap: (next) => {
      next.checkTools(tools)
      next.checkSteps(steps)
      current = next
    },
    observe: (next) => {
      observer = next
    },
    get bundle() {
      return current.bundle
    },
    hasRulesAt: (point) => current.hasRulesAt(point),
    decide: (request) => {
      const decision = current.decide(request)
      observer?.(request, decision)
      return decision
    },
    mayStart: (workflow, principal) => current.mayStart(workflow, principal),
    actDuties: () => current.actDuties?.() ?? [],
    sentence: (code) => current.sentence(code),
    tool: (name) => current.tool(name),
    isUserInput: (workflow) => current.isUserInput?.(workflow) ?? false,
    cannotPermit: (question) => current.cannotPermit(question),
    stepTools: (workflow, node) => current.stepTools(workflow, node),
    checkSteps: (declared) => {
      current.checkSteps(declared)
      steps = declared
    },
    checkTools: (declared) => {
      current.checkTools(declared)
      tools = declared
    },
  }
}
