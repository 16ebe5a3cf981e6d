import { type SignalboxError, toSignalboxError } from '../../base/errors.ts'
import { isoTime, timeOf } from '../../base/time.ts'
import { NO_AMOUNTS } from '../../contracts/common.ts'
import { isModelTrouble, type ModelTrouble } from '../../contracts/provider.ts'
import type { ActivityOutcome } from '../../contracts/records.ts'
import { openIntent } from '../../reliability/fold.ts'
import { seededRandom } from '../../reliability/keys.ts'
import type { Ask, Ended } from './ask.ts'

/**
 * Trouble of a model's provider: which attempts follow, when, and what is recorded of each. An attempt is recorded like
 * the call itself, with intent, outcome and settlement; only that its outcome names the next attempt and is no end.
 */

/** Trouble in which nothing of an answer was received, so that trying again repeats nothing. */
const TRIED_AGAIN: ReadonlySet<ModelTrouble> = new Set(['rate_limited', 'overloaded', 'unreachable', 'circuit_open'])

/** What was wrong with the provider, or null when it is not its doing. */
export function troubleOf(error: SignalboxError): ModelTrouble | null {
  if (error.code === 'NODE_TIMEOUT') return 'timeout'
  const { trouble } = error.details
  return error.code === 'MODEL_FAILED' && isModelTrouble(trouble) ? trouble : null
}

/** What the provider asked to wait, in milliseconds; 0 when it did not say. */
export function waitOf({ details }: SignalboxError): number {
  const seconds = details.retry_after_seconds
  return typeof seconds === 'number' && seconds > 0 ? Math.ceil(seconds * 1_000) : 0
}

/** After an attempt in trouble, the next one is not made before its time; a run that stops does not wait for it. */
export function untilNextAttempt(ask: Ask): null | Promise<null> {
  const { outcome } = ask.journal()
  return outcome?.retry ? waitUntil(ask, timeOf(outcome.retry.at)) : null
}

async function waitUntil(ask: Ask, at: number): Promise<null> {
  const { run } = ask
  while (run.env.host.now() < at && !run.halt) await run.waits.wait('retry', ask.ref.key, at)
  return null
}

/** Waits for the provider's leave to call it. Without it nothing is reserved and nothing sent. */
export async function admit(ask: Ask): Promise<Ended | null> {
  const { run, model } = ask
  if (!model?.admit || run.halt) return null
  const signal = AbortSignal.any([run.abort.signal, ask.owner.clock.signal])
  try {
    ask.permit = await model.admit({ runId: run.runId, signal })
    return null
  } catch (thrown) {
    const error = toSignalboxError(thrown, 'MODEL_FAILED')
    const trouble = signal.aborted ? null : troubleOf(error)
    if (trouble === null) return { status: 'cancelled', code: error.code, result: error.message }
    // A lost attempt before it is charged in full; this one was not sent.
    const settled = openIntent(ask.journal())?.reserved ?? NO_AMOUNTS
    return { status: 'not_sent', code: error.code, result: error.message, settled, trouble, waitMs: waitOf(error) }
  }
}

/**
 * The next attempt of a model call in trouble, or null when this was its end: all attempts made, a part of an answer
 * received, or a wait that is longer than is waited for or than the run has time left (invariant 6).
 */
export function nextAttempt(ask: Ask, end: Ended): NonNullable<ActivityOutcome['retry']> | null {
  const { run, model } = ask
  // What a switch held up was no attempt of its own.
  if (end.heldUp && !run.halt)
    return { attempt: ask.journal().outcome?.retry?.attempt ?? 0, at: isoTime(run.env.host.now()) }
  if (!model?.retry || !end.trouble || !TRIED_AGAIN.has(end.trouble) || run.halt) return null
  const attempt = (ask.journal().outcome?.retry?.attempt ?? 0) + 1
  if (attempt >= model.retry.attempts) return null
  const doubled = model.retry.backoffMs * 2 ** (attempt - 1)
  const backoff = doubled * (0.5 + 0.5 * seededRandom(`${run.rootRun}/${ask.ref.key}/attempt/${attempt}`))
  const waitMs = Math.round(Math.max(backoff, end.waitMs ?? 0))
  const { leftMs } = run.budget.runtime(run.activeMs())
  if (waitMs > model.retry.maxWaitMs || waitMs > leftMs) return null
  return { attempt, at: isoTime(run.env.host.now() + waitMs) }
}

/** An attempt that is tried again is no turn of its own; what it may have cost stays charged. */
export function asAttempt(end: Ended, retry: NonNullable<ActivityOutcome['retry']>): Ended {
  return { ...end, retry, ...(end.settled ? { settled: { ...end.settled, turns: 0 } } : {}) }
}
