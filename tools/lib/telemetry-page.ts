/** The reference page that is made from the telemetry contract. Pure functions. */
import { conditionOf, type Levels, type TelemetryContract } from './telemetry-contract.ts'

const code = (list: readonly string[]): string => list.map((each) => `\`${each}\``).join(', ') || '-'

function conditions({ conditionally_required: all = {} }: Levels): string {
  const told = Object.entries(all).map(([name, text]) => {
    const { attribute, values } = conditionOf(text)
    return `\`${name}\` when \`${attribute}\` is ${values.length === 0 ? 'there' : values.join(', ')}`
  })
  return told.join('; ') || '-'
}

function olderMetric({ older }: TelemetryContract['metrics'][number]): string {
  if (!older) return '-'
  const labels = Object.entries(older.labels ?? {}).map(([name, value]) => `, \`${name}\` ${value}`)
  return `\`${older.name}\`${labels.join('')}`
}

/** The reference page of the contract in Markdown. */
export function contractPage(contract: TelemetryContract): string {
  const fields = contract.attributes.filter((attribute) => attribute.field !== undefined)
  return `${[
    '# Telemetry',
    '',
    '<!-- Made from packages/runtime/src/observability/contract.v1.json by `node tools/telemetry-contract.ts`. -->',
    '',
    `Contract version ${contract.version}, compared with \`${contract.semconv_repository}\` at \`${contract.semconv_commit}\` on ${contract.reviewed_on}. Spans, log events and metrics are computed from the records of a run and sent by OTLP over HTTP when \`OTEL_EXPORTER_OTLP_ENDPOINT\` is set. Sending is at least once: span ids come from the record that opened the span, so a span that is sent again is the same span; metrics are sent as deltas, and a batch that is sent again counts again.`,
    '',
    'Content and identity stay home unless they are switched on: attributes with the sensitivity `content` or `identity` are sent only then.',
    '',
    '## The fields that every dashboard needs',
    '',
    '| field | attribute |',
    '|---|---|',
    ...fields.map((attribute) => `| ${attribute.field} | \`${attribute.name}\` |`),
    '',
    `Every span and event carries ${code(contract.common)}.`,
    '',
    '## Spans',
    '',
    ...contract.spans.flatMap((span) => [
      `### \`${span.name}\``,
      '',
      `${span.brief} Kind ${span.kind}.`,
      '',
      `Required: ${code(span.required)}. Required on a condition: ${conditions(span)}. Recommended: ${code(span.recommended)}. Only when switched on: ${code(span.opt_in ?? [])}.`,
      '',
    ]),
    '## Log events',
    '',
    '| event | when | required | required on a condition | recommended | only when switched on |',
    '|---|---|---|---|---|---|',
    ...contract.events.map(
      (event) =>
        `| \`${event.name}\` | ${event.brief} | ${code(event.required)} | ${conditions(event)} | ${code(event.recommended)} | ${code(event.opt_in ?? [])} |`,
    ),
    '',
    '## Metrics',
    '',
    '| metric | instrument | unit | what | labels | older name |',
    '|---|---|---|---|---|---|',
    ...contract.metrics.map(
      (metric) =>
        `| \`${metric.name}\` | ${metric.instrument} | ${metric.unit} | ${metric.brief} | ${code([...metric.required, ...(metric.recommended ?? [])])} | ${olderMetric(metric)} |`,
    ),
    '',
    '## Attributes',
    '',
    '| attribute | type | meaning | values | sensitivity | cardinality | conventions | older name |',
    '|---|---|---|---|---|---|---|---|',
    ...contract.attributes.map(
      ({ name, type, brief, enum: values, sensitivity, cardinality, semconv, older }) =>
        `| \`${name}\` | ${type} | ${brief} | ${code(values ?? [])} | ${sensitivity} | ${cardinality} | ${semconv ? `\`${semconv}\`` : '-'} | ${older ? `\`${older.name}\`` : '-'} |`,
    ),
  ].join('\n')}\n`
}
