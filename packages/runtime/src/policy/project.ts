import type { JsonObject, JsonValue } from '../base/json.ts'
import type { FieldType } from './bundle-files.ts'

/** A value as Cedar gets it. */
export type Projected = boolean | number | string | string[]

/**
 * The fields that the catalogue declares, each of exactly its type; nothing else reaches policy. Null when one is missing
 * or is not of its type: a fraction, an integer beyond what is safe, text that is not well-formed Unicode, an object
 * (which Cedar could read as a reference to an entity) where a value is due.
 */
export function project(
  declared: Readonly<Record<string, FieldType>>,
  values: JsonObject,
): Readonly<Record<string, Projected>> | null {
  const out: Record<string, Projected> = {}
  for (const [name, type] of Object.entries(declared)) {
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    const fits = value === undefined ? null : READERS[type](value)
    if (fits === null) return null
    out[name] = fits
  }
  return out
}

const READERS: Record<FieldType, (value: JsonValue) => Projected | null> = {
  // Adding zero turns a negative zero, which is no integer for Cedar, into zero.
  Long: (value) => (typeof value === 'number' && Number.isSafeInteger(value) ? value + 0 : null),
  String: (value) => (isText(value) ? value : null),
  Bool: (value) => (typeof value === 'boolean' ? value : null),
  'Set<String>': (value) => (Array.isArray(value) && value.every(isText) ? [...value] : null),
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed()
}
