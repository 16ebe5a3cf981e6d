/**
 * A collector in a process of its own: it takes OTLP over HTTP with JSON and counts what came. Asked with a number over
 * Node's channel, it answers when so many spans have come or the time is over, and counts anew.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What came since the last answer. Spans are told apart by their ids: what is sent again counts once. */
export interface Arrived {
  /** By the first word of their names. */
  readonly spans: Readonly<Record<string, number>>
  /** By their names. */
  readonly events: Readonly<Record<string, number>>
  /** Sums of counters by their names. */
  readonly counters: Readonly<Record<string, number>>
  readonly requests: number
  readonly bytes: number
}

/** How long nothing may come before spans are given up; then the answer tells what is there. */
const SILENCE_MS = 15_000

let seen = new Map<string, string>()
let events: Record<string, number> = {}
let counters: Record<string, number> = {}
let [requests, bytes] = [0, 0]
let waiting: (() => void) | null = null

/** The part of a request that is counted. */
interface Body {
  readonly resourceSpans?: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly { readonly spanId: string; readonly name: string }[] }[]
  }[]
  readonly resourceLogs?: readonly {
    readonly scopeLogs: readonly { readonly logRecords: readonly { readonly eventName: string }[] }[]
  }[]
  readonly resourceMetrics?: readonly {
    readonly scopeMetrics: readonly {
      readonly metrics: readonly {
        readonly name: string
        readonly sum?: { readonly dataPoints: readonly { readonly asDouble: number }[] }
      }[]
    }[]
  }[]
}

function count(body: Body): void {
  for (const { scopeSpans } of body.resourceSpans ?? [])
    for (const { spans } of scopeSpans) for (const { spanId, name } of spans) seen.set(spanId, name.split(' ')[0] ?? '')
  for (const { scopeLogs } of body.resourceLogs ?? [])
    for (const { logRecords } of scopeLogs) for (const { eventName } of logRecords) add(events, eventName, 1)
  for (const { scopeMetrics } of body.resourceMetrics ?? [])
    for (const { metrics } of scopeMetrics)
      for (const { name, sum } of metrics)
        for (const { asDouble } of sum?.dataPoints ?? []) add(counters, name, Number(asDouble))
}

function add(to: Record<string, number>, name: string, value: number): void {
  to[name] = (to[name] ?? 0) + value
}

const server = createServer((request, response) => {
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    const raw = Buffer.concat(parts)
    requests += 1
    bytes += raw.length
    // Our own exporter wrote it.
    count(JSON.parse(raw.toString('utf8')) as Body)
    waiting?.()
  })
})

function answer(): void {
  const spans: Record<string, number> = {}
  for (const name of seen.values()) add(spans, name, 1)
  const arrived: Arrived = { spans, events, counters, requests, bytes }
  seen = new Map()
  events = {}
  counters = {}
  requests = 0
  bytes = 0
  process.send?.(arrived)
}

process.on('message', ({ spans }: { readonly spans: number }) => {
  const late = setTimeout(() => done(), SILENCE_MS)
  const done = (): void => {
    clearTimeout(late)
    waiting = null
    // Log events and metrics of the same batch are on their way beside the spans.
    setTimeout(answer, 100)
  }
  waiting = () => {
    if (seen.size >= spans) done()
    else late.refresh()
  }
  waiting()
})
process.on('disconnect', () => process.exit(0))
// A connection that is closed while a batch is on its way makes the exporter send it again, and it would count twice.
server.keepAliveTimeout = 0
server.listen(0, '127.0.0.1', () => {
  // A listening TCP server has an address with a port.
  process.send?.({ port: (server.address() as AddressInfo).port })
})
