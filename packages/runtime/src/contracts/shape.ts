import { z } from 'zod'
import { type ErrorCode, SignalboxError } from '../base/errors.ts'
import { type JsonObject, type JsonValue, toJsonValue } from '../base/json.ts'
import type { Shape } from './workflow.ts'

/** Wraps a zod type as a Shape. Throws CONFIG_INVALID when JSON Schema cannot express the type. */
export function shapeOf(schema: z.ZodType): Shape {
  return {
    json: jsonSchemaOf(schema, 'the schema'),
    parse: (value, what) => parseWith(schema, value, what, 'INPUT_INVALID'),
  }
}

/**
 * JSON Schema of what the type takes, without `$schema`. Throws CONFIG_INVALID with `what` in front, also for a type
 * whose result JSON cannot carry (a date, a transform): values are stored as JSON between the steps.
 */
export function jsonSchemaOf(schema: z.ZodType, what: string): JsonObject {
  try {
    const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'input' })
    z.toJSONSchema(schema, { io: 'output' })
    // A JSON Schema is a JSON object; the round trip drops what is not.
    return JSON.parse(JSON.stringify(json)) as JsonObject
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SignalboxError('CONFIG_INVALID', `${what} cannot be written as JSON Schema: ${why}`, { cause })
  }
}

/** Checks a value and gives it as plain JSON. Throws the code with `what` and every field that does not fit. */
export function parseWith(schema: z.ZodType, value: unknown, what: string, code: ErrorCode): JsonValue {
  const result = schema.safeParse(value)
  if (!result.success) throw new SignalboxError(code, `${what} does not fit: ${describeIssues(result.error)}`)
  if (isPlainJson(result.data)) return result.data
  return toJsonValue(result.data, what)
}

/** One clause per field, at most eight: `` `lines[0].amount` expected number ``. Names fields, never their values. */
export function describeIssues(error: z.ZodError): string {
  const clauses = error.issues.slice(0, 8).map((issue) => {
    const text = issue.message.replace(/^Invalid input: /, '')
    const path = pathText(issue.path)
    return path === '' ? text : `\`${path}\` ${text}`
  })
  const left = error.issues.length - clauses.length
  return clauses.join('; ') + (left > 0 ? `; and ${left} more` : '')
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((step, i) => (typeof step === 'number' ? `[${step}]` : `${i === 0 ? '' : '.'}${String(step)}`))
    .join('')
}

function isPlainJson(value: unknown): value is JsonValue {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object') return false
  if (Array.isArray(value)) return value.every(isPlainJson)
  const prototype: unknown = Object.getPrototypeOf(value)
  return (prototype === Object.prototype || prototype === null) && Object.values(value).every(isPlainJson)
}
