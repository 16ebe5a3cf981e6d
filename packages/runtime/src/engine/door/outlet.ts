import { type ErrorCode, SignalboxError, toSignalboxError } from '../../base/errors.ts'
import type { JsonValue } from '../../base/json.ts'
import type { Redacted, ToolCredential } from '../../contracts/credential.ts'
import type { ActCtx, TraceContext } from '../../contracts/tool.ts'
import { callSpanId } from '../../observability/index.ts'
import { endsRuns } from '../../policy/index.ts'
import { isPast } from '../lease.ts'
import type { Ask } from './ask.ts'
import { switchAgainst } from './switches.ts'
import { passesBy } from './switch-override.ts'

/** What was seen to leave the process while a tool ran. */
export interface Sent {
  /** Unsafe requests that may have reached the target: announced, less those that certainly did not. */
  sent: number
  answered: boolean
  /** At least one request certainly did not reach its target. */
  notSent: boolean
}

/** Nothing was seen yet. */
export function nothingSent(): Sent {
  return { sent: 0, answered: false, notSent: false }
}

/** The context of one tool call: its fetch goes out with run id, trace and key, and is checked at each send. */
export function toolCtx(
  ask: Ask,
  options: { reading: boolean; settling?: boolean; signal: AbortSignal; key?: string; seen?: Sent },
): ActCtx {
  const { run } = ask
  const key = options.key ?? ask.identity?.idempotencyKey ?? ''
  const unsafe = !options.reading && ask.effect !== 'none'
  return {
    runId: run.runId,
    trace: traceOf(ask),
    tenant: run.tenant,
    principal: run.principal,
    signal: options.signal,
    state: ask.owner.snapshot.state,
    heartbeat: () => ask.owner.clock.touch(),
    idempotencyKey: key,
    credential: run.env.credentials?.of(ask.name) ?? NO_CREDENTIAL,
    fetch: run.env.outlet.fetch({
      hosts: ask.tool?.hosts() ?? [],
      unsafeAllowed: unsafe,
      headers: outboundHeaders(ask),
      baggage: baggageOf(ask),
      idempotencyKey: unsafe ? key : null,
      credential: async (host) => (await run.env.credentials?.headerFor(ask.name, host)) ?? null,
      signal: options.signal,
      // A call that was given up has an aborted signal: its fetch refuses by that.
      beforeSend: () =>
        guardSend(ask, {
          reading: options.reading,
          settling: options.settling === true,
          begun: options.seen?.sent ?? 0,
        }),
      onSend: () => {
        if (options.seen) options.seen.sent += 1
      },
      onAnswer: () => {
        if (options.seen) options.seen.answered = true
      },
      onNotSent: () => {
        if (!options.seen) return
        options.seen.sent -= 1
        options.seen.notSent = true
      },
    }),
  }
}

/** Where none is declared for the whole process. */
const NO_CREDENTIAL: ToolCredential = { value: noCredential, header: noCredential }

async function noCredential(): Promise<never> {
  throw notSent('KEY_MISSING', 'this tool has no credential: declare one for it in `credentials` of the project')
}

/** What comes out of user code, without the credentials of tools; `leaked` names the tools whose were in it. */
export function withoutCredentials<T extends JsonValue>(ask: Ask, value: T): Redacted<T> {
  return ask.run.env.credentials?.redact(value) ?? { value, leaked: [] }
}

/** Run id and trace of every outbound call: the span is the one that the projection gives the call's intent. */
export function outboundHeaders(ask: Ask): Readonly<Record<string, string>> {
  return { 'x-signalbox-run-id': ask.run.runId, traceparent: traceOf(ask).traceparent }
}

function traceOf(ask: Ask): TraceContext {
  const { run, intent } = ask
  const traceId = run.fold.started.trace_id
  // What is read before the intent has no record to take an id from; it has one of the ask, so that repeats agree.
  const spanId = intent
    ? callSpanId(run.runId, intent.seq)
    : ask.digest
        .replace(/[^0-9a-f]/g, '')
        .padEnd(16, '1')
        .slice(0, 16)
  return {
    traceId,
    spanId,
    traceparent: `00-${traceId}-${spanId}-01`,
    baggageFor: (host) => (run.env.outlet.isTrusted(host) ? baggageOf(ask) : null),
  }
}

function baggageOf(ask: Ask): string {
  return `signalbox.run.id=${ask.run.runId}`
}

/** What is to be sent. */
export interface Sending {
  /** A look-up: the deadline of the effect and the time limit of its node do not bind it. */
  readonly reading?: boolean
  /** Of an effect that was sent: a run that a switch ends still finds out what became of it. */
  readonly settling?: boolean
  /** How many requests of the call went out before: a node's time limit binds what has not begun. */
  readonly begun?: number
}

/**
 * Checked right before anything is sent (ENGINE R4): the lease is held, the intent's deadline has not passed, nothing
 * new may start, and no kill switch stands against it by a state that may be trusted. Throws; what it throws means that
 * nothing was sent. The store is asked only when that state is too old.
 */
export async function guardSend(ask: Ask, sending: Sending = {}): Promise<void> {
  const { host, switches } = ask.run.env
  for (;;) {
    const trouble = switches.isFresh ? null : await switches.refresh().then(() => null, toSignalboxError)
    // Time is looked at after the last wait before the send: a process that stood still meanwhile must find it passed.
    refuseLate(ask, sending)
    if (!switches.isFresh)
      throw heldUp('SWITCHES_STALE', trouble?.message ?? 'what was read of the kill switches is too old')
    const hit = switchAgainst(ask, host.now())
    if (!hit || (sending.settling && endsRuns(hit))) return
    const message = `kill switch \`${hit.id}\` on ${hit.scope} \`${hit.target}\` is engaged: ${hit.reason}`
    if (!(await passesBy(ask, hit)))
      throw hit.mode === 'pause' ? heldUp('KILL_SWITCH', message) : notSent('KILL_SWITCH', message)
    ask.passedSwitches.add(hit.id)
  }
}

/** The lease is held, the intent's deadline has not passed, and nothing new is begun past the node's limit. */
function refuseLate(ask: Ask, { reading = false, begun = 0 }: Sending): void {
  const { run } = ask
  const { host } = run.env
  if (run.dead || isPast(host, run.lease)) throw notSent('FENCED', 'this worker no longer holds the run')
  if (!reading && ask.notAfter && isPast(host, ask.notAfter))
    throw notSent('NODE_TIMEOUT', 'the time in which this call may be sent has passed')
  const { limit } = ask.owner.clock
  if (!reading && limit && begun === 0) throw notSent(limit.code, limit.message)
}

/** True for what `guardSend` and the host list throw: the request did not leave the process. */
export function refusedToSend(thrown: unknown): boolean {
  return thrown instanceof SignalboxError && (thrown.code === 'EGRESS_REFUSED' || thrown.details.not_sent === true)
}

/** True where it was not sent for now: the same call may pass once the switches allow it. */
export function isHeldUp(thrown: unknown): boolean {
  return thrown instanceof SignalboxError && thrown.details.held_up === true
}

function notSent(code: ErrorCode, message: string): SignalboxError {
  return new SignalboxError(code, message, { details: { not_sent: true } })
}

function heldUp(code: ErrorCode, message: string): SignalboxError {
  return new SignalboxError(code, message, { details: { not_sent: true, held_up: true } })
}

/** What ends a call that does not end by itself. */
export interface Bounds {
  readonly seconds: number
  /** Aborted when the time is up. */
  readonly controller: AbortController
  /** What else asks the call to end: the run stops, the node's time is up. */
  readonly signals: readonly AbortSignal[]
  /** Told when the call is given up: what it still does counts for nothing. */
  readonly onGivenUp?: (call: Promise<unknown>) => void
}

/**
 * Ends with the call. When its time is up (NODE_TIMEOUT) or something else aborts it, the call has the grace of the
 * engine's limits to end by itself; then it is given up with that reason, whatever it goes on doing.
 */
export function withBounds<T>(ask: Ask, call: Promise<T>, bounds: Bounds): Promise<T> {
  const { host, limits } = ask.run.env
  const { seconds, controller, signals } = bounds
  return new Promise((resolve, reject) => {
    let why: unknown = null
    let cancel: () => void = () => undefined
    const giveUp = (): void => {
      end()
      bounds.onGivenUp?.(call)
      reject(why)
    }
    const abort = (reason: unknown): void => {
      if (why !== null) return
      why = reason
      cancel()
      cancel = host.after(limits.abortGraceSeconds * 1_000, giveUp)
    }
    const onSignal = (event: Event): void => abort(reasonOf(event.target))
    const end = (): void => {
      cancel()
      for (const signal of signals) signal.removeEventListener('abort', onSignal)
    }
    cancel = host.after(seconds * 1_000, () => {
      const error = new SignalboxError('NODE_TIMEOUT', `no answer within ${seconds} s`)
      controller.abort(error)
      abort(error)
    })
    for (const signal of signals)
      if (signal.aborted) abort(reasonOf(signal))
      else signal.addEventListener('abort', onSignal)
    call.then(resolve, (thrown: unknown) => reject(why !== null && !saysMore(thrown) ? why : thrown)).finally(end)
  })
}

/** What a tool throws of its own accord after an abort: that it certainly did not happen, or a code. */
function saysMore(thrown: unknown): boolean {
  if (thrown instanceof SignalboxError) return true
  return typeof thrown === 'object' && thrown !== null && 'definite' in thrown && thrown.definite === true
}

function reasonOf(target: EventTarget | null): unknown {
  const reason: unknown = target instanceof AbortSignal ? target.reason : null
  return reason instanceof SignalboxError ? reason : new SignalboxError('CANCELLED', 'the call was broken off')
}
