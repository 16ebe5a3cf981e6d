import { toSignalboxError } from '../../base/errors.ts'
import type { JsonValue } from '../../base/json.ts'
import type { Usage } from '../../contracts/common.ts'
import { brokenOffCost, type CostNote, callCost } from '../../contracts/cost.ts'
import type { ModelAnswer, ModelHandle, ModelPrice } from '../../contracts/model.ts'
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
  const price = ask.price ?? model.price
  let seen: Usage | null = null
  const onUsage = (usage: Usage): void => {
    seen = usage
  }
  try {
    const call = model.call(request, { signal, headers: outboundHeaders(ask), onDelta: deltas(ask), onUsage })
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
      ...charge(ask, price, answer),
    }
  } catch (thrown) {
    const error = toSignalboxError(thrown, 'MODEL_FAILED')
    // What was broken off here says nothing about the provider.
    const brokenOff = signals.some((one) => one.aborted)
    const trouble = brokenOff ? null : troubleOf(error)
    const waitMs = waitOf(error)
    if (!brokenOff) ask.permit?.done(trouble ? 'trouble' : 'answered', waitMs)
    return {
      status: 'failed',
      code: error.code,
      result: error.message,
      ...chargeFailed(ask, price, seen, error.details.charged === false),
      latencyMs: latencyMs(),
      ...(trouble ? { trouble, waitMs } : {}),
    }
  }
}

type Charge = Required<Pick<Ended, 'settled' | 'price' | 'cost'>> & Pick<Ended, 'usage'>

/** What the call really cost; the whole reservation where the provider did not tell (invariant 6). */
function charge(ask: Ask, price: ModelPrice, { usage }: ModelAnswer): Charge {
  const { input_tokens: input, output_tokens: output } = usage
  const cost = callCost(price, usage)
  if (cost === null) return assumed(ask, price, { usage, why: 'no_usage' })
  const source = price.providerTells && usage.told_cost_nano_usd !== undefined ? 'provider' : 'local'
  const tokens = input === null || output === null ? ask.worst.tokens : input + output
  return {
    settled: { turns: 1, tool_calls: 0, tokens, cost_nano_usd: cost.toString() },
    usage,
    price: price.id,
    cost: { source, ...overlayOf(price) },
  }
}

/**
 * What a failed call is charged: nothing where it certainly cost nothing; what was told of the input and the whole output
 * limit where the answer broke off after it; the whole reservation where nothing was told (invariant 6).
 */
function chargeFailed(ask: Ask, price: ModelPrice, seen: Usage | null, free: boolean): Charge {
  const none = { ...ask.worst, tokens: 0, cost_nano_usd: '0' }
  if (free) return { settled: none, price: price.id, cost: { source: 'local', ...overlayOf(price) } }
  const limit = ask.request?.maxOutputTokens ?? 0
  const broken = seen ? brokenOffCost(price, seen, limit) : null
  if (!seen || !broken) return assumed(ask, price, { why: 'no_answer' })
  const settled = { ...ask.worst, tokens: broken.mostTokens, cost_nano_usd: broken.most.toString() }
  const note = { why: 'partial_usage', least_nano_usd: broken.least.toString() } as const
  return { settled, usage: seen, price: price.id, cost: { source: 'estimated', ...note, ...overlayOf(price) } }
}

function assumed(ask: Ask, price: ModelPrice, given: Pick<CostNote, 'why'> & { readonly usage?: Usage }): Charge {
  const { usage, ...note } = given
  const cost: CostNote = { source: 'estimated', ...note, ...overlayOf(price) }
  return { settled: ask.worst, price: price.id, cost, ...(usage ? { usage } : {}) }
}

function overlayOf({ overlay }: ModelPrice): Pick<CostNote, 'overlay'> {
  return overlay === undefined ? {} : { overlay }
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
