/** The telemetry contract as data, and the code and page that are made from it. Pure functions. */
import { z } from 'zod'

const names = z.array(z.string())

const contractSchema = z.strictObject({
  contract: z.literal('signalbox.telemetry'),
  version: z.int(),
  semconv_repository: z.string(),
  semconv_commit: z.string().regex(/^[0-9a-f]{40}$/),
  reviewed_on: z.iso.date(),
  review_after_days: z.int(),
  common: names,
  attributes: z.array(
    z.strictObject({
      name: z.string(),
      type: z.enum(['string', 'int', 'double', 'boolean', 'string[]']),
      sensitivity: z.enum(['none', 'content', 'identity']),
      cardinality: z.enum(['low', 'high']),
      since: z.int(),
      brief: z.string(),
      enum: names.optional(),
      semconv: z.string().optional(),
      field: z.string().optional(),
    }),
  ),
  spans: z.array(
    z.strictObject({
      id: z.string(),
      name: z.string(),
      kind: z.enum(['internal', 'client']),
      brief: z.string(),
      required: names,
      allowed: names,
      opt_in: names.optional(),
    }),
  ),
  events: z.array(z.strictObject({ name: z.string(), brief: z.string(), required: names, allowed: names })),
  metrics: z.array(
    z.strictObject({
      name: z.string(),
      instrument: z.enum(['counter', 'histogram', 'gauge']),
      unit: z.string(),
      brief: z.string(),
      labels: names,
      buckets: z.array(z.number()).optional(),
    }),
  ),
})

/** The contract file as data. */
export type TelemetryContract = z.output<typeof contractSchema>

/** Reads the contract file. Throws with every problem at once: shape, unknown names, and labels of high cardinality. */
export function readContract(text: string): TelemetryContract {
  const contract = contractSchema.parse(JSON.parse(text))
  const problems = contractProblems(contract)
  if (problems.length > 0) throw new Error(`the telemetry contract is wrong: ${problems.join('; ')}`)
  return contract
}

function contractProblems(contract: TelemetryContract): readonly string[] {
  const known = new Map(contract.attributes.map((attribute) => [attribute.name, attribute]))
  const problems: string[] = []
  if (known.size !== contract.attributes.length) problems.push('an attribute is listed twice')
  const uses = [
    { where: 'common', list: contract.common },
    ...contract.spans.map((span) => ({
      where: span.id,
      list: [...span.required, ...span.allowed, ...(span.opt_in ?? [])],
    })),
    ...contract.events.map((event) => ({ where: event.name, list: [...event.required, ...event.allowed] })),
    ...contract.metrics.map((metric) => ({ where: metric.name, list: metric.labels })),
  ]
  for (const { where, list } of uses)
    for (const name of list) if (!known.has(name)) problems.push(`\`${where}\` uses unknown \`${name}\``)
  for (const metric of contract.metrics) {
    for (const label of metric.labels)
      if (known.get(label)?.cardinality === 'high')
        problems.push(`\`${metric.name}\` has the label \`${label}\` of high cardinality`)
    if ((metric.instrument === 'histogram') !== (metric.buckets !== undefined))
      problems.push(`\`${metric.name}\`: histograms, and only they, have buckets`)
  }
  return problems
}

/** A warning when the contract was not reviewed for too long, else null. `now` is in milliseconds since 1970. */
export function reviewWarning(contract: TelemetryContract, now: number): string | null {
  const days = Math.floor((now - Date.parse(contract.reviewed_on)) / 86_400_000)
  if (days <= contract.review_after_days) return null
  return `the telemetry contract was reviewed ${days} days ago: compare it with ${contract.semconv_repository} and set reviewed_on`
}

const HEADER = '// Made from contract.v1.json by `node tools/telemetry-contract.ts`. Change that file, not this one.'

/** The TypeScript module with names, types and rules of the contract. */
export function contractCode(contract: TelemetryContract): string {
  return `${[
    HEADER,
    '',
    '/** Version of the telemetry contract, and what it was compared with. */',
    'export const CONTRACT = {',
    `  version: ${contract.version},`,
    `  semconvCommit: '${contract.semconv_commit}',`,
    `  reviewedOn: '${contract.reviewed_on}',`,
    '} as const',
    '',
    '/** Attributes that every span and event carries. Names are separated by spaces here and below. */',
    `export const COMMON =\n  '${contract.common.join(' ')}'`,
    '',
    '/** Every attribute with its type, sensitivity and cardinality. */',
    'export const ATTRIBUTES = {',
    ...contract.attributes.map(
      ({ name, type, sensitivity, cardinality }) =>
        `  ${key(name)}: { type: '${type}', sensitivity: '${sensitivity}', cardinality: '${cardinality}' },`,
    ),
    '} as const',
    '',
    '/** The closed values of attributes that have them. */',
    'export const ENUMS = {',
    ...contract.attributes.flatMap(({ name, enum: values }) =>
      values ? property(key(name), `'${values.join(' ')}'`) : [],
    ),
    '} as const',
    '',
    ...signalCode(contract),
    '/** The name of an attribute of the contract. */',
    'export type AttributeName = keyof typeof ATTRIBUTES',
    '/** The kind of a span. */',
    'export type SpanId = keyof typeof SPANS',
    '/** The name of a log event. */',
    'export type EventName = keyof typeof EVENTS',
    '/** The name of a metric. */',
    'export type MetricName = keyof typeof METRICS',
  ].join('\n')}\n`
}

/** Spans, events and metrics as constants. */
function signalCode(contract: TelemetryContract): readonly string[] {
  return [
    '/** Every kind of span. `optIn` attributes are left out unless capture is switched on. */',
    'export const SPANS = {',
    ...contract.spans.flatMap((span) => [
      `  ${key(span.id)}: {`,
      `    kind: '${span.kind}',`,
      ...property('required', `'${span.required.join(' ')}'`, '    '),
      ...property('allowed', `'${span.allowed.join(' ')}'`, '    '),
      ...property('optIn', `'${(span.opt_in ?? []).join(' ')}'`, '    '),
      '  },',
    ]),
    '} as const',
    '',
    '/** Every log event. */',
    'export const EVENTS = {',
    ...contract.events.flatMap((event) => [
      `  ${key(event.name)}: {`,
      ...property('required', `'${event.required.join(' ')}'`, '    '),
      ...property('allowed', `'${event.allowed.join(' ')}'`, '    '),
      '  },',
    ]),
    '} as const',
    '',
    '/** Every metric. Bounds are upper bounds in the unit; a counter and a gauge have none. */',
    'export const METRICS = {',
    ...contract.metrics.flatMap((metric) => [
      `  ${key(metric.name)}: {`,
      `    unit: '${metric.unit}',`,
      `    brief: '${metric.brief}',`,
      ...property('labels', `'${metric.labels.join(' ')}'`, '    '),
      `    bounds: [${(metric.buckets ?? []).map(numberText).join(', ')}],`,
      '  },',
    ]),
    '} as const',
    '',
  ]
}

function key(name: string): string {
  return /^[a-z_]+$/.test(name) ? name : `'${name}'`
}

/** One property as the formatter has it: a value that does not fit in 120 columns goes to the next line. */
function property(name: string, value: string, indent = '  '): string[] {
  const line = `${indent}${name}: ${value},`
  return line.length <= 120 ? [line] : [`${indent}${name}:`, `${indent}  ${value},`]
}

function numberText(value: number): string {
  return value >= 10_000 ? String(value).replace(/\B(?=(\d{3})+$)/g, '_') : String(value)
}

/** The reference page of the contract in Markdown. */
export function contractPage(contract: TelemetryContract): string {
  const code = (list: readonly string[]): string => list.map((each) => `\`${each}\``).join(', ') || '-'
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
      `Required: ${code(span.required)}. Where they apply: ${code(span.allowed)}. Only when switched on: ${code(span.opt_in ?? [])}.`,
      '',
    ]),
    '## Log events',
    '',
    '| event | when | required | where it applies |',
    '|---|---|---|---|',
    ...contract.events.map(
      (event) => `| \`${event.name}\` | ${event.brief} | ${code(event.required)} | ${code(event.allowed)} |`,
    ),
    '',
    '## Metrics',
    '',
    '| metric | instrument | unit | what | labels |',
    '|---|---|---|---|---|',
    ...contract.metrics.map(
      (metric) =>
        `| \`${metric.name}\` | ${metric.instrument} | ${metric.unit} | ${metric.brief} | ${code(metric.labels)} |`,
    ),
    '',
    '## Attributes',
    '',
    '| attribute | type | meaning | values | sensitivity | cardinality | conventions |',
    '|---|---|---|---|---|---|---|',
    ...contract.attributes.map(
      ({ name, type, brief, enum: values, sensitivity, cardinality, semconv }) =>
        `| \`${name}\` | ${type} | ${brief} | ${code(values ?? [])} | ${sensitivity} | ${cardinality} | ${semconv ? `\`${semconv}\`` : '-'} |`,
    ),
  ].join('\n')}\n`
}
