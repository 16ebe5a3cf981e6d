import { type ErrorCode, SignalboxError, toSignalboxError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import type { KillSwitch } from '../../contracts/store.ts'
import type { ActCtx } from '../../contracts/tool.ts'
import { engaged } from '../../policy/index.ts'
import { isPast } from '../lease.ts'
import { workflowsAround } from '../scope.ts'
import type { Ask } from './ask.ts'

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
  options: { reading: boolean; signal: AbortSignal; key?: string; seen?: Sent },
): ActCtx {
  const { run } = ask
  const key = options.key ?? ask.identity?.idempotencyKey ?? ''
  const unsafe = !options.reading && ask.effect !== 'none'
  return {
    runId: run.runId,
    tenant: run.tenant,
    principal: run.principal,
    signal: options.signal,
    state: ask.owner.snapshot.state,
    idempotencyKey: key,
    fetch: run.env.outlet.fetch({
      hosts: ask.tool?.hosts() ?? [],
      unsafeAllowed: unsafe,
      headers: outboundHeaders(ask),
      idempotencyKey: unsafe ? key : null,
      signal: options.signal,
      beforeSend: () => guardSend(ask, options.reading),
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

/** Run id and trace of every outbound call. The span id is derived from the ask, so repeats agree. */
export function outboundHeaders(ask: Ask): Readonly<Record<string, string>> {
  const trace = ask.run.fold.started.trace_id
  const span = ask.digest
    .replace(/[^0-9a-f]/g, '')
    .padEnd(16, '1')
    .slice(0, 16)
  return {
    'x-signalbox-run-id': ask.run.runId,
    traceparent: `00-${trace}-${span}-01`,
    baggage: `signalbox.run.id=${ask.run.runId}`,
  }
}

/**
 * Checked right before anything is sent (ENGINE R4): the lease is held, the intent's deadline has not passed, nothing
 * new may start, and no kill switch is engaged. Throws; what it throws means that nothing was sent. The deadline is that
 * of the effect: a look-up comes after it, so it does not bind `reading`.
 */
export async function guardSend(ask: Ask, reading = false): Promise<void> {
  const { run } = ask
  const switches = await readSwitches(ask)
  // Time is looked at after the last wait before the send: a process that stood still meanwhile must find it passed.
  const now = run.env.host.now()
  if (run.dead || isPast(run.env.host, run.lease)) throw notSent('FENCED', 'this worker no longer holds the run')
  if (!reading && ask.notAfter && isPast(run.env.host, ask.notAfter))
    throw notSent('NODE_TIMEOUT', 'the time in which this call may be sent has passed')
  const subject = { tenant: run.tenant, tool: ask.name, class: ask.class }
  // A switch on a workflow holds for it wherever it is nested, and for all that is nested in it.
  const hits = workflowsAround(ask.owner.scope).map((workflow) =>
    engaged(switches, { ...subject, workflow }, now, 'send'),
  )
  const hit = hits.find((one) => one !== null)
  if (hit)
    throw notSent(
      'KILL_SWITCH',
      `kill switch \`${hit.id}\` on ${hit.scope} \`${hit.target}\` is engaged: ${hit.reason}`,
    )
}

/** Switches that cannot be read refuse the send (invariant 2). */
async function readSwitches(ask: Ask): Promise<readonly KillSwitch[]> {
  try {
    return await ask.run.env.store.killSwitches(ask.run.tenant)
  } catch (thrown) {
    const { code, message } = toSignalboxError(thrown, 'STORE_UNAVAILABLE')
    throw notSent(code, `kill switches cannot be read: ${message}`)
  }
}

/** True for what `guardSend` and the host list throw: the request did not leave the process. */
export function refusedToSend(thrown: unknown): boolean {
  return thrown instanceof SignalboxError && (thrown.code === 'EGRESS_REFUSED' || thrown.details.not_sent === true)
}

function notSent(code: ErrorCode, message: string): SignalboxError {
  return new SignalboxError(code, message, { details: { not_sent: true } })
}

/** Ends with the call, or after the time with NODE_TIMEOUT; the controller is aborted then. */
export function withTimeout<T>(host: Host, call: Promise<T>, seconds: number, controller: AbortController): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = host.after(seconds * 1_000, () => {
      const error = new SignalboxError('NODE_TIMEOUT', `no answer within ${seconds} s`)
      controller.abort(error)
      reject(error)
    })
    call.then(resolve, reject).finally(cancel)
  })
}
