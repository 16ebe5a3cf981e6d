import { newId } from '../base/ids.ts'
import { canonicalJson, type JsonObject, type JsonValue } from '../base/json.ts'
import type { Labels } from '../contracts/common.ts'
import type { Decision, InterventionPoint } from '../contracts/policy.ts'
import type { HandlerEnd, NodeSpec } from '../contracts/workflow.ts'
import { type LiveRun, Unloaded } from './live-run.ts'

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
  const verdict = run.env.policy.decide({
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
  run.append({ type: 'decision.recorded' as const, decision })
  return decision
}

/** True when the verdict lets the run go on. */
export function passes(decision: Decision | null): boolean {
  return decision === null || decision.verdict === 'allow' || decision.verdict === 'warn'
}

/** The verdict over an output, before it is on record or anybody sees a byte of it; a denied output is never history. */
export function passOutput(run: LiveRun, node: NodeSpec, end: HandlerEnd, labels: Labels): Promise<void> {
  if (end.kind !== 'message' || !run.spec.outputs.includes(node.name)) return Promise.resolve()
  const subject = { name: node.name, agent: node.agent?.name ?? null, value: end.message, labels }
  return stopUnlessPassed(run, 'output', subject)
}

/** Stops the run when the point's verdict is not a pass, and ends the activation that asked. */
export async function stopUnlessPassed(run: LiveRun, point: InterventionPoint, subject: PointSubject): Promise<void> {
  const decision = decideAt(run, point, subject)
  if (passes(decision)) return
  run.stopWith({
    kind: 'stop',
    end: 'stopped',
    reason: { kind: 'denied', code: 'POLICY_DENIED', subject: `${point}:${subject.name}` },
    by: null,
  })
  await run.flush()
  throw new Unloaded()
}

/** What a point shows of a value: its top-level booleans, integers and texts, and the whole as `text`. */
function pointInput(value: JsonValue): JsonObject {
  if (typeof value === 'string') return { text: value }
  const text = canonicalJson(value)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { text }
  const fields = Object.entries(value).filter(
    ([, v]) => typeof v === 'boolean' || typeof v === 'string' || Number.isSafeInteger(v),
  )
  return { ...Object.fromEntries(fields), text }
}
