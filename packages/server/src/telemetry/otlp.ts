import {
  type Attributes,
  SeverityNumber,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
} from '@opentelemetry/api'
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { CONTRACT, type LogData, type SpanData, type Telemetry } from 'signalbox'
import { hrTime, metricDataOf } from './metrics.ts'
import type { TelemetrySettings } from './settings.ts'

/** Sends telemetry. `send` resolves when the collector has acknowledged all of it, and rejects otherwise. */
export interface TelemetrySender {
  send(telemetry: Telemetry): Promise<void>
  close(): Promise<void>
}

interface Exporter<T> {
  export(items: T, done: (result: { readonly code: number; readonly error?: Error }) => void): void
  shutdown(): Promise<void>
}

const SEVERITY = { info: SeverityNumber.INFO, warn: SeverityNumber.WARN, error: SeverityNumber.ERROR } as const

/** A sender over OTLP/HTTP with JSON. Signals without an address are left out. */
export function otlpSender(settings: TelemetrySettings, version: string): TelemetrySender {
  const resource = resourceFromAttributes({
    ...settings.resource,
    'service.version': version,
    'signalbox.telemetry.version': CONTRACT.version,
    'signalbox.telemetry.semconv_commit': CONTRACT.semconvCommit,
  })
  const scope = { name: 'signalbox', version }
  const to = (url: string) => ({ url, headers: { ...settings.headers }, timeoutMillis: settings.timeoutMs })
  const { urls } = settings
  const traces = urls.traces === undefined ? null : new OTLPTraceExporter(to(urls.traces))
  const logs = urls.logs === undefined ? null : new OTLPLogExporter(to(urls.logs))
  const metrics = urls.metrics === undefined ? null : new OTLPMetricExporter(to(urls.metrics))
  return {
    async send(telemetry) {
      const sent: Promise<void>[] = []
      if (traces && telemetry.spans.length > 0)
        sent.push(
          exported(
            traces,
            telemetry.spans.map((span) => readableSpan(span, resource, scope)),
          ),
        )
      if (logs && telemetry.logs.length > 0)
        sent.push(
          exported(
            logs,
            telemetry.logs.map((log) => readableLog(log, resource, scope)),
          ),
        )
      if (metrics && telemetry.metrics.length > 0) {
        const data = [...metricDataOf(telemetry.metrics)]
        sent.push(exported(metrics, { resource, scopeMetrics: [{ scope, metrics: data }] }))
      }
      await Promise.all(sent)
    },
    async close() {
      await Promise.allSettled([traces?.shutdown(), logs?.shutdown(), metrics?.shutdown()])
    },
  }
}

function exported<T>(exporter: Exporter<T>, items: T): Promise<void> {
  return new Promise((resolve, reject) => {
    exporter.export(items, ({ code, error }) => {
      if (code === 0) resolve()
      else reject(error ?? new Error('the collector did not acknowledge'))
    })
  })
}

type Scope = ReadableSpan['instrumentationScope']

function contextOf(traceId: string, spanId: string): SpanContext {
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED }
}

function attributesOf(attributes: SpanData['attributes']): Attributes {
  // The contract's values are strings, numbers, booleans and lists of strings: what OpenTelemetry takes.
  return { ...attributes } as Attributes
}

function readableSpan(span: SpanData, resource: Resource, scope: Scope): ReadableSpan {
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
      context: contextOf(span.traceId, link.spanId),
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

function readableLog(log: LogData, resource: Resource, scope: Scope): ReadableLogRecord {
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
