/**
 * The fetch that a tool gets. It owns what may be sent: hosts, methods, headers, redirects. Whether sending is allowed
 * at this moment (lease, deadline, kill switch) its caller says in `beforeSend`, right before each send.
 */
import { SignalboxError } from '../base/errors.ts'
import type { CredentialHeader } from '../contracts/credential.ts'
import { hostOf } from './hosts.ts'
import { mediatedCall } from './place.ts'

/** What a guarded fetch is made of. */
export interface GuardedFetchOptions {
  /** The platform's fetch. */
  readonly base: typeof fetch
  /** Exact `host:port` entries that may be reached, lower case. */
  readonly hosts: readonly string[]
  /** False refuses every method but GET, HEAD and OPTIONS. */
  readonly unsafeAllowed: boolean
  /**
   * `traceparent`, `x-signalbox-run-id`: sent with each request, over what the tool set itself. The host that a redirect
   * leads to gets none of them unless it is trusted.
   */
  readonly headers: Readonly<Record<string, string>>
  /** `baggage`, for trusted hosts only; no other host gets one, not even the tool's own. */
  readonly baggage: string
  /** True for a host that is trusted with the run's baggage. */
  readonly isTrusted: (host: string) => boolean
  /** Sent as `Idempotency-Key` with unsafe methods. */
  readonly idempotencyKey: string | null
  /** The credential for a host, sent over what the tool set itself; null for a host that it is not for. */
  readonly credential?: (host: string) => Promise<CredentialHeader | null>
  /** Throws when nothing may be sent any more; called right before each send, redirects included. */
  readonly beforeSend: () => void | Promise<void>
  readonly signal: AbortSignal
  /** A request is about to go out. */
  readonly onSend: (event: SendEvent) => void
  /** How it ended, as far as it can be told here. */
  readonly onAnswer: (event: SendEvent, end: SendEnd) => void
}

/** One request on the wire. No path, no content. */
export interface SendEvent {
  readonly host: string
  readonly method: string
  readonly unsafe: boolean
}

/**
 * `answered`: a status line came back. `not_sent`: no connection was made, so nothing can have arrived.
 * `unknown`: it may have arrived and the answer is lost.
 */
export type SendEnd =
  | { readonly kind: 'answered'; readonly status: number }
  | { readonly kind: 'not_sent' }
  | { readonly kind: 'unknown' }

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])
const REDIRECTS = new Set([301, 302, 303, 307, 308])
const MAX_REDIRECTS = 5
/** Failures before a connection stands: the other side saw no request. */
const BEFORE_CONNECT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
])

/**
 * A fetch that refuses with EGRESS_REFUSED, naming the host or method: hosts that are not listed, unsafe methods when
 * only reading is allowed, redirects that leave the list or would repeat an unsafe request, and more than five of
 * them. Everything else behaves as the platform's fetch.
 */
export function guardedFetch(options: GuardedFetchOptions): typeof fetch {
  return async (input, init) => {
    refuseCredentials(new URL(input instanceof Request ? input.url : input))
    let request = new Request(input, { ...init, redirect: 'manual' })
    const wanted = init?.redirect ?? (input instanceof Request ? input.redirect : 'follow')
    const asked = new URL(request.url).origin
    for (let hops = 0; ; hops++) {
      const response = await send(request, options, new URL(request.url).origin === asked)
      if (wanted === 'manual' || !REDIRECTS.has(response.status)) return response
      if (wanted === 'error') throw refused(`answered with a redirect`, request.url)
      if (hops === MAX_REDIRECTS) throw refused(`redirects more than ${MAX_REDIRECTS} times`, request.url)
      const next = follow(request, response)
      if (next === null) return response
      await response.body?.cancel()
      request = next
    }
  }
}

async function send(request: Request, options: GuardedFetchOptions, isAsked: boolean): Promise<Response> {
  const url = new URL(request.url)
  const host = hostOf(url)
  if (host === null) throw refused('is not a plain http address', request.url)
  if (!options.hosts.includes(host)) throw refused('is not in the list of hosts of the tool', request.url)
  const unsafe = !SAFE.has(request.method)
  if (unsafe && !options.unsafeAllowed)
    throw new SignalboxError(
      'EGRESS_REFUSED',
      `method \`${request.method}\` to host \`${host}\` is refused: only reading is allowed here`,
    )
  const headers = new Headers(request.headers)
  setTrace(headers, options, { isAsked, isTrusted: options.isTrusted(host) })
  if (unsafe && options.idempotencyKey !== null) headers.set('Idempotency-Key', options.idempotencyKey)
  else headers.delete('Idempotency-Key')
  const credential = (await options.credential?.(host)) ?? null
  if (credential) headers.set(credential.name, credential.value)
  const signal = AbortSignal.any([options.signal, request.signal])
  const event: SendEvent = { host, method: request.method, unsafe }
  await options.beforeSend()
  signal.throwIfAborted()
  options.onSend(event)
  try {
    const response = await mediatedCall(() =>
      options.base(new Request(request, { headers, signal, redirect: 'manual' })),
    )
    options.onAnswer(event, { kind: 'answered', status: response.status })
    return response
  } catch (thrown) {
    options.onAnswer(event, { kind: neverConnected(thrown) ? 'not_sent' : 'unknown' })
    throw thrown
  }
}

/** Run and trace for the host that the tool asked; of another one to which it redirects we know only that it is listed. */
function setTrace(
  headers: Headers,
  options: GuardedFetchOptions,
  host: { readonly isAsked: boolean; readonly isTrusted: boolean },
): void {
  for (const [name, value] of Object.entries(options.headers)) {
    if (host.isAsked || host.isTrusted) headers.set(name, value)
    else headers.delete(name)
  }
  if (host.isTrusted) headers.set('baggage', options.baggage)
  else headers.delete('baggage')
}

/** The request after a redirect, or null when the answer names no place. */
function follow(request: Request, response: Response): Request | null {
  const location = response.headers.get('location')
  if (location === null) return null
  const url = new URL(location, request.url)
  refuseCredentials(url)
  const reading = SAFE.has(request.method)
  // 303 asks to read the result elsewhere; every other redirect would send the same unsafe request again.
  if (!reading && response.status !== 303)
    throw refused(`redirects a ${request.method} request, which is not repeated`, request.url)
  const headers = new Headers(request.headers)
  if (url.origin !== new URL(request.url).origin) {
    headers.delete('authorization')
    headers.delete('cookie')
  }
  if (!reading) for (const name of ['content-type', 'content-length', 'content-encoding']) headers.delete(name)
  return new Request(url, {
    method: request.method === 'HEAD' ? 'HEAD' : 'GET',
    headers,
    signal: request.signal,
    redirect: 'manual',
  })
}

function refuseCredentials(url: URL): void {
  if (url.username !== '' || url.password !== '')
    throw refused('is addressed with credentials in the address', url.href)
}

function refused(why: string, url: string): SignalboxError {
  const host = hostOf(new URL(url)) ?? new URL(url).protocol
  return new SignalboxError('EGRESS_REFUSED', `host \`${host}\` ${why}`, { details: { host } })
}

function neverConnected(thrown: unknown): boolean {
  const causes = causesOf(thrown)
  return causes.length > 0 && causes.every((code) => BEFORE_CONNECT.has(code))
}

/** The system's error codes behind a failed fetch; an attempt on several addresses has several. */
function causesOf(thrown: unknown): string[] {
  if (!(thrown instanceof Error)) return []
  const code = 'code' in thrown && typeof thrown.code === 'string' ? [thrown.code] : []
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return thrown.errors.flatMap(causesOf)
  if (code.length > 0) return code
  return thrown.cause === undefined ? [] : causesOf(thrown.cause)
}
