import {
  type Attributes,
  SeverityNumber,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
} from '@opentelemetry/api'
import {
  JsonLogsSerializer,
  JsonMetricsSerializer,
  JsonTraceSerializer,
  ProtobufLogsSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
} from '@opentelemetry/otlp-transformer'
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { CONTRACT, type Host, type LogData, type SpanData, type Telemetry } from 'signalbox'
import { hrTime, metricDataOf } from './metrics.ts'
import { jsonWriter } from './otlp-json.ts'
import { CollectorPost } from './post.ts'
import { type Protocol, SIGNALS, type Signal, type TelemetrySettings } from './settings.ts'

/** What became of a batch that the collector took: how many items it says it rejected all the same. */
export interface Acknowledged {
  readonly rejected: number
  /** What it gives as its reason; null when it rejected nothing. */
  readonly reason: string | null
}

/** Sends telemetry. `send` resolves when the collector has acknowledged all of it, and rejects otherwise. */
export interface TelemetrySender {
  send(telemetry: Telemetry): Promise<Acknowledged>
  close(): Promise<void>
}

/** Names of what a collector says it rejected, by signal. */
interface Rejection {
  readonly rejectedSpans?: number | string
  readonly rejectedLogRecords?: number | string
  readonly rejectedDataPoints?: number | string
  readonly errorMessage?: string
}

const SEVERITY = { info: SeverityNumber.INFO, warn: SeverityNumber.WARN, error: SeverityNumber.ERROR } as const

const WRITERS = {
  'http/json': { traces: JsonTraceSerializer, logs: JsonLogsSerializer, metrics: JsonMetricsSerializer },
  'http/protobuf': {
    traces: ProtobufTraceSerializer,
    logs: ProtobufLogsSerializer,
    metrics: ProtobufMetricsSerializer,
  },
} as const

/** A sender over OTLP/HTTP. Signals without an address are left out. */
export function otlpSender(settings: TelemetrySettings, version: string, host: Host): TelemetrySender {
  const who = {
    ...settings.resource,
    'service.version': version,
    'signalbox.telemetry.version': CONTRACT.version,
    'signalbox.telemetry.semconv_commit': CONTRACT.semconvCommit,
  }
  const resource = resourceFromAttributes(who)
  const scope = { name: 'signalbox', version }
  const json = jsonWriter(who, scope)
  const posts = new Map<Signal, CollectorPost>()
  for (const signal of SIGNALS) {
    const own = settings.signals[signal]
    if (own) posts.set(signal, new CollectorPost(own, host))
  }
  const post = async (signal: Signal, write: (protocol: Protocol) => Uint8Array | undefined): Promise<Acknowledged> => {
    const [to, own] = [posts.get(signal), settings.signals[signal]]
    const body = to && own ? write(own.protocol) : undefined
    if (!to || !own || body === undefined) return NOTHING_REJECTED
    return rejectionOf(await to.send(body), own.protocol, signal)
  }
  return {
    async send({ spans, logs, metrics }) {
      const answers = await Promise.all([
        spans.length === 0
          ? NOTHING_REJECTED
          : post('traces', (form) =>
              form === 'http/json'
                ? json.traces(spans)
                : WRITERS[form].traces.serializeRequest(spans.map((span) => readableSpan(span, resource, scope))),
            ),
        logs.length === 0
          ? NOTHING_REJECTED
          : post('logs', (form) =>
              form === 'http/json'
                ? json.logs(logs)
                : WRITERS[form].logs.serializeRequest(logs.map((log) => readableLog(log, resource, scope))),
            ),
        metrics.length === 0
          ? NOTHING_REJECTED
          : post('metrics', (form) =>
              WRITERS[form].metrics.serializeRequest({
                resource,
                scopeMetrics: [{ scope, metrics: [...metricDataOf(metrics)] }],
              }),
            ),
      ])
      return {
        rejected: answers.reduce((sum, each) => sum + each.rejected, 0),
        reason: answers.find((each) => each.rejected > 0)?.reason ?? null,
      }
    },
    async close() {
      for (const each of posts.values()) each.close()
    },
  }
}

const NOTHING_REJECTED: Acknowledged = { rejected: 0, reason: null }

/** What a collector that took the request says it left out. An answer that cannot be read rejects nothing. */
function rejectionOf(answer: Uint8Array, protocol: Protocol, signal: Signal): Acknowledged {
  if (answer.length === 0) return NOTHING_REJECTED
  try {
    const { partialSuccess } = WRITERS[protocol][signal].deserializeResponse(answer)
    // One of the three names is there, by signal; in JSON a 64-bit number is text.
    const said = (partialSuccess ?? {}) as Rejection
    const rejected = Number(said.rejectedSpans ?? said.rejectedLogRecords ?? said.rejectedDataPoints ?? 0)
    if (!(rejected > 0)) return NOTHING_REJECTED
    return { rejected, reason: (said.errorMessage ?? '').replaceAll(/[^ -~]/g, ' ').slice(0, 200) || null }
  } catch {
    return NOTHING_REJECTED
  }
}

type Scope = ReadableSpan['instrumentationScope']

function contextOf(traceId: string, spanId: string): SpanContext {
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED }
}

function attributesOf(attributes: SpanData['attributes']): Attributes {
  // The contract's values are strings, numbers, booleans and lists of strings: what OpenTelemetry takes.
  return { ...attributes } as Attributes
}

/** A span as the OpenTelemetry packages take it. */
export function readableSpan(span: SpanData, resource: Resource, scope: Scope): ReadableSpan {
  const kind = span.id === 'model_call' ? SpanKind.CLIENT : SpanKind.INTERNAL
  const parent = span.parentSpanId === null ? {} : { parentSpanContext: contextOf(span.traceId, span.parentSpanId) }
  return {
    name: span.name,
    kind,
    spanContext: () => contextOf(span.traceId, span.spanId),
    ...parent,
    startTime: hrTime(span.startMs),
    endTime: hrTime(span.endMs),
    duration: hrTime(span.endMs - span.startMs),
    status: { code: span.status === 'error' ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes: attributesOf(span.attributes),
    links: span.links.map((link) => ({
      context: contextOf(link.traceId ?? span.traceId, link.spanId),
      attributes: attributesOf(link.attributes),
    })),
    events: [],
    ended: true,
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }
}

/** A log event as the OpenTelemetry packages take it. */
export function readableLog(log: LogData, resource: Resource, scope: Scope): ReadableLogRecord {
  const within = log.spanId === null ? {} : { spanContext: contextOf(log.traceId, log.spanId) }
  return {
    hrTime: hrTime(log.timeMs),
    hrTimeObserved: hrTime(log.timeMs),
    ...within,
    severityNumber: SEVERITY[log.severity],
    severityText: log.severity.toUpperCase(),
    eventName: log.eventName,
    resource,
    instrumentationScope: scope,
    attributes: attributesOf(log.attributes),
    droppedAttributesCount: 0,
  }
}
