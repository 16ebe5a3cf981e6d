/** The form in which a reviewer changes arguments: one field for each argument, from the tool's schema. Pure. */

/** How a field is filled in. `json` takes anything that is neither text, number nor yes or no. */
export type FieldKind = 'text' | 'whole' | 'number' | 'boolean' | 'choice' | 'json'

/** One argument: its form, what was proposed, and whether it may be left out. */
export interface EditField {
  readonly name: string
  readonly kind: FieldKind
  readonly options: readonly string[]
  /** What was proposed as the form shows it; null where it was left out. */
  readonly proposed: string | null
  readonly required: boolean
  readonly about: string | null
}

/** The fields for arguments that are an object, in the order of the schema; null where they are something else. */
export function fieldsOf(schema: unknown, proposed: unknown): readonly EditField[] | null {
  if (!isObject(proposed)) return null
  const of = isObject(schema) ? schema : {}
  const properties = isObject(of.properties) ? of.properties : {}
  const required = Array.isArray(of.required) ? of.required : []
  const names = [...new Set([...Object.keys(properties), ...Object.keys(proposed)])]
  return names.map((name) => {
    const property = isObject(properties[name]) ? properties[name] : {}
    const options = Array.isArray(property.enum) ? property.enum.filter((one) => typeof one === 'string') : []
    const kind = kindOf(property, options.length > 0, proposed[name])
    return {
      name,
      kind,
      options,
      proposed: Object.hasOwn(proposed, name) ? textOf(kind, proposed[name]) : null,
      required: required.includes(name),
      about: typeof property.description === 'string' ? property.description : null,
    }
  })
}

function kindOf(property: Readonly<Record<string, unknown>>, hasOptions: boolean, value: unknown): FieldKind {
  if (hasOptions) return 'choice'
  const wanted = property.type ?? (value === null ? undefined : typeof value)
  if (wanted === 'string') return 'text'
  if (wanted === 'integer') return 'whole'
  if (wanted === 'number') return 'number'
  return wanted === 'boolean' ? 'boolean' : 'json'
}

function textOf(kind: FieldKind, value: unknown): string {
  return (kind === 'text' || kind === 'choice') && typeof value === 'string' ? value : JSON.stringify(value)
}

/** The arguments as the form has them, or what is wrong with the first field that cannot be read. */
export function readForm(
  fields: readonly EditField[],
  texts: Readonly<Record<string, string>>,
): { readonly value: Record<string, unknown> } | { readonly problem: string } {
  const value: [string, unknown][] = []
  for (const field of fields) {
    const text = texts[field.name] ?? field.proposed ?? ''
    if (text === '' && field.proposed === null && !field.required) continue
    const read = readField(field, text)
    if (read === undefined) return { problem: `\`${field.name}\` ${WANTED[field.kind]}` }
    value.push([field.name, read])
  }
  return { value: Object.fromEntries(value) }
}

const WANTED: Readonly<Record<FieldKind, string>> = {
  text: 'must be text',
  choice: 'must be one of the choices',
  whole: 'must be a whole number',
  number: 'must be a number',
  boolean: 'must be yes or no',
  json: 'must be JSON: check quotes, commas and braces',
}

/** Undefined where the text does not have the form. */
function readField({ kind, options }: EditField, text: string): unknown {
  if (kind === 'text') return text
  if (kind === 'choice') return options.includes(text) ? text : undefined
  if (kind === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined
  if (kind === 'json') return parsed(text)
  const number = text.trim() === '' ? Number.NaN : Number(text)
  const fits = kind === 'whole' ? Number.isSafeInteger(number) : Number.isFinite(number)
  return fits ? number : undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
