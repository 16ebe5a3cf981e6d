import type { JsonValue } from '../base/json.ts'
import type { Redacted } from '../contracts/credential.ts'

/** What stands where a credential was. */
export const REDACTED = '[credential removed]'

/** A text to be taken out, and the tool whose credential it is. */
export interface Spelling {
  readonly tool: string
  readonly text: string
}

/** The value without these texts, in strings and in names of fields. The same value when none is in it. */
export function redacted<T extends JsonValue>(value: T, out: readonly Spelling[]): Redacted<T> {
  if (out.length === 0) return { value, leaked: [] }
  const leaked = new Set<string>()
  // Each value becomes one of its own kind: a text a text, a list a list of the same length.
  const clean = visit(value, (text) => {
    let left = text
    for (const { tool, text: secret } of out) {
      if (!left.includes(secret)) continue
      leaked.add(tool)
      left = left.replaceAll(secret, REDACTED)
    }
    return left
  }) as T
  return leaked.size === 0 ? { value, leaked: [] } : { value: clean, leaked: [...leaked].sort() }
}

function visit(value: JsonValue, each: (text: string) => string): JsonValue {
  if (typeof value === 'string') return each(value)
  if (Array.isArray(value)) return value.map((one: JsonValue) => visit(one, each))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [each(name), visit(one as JsonValue, each)]))
}
