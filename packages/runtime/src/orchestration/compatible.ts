import type { JsonObject, JsonValue } from '../base/json.ts'

/**
 * Tells from two JSON Schemas whether a message can ever fit. It is sure only when it says no: a doubtful pair passes
 * here, and each message is checked again when it is delivered.
 */

const DEPTH = 12

/** Why no value of `from` can fit `to`, naming the field; null when some might. */
export function mismatch(from: JsonObject, to: JsonObject): string | null {
  return compare(from, to, '', DEPTH)
}

function compare(from: JsonObject, to: JsonObject, path: string, depth: number): string | null {
  if (depth === 0 || opaque(from) || opaque(to)) return null
  let why: string | null = null
  for (const source of alternatives(from)) {
    for (const target of alternatives(to)) {
      const found = opaque(source) || opaque(target) ? null : compareOne(source, target, path, depth)
      if (found === null) return null
      why = found
    }
  }
  return why
}

/** References and combinations other than a choice are not followed. */
function opaque(schema: JsonObject): boolean {
  return '$ref' in schema || 'allOf' in schema || 'not' in schema
}

function alternatives(schema: JsonObject): readonly JsonObject[] {
  const list = schema.anyOf ?? schema.oneOf
  return Array.isArray(list) ? list.filter(isObject) : [schema]
}

function compareOne(from: JsonObject, to: JsonObject, path: string, depth: number): string | null {
  const given = typesOf(from)
  const wanted = typesOf(to)
  if (given && wanted && !given.some((type) => wanted.some((other) => overlap(type, other)))) {
    return `${place(path)} is ${given.join(' or ')}, not ${wanted.join(' or ')}`
  }
  const values = valuesOf(from)
  const allowed = valuesOf(to)
  if (values && allowed && !values.some((value) => allowed.includes(value))) {
    return `${place(path)} has none of the values that are taken`
  }
  if (only(given, 'object') && only(wanted, 'object')) return compareObjects(from, to, path, depth)
  return null
}

function compareObjects(from: JsonObject, to: JsonObject, path: string, depth: number): string | null {
  const given = objectOf(from.properties)
  const wanted = objectOf(to.properties)
  const sent = namesOf(from.required)
  const needed = namesOf(to.required)
  for (const name of new Set([...needed, ...sent])) {
    const field = path === '' ? name : `${path}.${name}`
    const source = own(given, name)
    const target = own(wanted, name)
    if (source === undefined) {
      // An object that lists its fields does not send others, unless it says so.
      if (needed.includes(name) && closed(from)) return `\`${field}\` is required but never sent`
    } else if (target !== undefined && (needed.includes(name) || sent.includes(name))) {
      const found = compare(source, target, field, depth - 1)
      if (found !== null) return found
    }
  }
  return null
}

/** True when the schema names its fields and lets no others through. */
function closed(schema: JsonObject): boolean {
  const extra = schema.additionalProperties
  return isObject(schema.properties) && (extra === undefined || extra === false) && !('patternProperties' in schema)
}

function typesOf(schema: JsonObject): readonly string[] | null {
  if (typeof schema.type === 'string') return [schema.type]
  return Array.isArray(schema.type) ? namesOf(schema.type) : null
}

function valuesOf(schema: JsonObject): readonly JsonValue[] | null {
  const values = 'const' in schema && schema.const !== undefined ? [schema.const] : schema.enum
  return Array.isArray(values) && values.every((value) => typeof value !== 'object' || value === null) ? values : null
}

function overlap(a: string, b: string): boolean {
  return a === b || (a === 'integer' && b === 'number') || (a === 'number' && b === 'integer')
}

function only(types: readonly string[] | null, type: string): boolean {
  return types !== null && types.length === 1 && types[0] === type
}

function place(path: string): string {
  return path === '' ? 'the message' : `\`${path}\``
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {}
}

function own(object: JsonObject, name: string): JsonObject | undefined {
  const value = Object.hasOwn(object, name) ? object[name] : undefined
  return isObject(value) ? value : undefined
}

function namesOf(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []
}
