import type { JsonObject, JsonValue } from '../base/json.ts'

/** A text that proves where a value comes from: nobody from outside wrote it. */
export interface OriginSource {
  readonly text: string
  /** What the call was given whose output the text is: a tool that repeats its arguments proves nothing by it. */
  readonly given: string | null
}

/**
 * What is shorter than this, counted in letters and digits, proves nothing: `13` occurs in `June 13` and says nothing
 * about file 13.
 */
const LEAST = 6

/** The critical arguments that a call gives, sorted: those that hold a value. */
export function givenArguments(args: JsonObject, critical: readonly string[]): readonly string[] {
  return [...new Set(critical)].filter((name) => Object.hasOwn(args, name) && leavesOf(args[name]).length > 0).sort()
}

/**
 * The critical arguments, sorted, that hold a value which occurs in no source as a whole word. Empty texts, nulls and
 * absent arguments reach nothing and need no proof; a boolean and a short value cannot be proven.
 */
export function unprovenArguments(
  args: JsonObject,
  critical: readonly string[],
  sources: readonly OriginSource[],
): readonly string[] {
  const plain = sources.map(({ text, given }) => ({ text: normal(text), given: given === null ? null : normal(given) }))
  const proven = (value: string): boolean =>
    plain.some(({ text, given }) => occurs(value, text) && !given?.includes(value))
  return givenArguments(args, critical).filter(
    (name) => !leavesOf(args[name]).every((leaf) => leaf !== null && proven(leaf)),
  )
}

/** All values inside as normal text; null for one that no text can prove. */
function leavesOf(value: JsonValue | undefined): (string | null)[] {
  if (value === undefined || value === null || value === '') return []
  if (typeof value === 'boolean') return [null]
  if (typeof value !== 'object') return [distinctive(normal(String(value)))]
  return Object.values(value).flatMap((each) => leavesOf(each))
}

function distinctive(value: string): string | null {
  return (value.match(/[\p{L}\p{N}]/gu) ?? []).length < LEAST ? null : value
}

function normal(text: string): string {
  return text.normalize('NFKC').toLowerCase().replace(/\s+/gu, ' ').trim()
}

const INSIDE_WORD = /[\p{L}\p{N}]/u
/** Between letters these hold addresses, names of hosts, paths and numbers together. */
const JOINT = /[@._+\-/:%&=]/u

/** `connor@example.com` does not occur in `sarah.connor@example.com`, nor `example.com` in `example.com.au`. */
function occurs(value: string, text: string): boolean {
  for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + 1)) {
    const end = at + value.length
    if (!continues(text[at - 1], text[at - 2]) && !continues(text[end], text[end + 1])) return true
  }
  return false
}

function continues(next: string | undefined, beyond: string | undefined): boolean {
  if (next === undefined) return false
  return INSIDE_WORD.test(next) || (JOINT.test(next) && beyond !== undefined && INSIDE_WORD.test(beyond))
}
