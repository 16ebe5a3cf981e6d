/** JSON text of the smallest value that has the form of a JSON Schema: what a person then fills in. */
export function skeletonOf(schema: unknown): string {
  return JSON.stringify(sampleOf(schema, 0), null, 2)
}

const DEEPEST = 6

function sampleOf(schema: unknown, depth: number): unknown {
  if (!isObject(schema) || depth > DEEPEST) return null
  if ('const' in schema) return schema.const
  if ('default' in schema) return schema.default
  if (Array.isArray(schema.enum)) return schema.enum[0]
  const [first] = [schema.anyOf, schema.oneOf, schema.allOf].flatMap((list) => (Array.isArray(list) ? list : []))
  if (first !== undefined) return sampleOf(first, depth + 1)
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  if (type === 'object') return objectOf(schema, depth)
  if (type === 'array') return []
  if (type === 'string') return ''
  if (type === 'boolean') return false
  return type === 'number' || type === 'integer' ? 0 : null
}

function objectOf(schema: Readonly<Record<string, unknown>>, depth: number): Record<string, unknown> {
  const properties = isObject(schema.properties) ? schema.properties : {}
  const wanted = Array.isArray(schema.required) ? schema.required : []
  const names = Object.keys(properties).filter((name) => wanted.includes(name))
  return Object.fromEntries(names.map((name) => [name, sampleOf(properties[name], depth + 1)]))
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
