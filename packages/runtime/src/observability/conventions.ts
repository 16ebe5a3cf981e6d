/** Under which version of the GenAI conventions telemetry leaves: the names that changed, told by the contract. */
import {
  METRICS,
  type MetricName,
  OLDER_ATTRIBUTES,
  OLDER_METRICS,
  type OlderMetricName,
} from './contract.generated.ts'
import type { AttributeValue, Attributes, MetricPoint, Telemetry } from './telemetry.ts'

/** `latest`: the conventions that the contract is pinned to. `compat`: the names before them, where they changed. */
export const CONVENTIONS = ['latest', 'compat', 'both'] as const

/** One of the three. */
export type Conventions = (typeof CONVENTIONS)[number]

/** A name under other conventions, with what else is different there. */
interface Older {
  readonly name: string
  /** Values by the pinned conventions to those before them. */
  readonly values: ReadonlyMap<string, string>
}

const ATTRIBUTES_BEFORE: ReadonlyMap<string, Older> = new Map(
  Object.entries(OLDER_ATTRIBUTES).map(([name, older]) => [name, { name: older.name, values: pairsOf(older.values) }]),
)
const METRICS_BEFORE: ReadonlyMap<string, { readonly name: string; readonly labels: ReadonlyMap<string, string> }> =
  new Map(
    Object.entries(OLDER_METRICS).map(([name, older]) => [name, { name: older.name, labels: pairsOf(older.labels) }]),
  )
const NEWER = new Map<string, string>([...ATTRIBUTES_BEFORE].map(([name, older]) => [older.name, name]))

function pairsOf(text: string): ReadonlyMap<string, string> {
  const pairs = text === '' ? [] : text.split(' ')
  return new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
}

/** Names under which an attribute leaves. */
export function attributeNames(name: string, under: Conventions): readonly string[] {
  return namesOf(name, ATTRIBUTES_BEFORE.get(name)?.name, under)
}

/** The pinned name of an attribute that may have its older one. */
export function pinnedName(name: string): string {
  return NEWER.get(name) ?? name
}

/** Names under which a metric leaves, each with the labels that it has beside its own. */
export function metricNames(
  name: string,
  under: Conventions,
): readonly { readonly name: string; readonly labels: ReadonlyMap<string, string> }[] {
  const older = METRICS_BEFORE.get(name)
  return namesOf(name, older?.name, under).map((each) => ({
    name: each,
    labels: each === older?.name ? older.labels : new Map<string, string>(),
  }))
}

function namesOf(name: string, older: string | undefined, under: Conventions): readonly string[] {
  if (older === undefined || under === 'latest') return [name]
  return under === 'compat' ? [older] : [name, older]
}

/** What the contract says of a metric. */
export interface MetricShape {
  readonly instrument: 'counter' | 'histogram' | 'gauge'
  readonly unit: string
  readonly brief: string
  readonly bounds: readonly number[]
}

const SHAPES: ReadonlyMap<string, MetricShape> = new Map<string, MetricShape>([
  ...Object.entries(OLDER_METRICS).map(([pinned, { name, brief }]): [string, MetricShape] => [
    name,
    // The names of what was renamed are names of metrics.
    { ...METRICS[pinned as keyof typeof OLDER_METRICS], brief },
  ]),
  ...Object.entries(METRICS),
])

/** Instrument, unit, words and bounds of a metric under either name. */
export function metricOf(name: MetricName | OlderMetricName): MetricShape {
  const shape = SHAPES.get(name)
  if (!shape) throw new Error(`the metric \`${name}\` is not in the contract`)
  return shape
}

/** Labels or attributes, as pairs, under their names there and with the values that had other names. */
export function underConventions<T extends AttributeValue>(
  pairs: readonly (readonly [string, T])[],
  under: Conventions,
): readonly (readonly [string, T | string])[] {
  return pairs.flatMap(([name, value]): readonly (readonly [string, T | string])[] => {
    const older = ATTRIBUTES_BEFORE.get(name)
    return attributeNames(name, under).map((each) => [
      each,
      each === name || typeof value !== 'string' ? value : (older?.values.get(value) ?? value),
    ])
  })
}

/** Telemetry as it leaves under these conventions. With `latest` it is given back as it is. */
export function inConventions(telemetry: Telemetry, under: Conventions): Telemetry {
  if (under === 'latest') return telemetry
  const renamed = (attributes: Attributes): Attributes =>
    // Names of the contract, pinned or older.
    Object.fromEntries(underConventions(Object.entries(attributes) as [string, AttributeValue][], under)) as Attributes
  const points = ({ name, attributes, ...rest }: MetricPoint): readonly MetricPoint[] =>
    metricNames(name, under).map(({ name: each, labels }) => ({
      ...rest,
      // As above.
      name: each as MetricPoint['name'],
      attributes: { ...renamed(attributes), ...Object.fromEntries(labels) },
    }))
  return {
    spans: telemetry.spans.map((span) => ({ ...span, attributes: renamed(span.attributes) })),
    logs: telemetry.logs.map((log) => ({ ...log, attributes: renamed(log.attributes) })),
    metrics: telemetry.metrics.flatMap(points),
  }
}
