import type { ContentReader, ContentRef, JsonValue } from 'signalbox'

/** Longest content text that a page gets, in characters; more is cut off with an ellipsis. */
const MAX_TEXT = 8_000

/** Opens sealed contents for a view; what was erased or cannot be opened reads as null. */
export interface Opener {
  value(ref: ContentRef | null | undefined): Promise<JsonValue | null>
  /** The value as JSON text, cut off at a length that a page can show. */
  text(ref: ContentRef | null | undefined): Promise<string | null>
  /** The value when it is a text, such as a reason. */
  words(ref: ContentRef | null | undefined): Promise<string | null>
}

/** An opener over a run's contents; a null reader opens nothing. */
export function openerOf(reader: ContentReader | null): Opener {
  const value = async (ref: ContentRef | null | undefined): Promise<JsonValue | null> => {
    if (!ref || !reader) return null
    // An erased content is a normal answer here: the history stands without it (Invariant 14).
    return await reader.read(ref).catch(() => null)
  }
  return {
    value,
    text: async (ref) => {
      const found = await value(ref)
      if (found === null) return null
      const text = JSON.stringify(found)
      return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text
    },
    words: async (ref) => {
      const found = await value(ref)
      return typeof found === 'string' ? found : null
    },
  }
}
