/** Finds known secrets and forms of secrets in texts, however they are written, and never tells them. */
import { type SecretForm, formsIn, parseJson, SignalboxError, spellings } from 'signalbox'
import { z } from 'zod'

/** A value that must be nowhere. */
export interface Secret {
  /** Names it in reports. */
  readonly name: string
  readonly value: string
}

/** How a secret was written where it was found. */
export type Writing = 'plain' | 'encoded' | 'split' | 'reversed'

/** One secret in one text. */
export interface Match {
  /** Name of the secret, or the form. */
  readonly secret: string
  readonly kind: 'known' | SecretForm
  /** Keyed digest of what was found: equal for equal values, and of no use without the key. */
  readonly fingerprint: string
  readonly writing: Writing
  readonly count: number
}

/** Searches one text. `known`: only for known values, as in files that are no text. */
export type Matcher = (text: string, only?: 'known') => readonly Match[]

const LEAST = 6

/**
 * Reads a file of secrets: JSON (a list of texts, or of `{ name, value }`), else one value a line; empty lines and lines
 * that start with `#` do not count. Throws INPUT_INVALID for a value of fewer than six characters: it would be everywhere.
 */
export function readSecrets(text: string): readonly Secret[] {
  const found = text.trimStart().startsWith('[') ? fromJson(text) : fromLines(text)
  const short = found.filter(({ value }) => value.length < LEAST).map(({ name }) => `\`${name}\``)
  if (short.length === 0) return found
  throw new SignalboxError(
    'INPUT_INVALID',
    `${short.join(', ')} in the file of secrets: give values of at least ${LEAST} characters`,
  )
}

const listSchema = z.array(z.union([z.string(), z.strictObject({ name: z.string().min(1), value: z.string() })]))

function fromJson(text: string): readonly Secret[] {
  const parsed = listSchema.safeParse(parseJson(text, 'the file of secrets'))
  if (!parsed.success)
    throw new SignalboxError('INPUT_INVALID', 'the file of secrets must be a list of texts or of `{ name, value }`')
  return parsed.data.map((each, i) => (typeof each === 'string' ? { name: `secret ${i + 1}`, value: each } : each))
}

function fromLines(text: string): readonly Secret[] {
  return text.split(/\r?\n/).flatMap((line, i) => {
    const value = line.trim()
    return value === '' || value.startsWith('#') ? [] : [{ name: `line ${i + 1}`, value }]
  })
}

interface Known {
  readonly secret: Secret
  readonly written: readonly { readonly text: string; readonly writing: Writing }[]
  /** Without white space, for texts that are broken into lines. */
  readonly bare: string
}

/** A matcher for these secrets and forms. `fingerprint` gives a keyed digest of a value. */
export function secretMatcher(options: {
  readonly secrets: readonly Secret[]
  readonly forms: readonly SecretForm[]
  readonly fingerprint: (value: string) => string
}): Matcher {
  const { forms, fingerprint } = options
  const known = options.secrets.map(knownOf)
  return (text, only) => [
    ...known.flatMap((each) => {
      const found = writingOf(text, each)
      return found === null ? [] : [matchOf(each.secret.name, 'known', fingerprint(each.secret.value), found)]
    }),
    ...(only === 'known' ? [] : forms.flatMap((form) => formMatches(text, form, fingerprint))),
  ]
}

function knownOf(secret: Secret): Known {
  const { value } = secret
  const coded = spellings(value).filter((text) => text !== value)
  const json = JSON.stringify(value).slice(1, -1)
  const hex = Buffer.from(value).toString('hex').toUpperCase()
  const url = encodeURIComponent(value).replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())
  const encoded = [...new Set([...coded, json, hex, url, value.replaceAll(' ', '+')])].filter((text) => text !== value)
  return {
    secret,
    bare: value.replace(/\s+/g, ''),
    written: [
      { text: value, writing: 'plain' },
      ...encoded.map((text) => ({ text, writing: 'encoded' as const })),
      { text: [...value].reverse().join(''), writing: 'reversed' },
    ],
  }
}

function writingOf(
  text: string,
  { written, bare }: Known,
): { readonly writing: Writing; readonly count: number } | null {
  for (const { text: form, writing } of written) {
    const count = text.split(form).length - 1
    if (count > 0) return { writing, count }
  }
  if (bare.length < LEAST || !/\s|\\[nrt]/.test(text)) return null
  const count = text.replace(/\s+|\\[nrt]/g, '').split(bare).length - 1
  return count > 0 ? { writing: 'split', count } : null
}

function matchOf(
  secret: string,
  kind: Match['kind'],
  fingerprint: string,
  { writing, count }: { readonly writing: Writing; readonly count: number },
): Match {
  return { secret, kind, fingerprint, writing, count }
}

function formMatches(text: string, form: SecretForm, fingerprint: (value: string) => string): readonly Match[] {
  const values = formsIn(text, form).map(({ from, length }) => text.slice(from, from + length))
  const counts = Map.groupBy(values, (value) => value)
  return [...counts].map(([value, all]) =>
    matchOf(form, form, fingerprint(value), { writing: 'plain', count: all.length }),
  )
}
