import { canonicalJson, type JsonValue } from '../base/json.ts'
import type { Labels } from '../contracts/common.ts'
import type { Decision, InterventionPoint, PolicyRequest } from '../contracts/policy.ts'
import type { DecisionRecorded, RecordBase } from '../contracts/records.ts'
import type { HandlerEnd, NodeSpec } from '../contracts/workflow.ts'
import { combine, pointInput } from '../policy/index.ts'
import { askBundle, type ChainStart, inForceAt, inForceDigest, noRule, runControls, withDecisionId } from './chain.ts'
import { type LiveRun, type Put, Unloaded } from './live-run.ts'
import type { Scope } from './scope.ts'
import { judgedKey } from '../reliability/judged.ts'

/** What passes a point. */
export interface PointSubject {
  /** Where it passes, the same after a resume: by this and its digest its verdict is found on record. */
  readonly at: string
  readonly name: string
  readonly agent: string | null
  readonly value: JsonValue
  readonly labels: Labels
  /** What the bundle sees of a value, by `pointInput`; default: all of it. */
  readonly shown?: (value: JsonValue) => JsonValue
  /** Says that a value that a control changed fits where it goes, or throws. */
  readonly fits: (value: JsonValue) => void
}

/** What goes on behind a point: the value as the chain left it. */
export interface Passed {
  /** Null where nothing is in force. */
  readonly decision: Decision | null
  readonly value: JsonValue
  readonly labels: Labels
}

/**
 * Asks the chain at a point other than a call: the bundle, then the controls, then the bundle again about a changed value.
 * Points where nothing is in force are skipped (ENGINE R20). The verdict is on record with what a control made of the
 * value, and a resume is answered from there. A malfunction throws and parks the run (Invariant 2).
 */
export async function decideAt(run: LiveRun, point: InterventionPoint, subject: PointSubject): Promise<Passed> {
  const known = await onRecord(run, point, subject)
  if (known) return known
  const { value, labels } = subject
  if (!inForceAt(run.env, point)) return { decision: null, value, labels }
  const decided = await judge(run, point, subject)
  const changed = decided.value !== value
  run.append(
    (put): Omit<DecisionRecorded, keyof RecordBase> => ({
      type: 'decision.recorded' as const,
      decision: decided.decision,
      judged: {
        at: subject.at,
        under: inForceDigest(run, point),
        digest: valueDigest(run, value, labels),
        after: valueDigest(run, decided.value, decided.labels),
      },
      ...(passes(decided.decision) ? judged(put, subject, decided, changed) : {}),
    }),
  )
  return decided
}

/**
 * What was judged, sealed beside the decision, so that another bundle can be asked the same: as the bundle saw it last,
 * after the controls. A denied value is no history.
 */
function judged(
  put: Put,
  { name, agent, shown = (all) => all }: PointSubject,
  { value, labels }: Passed,
  changed: boolean,
): Pick<DecisionRecorded, 'asked' | 'value'> {
  const asked = put({ name, agent, value: shown(value) }, labels)
  return changed ? { asked, value: put(value, labels) } : { asked }
}

/** The verdict that is on record about this very value, or about what a control made of it. */
async function onRecord(run: LiveRun, point: InterventionPoint, subject: PointSubject): Promise<Passed | null> {
  const record = run.fold.judged.get(judgedKey(point, subject.at))
  if (!record?.judged) return null
  // A replay asks nobody, whatever is in force now.
  if (!run.env.replay && record.judged.under !== inForceDigest(run, point)) return null
  const { value, labels } = subject
  const digest = valueDigest(run, value, labels)
  const { decision } = record
  if (digest === record.judged.digest && record.value)
    return { decision, value: await run.contents.read(record.value), labels: record.value.l }
  return digest === record.judged.digest || digest === record.judged.after ? { decision, value, labels } : null
}

async function judge(
  run: LiveRun,
  point: InterventionPoint,
  subject: PointSubject,
): Promise<Passed & { readonly decision: Decision }> {
  const { env } = run
  const { name, agent, value, labels, fits, shown = (all) => all } = subject
  const about = { id: run.runId, workflow: run.spec.name, agent, mode: env.mode }
  const action = { name, class: `point.${point}`, effect: 'none' } as const
  const asked = (now: JsonValue, under: Labels): PolicyRequest => ({
    point,
    run: about,
    principal: run.principal,
    action: { ...action, definition_hash: '' },
    input: pointInput(shown(now)),
    facts: {},
    labels: under,
    approval: null,
  })
  const hasRule = env.policy.hasRulesAt(point)
  const bundle = (now: JsonValue, under: Labels) => (hasRule ? askBundle(env, asked(now, under)) : noRule(env, point))
  const first = bundle(value, labels)
  if (first.verdict === 'deny' || !env.controls.some((one) => one.points.includes(point)))
    return { decision: withDecisionId(env, first), value, labels }
  const request: ChainStart['request'] = { point, run: about, principal: run.principal, action }
  const controlled = await runControls(run, { first, request, value, labels, fits })
  const now = controlled.changed ? bundle(controlled.value, controlled.labels) : first
  const ruling = combine(now, controlled, null, run.principal)
  return { decision: withDecisionId(env, ruling), value: controlled.value, labels: controlled.labels }
}

function valueDigest(run: LiveRun, value: JsonValue, labels: Labels): string {
  return run.sealer.digest(canonicalJson([value, labels.integrity, labels.marks]))
}

/** True when the verdict lets the run go on. */
export function passes(decision: Decision | null): boolean {
  return decision === null || ['allow', 'warn', 'transform'].includes(decision.verdict)
}

/**
 * The verdict over an output, before it is on record or anybody sees a byte of it; a denied output is never history. An
 * agent's answer was judged at the door, before the call's own outcome; `judged` says which value passed there. Gives the
 * end with the message that may leave.
 */
export async function passOutput(
  scope: Scope,
  node: NodeSpec,
  from: { readonly activation: string; readonly end: HandlerEnd; readonly labels: Labels },
  judged: string | null,
): Promise<HandlerEnd> {
  const { end } = from
  if (end.kind !== 'message' || !isRunOutput(scope, node.name)) return end
  if (judged !== null && judged === canonicalJson(end.message)) return end
  const subject = outputSubject(node, from.activation, end.message, from.labels)
  const { value: message, labels } = await stopUnlessPassed(scope.run, 'output', subject)
  return message === end.message ? end : { ...end, message, labels }
}

/** True for a node whose message the run gives away; what a nested scope gives goes on inside the run. */
export function isRunOutput({ spec, around }: Scope, node: string): boolean {
  return around === null && spec.outputs.includes(node)
}

/** What policy sees of an output. */
export function outputSubject(node: NodeSpec, at: string, message: JsonValue, labels: Labels): PointSubject {
  const fits = (value: JsonValue) => void node.output.parse(value, 'the output')
  return { at, name: node.name, agent: node.agent?.name ?? null, value: message, labels, fits }
}

/** Stops the run when the point's verdict is not a pass, and ends the activation that asked; else gives what passes. */
export async function stopUnlessPassed(run: LiveRun, point: InterventionPoint, subject: PointSubject): Promise<Passed> {
  const passed = await passOrStop(run, point, subject)
  if (passes(passed.decision)) return passed
  await run.flush()
  throw new Unloaded()
}

/** Asks at a point; on anything but a pass nothing new starts any more. */
export async function passOrStop(run: LiveRun, point: InterventionPoint, subject: PointSubject): Promise<Passed> {
  const passed = await decideAt(run, point, subject)
  if (!passes(passed.decision))
    run.stopWith({
      kind: 'stop',
      end: 'stopped',
      reason: { kind: 'denied', code: 'POLICY_DENIED', subject: `${point}:${subject.name}` },
      by: null,
    })
  return passed
}
