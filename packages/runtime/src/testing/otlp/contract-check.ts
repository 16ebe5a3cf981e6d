import { checkTelemetry, type Conventions, metricNames, METRICS, SPANS } from '../../observability/index.ts'
import type { Received, ReceivedSpan } from './received.ts'

/** Kind of a span in the contract, by its name; empty when the contract has none like it. */
export function spanIdOf({ name }: Pick<ReceivedSpan, 'name'>): string {
  const found = Object.entries(SPANS).find(([, span]) => name.startsWith(span.name.slice(0, span.name.indexOf('{'))))
  return found?.[0] ?? ''
}

/**
 * Where what a receiver got breaks the telemetry contract, one line each: names, keys, requirement levels, types, closed
 * values, labels, content, and on the wire the kinds of spans and the units and instruments of metrics. Without content.
 */
export function contractFaults(received: Received, under: Conventions = 'latest'): string[] {
  const { logs, metrics } = received
  const spans = received.spans.map((span) => ({ ...span, id: spanIdOf(span) }))
  const found = checkTelemetry({ spans, logs, metrics }, undefined, under)
  const faults = found.map(({ signal, key, problem }) => `${signal} ${key} ${problem}`)
  for (const { id, name, kind } of spans) {
    const known = Object.entries(SPANS).find(([each]) => each === id)?.[1]
    if (known && known.kind !== kind) faults.push(`${name} kind ${kind}`)
  }
  const units = unitsUnder(under)
  for (const { name, unit, kind } of metrics)
    if (units.get(name) !== `${kind} ${unit}`) faults.push(`${name} is ${kind} ${unit}`)
  return [...new Set(faults)]
}

function unitsUnder(under: Conventions): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(METRICS).flatMap(([pinned, { instrument, unit }]) =>
      metricNames(pinned, under).map(({ name }) => [name, `${instrument} ${unit}`] as const),
    ),
  )
}
