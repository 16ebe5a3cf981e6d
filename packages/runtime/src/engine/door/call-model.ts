import { toSignalboxError } from '../../base/errors.ts'
import type { JsonValue } from '../../base/json.ts'
import type { Amounts, Usage } from '../../contracts/common.ts'
import { callCost } from '../../contracts/cost.ts'
import type { ModelAnswer, ModelHandle } from '../../contracts/model.ts'
import { inForceAt } from '../chain.ts'
import type { Ask, Ended } from './ask.ts'
import { fault } from './fault.ts'
import { recordLate } from './late.ts'
import { troubleOf, waitOf } from './model-trouble.ts'
import { outboundHeaders, withBounds } from './outlet.ts'

/** One attempt of a model call. Its failure tells what was wrong with the provider, and what the attempt may have cost. */
export async function callModel(ask: Ask, model: ModelHandle): Promise<Ended> {
  const { run, request } = ask
  if (!request) throw new Error('a model call needs its request')
  const controller = new AbortController()
  const signals = [run.abort.signal, ask.owner.clock.signal]
  const signal = AbortSignal.any([...signals, controller.signal])
  const started = run.env.host.monotonicMs()
  const latencyMs = (): number => run.env.host.monotonicMs() - started
  try {
    const call = model.call(request, { signal, headers: outboundHeaders(ask), onDelta: deltas(ask) })
    // While a fault point holds the caller up, the call may fail before it is awaited.
    call.catch(() => undefined)
    await fault(ask, 'sent')
    const answer = await withBounds(ask, call, {
      seconds: run.env.limits.modelTimeoutSeconds,
      controller,
      signals,
      onGivenUp: () => recordLate(ask, call),
    })
    ask.permit?.done('answered')
    // An answer is JSON by the AI SDK's definition of its content parts.
    const result = answer as unknown as JsonValue
    return {
      status: 'succeeded',
      code: null,
      result,
      labels: ask.labels,
      latencyMs: latencyMs(),
      ...charge(ask, model, answer),
    }
  } catch (thrown) {
    const error = toSignalboxError(thrown, 'MODEL_FAILED')
    // What was broken off here says nothing about the provider.
    const brokenOff = signals.some((one) => one.aborted)
    const trouble = brokenOff ? null : troubleOf(error)
    const waitMs = waitOf(error)
    if (!brokenOff) ask.permit?.done(trouble ? 'trouble' : 'answered', waitMs)
    const free = error.details.charged === false
    const settled: Amounts = free ? { ...ask.worst, tokens: 0, cost_nano_usd: '0' } : ask.worst
    return {
      status: 'failed',
      code: error.code,
      result: error.message,
      settled,
      price: model.price.id,
      latencyMs: latencyMs(),
      ...(trouble ? { trouble, waitMs } : {}),
    }
  }
}

/** What the call really cost; the whole reservation where the provider did not tell (invariant 6). */
function charge(ask: Ask, model: ModelHandle, answer: ModelAnswer): { settled: Amounts; usage: Usage; price: string } {
  const { input_tokens: input, output_tokens: output } = answer.usage
  const known = input !== null && output !== null
  const cost = known ? callCost(model.price, answer.usage) : null
  return {
    settled:
      known && cost !== null
        ? { turns: 1, tool_calls: 0, tokens: input + output, cost_nano_usd: cost.toString() }
        : ask.worst,
    usage: answer.usage,
    price: model.price.id,
  }
}

/** Points whose verdict may withhold a model's text. */
const WITHHOLD = ['post_model_call', 'output', 'agent_shutdown'] as const

/** Provisional deltas, only where somebody listens and no output rule has to see the whole first (ENGINE R17). */
function deltas(ask: Ask): (delta: Parameters<Parameters<ModelHandle['call']>[1]['onDelta']>[0]) => void {
  const { run, ref } = ask
  const { hub } = run.env
  const { clock } = ask.owner
  // Each part of an answer is a sign of life, whoever listens.
  if (!hub.hasListeners(run.runId) || WITHHOLD.some((point) => inForceAt(run.env, point))) return () => clock.touch()
  let offset = 0
  const attempt = ask.journal().intents.length
  if (attempt > 1) hub.publish({ kind: 'attempt_restarted', runId: run.runId, ask: ref.key, attempt })
  return (delta) => {
    clock.touch()
    hub.publish({ kind: 'delta', runId: run.runId, ask: ref.key, attempt, offset, delta })
    offset += 1
  }
}
