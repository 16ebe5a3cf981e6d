import canonicalize from 'canonicalize'
import { SignalboxError } from './errors.ts'

/** A value that JSON can carry without loss. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/** A JSON object. */
export type JsonObject = { readonly [key: string]: JsonValue }

/** Canonical JSON text (RFC 8785): equal values give equal text. Throws INPUT_INVALID for a value JSON cannot carry. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value)
  if (text === undefined) throw new SignalboxError('INPUT_INVALID', 'the value cannot be written as JSON')
  return text
}

/** Parses JSON text; throws the given code with a plain message instead of a syntax error. */
export function parseJson(text: string, what: string): JsonValue {
  try {
    // JSON.parse gives JSON values only, which is what JsonValue names.
    return JSON.parse(text) as JsonValue
  } catch (cause) {
    throw new SignalboxError('INPUT_INVALID', `${what} is not valid JSON`, { cause })
  }
}

/**
 * A copy of the value as JSON carries it: dates become strings, undefined fields vanish, later changes of the original
 * do not show. Throws INPUT_INVALID otherwise.
 */
export function toJsonValue(value: unknown, what: string): JsonValue {
  const copy = copyPlain(value)
  if (copy !== undefined) return copy
  const text = JSON.stringify(value === undefined ? null : value)
  if (text === undefined) throw new SignalboxError('INPUT_INVALID', `${what} cannot be written as JSON`)
  return parseJson(text, what)
}

/** A copy without the way over text; undefined when any part is not JSON as it stands. */
function copyPlain(value: unknown): JsonValue | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  // A negative zero is written as 0.
  if (typeof value === 'number') return Number.isFinite(value) ? value + 0 : undefined
  if (typeof value !== 'object') return undefined
  return Array.isArray(value) ? copyList(value) : copyObject(value)
}

function copyList(values: readonly unknown[]): JsonValue | undefined {
  const copy: JsonValue[] = []
  for (const value of values) {
    const item = copyPlain(value)
    if (item === undefined) return undefined
    copy.push(item)
  }
  return copy
}

function copyObject(value: object): JsonValue | undefined {
  if (Object.getPrototypeOf(value) !== Object.prototype || 'toJSON' in value) return undefined
  const copy: Record<string, JsonValue> = {}
  for (const [key, part] of Object.entries(value)) {
    const item = copyPlain(part)
    // `__proto__` as a key would set the prototype of the copy.
    if (item === undefined || key === '__proto__') return undefined
    copy[key] = item
  }
  return copy
}
