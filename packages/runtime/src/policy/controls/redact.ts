import type { JsonValue } from '../../base/json.ts'
import type { Control, ControlDef } from '../../contracts/control.ts'
import { control } from './control.ts'

/** What can be taken out of texts. */
export type RedactPattern = 'card' | 'iban' | 'email' | 'secret'

/** What `redact` is told. */
export interface RedactOptions {
  readonly owner: string
  /** Default: all of them. */
  readonly patterns?: readonly RedactPattern[]
  /** Default: what goes to a model, what a tool gives, and what leaves the run. */
  readonly points?: ControlDef['points']
  /** Default `redact`; give each its own where there are several. */
  readonly name?: string
}

interface Pattern {
  /** Finds candidates; bounded repetition only, so that no text takes long. */
  readonly find: RegExp
  /** Tells candidates from what only looks like them. */
  readonly is: (found: string) => boolean
}

const always = (): boolean => true

/** How each pattern is found: a form, and for numbers the check digits that they carry. */
export const REDACT_PATTERNS: Readonly<Record<RedactPattern, Pattern>> = {
  card: { find: /(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w])/g, is: (found) => isCard(found.replace(/\D/g, '')) },
  iban: {
    find: /(?<!\w)[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,3})?(?!\w)/g,
    is: (found) => passesMod97(found.replace(/ /g, '').toUpperCase()),
  },
  email: { find: /(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}/g, is: always },
  secret: {
    find: /(?<!\w)(?:sk-[\w-]{16,200}|AKIA[A-Z0-9]{16}|gh[pousr]_\w{30,255}|xox[abprs]-[\w-]{10,200}|eyJ[\w-]{10,2000}\.[\w-]{10,2000}\.[\w-]{10,2000}|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]{0,8000}?-----END [A-Z ]{0,30}PRIVATE KEY-----)/g,
    is: always,
  },
}

const ALL: readonly RedactPattern[] = ['secret', 'iban', 'card', 'email']

/**
 * A control that takes card numbers, IBANs, mail addresses and known forms of secrets out of texts, and puts
 * `[redacted card]` and the like in their place. It looks at texts alone: a number that is no text passes. It finds forms;
 * it is no proof that nothing else is there.
 */
export function redact({
  owner,
  patterns = ALL,
  points = ['pre_model_call', 'post_tool_call', 'output'],
  name = 'redact',
}: RedactOptions): Control {
  const used = ALL.filter((pattern) => patterns.includes(pattern))
  return control({
    name,
    version: '1.0.0',
    owner,
    points,
    reasons: { REDACTED: `taken out before it goes on: ${used.join(', ')}` },
    decide: ({ value }) => {
      const seen = { any: false }
      const clean = redacted(value, used, seen)
      return seen.any ? { verdict: 'transform', reason: 'REDACTED', value: clean } : { verdict: 'allow' }
    },
  })
}

function redacted(value: JsonValue, patterns: readonly RedactPattern[], seen: { any: boolean }): JsonValue {
  if (typeof value === 'string') return patterns.reduce((text, pattern) => without(text, pattern, seen), value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item: JsonValue) => redacted(item, patterns, seen))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redacted(item, patterns, seen)]))
}

function without(text: string, pattern: RedactPattern, seen: { any: boolean }): string {
  const { find, is } = REDACT_PATTERNS[pattern]
  const form = new RegExp(find)
  let left = ''
  let from = 0
  for (let match = form.exec(text); match !== null; match = form.exec(text)) {
    const length = lengthThat(match[0], is)
    // What only looked like one may hold the beginning of one.
    form.lastIndex = match.index + Math.max(length, 1)
    if (length === 0) continue
    left += `${text.slice(from, match.index)}[redacted ${pattern}]`
    from = match.index + length
  }
  if (from === 0) return text
  seen.any = true
  return left + text.slice(from)
}

/** How much of what was found it is: a number may be followed by what looks like more of it. Zero when none is. */
function lengthThat(found: string, is: (found: string) => boolean): number {
  for (let end = found.length; end > 0; end -= 1) {
    const atEnd = end === found.length || found[end] === ' ' || found[end] === '-'
    if (atEnd && is(found.slice(0, end))) return end
  }
  return 0
}

/** Lengths and first digits of the card networks. */
const CARD = /^(?:4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3[068]\d{12}|6\d{15,18})$/

function isCard(digits: string): boolean {
  if (!CARD.test(digits)) return false
  const sum = [...digits].reverse().reduce((total, digit, i) => {
    const doubled = Number(digit) * (i % 2 === 1 ? 2 : 1)
    return total + (doubled > 9 ? doubled - 9 : doubled)
  }, 0)
  return sum % 10 === 0
}

/** Lengths by country: those of the SEPA area, where almost all are. Others are told by their check digits alone. */
const IBAN_LENGTHS: Readonly<Record<string, number>> = Object.fromEntries(
  (
    'NO15 BE16 DK18 FI18 NL18 SI19 AT20 EE20 LT20 LU20 CH21 HR21 LI21 LV21 BG22 DE22 GB22 IE22 GI23 AD24 CZ24 ES24 ' +
    'RO24 SE24 SK24 PT25 IS26 FR27 GR27 IT27 MC27 SM27 CY28 HU28 PL28 MT31'
  )
    .split(' ')
    .map((row) => [row.slice(0, 2), Number(row.slice(2))]),
)

function passesMod97(iban: string): boolean {
  const length = IBAN_LENGTHS[iban.slice(0, 2)] ?? iban.length
  if (iban.length !== length || length < 15 || length > 34) return false
  const turned = `${iban.slice(4)}${iban.slice(0, 4)}`
  const rest = [...turned].reduce((remainder, sign) => {
    const value = Number.parseInt(sign, 36)
    return (remainder * (value > 9 ? 100 : 10) + value) % 97
  }, 0)
  return rest === 1
}
