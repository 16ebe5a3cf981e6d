import { canonicalJson, type JsonValue } from '../../base/json.ts'
import type { InterventionPoint } from '../../contracts/policy.ts'
import { decideAt, isRunOutput, outputSubject, passes, stopAt } from '../points.ts'
import type { Ask, Ended } from './ask.ts'

/**
 * The verdict over an answer, before it is on record or anybody sees it: `post_model_call` and `post_tool_call`. A
 * denied answer is withheld and never becomes history; an effect that happened stays one, without its result.
 */
export function judgeAnswer(ask: Ask, end: Ended): Ended {
  const call = ask.spec.kind === 'tool' || ask.spec.kind === 'model'
  if (end.status !== 'succeeded' || !call) return end
  const judged = judgeAtPoint(ask, end)
  return judged.status === 'succeeded' ? judgeOutput(ask, judged) : judged
}

function judgeAtPoint(ask: Ask, end: Ended): Ended {
  const point: InterventionPoint = ask.spec.kind === 'model' ? 'post_model_call' : 'post_tool_call'
  const decision = decideAt(ask.run, point, {
    name: ask.name,
    agent: ask.agent,
    value: shown(ask, end.result),
    labels: end.labels ?? ask.labels,
  })
  if (passes(decision)) return end
  const code = decision?.reason_code ?? 'POLICY_DENIED'
  if (ask.effect !== 'none') return { ...end, code, result: null }
  return { ...end, status: 'denied', code, result: `policy withholds the answer: ${code}` }
}

/**
 * The answer that an agent would end with is its node's output: where the run gives that away, the rules of `output` see
 * it here, before the call's outcome holds its text. A denied one ends the run.
 */
function judgeOutput(ask: Ask, end: Ended): Ended {
  const { owner, run, spec } = ask
  if (spec.kind !== 'model' || !spec.finalOf || !isRunOutput(owner.scope, owner.node.name)) return end
  if (!run.env.policy.hasRulesAt('output')) return end
  const final = spec.finalOf(end.result)
  if (!final) return end
  const denied = stopAt(run, 'output', outputSubject(owner.node, final.message, end.labels ?? ask.labels))
  owner.judgedOutput = denied ? null : canonicalJson(final.message)
  if (!denied) return end
  const code = denied.reason_code
  return { ...end, status: 'denied', code, result: `policy withholds the output: ${code}` }
}

/** Of a model's answer, the text; of a tool's, all of it. */
function shown(ask: Ask, result: JsonValue): JsonValue {
  if (ask.spec.kind !== 'model' || typeof result !== 'object' || result === null || !('content' in result))
    return result
  const content = result.content
  if (!Array.isArray(content)) return result
  return content.map((part: JsonValue) => textOf(part)).join('\n')
}

function textOf(part: JsonValue): string {
  if (typeof part !== 'object' || part === null || !('type' in part)) return ''
  return part.type === 'text' && 'text' in part && typeof part.text === 'string' ? part.text : canonicalJson(part)
}
