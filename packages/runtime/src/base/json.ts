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

/** The value as JSON carries it (dates become strings, undefined fields vanish). Throws INPUT_INVALID otherwise. */
export function toJsonValue(value: unknown, what: string): JsonValue {
  const text = JSON.stringify(value === undefined ? null : value)
  if (text === undefined) throw new SignalboxError('INPUT_INVALID', `${what} cannot be written as JSON`)
  return parseJson(text, what)
}
