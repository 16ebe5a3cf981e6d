import type { StandingView } from '@signalbox/protocol'

/** One line of the form: what a field of the arguments has to be, as typed. */
export interface ConstraintLine {
  readonly field: string
  readonly is: 'equals' | 'at_most' | 'one_of'
  readonly text: string
}

type Constraint = StandingView['constraints'][number]

/** The constraints as typed, or what is wrong with the first that cannot be read. Lines without a field count as absent. */
export function readConstraints(
  lines: readonly ConstraintLine[],
): readonly Constraint[] | { readonly problem: string } {
  const read: Constraint[] = []
  for (const { field: typed, is, text } of lines) {
    const field = typed.trim()
    if (field === '') continue
    if (is === 'at_most') {
      const most = Number(text)
      if (text.trim() === '' || !Number.isSafeInteger(most))
        return { problem: `\`${field}\` takes a whole number after “at most”` }
      read.push({ field, at_most: most })
    } else if (is === 'one_of') {
      const values = text.split(',').flatMap((one) => (one.trim() === '' ? [] : [scalar(one.trim())]))
      const plain = values.filter((one) => typeof one !== 'boolean')
      if (plain.length === 0 || plain.length < values.length)
        return { problem: `\`${field}\` takes texts or whole numbers, apart by commas` }
      read.push({ field, one_of: plain })
    } else read.push({ field, equals: scalar(text.trim()) })
  }
  return read.length > 0 ? read : { problem: 'name at least one field that must be so: without one anything would fit' }
}

/** Whole numbers, true and false are what they look like; a text that looks like one of them stands in quotes. */
function scalar(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  if (/^-?\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text)
  return /^".*"$/.test(text) ? text.slice(1, -1) : text
}

/** A constraint in words: `amount is at most 5000`. */
export function constraintText(one: Constraint): string {
  if ('equals' in one) return `${one.field} is ${JSON.stringify(one.equals)}`
  if ('at_most' in one) return `${one.field} is at most ${one.at_most}`
  return `${one.field} is one of ${one.one_of.map((each) => JSON.stringify(each)).join(', ')}`
}

/** Lines that fit arguments exactly, one for each that is a text, whole number, true or false. */
export function linesLike(args: string | undefined): readonly ConstraintLine[] {
  const parsed: unknown = args === undefined ? null : JSON.parse(args)
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return [EMPTY_LINE]
  const lines = Object.entries(parsed)
    .filter(([, value]) => typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value))
    .map(([field, value]) => ({ field, is: 'equals' as const, text: textOf(value) }))
  return lines.length > 0 ? lines : [EMPTY_LINE]
}

function textOf(value: string | number | boolean): string {
  return typeof value === 'string' && typeof scalar(value) !== 'string' ? `"${value}"` : String(value)
}

/** A line that is not filled in yet. */
export const EMPTY_LINE: ConstraintLine = { field: '', is: 'equals', text: '' }
