import { SignalboxError, toSignalboxError } from '../base/errors.ts'
import { newId } from '../base/ids.ts'
import { canonicalJson, type JsonValue } from '../base/json.ts'
import type { ContentRef, Labels } from '../contracts/common.ts'
import type { Decision, InterventionPoint, PolicyRequest } from '../contracts/policy.ts'
import type { HandlerEnd, NodeSpec } from '../contracts/workflow.ts'
import { pointInput } from '../policy/index.ts'
import { type LiveRun, type Put, Unloaded } from './live-run.ts'
import type { Scope } from './scope.ts'

/** Facts that a point shows to policy; never content that the bundle did not declare. */
export interface PointSubject {
  readonly name: string
  readonly agent: string | null
  /** Shown by `pointInput`, only where a rule is in force. */
  readonly value: JsonValue
  readonly labels: Labels
}

/**
 * Asks policy at a point other than a call. Points without a rule in force are skipped (ENGINE R20). The verdict is on
 * record; anything but allow and warn stops the run (invariant 2). A malfunction throws and parks it.
 */
export function decideAt(run: LiveRun, point: InterventionPoint, subject: PointSubject): Decision | null {
  if (!run.env.policy.hasRulesAt(point)) return null
  const verdict = verdictOf(run, {
    point,
    run: { id: run.runId, workflow: run.spec.name, agent: subject.agent, mode: run.env.mode },
    principal: run.principal,
    action: { name: subject.name, class: `point.${point}`, effect: 'none', definition_hash: '' },
    input: pointInput(subject.value),
    facts: {},
    labels: subject.labels,
    approval: null,
  })
  const decision: Decision = { id: newId(run.env.host, 'dec'), ...verdict }
  run.append((put) => ({ type: 'decision.recorded' as const, decision, ...judged(put, decision, subject) }))
  return decision
}

/** What was judged, sealed beside the decision, so that another bundle can be asked the same; a denied one is no history. */
function judged(put: Put, decision: Decision, { name, agent, value, labels }: PointSubject): { asked?: ContentRef } {
  return passes(decision) ? { asked: put({ name, agent, value }, labels) } : {}
}

function verdictOf(run: LiveRun, request: PolicyRequest): Omit<Decision, 'id'> {
  try {
    return run.env.policy.decide(request)
  } catch (thrown) {
    throw new SignalboxError('POLICY_MALFUNCTION', toSignalboxError(thrown, 'POLICY_MALFUNCTION').message, {
      cause: thrown,
    })
  }
}

/** True when the verdict lets the run go on. */
export function passes(decision: Decision | null): boolean {
  return decision === null || decision.verdict === 'allow' || decision.verdict === 'warn'
}

/**
 * The verdict over an output, before it is on record or anybody sees a byte of it; a denied output is never history. An
 * agent's answer was judged at the door, before the call's own outcome; `judged` says which value passed there.
 */
export function passOutput(
  scope: Scope,
  node: NodeSpec,
  end: HandlerEnd,
  labels: Labels,
  judged: string | null,
): Promise<void> {
  if (end.kind !== 'message' || !isRunOutput(scope, node.name)) return Promise.resolve()
  if (judged !== null && judged === canonicalJson(end.message)) return Promise.resolve()
  return stopUnlessPassed(scope.run, 'output', outputSubject(node, end.message, labels))
}

/** True for a node whose message the run gives away; what a nested scope gives goes on inside the run. */
export function isRunOutput({ spec, around }: Scope, node: string): boolean {
  return around === null && spec.outputs.includes(node)
}

/** What policy sees of an output. */
export function outputSubject(node: NodeSpec, message: JsonValue, labels: Labels): PointSubject {
  return { name: node.name, agent: node.agent?.name ?? null, value: message, labels }
}

/** Stops the run when the point's verdict is not a pass, and ends the activation that asked. */
export async function stopUnlessPassed(run: LiveRun, point: InterventionPoint, subject: PointSubject): Promise<void> {
  if (stopAt(run, point, subject) === null) return
  await run.flush()
  throw new Unloaded()
}

/** Asks at a point; on anything but a pass nothing new starts any more, and the decision is given back. */
export function stopAt(run: LiveRun, point: InterventionPoint, subject: PointSubject): Decision | null {
  const decision = decideAt(run, point, subject)
  if (passes(decision)) return null
  run.stopWith({
    kind: 'stop',
    end: 'stopped',
    reason: { kind: 'denied', code: 'POLICY_DENIED', subject: `${point}:${subject.name}` },
    by: null,
  })
  return decision
}
