/** The TypeScript module that is made from the telemetry contract. Pure functions. */
import type { Levels, TelemetryContract } from './telemetry-contract.ts'

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
    `  semconvRepository: '${contract.semconv_repository}',`,
    `  reviewedOn: '${contract.reviewed_on}',`,
    `  reviewAfterDays: ${contract.review_after_days},`,
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
    ...olderCode(contract),
    '/** The name of an attribute of the contract. */',
    'export type AttributeName = keyof typeof ATTRIBUTES',
    '/** The kind of a span. */',
    'export type SpanId = keyof typeof SPANS',
    '/** The name of a log event. */',
    'export type EventName = keyof typeof EVENTS',
    '/** The name of a metric. */',
    'export type MetricName = keyof typeof METRICS',
    '/** An attribute under the older conventions. */',
    "export type OlderAttributeName = (typeof OLDER_ATTRIBUTES)[keyof typeof OLDER_ATTRIBUTES]['name']",
    '/** A metric under the older conventions. */',
    "export type OlderMetricName = (typeof OLDER_METRICS)[keyof typeof OLDER_METRICS]['name']",
  ].join('\n')}\n`
}

/** Spans, events and metrics as constants. */
function signalCode(contract: TelemetryContract): readonly string[] {
  return [
    '/** Every kind of span. `conditional` has a condition for each key; `optIn` is left out unless capture is switched on. */',
    'export const SPANS = {',
    ...contract.spans.flatMap((span) => [
      `  ${key(span.id)}: {`,
      `    name: '${span.name}',`,
      `    kind: '${span.kind}',`,
      ...levels(span),
      '  },',
    ]),
    '} as const',
    '',
    '/** Every log event. */',
    'export const EVENTS = {',
    ...contract.events.flatMap((event) => [`  ${key(event.name)}: {`, ...levels(event), '  },']),
    '} as const',
    '',
    '/** Every metric. Bounds are upper bounds in the unit; a counter and a gauge have none. */',
    'export const METRICS = {',
    ...contract.metrics.flatMap((metric) => [
      `  ${key(metric.name)}: {`,
      `    instrument: '${metric.instrument}',`,
      `    unit: '${metric.unit}',`,
      `    brief: '${metric.brief}',`,
      ...property('required', `'${metric.required.join(' ')}'`, '    '),
      ...property('recommended', `'${(metric.recommended ?? []).join(' ')}'`, '    '),
      `    bounds: [${(metric.buckets ?? []).map(numberText).join(', ')}],`,
      '  },',
    ]),
    '} as const',
    '',
  ]
}

/** The requirement levels of a span or event. */
function levels(of: Levels): readonly string[] {
  const conditions = Object.entries(of.conditionally_required ?? {})
  return [
    ...property('required', `'${of.required.join(' ')}'`, '    '),
    ...(conditions.length === 0
      ? ['    conditional: {},']
      : [
          '    conditional: {',
          ...conditions.flatMap(([name, condition]) => property(key(name), `'${condition}'`, '      ')),
          '    },',
        ]),
    ...property('recommended', `'${of.recommended.join(' ')}'`, '    '),
    ...property('optIn', `'${(of.opt_in ?? []).join(' ')}'`, '    '),
  ]
}

/** What had another name under the older conventions. */
function olderCode({ attributes, metrics }: TelemetryContract): readonly string[] {
  const pairs = (values: Readonly<Record<string, string>> = {}): string =>
    Object.entries(values)
      .map((pair) => pair.join('='))
      .join(' ')
  return [
    '/** Attributes that had another name under the older conventions, and values that had: `now=before`. */',
    'export const OLDER_ATTRIBUTES = {',
    ...attributes.flatMap(({ name, older }) =>
      older
        ? [
            `  ${key(name)}: {`,
            `    name: '${older.name}',`,
            ...property('values', `'${pairs(older.values)}'`, '    '),
            '  },',
          ]
        : [],
    ),
    '} as const',
    '',
    '/** Metrics that had another name under the older conventions, and the labels `name=value` that told them apart. */',
    'export const OLDER_METRICS = {',
    ...metrics.flatMap(({ name, brief, older }) =>
      older
        ? [
            `  ${key(name)}: {`,
            `    name: '${older.name}',`,
            `    brief: '${older.brief ?? brief}',`,
            `    labels: '${pairs(older.labels)}',`,
            '  },',
          ]
        : [],
    ),
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
