import { canonicalJson, type JsonValue } from '../base/json.ts'

/** Where two JSON values first differ; `before` or `after` is undefined where there is nothing. */
export interface JsonDifference {
  /** Such as `items[2].amount`; empty when the values differ as wholes. */
  readonly path: string
  readonly before: JsonValue | undefined
  readonly after: JsonValue | undefined
}

/** Finds the first difference, in the order of the fields' names; null when the values are equal as canonical JSON. */
export function jsonDifference(
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  path = '',
): JsonDifference | null {
  if (before === undefined || after === undefined) return before === after ? null : { path, before, after }
  if (Array.isArray(before) && Array.isArray(after)) {
    for (let i = 0; i < Math.max(before.length, after.length); i++) {
      const found = jsonDifference(before[i], after[i], `${path}[${i}]`)
      if (found) return found
    }
    return null
  }
  if (isObject(before) && isObject(after)) {
    for (const name of [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()) {
      const found = jsonDifference(before[name], after[name], path === '' ? name : `${path}.${name}`)
      if (found) return found
    }
    return null
  }
  return canonicalJson(before) === canonicalJson(after) ? null : { path, before, after }
}

function isObject(value: JsonValue): value is Readonly<Record<string, JsonValue>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
