import type {
  AttributeName,
  EventName,
  MetricName,
  OlderAttributeName,
  OlderMetricName,
  SpanId,
} from './contract.generated.ts'

/** A value that an attribute may have. */
export type AttributeValue = string | number | boolean | readonly string[]

/** Attributes by their contract names; older ones only where older conventions were asked for. */
export type Attributes = Readonly<Partial<Record<AttributeName | OlderAttributeName, AttributeValue>>>

/** A link from one span to another. */
export interface SpanLink {
  /** Set when the other span is in the trace of another run: 32 hex digits. */
  readonly traceId?: string
  readonly spanId: string
  readonly attributes: Attributes
}

/** One finished span. Ids come from the records, so that computing it again gives the same span. */
export interface SpanData {
  readonly id: SpanId
  readonly name: string
  /** 32 hex digits. */
  readonly traceId: string
  /** 16 hex digits. */
  readonly spanId: string
  readonly parentSpanId: string | null
  /** Milliseconds since 1970. */
  readonly startMs: number
  readonly endMs: number
  readonly attributes: Attributes
  readonly links: readonly SpanLink[]
  readonly status: 'unset' | 'error'
}

/** One log event; run and `signalbox.record.seq` with the name identify it. */
export interface LogData {
  readonly eventName: EventName
  readonly traceId: string
  readonly spanId: string | null
  /** Milliseconds since 1970. */
  readonly timeMs: number
  readonly severity: 'info' | 'warn' | 'error'
  readonly attributes: Attributes
}

/** One measurement: an addition to a counter or a value for a histogram. */
export interface MetricPoint {
  readonly name: MetricName | OlderMetricName
  readonly value: number
  /** Milliseconds since 1970. */
  readonly timeMs: number
  readonly attributes: Attributes
}

/** What a batch of records gives. */
export interface Telemetry {
  readonly spans: readonly SpanData[]
  readonly logs: readonly LogData[]
  readonly metrics: readonly MetricPoint[]
}
