/** The telemetry contract as data. Pure functions; what is made from it is in the files beside this one. */
import { z } from 'zod'

const names = z.array(z.string())

/**
 * Requirement levels of a span or event. What is conditionally required has a condition that can be checked:
 * `<attribute>` (it is there) or `<attribute> in <value> …`.
 */
const levels = {
  required: names,
  conditionally_required: z.record(z.string(), z.string().regex(/^\S+( in( \S+)+)?$/)).optional(),
  recommended: names,
}

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
      /** Name under the older conventions, and values that had other names there. */
      older: z.strictObject({ name: z.string(), values: z.record(z.string(), z.string()).optional() }).optional(),
      field: z.string().optional(),
    }),
  ),
  spans: z.array(
    z.strictObject({
      id: z.string(),
      name: z.string(),
      kind: z.enum(['internal', 'client']),
      brief: z.string(),
      ...levels,
      opt_in: names.optional(),
    }),
  ),
  events: z.array(z.strictObject({ name: z.string(), brief: z.string(), ...levels, opt_in: names.optional() })),
  metrics: z.array(
    z.strictObject({
      name: z.string(),
      instrument: z.enum(['counter', 'histogram', 'gauge']),
      unit: z.string(),
      brief: z.string(),
      required: names,
      recommended: names.optional(),
      buckets: z.array(z.number()).optional(),
      /** Name under the older conventions; several metrics may have been one there, told apart by a label. */
      older: z
        .strictObject({
          name: z.string(),
          brief: z.string().optional(),
          labels: z.record(z.string(), z.string()).optional(),
        })
        .optional(),
    }),
  ),
})

/** The contract file as data. */
export type TelemetryContract = z.output<typeof contractSchema>

/** Requirement levels of a span or event. */
export type Levels = Pick<
  TelemetryContract['spans'][number],
  'required' | 'conditionally_required' | 'recommended' | 'opt_in'
>

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
  for (const { where, list } of usesIn(contract))
    for (const name of list) if (!known.has(name)) problems.push(`\`${where}\` uses unknown \`${name}\``)
  for (const { where, list } of usesIn(contract))
    if (new Set(list).size < list.length) problems.push(`\`${where}\` lists an attribute twice`)
  for (const { where, attribute, values } of conditionsIn(contract)) {
    const closed = known.get(attribute)?.enum
    if (!known.has(attribute)) problems.push(`\`${where}\` has a condition on unknown \`${attribute}\``)
    for (const value of values)
      if (!closed?.includes(value)) problems.push(`\`${where}\` has a condition on \`${attribute}\` = \`${value}\``)
  }
  return [...problems, ...metricProblems(contract, known)]
}

type Attribute = TelemetryContract['attributes'][number]

function metricProblems({ metrics }: TelemetryContract, known: ReadonlyMap<string, Attribute>): readonly string[] {
  const problems: string[] = []
  for (const metric of metrics) {
    for (const label of [...metric.required, ...(metric.recommended ?? [])])
      if (known.get(label)?.cardinality === 'high')
        problems.push(`\`${metric.name}\` has the label \`${label}\` of high cardinality`)
    if ((metric.instrument === 'histogram') !== (metric.buckets !== undefined))
      problems.push(`\`${metric.name}\`: histograms, and only they, have buckets`)
    for (const label of Object.keys(metric.older?.labels ?? {}))
      if (!known.has(label)) problems.push(`\`${metric.name}\` has the unknown older label \`${label}\``)
    // Metrics that were one before are merged into one family.
    const twin = metrics.find(({ older }) => older && older.name === metric.older?.name)
    if (
      twin &&
      [twin.unit, twin.instrument, twin.buckets].join() !== [metric.unit, metric.instrument, metric.buckets].join()
    )
      problems.push(`\`${metric.name}\` and \`${twin.name}\` were one metric and have other units or buckets`)
  }
  return problems
}

function usesIn(contract: TelemetryContract): readonly { readonly where: string; readonly list: readonly string[] }[] {
  const all = (where: string, levels: Levels) => ({
    where,
    list: [
      ...levels.required,
      ...Object.keys(levels.conditionally_required ?? {}),
      ...levels.recommended,
      ...(levels.opt_in ?? []),
    ],
  })
  return [
    { where: 'common', list: contract.common },
    ...contract.spans.map((span) => all(span.id, span)),
    ...contract.events.map((event) => all(event.name, event)),
    ...contract.metrics.map((metric) => ({
      where: metric.name,
      list: [...metric.required, ...(metric.recommended ?? [])],
    })),
  ]
}

/** A condition of the contract as data: the attribute has one of the values, or is there when none are named. */
export interface Condition {
  readonly attribute: string
  readonly values: readonly string[]
}

/** Reads `<attribute>` or `<attribute> in <value> …`. */
export function conditionOf(text: string): Condition {
  const [attribute = '', , ...values] = text.split(' ')
  return { attribute, values }
}

function conditionsIn({ spans, events }: TelemetryContract): readonly (Condition & { readonly where: string })[] {
  const all = [...spans.map((span) => [span.id, span] as const), ...events.map((event) => [event.name, event] as const)]
  return all.flatMap(([where, { conditionally_required: conditions = {} }]) =>
    Object.values(conditions).map((text) => ({ where, ...conditionOf(text) })),
  )
}
