import { type ErrorCode, isErrorCode, toSignalboxError } from '../../base/errors.ts'
import { toJsonValue } from '../../base/json.ts'
import { isoTime, timeOf } from '../../base/time.ts'
import { NO_AMOUNTS } from '../../contracts/common.ts'
import type { AskSpec, StepCtx } from '../../contracts/workflow.ts'
import { Unloaded } from '../live-run.ts'
import { backoffMs, mayRetry } from '../retry.ts'
import type { Ask, Ended } from './ask.ts'
import { fault } from './fault.ts'
import { withBounds } from './outlet.ts'

type StepSpec = Extract<AskSpec, { kind: 'step' }>

/**
 * Runs the body of a local step until it succeeds or its attempts are used up; what comes of it is recorded, once. It
 * changes nothing outside, so nobody is asked and nothing is reserved, and one that a crash cut off is computed again. A
 * call that it sends out by itself is noticed as one beside the door (invariant 1).
 */
export async function runStep(ask: Ask): Promise<Ended> {
  const { run, spec } = ask
  if (spec.kind !== 'step') throw new Error('only a step can be run')
  for (;;) {
    const { failures } = ask.journal()
    await untilRetry(ask, failures.at(-1)?.retry_at ?? null)
    if (ask.ending) return ask.ending
    // A parked run goes on some day, and computes it then.
    if (run.halt) throw new Unloaded()
    const attempt = failures.length + 1
    const end = await attemptStep(ask, spec, attempt)
    const again = attempt < spec.retry.attempts && !ask.ending && mayRetry(spec.retry, codeOf(end))
    if (end.status === 'succeeded' || !again) return end
    recordFailure(ask, spec, attempt, end)
  }
}

async function untilRetry(ask: Ask, retryAt: string | null): Promise<void> {
  if (retryAt === null) return
  const at = timeOf(retryAt)
  while (ask.run.env.host.now() < at && !ask.ending && !ask.run.halt) await ask.wait('retry', ask.ref.key, at)
}

function codeOf({ code }: Ended): ErrorCode {
  return isErrorCode(code) ? code : 'STEP_FAILED'
}

async function attemptStep(ask: Ask, spec: StepSpec, attempt: number): Promise<Ended> {
  const { run } = ask
  const { host, outlet } = run.env
  const controller = new AbortController()
  const signals = [run.abort.signal, ask.owner.clock.signal]
  const signal = AbortSignal.any([...signals, controller.signal])
  const place = { runId: run.runId, activation: ask.ref.activation, where: 'step' as const, mediated: false }
  const started = host.monotonicMs()
  const latencyMs = (): number => host.monotonicMs() - started
  try {
    const body = outlet.runIn(place, () => Promise.resolve().then(() => spec.run(stepCtx(ask, attempt, signal))))
    // While a fault point holds the caller up, the body may fail before it is awaited.
    body.catch(() => undefined)
    await fault(ask, 'sent')
    const value = await withBounds(ask, body, { seconds: spec.timeoutSeconds, controller, signals })
    const result = toJsonValue(value, `the result of step \`${spec.name}\``)
    return { status: 'succeeded', code: null, result, settled: NO_AMOUNTS, latencyMs: latencyMs() }
  } catch (thrown) {
    if (run.dead) throw thrown
    const { code, message } = toSignalboxError(thrown, 'STEP_FAILED')
    return { status: 'failed', code, result: message, settled: NO_AMOUNTS, latencyMs: latencyMs() }
  }
}

/** The clock and the randomness of the host: what comes of them is on record, so that a replay sees the same. */
function stepCtx({ run }: Ask, attempt: number, signal: AbortSignal): StepCtx {
  const { host } = run.env
  return {
    runId: run.runId,
    tenant: run.tenant,
    attempt,
    signal,
    now: () => new Date(host.now()),
    random: () => Buffer.from(host.randomBytes(6)).readUIntBE(0, 6) / 2 ** 48,
  }
}

function recordFailure(ask: Ask, spec: StepSpec, attempt: number, end: Ended): void {
  const { run, ref } = ask
  const wait = backoffMs(spec.retry, attempt, `${run.rootRun}/${ref.key}`)
  run.append((put) => ({
    type: 'step.failed' as const,
    ask: ref,
    proposal: ask.proposal(put),
    attempt,
    code: codeOf(end),
    error: put(end.result, ask.labels),
    retry_at: isoTime(run.env.host.now() + wait),
  }))
}
