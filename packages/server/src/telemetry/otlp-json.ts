import { TraceFlags } from '@opentelemetry/api'
import type { AttributeValue, LogData, SpanData } from 'signalbox'

/** Writes spans and log events of one sender as requests of OTLP in JSON. */
export interface JsonWriter {
  traces(spans: readonly SpanData[]): Uint8Array
  logs(logs: readonly LogData[]): Uint8Array
}

type Attributes = Readonly<Record<string, AttributeValue | undefined>>

/** The context of ours is never from elsewhere, and the place for that is filled (`HAS_IS_REMOTE`). */
const SPAN_FLAGS = TraceFlags.SAMPLED | 0x100
const SEVERITY = { info: 9, warn: 13, error: 17 } as const
const KIND = { internal: 1, client: 3 } as const
const STATUS = { unset: 0, error: 2 } as const

/**
 * A writer for this resource and scope. The packages of OpenTelemetry build three objects for each attribute before they
 * make text of them, which was a third of what telemetry cost; this writes the text at once. A test compares both.
 */
export function jsonWriter(
  resource: Readonly<Record<string, AttributeValue>>,
  scope: { readonly name: string; readonly version: string },
): JsonWriter {
  const sender = `{"attributes":${attributesJson(resource)},"droppedAttributesCount":0}`
  const head = (all: string, scoped: string, items: string): string =>
    `{"${all}":[{"resource":${sender},"${scoped}":[{"scope":${JSON.stringify(scope)},"${items}":[`
  const heads = {
    traces: head('resourceSpans', 'scopeSpans', 'spans'),
    logs: head('resourceLogs', 'scopeLogs', 'logRecords'),
  }
  return {
    traces: (spans) => request(heads.traces, spans, spanJson),
    logs: (logs) => request(heads.logs, logs, logJson),
  }
}

/** Characters that are made bytes of at once: a longer text is slow to put together, and each piece has its price. */
const PIECE = 16_384

function request<T>(head: string, items: readonly T[], write: (item: T) => string): Uint8Array {
  const pieces: Buffer[] = []
  let text = head
  for (const [place, item] of items.entries()) {
    text += place === 0 ? write(item) : `,${write(item)}`
    if (text.length < PIECE) continue
    pieces.push(Buffer.from(text))
    text = ''
  }
  pieces.push(Buffer.from(`${text}]}]}]}`))
  return Buffer.concat(pieces)
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

/** What comes before the value of a name. Names come from the contract, so that there are few. */
const NAMES = new Map<string, { readonly text: string; readonly other: string }>()

function nameOf(key: string) {
  let found = NAMES.get(key)
  if (!found) {
    const other = `,{"key":${JSON.stringify(key)},"value":{`
    found = { text: `${other}"stringValue":"`, other }
    NAMES.set(key, found)
  }
  return found
}

function attributesJson(attributes: Attributes): string {
  let text = ''
  for (const key in attributes) {
    const value = attributes[key]
    if (value === undefined) continue
    const name = nameOf(key)
    if (typeof value === 'string' && PLAIN.test(value)) text += `${name.text}${value}"}}`
    else text += `${name.other}${valueJson(value)}}}`
  }
  return `[${text.slice(1)}]`
}

/** A text of these alone is its own JSON. */
const PLAIN = /^[ !#-[\]-~]*$/

function valueJson(value: AttributeValue): string {
  switch (typeof value) {
    case 'string':
      return `"stringValue":${JSON.stringify(value)}`
    case 'number':
      return Number.isInteger(value) ? `"intValue":${value}` : `"doubleValue":${JSON.stringify(value)}`
    case 'boolean':
      return `"boolValue":${value}`
    default:
      return `"arrayValue":{"values":[${value.map((each) => `{${valueJson(each)}}`).join(',')}]}`
  }
}
