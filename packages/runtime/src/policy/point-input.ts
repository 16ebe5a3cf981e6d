import { canonicalJson, type JsonObject, type JsonValue } from '../base/json.ts'

/** What a point shows of a value: its top-level booleans, integers and texts, and the whole as `text`. */
export function pointInput(value: JsonValue): JsonObject {
  if (typeof value === 'string') return { text: value }
  const text = canonicalJson(value)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { text }
  const fields = Object.entries(value).filter(
    ([, v]) => typeof v === 'boolean' || typeof v === 'string' || Number.isSafeInteger(v),
  )
  return { ...Object.fromEntries(fields), text }
}
