import { TraceFlags } from '@opentelemetry/api'
import type { AttributeValue, LogData, SpanData } from 'signalbox'

/** Writes spans and log events of one sender as requests of OTLP in JSON. */
export interface JsonWriter {
  traces(spans: readonly SpanData[]): Buffer
  logs(logs: readonly LogData[]): Buffer
}

type Attributes = Readonly<Record<string, AttributeValue | undefined>>

/** The context of ours is never from elsewhere, and the place for that is filled (`HAS_IS_REMOTE`). */
const SPAN_FLAGS = TraceFlags.SAMPLED | 0x100
const SEVERITY = { info: 9, warn: 13, error: 17 } as const
const KIND = { internal: 1, client: 3 } as const
const STATUS = { unset: 0, error: 2 } as const

/**
 * A writer for this resource and scope. The packages of OpenTelemetry build three objects for each attribute before they
 * make text of them, which was half of what telemetry cost; this writes the text at once. A test compares both.
 */
export function jsonWriter(
  resource: Readonly<Record<string, AttributeValue>>,
  scope: { readonly name: string; readonly version: string },
): JsonWriter {
  const sender = `{"attributes":${attributesJson(resource)},"droppedAttributesCount":0}`
  const request = (all: string, scoped: string, items: string, texts: readonly string[]): Buffer =>
    Buffer.from(
      `{"${all}":[{"resource":${sender},"${scoped}":[{"scope":${JSON.stringify(scope)},"${items}":[${texts.join(',')}]}]}]}`,
    )
  return {
    traces: (spans) => request('resourceSpans', 'scopeSpans', 'spans', spans.map(spanJson)),
    logs: (logs) => request('resourceLogs', 'scopeLogs', 'logRecords', logs.map(logJson)),
  }
}

function spanJson(span: SpanData): string {
  const parent = span.parentSpanId === null ? '' : `"parentSpanId":"${span.parentSpanId}",`
  const kind = span.id === 'model_call' ? KIND.client : KIND.internal
  const links = span.links.map(
    (link) =>
      `{"attributes":${attributesJson(link.attributes)},"spanId":"${link.spanId}","traceId":"${link.traceId ?? span.traceId}","droppedAttributesCount":0,"flags":${SPAN_FLAGS}}`,
  )
  return `{"traceId":"${span.traceId}","spanId":"${span.spanId}",${parent}"name":${JSON.stringify(span.name)},"kind":${kind},"startTimeUnixNano":"${nanos(span.startMs)}","endTimeUnixNano":"${nanos(span.endMs)}","attributes":${attributesJson(span.attributes)},"droppedAttributesCount":0,"events":[],"droppedEventsCount":0,"status":{"code":${STATUS[span.status]}},"links":[${links.join(',')}],"droppedLinksCount":0,"flags":${SPAN_FLAGS}}`
}

function logJson(log: LogData): string {
  const time = nanos(log.timeMs)
  const within =
    log.spanId === null ? '' : `,"flags":${TraceFlags.SAMPLED},"traceId":"${log.traceId}","spanId":"${log.spanId}"`
  return `{"timeUnixNano":"${time}","observedTimeUnixNano":"${time}","severityNumber":${SEVERITY[log.severity]},"severityText":"${log.severity.toUpperCase()}","body":{},"eventName":"${log.eventName}","attributes":${attributesJson(log.attributes)},"droppedAttributesCount":0${within}}`
}

/** Nanoseconds since 1970 as text, of a time in whole milliseconds as records have it. */
function nanos(ms: number): string {
  return `${Math.trunc(ms)}000000`
}

function attributesJson(attributes: Attributes): string {
  let text = ''
  for (const key in attributes) {
    const value = attributes[key]
    if (value !== undefined) text += `${text === '' ? '[' : ','}${beginning(key)}${valueJson(value)}}`
  }
  return text === '' ? '[]' : `${text}]`
}

/** Names come from the contract, so that there are few. */
const BEGINNINGS = new Map<string, string>()

function beginning(key: string): string {
  let found = BEGINNINGS.get(key)
  if (found === undefined) {
    found = `{"key":${JSON.stringify(key)},"value":`
    BEGINNINGS.set(key, found)
  }
  return found
}

/** A text of these alone is its own JSON. */
const PLAIN = /^[ !#-[\]-~]*$/

function textJson(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text)
}

function valueJson(value: AttributeValue): string {
  switch (typeof value) {
    case 'string':
      return `{"stringValue":${textJson(value)}}`
    case 'number':
      return Number.isInteger(value) ? `{"intValue":${value}}` : `{"doubleValue":${JSON.stringify(value)}}`
    case 'boolean':
      return `{"boolValue":${value}}`
    default:
      return `{"arrayValue":{"values":[${value.map(valueJson).join(',')}]}}`
  }
}
