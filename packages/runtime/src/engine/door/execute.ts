import { toSignalboxError } from '../../base/errors.ts'
import { NO_AMOUNTS } from '../../contracts/common.ts'
import type { DefiniteFailure } from '../../contracts/tool.ts'
import { scopeInside } from '../scope.ts'
import type { Ask, Ended } from './ask.ts'
import { callModel } from './call-model.ts'
import { fault } from './fault.ts'
import { recordLate } from './late.ts'
import { outputLabels } from './origin.ts'
import {
  guardSend,
  isHeldUp,
  nothingSent,
  refusedToSend,
  type Sent,
  toolCtx,
  withBounds,
  withoutCredentials,
} from './outlet.ts'

/** Nothing was sent and nothing is counted: the ask comes back to the door when the switches allow it. */
const HELD_UP = { heldUp: true, settled: NO_AMOUNTS } as const

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
      ...(isHeldUp(thrown) ? HELD_UP : {}),
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
    const onGivenUp = (): void => recordLate(ask, call)
    const output = await withBounds(ask, call, { seconds: tool.timeoutSeconds, controller, signals, onGivenUp })
    const { value: result, leaked } = withoutCredentials(ask, tool.parseOutput(output))
    return {
      status: 'succeeded',
      code: null,
      result,
      leaked,
      labels: outputLabels(ask, tool),
      settled: ask.worst,
      latencyMs: latencyMs(),
    }
  } catch (thrown) {
    const end = classify(ask, thrown, seen)
    const held = isHeldUp(thrown) && seen.sent === 0 ? HELD_UP : {}
    const { value: result, leaked } = withoutCredentials(ask, end.result)
    return {
      ...end,
      result,
      leaked,
      settled: ask.worst,
      latencyMs: latencyMs(),
      labels: outputLabels(ask, tool),
      ...held,
    }
  }
}

/**
 * A read simply failed. An effect failed only when its tool says so, and was not sent only when the one request that it
 * tried certainly did not leave or arrive; an answer that cannot be read, a time limit, any other error: unknown.
 */
function classify(ask: Ask, thrown: unknown, seen: Sent): Pick<Ended, 'status' | 'code' | 'result'> {
  const error = toSignalboxError(thrown, 'TOOL_FAILED')
  if (ask.effect === 'none')
    return { status: isHeldUp(thrown) ? 'not_sent' : 'failed', code: error.code, result: error.message }
  if (isDefinite(thrown)) return { status: 'failed', code: 'TOOL_FAILED', result: error.message }
  if (seen.sent === 0 && (seen.notSent || refusedToSend(thrown)))
    return { status: 'not_sent', code: error.code, result: error.message }
  return { status: 'unknown', code: 'EFFECT_UNKNOWN', result: error.message }
}

function isDefinite(thrown: unknown): thrown is DefiniteFailure {
  return typeof thrown === 'object' && thrown !== null && 'definite' in thrown && thrown.definite === true
}

/** While a fault point holds the caller up, the call may fail before it is awaited. */
function watched(call: Promise<unknown>): void {
  call.catch(() => undefined)
}
