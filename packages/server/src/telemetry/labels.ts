import type { Attributes } from 'signalbox'

/** A set of labels: names and values sorted by name, and a key that equal sets share. */
export interface Labels {
  readonly pairs: readonly (readonly [string, string])[]
  readonly key: string
}

/** Names of tools can come from a model: what is remembered must not grow without bounds. */
const MOST_KNOWN = 10_000
const KNOWN = new Map<string, Labels>()

/**
 * The labels of a measurement. There are few sets and many measurements, so that a set is sorted when it is first seen in
 * an order and found again by its text: sorting each was a tenth of what telemetry cost.
 */
export function labelsOf(attributes: Attributes): Labels {
  let text = ''
  for (const name in attributes) {
    const value = attributes[name as keyof Attributes] // a key of the object itself
    if (value !== undefined) text += `${name}\n${String(value)}\n`
  }
  const known = KNOWN.get(text)
  if (known) return known
  const pairs = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, String(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const made = { pairs, key: JSON.stringify(pairs) }
  if (KNOWN.size >= MOST_KNOWN) KNOWN.clear()
  KNOWN.set(text, made)
  return made
}
