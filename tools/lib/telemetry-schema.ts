/** The JSON Schema that is made from the telemetry contract. Pure functions. */
import { conditionOf, type Levels, type TelemetryContract } from './telemetry-contract.ts'

type Json = Readonly<Record<string, unknown>>

const TYPES: Readonly<Record<TelemetryContract['attributes'][number]['type'], Json>> = {
  string: { type: 'string' },
  int: { type: 'integer' },
  double: { type: 'number' },
  boolean: { type: 'boolean' },
  'string[]': { type: 'array', items: { type: 'string' } },
}

/**
 * The schema as the text of its file: `{spans, events, metrics}`, each item with its name and attributes, under the pinned
 * conventions. What is only sent when capture is switched on is allowed.
 */
export function schemaText(contract: TelemetryContract): string {
  const spans = contract.spans.map((span) => [`span.${span.id}`, spanSchema(contract, span)] as const)
  const events = contract.events.map((event) => [`event.${event.name}`, eventSchema(contract, event)] as const)
  const metrics = contract.metrics.map((metric) => [`metric.${metric.name}`, metricSchema(metric)] as const)
  const attributes = contract.attributes.map((attribute) => [attribute.name, attributeSchema(attribute)] as const)
  const link = object({ attributes: object(references(['signalbox.link.kind']), ['signalbox.link.kind']) }, [
    'attributes',
  ])
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:signalbox:telemetry:${contract.version}`,
    title: 'Telemetry of Signalbox',
    $comment: 'Made from contract.v1.json by `node tools/telemetry-contract.ts`.',
    ...object({ spans: listOf(spans), events: listOf(events), metrics: listOf(metrics) }, [
      'spans',
      'events',
      'metrics',
    ]),
    $defs: Object.fromEntries([...attributes, ['link', link], ...spans, ...events, ...metrics]),
  }
  return `${JSON.stringify(schema, null, 1)}\n`
}

function object(properties: Json, required: readonly string[]): Json {
  return { type: 'object', properties, required, additionalProperties: false }
}

function listOf(all: readonly (readonly [string, Json])[]): Json {
  return { type: 'array', items: { anyOf: all.map(([name]) => ({ $ref: `#/$defs/${name}` })) } }
}

function references(names: readonly string[]): Json {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/$defs/${name}` }]))
}

function attributeSchema({ type, brief, enum: values }: TelemetryContract['attributes'][number]): Json {
  return values ? { type: 'string', enum: values, description: brief } : { ...TYPES[type], description: brief }
}

function spanSchema(contract: TelemetryContract, span: TelemetryContract['spans'][number]): Json {
  const cut = span.name.indexOf('{')
  const name = { type: 'string', pattern: `^${span.name.slice(0, cut)}.` }
  const links = { type: 'array', items: { $ref: '#/$defs/link' } }
  const kind = { const: span.kind }
  const properties = { id: { const: span.id }, name, kind, attributes: attributesSchema(contract, span), links }
  return { ...object(properties, Object.keys(properties)), ...conditions(contract, span), description: span.brief }
}

function eventSchema(contract: TelemetryContract, event: TelemetryContract['events'][number]): Json {
  const properties = { name: { const: event.name }, attributes: attributesSchema(contract, event) }
  return { ...object(properties, Object.keys(properties)), ...conditions(contract, event), description: event.brief }
}

function metricSchema(metric: TelemetryContract['metrics'][number]): Json {
  const labels = object(references([...metric.required, ...(metric.recommended ?? [])]), metric.required)
  const properties = { name: { const: metric.name }, unit: { const: metric.unit }, attributes: labels }
  return { ...object(properties, Object.keys(properties)), description: metric.brief }
}

function attributesSchema(contract: TelemetryContract, levels: Levels): Json {
  const required = [...contract.common, ...levels.required]
  const conditional = Object.keys(levels.conditionally_required ?? {})
  return object(references([...required, ...conditional, ...levels.recommended, ...(levels.opt_in ?? [])]), required)
}

/** What is required on a condition, one level above the attributes, so that these stay closed for every validator. */
function conditions(contract: TelemetryContract, { conditionally_required: all = {} }: Levels): Json {
  const rules = Object.entries(all).map(([name, text]) => {
    const there = { type: 'object', properties: references([name]), required: [name] }
    return { type: 'object', properties: { attributes: { anyOf: [there, unless(contract, text)] } } }
  })
  return rules.length > 0 ? { allOf: rules } : {}
}

/** What holds where a condition does not. */
function unless(contract: TelemetryContract, text: string): Json {
  const { attribute, values } = conditionOf(text)
  if (values.length === 0) return { type: 'object', properties: { [attribute]: false } }
  const closed = contract.attributes.find(({ name }) => name === attribute)?.enum ?? []
  return { type: 'object', properties: { [attribute]: { enum: closed.filter((value) => !values.includes(value)) } } }
}
