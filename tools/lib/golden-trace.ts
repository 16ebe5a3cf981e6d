/** Telemetry of a run as text that is the same each time it runs: no ids, no times, no amounts. Pure functions. */

type Values = Readonly<Record<string, unknown>>

/** A span as far as its text needs it. */
export interface TreeSpan {
  readonly id: string
  readonly name: string
  readonly spanId: string
  readonly parentSpanId: string | null
  readonly startMs: number
  readonly status: string
  readonly attributes: Values
  readonly links: readonly { readonly attributes: Values }[]
}

type Told = (key: string) => 'value' | 'name' | 'nothing'

/**
 * Text of the spans as a tree: segments in their order, what is below them by name. `told` says what is written of an
 * attribute: name and value, its name, or nothing.
 */
export function traceText(spans: readonly TreeSpan[], told: Told): string {
  const below = Map.groupBy(spans, (span) => span.parentSpanId)
  const text = (span: TreeSpan, depth: number): string => {
    const inner = (below.get(span.spanId) ?? []).map((child) => text(child, depth + 1)).sort()
    return [`${'  '.repeat(depth)}${lineOf(span, told)}`, ...inner].join('\n')
  }
  const roots = (below.get(null) ?? []).toSorted((a, b) => a.startMs - b.startMs)
  return `${roots.map((root) => text(root, 0)).join('\n')}\n`
}

function lineOf(span: TreeSpan, told: Told): string {
  const keys = Object.keys(span.attributes).sort()
  const shown = keys.flatMap((key) =>
    told(key) === 'nothing' ? [] : told(key) === 'value' ? `${key}=${String(span.attributes[key])}` : key,
  )
  const links = span.links.map(({ attributes }) => `-> ${String(attributes['signalbox.link.kind'])} `).join('')
  return `${span.name} ${links}[${span.status}] ${shown.join(' ')}`
}

/** Adds the keys that a signal carried to what is known of it. */
export function cover(seen: Map<string, Set<string>>, signal: string, attributes: Values): void {
  const keys = seen.get(signal) ?? new Set<string>()
  for (const key of Object.keys(attributes)) keys.add(key)
  seen.set(signal, keys)
}
