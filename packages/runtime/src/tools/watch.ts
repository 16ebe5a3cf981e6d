/**
 * Sees outside calls that user code makes beside the door, by the channels that Node publishes for its own network
 * modules. What it cannot see: native add-ons, worker threads, child processes, bare name look-ups, and code that left
 * its async context.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type Place, placeNow } from './place.ts'

/** A call seen beside the door: host and port, or `socket` / `udp` where only that is known; no path, no content. */
export interface OutsideCall {
  readonly place: Place
  readonly host: string
}

/** Channels of requests, and how to read the host from what each publishes. */
const REQUESTS: Readonly<Record<string, (request: unknown) => string>> = {
  'undici:request:create': (request) => originOf(field(request, 'origin')),
  'http.client.request.created': hostHeader,
  'http.client.request.start': hostHeader,
}
/** Channels below requests: what other protocols use. */
const SOCKETS: Readonly<Record<string, string>> = { 'net.client.socket': 'socket', 'udp.socket': 'udp' }

/**
 * Starts watching; the returned function stops. `onCall` is called once for each call that a place makes without being
 * mediated, in the microtasks of the tick in which it began. Loopback counts like any host.
 */
export function outsideWatch(onCall: (call: OutsideCall) => void): () => void {
  const seen = new WeakSet<object>()
  // Sockets that requests of a place account for, so that one request is not told twice.
  const owed = new WeakMap<Place, number>()
  const onRequest = (message: unknown, hostIn: (request: unknown) => string): void => {
    const place = unmediated()
    const request = field(message, 'request')
    if (!place || !isObject(request) || seen.has(request)) return
    seen.add(request)
    owed.set(place, (owed.get(place) ?? 0) + 1)
    const host = hostIn(request)
    // Whoever is told may abort the request, which its maker cannot take while it is still making it.
    queueMicrotask(() => onCall({ place, host }))
  }
  const onSocket = (host: string): void => {
    const place = unmediated()
    if (!place) return
    // http publishes its socket before its request, in one tick.
    queueMicrotask(() => {
      const left = owed.get(place) ?? 0
      if (left > 0) owed.set(place, left - 1)
      else onCall({ place, host })
    })
  }
  const listeners = [
    ...Object.entries(REQUESTS).map(
      ([name, hostIn]) => [name, (message: unknown) => onRequest(message, hostIn)] as const,
    ),
    ...Object.entries(SOCKETS).map(([name, host]) => [name, () => onSocket(host)] as const),
  ]
  for (const [name, listener] of listeners) subscribe(name, listener)
  return () => {
    for (const [name, listener] of listeners) unsubscribe(name, listener)
  }
}

function unmediated(): Place | undefined {
  const place = placeNow()
  return place?.mediated === false ? place : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function field(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined
}

function hostHeader(request: unknown): string {
  const read = field(request, 'getHeader')
  const header: unknown = typeof read === 'function' ? read.call(request, 'host') : undefined
  return typeof header === 'string' && header !== '' ? header : 'unknown'
}

function originOf(value: unknown): string {
  const text = value instanceof URL ? value.href : value
  return typeof text === 'string' && URL.canParse(text) ? new URL(text).host : 'unknown'
}
