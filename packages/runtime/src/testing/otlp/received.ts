import type { AttributeValue } from '../../observability/index.ts'
import { requestOf } from './protobuf.ts'

/** Attributes by their names on the wire. */
export type ReceivedAttributes = Readonly<Record<string, AttributeValue>>

/** A span as a receiver read it. */
export interface ReceivedSpan {
  readonly name: string
  readonly kind: 'internal' | 'client' | 'other'
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | null
  /** Nanoseconds since 1970. */
  readonly start: bigint
  readonly end: bigint
  readonly status: 'unset' | 'error'
  readonly attributes: ReceivedAttributes
  readonly links: readonly {
    readonly traceId: string
    readonly spanId: string
    readonly attributes: ReceivedAttributes
  }[]
}

/** A log event as a receiver read it. */
export interface ReceivedLog {
  readonly eventName: string
  readonly traceId: string
  readonly spanId: string | null
  readonly attributes: ReceivedAttributes
}

/** One data point as a receiver read it. */
export interface ReceivedPoint {
  readonly name: string
  readonly unit: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  /** Of a histogram the sum. */
  readonly value: number
  /** Of a histogram how many values it holds, else 1. */
  readonly count: number
  readonly attributes: ReceivedAttributes
}

/** What a receiver read from the bodies it took. */
export interface Received {
  readonly spans: readonly ReceivedSpan[]
  readonly logs: readonly ReceivedLog[]
  readonly metrics: readonly ReceivedPoint[]
}

interface Value {
  readonly stringValue?: string
  readonly boolValue?: boolean
  readonly intValue?: number | string
  readonly doubleValue?: number
  readonly arrayValue?: { readonly values?: readonly Value[] }
}
interface KeyValue {
  readonly key: string
  readonly value: Value
}
interface Identified {
  readonly traceId: string
  readonly spanId: string
  readonly attributes?: readonly KeyValue[]
}
interface Span extends Identified {
  readonly parentSpanId?: string
  readonly name: string
  readonly kind?: number
  readonly startTimeUnixNano: string | number
  readonly endTimeUnixNano: string | number
  readonly status?: { readonly code?: number }
  readonly links?: readonly Identified[]
}
interface Log extends Partial<Identified> {
  readonly eventName: string
}
interface Point {
  readonly attributes?: readonly KeyValue[]
  readonly asDouble?: number
  readonly asInt?: number | string
  readonly count?: number | string
  readonly sum?: number
}
interface Points {
  readonly dataPoints: readonly Point[]
}
interface Metric {
  readonly name: string
  readonly unit?: string
  readonly gauge?: Points
  readonly sum?: Points
  readonly histogram?: Points
}
interface Request {
  readonly resourceSpans?: readonly { readonly scopeSpans: readonly { readonly spans?: readonly Span[] }[] }[]
  readonly resourceLogs?: readonly { readonly scopeLogs: readonly { readonly logRecords?: readonly Log[] }[] }[]
  readonly resourceMetrics?: readonly { readonly scopeMetrics: readonly { readonly metrics?: readonly Metric[] }[] }[]
}

/** Which of the three kinds of requests a body is. */
export type ReceivedSignal = 'traces' | 'logs' | 'metrics'

/** One body with what its request said of it. */
export interface ReceivedBody {
  readonly signal: ReceivedSignal
  readonly bytes: Uint8Array
  readonly isJson: boolean
}

/** Reads bodies of requests, each in JSON or in protobuf. Throws for a body that is neither. */
export function receivedOf(bodies: readonly ReceivedBody[]): Received {
  const all = bodies.map(jsonOf)
  const groups = <T>(each: readonly T[] | undefined): readonly T[] => each ?? []
  return {
    spans: all.flatMap(({ resourceSpans }) =>
      groups(resourceSpans).flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => groups(spans).map(spanOf))),
    ),
    logs: all.flatMap(({ resourceLogs }) =>
      groups(resourceLogs).flatMap(({ scopeLogs }) =>
        scopeLogs.flatMap(({ logRecords }) => groups(logRecords).map(logOf)),
      ),
    ),
    metrics: all.flatMap(({ resourceMetrics }) =>
      groups(resourceMetrics).flatMap(({ scopeMetrics }) =>
        scopeMetrics.flatMap(({ metrics }) => groups(metrics).flatMap(pointsOf)),
      ),
    ),
  }
}

function jsonOf({ signal, bytes, isJson }: ReceivedBody): Request {
  // Either way the fields that are read below have the form that OTLP gives them.
  return (isJson ? JSON.parse(Buffer.from(bytes).toString('utf8')) : requestOf(signal, bytes)) as Request
}

function attributesOf(all: readonly KeyValue[] | undefined): ReceivedAttributes {
  return Object.fromEntries((all ?? []).map(({ key, value }) => [key, plainOf(value)]))
}

function plainOf(value: Value): AttributeValue {
  if (value.arrayValue) return (value.arrayValue.values ?? []).map((each) => String(plainOf(each)))
  if (value.intValue !== undefined) return Number(value.intValue)
  return value.stringValue ?? value.boolValue ?? value.doubleValue ?? ''
}

const KINDS: Readonly<Record<number, ReceivedSpan['kind']>> = { 1: 'internal', 3: 'client' }

function spanOf(span: Span): ReceivedSpan {
  return {
    name: span.name,
    kind: KINDS[span.kind ?? 0] ?? 'other',
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId || null,
    start: BigInt(span.startTimeUnixNano),
    end: BigInt(span.endTimeUnixNano),
    status: span.status?.code === 2 ? 'error' : 'unset',
    attributes: attributesOf(span.attributes),
    links: (span.links ?? []).map(({ traceId, spanId, attributes }) => ({
      traceId,
      spanId,
      attributes: attributesOf(attributes),
    })),
  }
}

function logOf(log: Log): ReceivedLog {
  return {
    eventName: log.eventName,
    traceId: log.traceId ?? '',
    spanId: log.spanId || null,
    attributes: attributesOf(log.attributes),
  }
}

function pointsOf({ name, unit = '', gauge, sum, histogram }: Metric): readonly ReceivedPoint[] {
  const kind = histogram ? 'histogram' : sum ? 'counter' : 'gauge'
  return ((histogram ?? sum ?? gauge)?.dataPoints ?? []).map((point) => ({
    name,
    unit,
    kind,
    value: point.sum ?? point.asDouble ?? Number(point.asInt ?? 0),
    count: Number(point.count ?? 1),
    attributes: attributesOf(point.attributes),
  }))
}
