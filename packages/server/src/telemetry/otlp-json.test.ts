import { JsonLogsSerializer, JsonTraceSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { projectRecords, type SpanData, type Telemetry } from 'signalbox'
import { completeHistory } from 'signalbox/testing'
import { expect, it } from 'vitest'
import { readableLog, readableSpan } from './otlp.ts'
import { jsonWriter } from './otlp-json.ts'

const RESOURCE = { 'service.name': 'a "quoted"\nname', 'signalbox.telemetry.version': 1 }
const SCOPE = { name: 'signalbox', version: '0.1.0' }

/** Every kind of value, text that has to be escaped, and a link into another trace. */
function unusual(span: SpanData): SpanData {
  const attributes = {
    ...span.attributes,
    'signalbox.latency_ms': 1.5e-9,
    'signalbox.node.name': 'tab\t "quote" back\\slash \u2028 \ud800 é 漢 😀',
    'signalbox.policy.rules': ['a', '"b"', ''],
    'signalbox.approval.required': false,
  }
  return {
    ...span,
    attributes,
    links: [{ spanId: 'ab', traceId: 'cd', attributes: { 'signalbox.link.kind': 'fork' } }],
  }
}

function ours(telemetry: Telemetry): unknown[] {
  const writer = jsonWriter(RESOURCE, SCOPE)
  return [writer.traces(telemetry.spans), writer.logs(telemetry.logs)].map(parsed)
}

function theirs({ spans, logs }: Telemetry): unknown[] {
  const resource = resourceFromAttributes(RESOURCE)
  return [
    JsonTraceSerializer.serializeRequest(spans.map((span) => readableSpan(span, resource, SCOPE))),
    JsonLogsSerializer.serializeRequest(logs.map((log) => readableLog(log, resource, SCOPE))),
  ].map(parsed)
}

function parsed(bytes: Uint8Array | undefined): unknown {
  return JSON.parse(Buffer.from(bytes ?? []).toString('utf8'))
}

it('OTL-008: the JSON that is sent is that of the OpenTelemetry packages, whatever is in it', () => {
  const told = projectRecords(null, completeHistory().records())
  expect(told.spans.length).toBeGreaterThan(5)
  const telemetry = { ...told, spans: [...told.spans, ...told.spans.map(unusual)] }
  expect(ours(telemetry)).toEqual(theirs(telemetry))
  // One attribute less is seen.
  const [first, ...rest] = told.spans
  if (!first) throw new Error('no span')
  const { 'signalbox.run.id': _, ...fewer } = first.attributes
  expect(ours({ ...told, spans: [{ ...first, attributes: fewer }, ...rest] })).not.toEqual(theirs(told))
})
