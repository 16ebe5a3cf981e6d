/** Forms of secrets that can be told by how they look: one table for what is taken out and for what is searched. */

/** A form that a secret may have. */
export type SecretForm = 'card' | 'iban' | 'email' | 'secret'

interface FormRule {
  /** Finds candidates; bounded repetition only, so that no text takes long. */
  readonly find: RegExp
  /** Tells candidates from what only looks like them. */
  readonly is: (found: string) => boolean
}

const always = (): boolean => true

/** How each form is found: a form, and for numbers the check digits that they carry. */
const FORMS: Readonly<Record<SecretForm, FormRule>> = {
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

/** All forms, in the order in which they are taken out. */
export const SECRET_FORMS: readonly SecretForm[] = ['secret', 'iban', 'card', 'email']

/** One place of a text that has the form. */
export interface FormMatch {
  readonly from: number
  readonly length: number
}

/** Where a form is in a text, from the left, without overlaps. */
export function formsIn(text: string, form: SecretForm): readonly FormMatch[] {
  const { find, is } = FORMS[form]
  const expression = new RegExp(find)
  const found: FormMatch[] = []
  for (let match = expression.exec(text); match !== null; match = expression.exec(text)) {
    const length = lengthThat(match[0], is)
    // What only looked like one may hold the beginning of one.
    expression.lastIndex = match.index + Math.max(length, 1)
    if (length > 0) found.push({ from: match.index, length })
  }
  return found
}

/** The text with `[redacted card]` and the like in the place of each match; the same text where there is none. */
export function withoutForms(text: string, forms: readonly SecretForm[]): string {
  return forms.reduce((left, form) => {
    let clean = ''
    let at = 0
    for (const { from, length } of formsIn(left, form)) {
      clean += `${left.slice(at, from)}[redacted ${form}]`
      at = from + length
    }
    return at === 0 ? left : clean + left.slice(at)
  }, text)
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
