import { canonicalJson, type JsonValue } from '../../base/json.ts'
import type { Control, ControlDef } from '../../contracts/control.ts'
import { control } from './control.ts'

/** What `maxLength` is told. */
export interface MaxLengthOptions {
  /** Characters of the longest text that may pass, all texts of a value counted by themselves. */
  readonly characters: number
  readonly points: ControlDef['points']
  readonly owner: string
  /** Default `deny`. `cut` shortens each text that is too long, and marks where. */
  readonly onExcess?: 'deny' | 'cut'
  /** Default `max-length`; give each its own where there are several. */
  readonly name?: string
}

const MARK = '… [cut]'

/** A control that lets no text pass that is longer than it may be. Throws CONFIG_INVALID for a length below 16. */
export function maxLength({
  characters,
  points,
  owner,
  onExcess = 'deny',
  name = 'max-length',
}: MaxLengthOptions): Control {
  const least = Number.isInteger(characters) && characters >= 16
  return control({
    name,
    version: `1.0.${least ? characters : 'x'}`,
    owner,
    points,
    reasons: { TEXT_TOO_LONG: `a text is longer than ${characters} characters` },
    decide: ({ value }) => {
      const cut = shorten(value, characters)
      if (canonicalJson(cut) === canonicalJson(value)) return { verdict: 'allow' }
      return onExcess === 'deny'
        ? { verdict: 'deny', reason: 'TEXT_TOO_LONG' }
        : { verdict: 'transform', reason: 'TEXT_TOO_LONG', value: cut }
    },
  })
}

function shorten(value: JsonValue, characters: number): JsonValue {
  if (typeof value === 'string')
    return value.length <= characters ? value : `${value.slice(0, characters - MARK.length)}${MARK}`
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item: JsonValue) => shorten(item, characters))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shorten(item, characters)]))
}
