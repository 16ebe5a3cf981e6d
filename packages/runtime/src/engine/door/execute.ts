import { toSignalboxError } from '../../base/errors.ts'
import type { JsonValue } from '../../base/json.ts'
import type { Amounts, Usage } from '../../contracts/common.ts'
import { callCost } from '../../contracts/cost.ts'
import type { ModelAnswer, ModelHandle } from '../../contracts/model.ts'
import type { DefiniteFailure } from '../../contracts/tool.ts'
import { isEnded } from '../../reliability/run-machine.ts'
import { scopeInside } from '../scope.ts'
import type { Ask, Ended } from './ask.ts'
import { fault } from './fault.ts'
import { guardSend, nothingSent, outboundHeaders, refusedToSend, type Sent, toolCtx, withBounds } from './outlet.ts'

/** Sends the call, once. What was sent and not answered is unknown (invariant 5). */
export async function execute(ask: Ask): Promise<Ended> {
  try {
    await guardSend(ask)
  } catch (thrown) {
    const error = toSignalboxError(thrown)
    return {
      status: 'not_sent',
      code: error.code,
      result: error.message,
      settled: { ...ask.worst, tokens: 0, cost_nano_usd: '0' },
    }
  }
  if (ask.kind === 'scope') return enterScope(ask)
  return ask.model ? callModel(ask, ask.model) : callTool(ask)
}

/** Runs the nested scope that the intent opened, from where it stands: at its entry, or at its last barrier. */
export async function enterScope(ask: Ask): Promise<Ended> {
  const { owner, ref, spec } = ask
  const answers = (spec.kind === 'tool' ? spec.answers : undefined) ?? null
  const { clock } = owner
  const inside = scopeInside(owner.scope, ref.key, ask.name, { answers, clock })
  // What goes on inside counts as time of the node that entered it, by the clocks of the nodes there.
  clock.leave()
  try {
    return await owner.scope.enter(inside)
  } finally {
    clock.enter()
  }
}

/** One execution of a tool under its key, classified by what was seen to leave the process. */
export async function callTool(ask: Ask): Promise<Ended> {
  const { run, tool } = ask
  if (!tool) throw new Error('a tool call needs its tool')
  const seen = nothingSent()
  const controller = new AbortController()
  // An effect that was sent is brought to its own end when its node's time is up; a read is broken off.
  const signals = [run.abort.signal, ...(ask.effect === 'none' ? [ask.owner.clock.signal] : [])]
  const signal = AbortSignal.any([...signals, controller.signal])
  const ctx = toolCtx(ask, { reading: false, signal, seen })
  const place = {
    runId: run.runId,
    activation: ask.ref.activation,
    where: 'tool' as const,
    mediated: ask.effect !== 'none',
  }
  const started = run.env.host.monotonicMs()
  const latencyMs = (): number => run.env.host.monotonicMs() - started
  try {
    const call = run.env.outlet.runIn(place, () => Promise.resolve().then(() => tool.execute(ask.args, ctx)))
    watched(call)
    await fault(ask, 'sent')
    const onGivenUp = (): void => {
      seen.over = true
      recordLate(ask, call)
    }
    const output = await withBounds(ask, call, { seconds: tool.timeoutSeconds, controller, signals, onGivenUp })
    return {
      status: 'succeeded',
      code: null,
      result: tool.parseOutput(output),
      labels: tool.labels,
      settled: ask.worst,
      latencyMs: latencyMs(),
    }
  } catch (thrown) {
    return { ...classify(ask, thrown, seen), settled: ask.worst, latencyMs: latencyMs(), labels: tool.labels }
  }
}

/**
 * A read simply failed. An effect failed only when its tool says so, and was not sent only when the one request that it
 * tried certainly did not leave or arrive; an answer that cannot be read, a time limit, any other error: unknown.
 */
function classify(ask: Ask, thrown: unknown, seen: Sent): Pick<Ended, 'status' | 'code' | 'result'> {
  const error = toSignalboxError(thrown, 'TOOL_FAILED')
  if (ask.effect === 'none') return { status: 'failed', code: error.code, result: error.message }
  if (isDefinite(thrown)) return { status: 'failed', code: 'TOOL_FAILED', result: error.message }
  if (seen.sent === 0 && (seen.notSent || refusedToSend(thrown)))
    return { status: 'not_sent', code: error.code, result: error.message }
  return { status: 'unknown', code: 'EFFECT_UNKNOWN', result: error.message }
}

function isDefinite(thrown: unknown): thrown is DefiniteFailure {
  return typeof thrown === 'object' && thrown !== null && 'definite' in thrown && thrown.definite === true
}

/** What answers after it was given up is told, while the run is here and goes on; it changes nothing (invariant 5). */
function recordLate(ask: Ask, call: Promise<unknown>): void {
  const { run, name, ref } = ask
  const since = run.env.host.monotonicMs()
  const tell = (how: 'answered' | 'failed'): void => {
    if (run.dead || run.isReleasing || isEnded(run.fold.status)) return
    const late = Math.round(run.env.host.monotonicMs() - since)
    run.append({ type: 'activity.late' as const, ask: ref, name, how, late_ms: late })
  }
  call.then(
    () => tell('answered'),
    () => tell('failed'),
  )
}

/** While a fault point holds the caller up, the call may fail before it is awaited. */
function watched(call: Promise<unknown>): void {
  call.catch(() => undefined)
}

async function callModel(ask: Ask, model: ModelHandle): Promise<Ended> {
  const { run, request } = ask
  if (!request) throw new Error('a model call needs its request')
  const controller = new AbortController()
  const signals = [run.abort.signal, ask.owner.clock.signal]
  const signal = AbortSignal.any([...signals, controller.signal])
  const started = run.env.host.monotonicMs()
  const latencyMs = (): number => run.env.host.monotonicMs() - started
  try {
    const call = model.call(request, { signal, headers: outboundHeaders(ask), onDelta: deltas(ask) })
    watched(call)
    await fault(ask, 'sent')
    const answer = await withBounds(ask, call, {
      seconds: run.env.limits.modelTimeoutSeconds,
      controller,
      signals,
      onGivenUp: () => recordLate(ask, call),
    })
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
    const free = error.details.charged === false
    const settled: Amounts = free ? { ...ask.worst, tokens: 0, cost_nano_usd: '0' } : ask.worst
    return {
      status: 'failed',
      code: error.code,
      result: error.message,
      settled,
      price: model.price.id,
      latencyMs: latencyMs(),
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
  const { hub, policy } = run.env
  const { clock } = ask.owner
  // Each part of an answer is a sign of life, whoever listens.
  if (!hub.hasListeners(run.runId) || WITHHOLD.some((point) => policy.hasRulesAt(point))) return () => clock.touch()
  let offset = 0
  const attempt = ask.journal().intents.length
  if (attempt > 1) hub.publish({ kind: 'attempt_restarted', runId: run.runId, ask: ref.key, attempt })
  return (delta) => {
    clock.touch()
    hub.publish({ kind: 'delta', runId: run.runId, ask: ref.key, attempt, offset, delta })
    offset += 1
  }
}
