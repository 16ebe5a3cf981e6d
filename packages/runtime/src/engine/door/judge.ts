import { canonicalJson, type JsonObject, type JsonValue } from '../../base/json.ts'
import type { InterventionPoint } from '../../contracts/policy.ts'
import { inForceAt } from '../chain.ts'
import { decideAt, isRunOutput, outputSubject, passes, passOrStop } from '../points.ts'
import type { Ask, Ended } from './ask.ts'

/**
 * The verdict over an answer, before it is on record or anybody sees it: `post_model_call` and `post_tool_call`. A
 * denied answer is withheld and never becomes history; an effect that happened stays one, without its result. Of a changed
 * one only what it was changed to is on record.
 */
export async function judgeAnswer(ask: Ask, end: Ended): Promise<Ended> {
  const call = ask.spec.kind === 'tool' || ask.spec.kind === 'model'
  if (end.status !== 'succeeded' || !call) return end
  const judged = await judgeAtPoint(ask, end)
  return judged.status === 'succeeded' ? judgeOutput(ask, judged) : judged
}

async function judgeAtPoint(ask: Ask, end: Ended): Promise<Ended> {
  const isModel = ask.spec.kind === 'model'
  const point: InterventionPoint = isModel ? 'post_model_call' : 'post_tool_call'
  if (!inForceAt(ask.run.env, point)) return end
  const parts = isModel ? partsOf(end.result) : null
  const { decision, value, labels } = await decideAt(ask.run, point, {
    at: ask.ref.key,
    name: ask.name,
    agent: ask.agent,
    value: parts ?? end.result,
    labels: end.labels ?? ask.labels,
    shown: (all) => (parts === null ? all : textsOf(all)),
    fits: (changed) => void (parts === null ? ask.tool?.parseOutput(changed) : refuseOtherParts(parts, changed)),
  })
  if (passes(decision)) {
    const result = parts === null ? value : { ...asObject(end.result), content: value }
    return decision?.verdict === 'transform' ? { ...end, result, labels } : end
  }
  const code = decision?.reason_code ?? 'POLICY_DENIED'
  if (ask.effect !== 'none') return { ...end, code, result: null }
  return { ...end, status: 'denied', code, result: `policy withholds the answer: ${code}` }
}

/**
 * The answer that an agent would end with is its node's output: where the run gives that away, the rules of `output` see
 * it here, before the call's outcome holds its text. A denied one ends the run; of a changed one only that text is kept.
 */
async function judgeOutput(ask: Ask, end: Ended): Promise<Ended> {
  const { owner, run, spec } = ask
  if (spec.kind !== 'model' || !spec.finalOf || !isRunOutput(owner.scope, owner.node.name)) return end
  if (!inForceAt(run.env, 'output')) return end
  const { finalOf } = spec
  const final = finalOf(end.result)
  if (!final) return end
  const subject = outputSubject(owner.node, ask.ref.activation, final.message, end.labels ?? ask.labels)
  const { decision, value, labels } = await passOrStop(run, 'output', {
    ...subject,
    fits: (message) => {
      subject.fits(message)
      saying(end.result, message, finalOf)
    },
  })
  owner.judgedOutput = passes(decision) ? canonicalJson(value) : null
  if (passes(decision))
    return decision?.verdict === 'transform' ? { ...end, result: saying(end.result, value, finalOf), labels } : end
  const code = decision?.reason_code ?? 'POLICY_DENIED'
  return { ...end, status: 'denied', code, result: `policy withholds the output: ${code}` }
}

/** The answer with another text, by which the agent ends with exactly this message. Throws when there is none. */
function saying(
  answer: JsonValue,
  message: JsonValue,
  finalOf: (answer: JsonValue) => { readonly message: JsonValue } | null,
): JsonValue {
  const texts = [...(typeof message === 'string' ? [message] : []), canonicalJson(message)]
  // What else the answer holds, as reasoning, may tell what was taken out.
  const answers = texts.map((text) => ({ ...asObject(answer), content: [{ type: 'text', text }] }))
  const found = answers.find((one) => {
    const final = finalOf(one)
    return final !== null && canonicalJson(final.message) === canonicalJson(message)
  })
  if (!found) throw new TypeError('the agent cannot end with it')
  return found
}

/** A changed answer of a model has the same parts, of the same kinds and about the same calls. */
function refuseOtherParts(before: readonly JsonValue[], after: JsonValue): void {
  const now = Array.isArray(after) ? after : []
  const same =
    Array.isArray(after) &&
    now.length === before.length &&
    before.every((part, i) => {
      const [a, b] = [asObject(part), asObject(now[i])]
      return ['type', 'toolCallId', 'toolName'].every((field) => a[field] === b[field])
    })
  if (!same) throw new TypeError('the parts of an answer can be changed, but none added, left out or of another kind')
}

/** The parts of a model's answer; null when it has none. */
function partsOf(result: JsonValue): readonly JsonValue[] | null {
  const { content } = asObject(result)
  // An array of JSON values holds JSON values.
  return Array.isArray(content) ? (content as readonly JsonValue[]) : null
}

function textsOf(content: JsonValue): JsonValue {
  return Array.isArray(content) ? content.map((part: JsonValue) => textOf(part)).join('\n') : content
}

function textOf(part: JsonValue): string {
  const { type, text } = asObject(part)
  return type === 'text' && typeof text === 'string' ? text : canonicalJson(part)
}

function asObject(value: JsonValue | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}
}
