import { SignalboxError, toSignalboxError } from '../base/errors.ts'
import { sha256Hex } from '../base/hash.ts'
import { newId } from '../base/ids.ts'
import { canonicalJson, type JsonValue } from '../base/json.ts'
import { joinLabels } from '../contracts/common.ts'
import type { Control, ControlAnswer, ControlRequest } from '../contracts/control.ts'
import type { Decision, DecisionElement, InterventionPoint, PolicyRequest } from '../contracts/policy.ts'
import { bundleElement, type Controlled, mayAnswer, readAnswer, type Ruling } from '../policy/index.ts'
import type { Env } from './env.ts'
import type { LiveRun } from './live-run.ts'

/** The controls of a point, in the order of registration. */
export function controlsAt({ controls }: Env, point: InterventionPoint): readonly Control[] {
  return controls.filter((one) => one.points.includes(point))
}

/** True when something is in force at the point: a rule of the bundle, or a control. */
export function inForceAt(env: Env, point: InterventionPoint): boolean {
  return env.policy.hasRulesAt(point) || env.controls.some((one) => one.points.includes(point))
}

/**
 * The bundle's answer. Where no person can be asked, a policy that wants one denies. Throws POLICY_MALFUNCTION for whatever
 * is no answer: it throws, or answers what is not possible at the point (Invariant 2).
 */
export function askBundle(env: Env, request: PolicyRequest): Ruling {
  const ruling = orMalfunction(() => env.policy.decide(request))
  if (mayAnswer('bundle', request.point, ruling.verdict)) return ruling
  // Nobody can be asked there, so that no approval could make it allowed.
  if (ruling.verdict === 'require_approval')
    return { ...ruling, verdict: 'deny', reason_code: 'NOT_APPROVABLE', asks: [] }
  throw malfunction(`the policy answers \`${ruling.verdict}\` at \`${request.point}\`, which is not possible there`)
}

/** The ruling at a point where the bundle has no rule. */
export function noRule(env: Env, point: InterventionPoint): Ruling {
  const { bundle } = env.policy
  return { point, verdict: 'allow', reason_code: 'NO_RULE', policies: [], asks: [], bundle }
}

/** The sentence of a reason code that people are shown: the bundle's, or that of the control which gives it. */
export function sentenceOf({ policy, controls }: Env, code: string): string | null {
  const declared = controls.find(({ reasons }) => Object.hasOwn(reasons, code))
  return policy.sentence(code) ?? declared?.reasons[code] ?? null
}

/** A ruling as it is recorded. */
export function withDecisionId(env: Env, ruling: Ruling): Decision {
  return { id: newId(env.host, 'dec'), ...ruling }
}

/** What goes into the chain behind the bundle's first answer. */
export interface ChainStart {
  readonly first: Ruling
  readonly request: Omit<ControlRequest, 'value' | 'labels'>
  readonly value: JsonValue
  readonly labels: Controlled['labels']
  /** Says that a changed value fits where it goes, or throws. */
  readonly fits: (value: JsonValue) => void
}

/**
 * Asks the controls of a point one after another, each about what the one before left; the first that denies ends it.
 * Throws POLICY_MALFUNCTION when one throws, takes too long, gives no answer, or a value that does not fit.
 */
export async function runControls(run: LiveRun, start: ChainStart): Promise<Controlled> {
  const { first, request, fits } = start
  const elements: DecisionElement[] = [bundleElement(first)]
  let { value, labels } = start
  let changed = false
  for (const control of controlsAt(run.env, request.point)) {
    const answer = await askControl(run, control, { ...request, value, labels })
    elements.push(elementOf(control, answer))
    if (answer.verdict === 'deny') break
    if (answer.verdict !== 'transform') continue
    // Nothing gets cleaner by being changed.
    labels = joinLabels([labels, answer.labels ?? labels])
    value = answer.value
    changed = true
    refuseUnfit(control, value, fits)
  }
  return { elements, asks: first.asks, value, labels, changed }
}

/** True when the elements are the answers of exactly these controls: then they are not asked again. */
export function answeredBy(elements: readonly DecisionElement[] | undefined, controls: readonly Control[]): boolean {
  const ids = (elements ?? []).map(({ element }) => element).filter((id) => id.startsWith('control:'))
  return ids.length === controls.length && controls.every(({ id }, i) => id === ids[i])
}

function elementOf(control: Control, answer: ControlAnswer): DecisionElement {
  const { verdict } = answer
  const reason_code = verdict === 'allow' ? 'PERMITTED' : answer.reason
  const approvers = verdict === 'require_approval' ? { approvers: answer.approvers } : {}
  return { element: control.id, verdict, reason_code, ...approvers }
}

async function askControl(run: LiveRun, control: Control, request: ControlRequest): Promise<ControlAnswer> {
  const { host, outlet } = run.env
  const controller = new AbortController()
  const late = new SignalboxError('POLICY_MALFUNCTION', `\`${control.id}\` gave no answer in ${control.timeoutMs} ms`)
  // What it does to its copy changes nothing.
  const copy: ControlRequest = { ...request, value: structuredClone(request.value) as JsonValue }
  const place = { runId: run.runId, activation: null, where: 'condition', mediated: false } as const
  const began = host.monotonicMs()
  let cancel: () => void = () => undefined
  const overtime = new Promise<never>((_, reject) => {
    cancel = host.after(control.timeoutMs, () => {
      controller.abort(late)
      reject(late)
    })
  })
  try {
    const call = outlet.runIn(place, () =>
      Promise.resolve().then(() => control.decide(copy, { signal: controller.signal })),
    )
    const given = await Promise.race([call, overtime])
    if (host.monotonicMs() - began > control.timeoutMs) throw late
    const answer = readAnswer(control, request.point, given)
    if (typeof answer === 'string') throw malfunction(`\`${control.id}\`: ${answer}`)
    return answer
  } catch (thrown) {
    if (thrown === late || (thrown instanceof SignalboxError && thrown.code === 'POLICY_MALFUNCTION')) throw thrown
    throw malfunction(`\`${control.id}\` failed: ${toSignalboxError(thrown).message}`, thrown)
  } finally {
    cancel()
  }
}

function refuseUnfit(control: Control, value: JsonValue, fits: ChainStart['fits']): void {
  try {
    fits(value)
  } catch (thrown) {
    throw malfunction(`\`${control.id}\` gives a value that does not fit: ${toSignalboxError(thrown).message}`, thrown)
  }
}

function orMalfunction(decide: () => Ruling): Ruling {
  try {
    return decide()
  } catch (thrown) {
    throw malfunction(toSignalboxError(thrown, 'POLICY_MALFUNCTION').message, thrown)
  }
}

function malfunction(message: string, cause?: unknown): SignalboxError {
  return new SignalboxError('POLICY_MALFUNCTION', message, cause === undefined ? {} : { cause })
}

/** What is in force at a point, as a digest: a verdict that was given under something else is not used again. */
export function inForceDigest({ env }: LiveRun, point: InterventionPoint): string {
  return sha256Hex(canonicalJson([env.policy.bundle, ...controlsAt(env, point).map(({ id }) => id)]))
}
