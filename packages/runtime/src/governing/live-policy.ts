import type { Decision, PolicyPort, PolicyRequest } from '../contracts/policy.ts'

/** Sees each decision after it was made. It must not throw, and nothing that it does changes the decision. */
export type PolicyObserver = (request: PolicyRequest, decision: Omit<Decision, 'id'>) => void

/** The policy of a process whose bundle can be exchanged while runs go on. */
export interface LivePolicy<P extends PolicyPort = PolicyPort> extends PolicyPort {
  /** The bundle in force here. */
  current(): P
  /**
   * Takes up another bundle, for every question from here on. A call that was decided under the one before and is not on
   * record yet is asked again. Throws CATALOGUE_LAXER or POLICY_BUNDLE_INVALID when the tools and steps of this process do
   * not fit it; then the one before stays in force.
   */
  swap(next: P): void
  /** Shows each decision to an observer from here on; null ends that. */
  observe(observer: PolicyObserver | null): void
}

/**
 * Makes a policy that starts with one bundle and can take up another. Its type names every question of the port, so that
 * none is lost on the way, also one that a port may leave out.
 */
export function livePolicy<P extends PolicyPort>(first: P): LivePolicy<P> {
  let current = first
  let tools: Parameters<PolicyPort['checkTools']>[0] = []
  let steps: Parameters<PolicyPort['checkSteps']>[0] = []
  let observer: PolicyObserver | null = null
  const live: LivePolicy<P> & Record<keyof PolicyPort, unknown> = {
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
    get approvals() {
      return current.approvals
    },
    decide: (request) => {
      const decision = current.decide(request)
      observer?.(request, decision)
      return decision
    },
    actDuties: () => current.actDuties?.() ?? [],
    checkTools: (declared) => {
      current.checkTools(declared)
      tools = declared
    },
    checkSteps: (declared) => {
      current.checkSteps(declared)
      steps = declared
    },
    hasRulesAt: (point) => current.hasRulesAt(point),
    mayStart: (workflow, principal) => current.mayStart(workflow, principal),
    isUserInput: (workflow) => current.isUserInput?.(workflow) ?? false,
    sentence: (code) => current.sentence(code),
    cannotPermit: (question) => current.cannotPermit(question),
    stepTools: (workflow, node) => current.stepTools(workflow, node),
    tool: (name) => current.tool(name),
  }
  return live
}
