/** Price files of public sources, converted exactly: what cannot be carried over is listed and never dropped. */
import { scaledExactly, billionthsText } from '../base/decimal.ts'
import { SignalboxError } from '../base/errors.ts'
import type { PriceFile, PriceRow } from './prices.ts'

/** Formats that are understood: the public model price file of LiteLLM, and the catalogue of models.dev. */
export type PriceFormat = 'litellm' | 'models.dev'

/** What the imported table is called and holds. */
export interface PriceImport {
  readonly format: PriceFormat
  readonly date: string
  readonly validFrom?: string
  /** Version or commit of the source file. */
  readonly version: string
  /** The day on which it was read, such as `2026-11-22`. */
  readonly readOn: string
  /** Models to take, by their names here; `*` at the end for all that begin so. Absent: all. */
  readonly only?: readonly string[]
}

/** What every imported table says of itself. */
const NOTE =
  "US dollars per million tokens, converted from a public source. TO BE CHECKED BY THE OWNER of a deployment against the providers' own price pages before budgets or reports rely on them."

/** Names of providers here, by those of the source. Gemini is reached through an endpoint of the compatible kind too. */
const PROVIDERS: Readonly<Record<string, readonly string[]>> = {
  openai: ['openai'],
  anthropic: ['anthropic'],
  azure: ['azure'],
  gemini: ['google', 'openai-compatible'],
  google: ['google', 'openai-compatible'],
}

type Source = Readonly<Record<string, unknown>>
type Row = { -readonly [K in keyof PriceRow]: PriceRow[K] }
type Rates = Pick<PriceRow, 'input' | 'output' | 'cache_read' | 'cache_write'> & Partial<PriceRow>
/** Takes a field as US dollars per million tokens; undefined when it is not there, or cannot be carried over. */
type Take = (field: string) => string | undefined

/** Converts the text of a public price file. Throws CONFIG_INVALID when it is not of the format. */
export function importPrices(text: string, given: PriceImport): PriceFile {
  const missed: string[] = []
  const source = asWritten(text)
  const found = given.format === 'litellm' ? [...liteRows(source, missed)] : [...devRows(source, missed)]
  const { only } = given
  const isWanted = (name: string): boolean => !only || only.some((each) => covers(each, name))
  const wanted = found.filter(([name]) => isWanted(name))
  if (wanted.length === 0) throw new SignalboxError('CONFIG_INVALID', 'the source has no model that was asked for')
  const notes = missed.filter((note) => isWanted(note.slice(0, note.indexOf(':'))))
  return {
    date: given.date,
    ...(given.validFrom === undefined ? {} : { valid_from: given.validFrom }),
    source: { name: given.format, version: given.version, read_on: given.readOn },
    note: NOTE,
    models: Object.fromEntries(wanted),
    ...(notes.length > 0 ? { not_carried: notes } : {}),
  }
}

function covers(wanted: string, name: string): boolean {
  return wanted.endsWith('*') ? name.startsWith(wanted.slice(0, -1)) : name === wanted
}

/** The file with each number as the text that stands there: `1.25e-07` is exact, what a float makes of it may not be. */
function asWritten(text: string): Source {
  const keep = (_key: string, value: unknown, context?: { readonly source?: string }): unknown =>
    typeof value === 'number' ? { number: context?.source ?? String(value) } : value
  try {
    // The platform hands the text of a number to the reviver; the library of types does not know it yet.
    return record(JSON.parse(text, keep as (this: unknown, key: string, value: unknown) => unknown)) ?? {}
  } catch (cause) {
    throw new SignalboxError('CONFIG_INVALID', 'the source is not valid JSON', { cause })
  }
}

function* liteRows(source: Source, missed: string[]): Generator<[string, PriceRow]> {
  for (const [key, value] of Object.entries(source)) {
    const model = record(value)
    const providers = PROVIDERS[String(model?.litellm_provider)]
    if (!model || !providers || key === 'sample_spec') continue
    const name = key.slice(key.startsWith(`${String(model.litellm_provider)}/`) ? key.indexOf('/') + 1 : 0)
    for (const provider of providers) {
      const own = `${provider}/${name}`
      if (!['chat', 'responses', 'completion'].includes(String(model.mode))) {
        missed.push(`${own}: mode ${String(model.mode)} is not a conversation`)
        continue
      }
      const row = liteRow(model, (note) => missed.push(`${own}: ${note}`))
      if (row) yield [own, row]
    }
  }
}

function liteRow(model: Source, miss: (note: string) => void): PriceRow | null {
  const used = new Set<string>()
  const take: Take = (field) => {
    if (model[field] === undefined) return undefined
    used.add(field)
    return dollars(model[field], 6, (text) => miss(`${field} ${text} has more decimals than a table can hold`))
  }
  const rates = liteRates(take, '')
  if (!rates) {
    miss('it has no price per token')
    return null
  }
  const row: Row = { ...rates }
  const tiers = liteTiers(model, take, '')
  if (tiers.length > 0) row.tiers = tiers
  const levels: Record<string, NonNullable<PriceRow['levels']>[string]> = {}
  for (const [level, suffix] of [
    ['priority', '_priority'],
    ['flex', '_flex'],
    ['batch', '_batches'],
  ] as const) {
    const own = liteRates(take, suffix)
    const ownTiers = liteTiers(model, take, suffix)
    if (own) levels[level] = { ...own, ...(ownTiers.length > 0 ? { tiers: ownTiers } : {}) }
    else if (Object.keys(model).some((field) => field.endsWith(suffix)))
      miss(`service level ${level} has no price of both input and output`)
  }
  if (Object.keys(levels).length > 0) row.levels = levels
  const request = dollars(model.input_cost_per_request, 0, (text) => miss(`input_cost_per_request ${text}`))
  if (request !== undefined) row.per_request = request
  used.add('input_cost_per_request')
  const search = searchFee(model.search_context_cost_per_query, miss)
  if (search !== undefined) row.per_web_search = search
  used.add('search_context_cost_per_query')
  tellUnused(model, used, miss)
  return row
}

/** The four rates, where input and output are told; a cache rate that is not told is that of input. */
function liteRates(take: Take, suffix: string): Rates | null {
  const input = take(`input_cost_per_token${suffix}`)
  const output = take(`output_cost_per_token${suffix}`)
  const hour = take(hourField(suffix))
  const optional = {
    cache_write_1h: hour,
    reasoning: take(`output_cost_per_reasoning_token${suffix}`),
    audio_input: take(`input_cost_per_audio_token${suffix}`),
    audio_output: take(`output_cost_per_audio_token${suffix}`),
  }
  const read = take(`cache_read_input_token_cost${suffix}`)
  const write = take(`cache_creation_input_token_cost${suffix}`)
  if (input === undefined || output === undefined) return null
  const told = Object.fromEntries(Object.entries(optional).filter(([, rate]) => rate !== undefined))
  return { input, output, cache_read: read ?? input, cache_write: write ?? input, ...told }
}

function hourField(suffix: string): string {
  return `cache_creation_input_token_cost_above_1hr${suffix}`
}

function liteTiers(model: Source, take: Take, suffix: string): NonNullable<PriceRow['tiers']> {
  const bound = new RegExp(`^input_cost_per_token(_above_(\\d+)k_tokens)${suffix}$`)
  return Object.keys(model).flatMap((field) => {
    const [, above, thousands] = bound.exec(field) ?? []
    const rates = above === undefined ? null : liteRates(take, `${above}${suffix}`)
    return rates ? [{ above_input_tokens: Number(thousands) * 1_000, ...rates }] : []
  })
}

/** A fee for each search, where it is the same for each size of search. */
function searchFee(value: unknown, miss: (note: string) => void): string | undefined {
  const fees = Object.values(record(value) ?? {}).map((fee) =>
    dollars(fee, 0, (text) => miss(`search_context_cost_per_query ${text}`)),
  )
  if (new Set(fees).size <= 1) return fees[0]
  miss('search_context_cost_per_query differs by the size of the search')
  return undefined
}

/** Prices that have no place in a table. */
function tellUnused(model: Source, used: ReadonlySet<string>, miss: (note: string) => void): void {
  for (const [field, value] of Object.entries(model)) {
    if (used.has(field) || !/cost|multiplier|provider_specific_entry|pricing/.test(field)) continue
    if (written(value) !== null && scaledExactly(written(value) ?? '', 20) === 0n) continue
    miss(`${field} is not carried over`)
  }
}

const DEV_FIELDS = {
  input: 'input',
  output: 'output',
  cache_read: 'cache_read',
  cache_write: 'cache_write',
  reasoning: 'reasoning',
  input_audio: 'audio_input',
  output_audio: 'audio_output',
} as const

function* devRows(source: Source, missed: string[]): Generator<[string, PriceRow]> {
  for (const [key, value] of Object.entries(source)) {
    const providers = PROVIDERS[key]
    if (!providers) continue
    for (const [name, model] of Object.entries(record(record(value)?.models) ?? {}))
      for (const provider of providers) {
        const own = `${provider}/${name}`
        const miss = (note: string): void => void missed.push(`${own}: ${note}`)
        const cost = record(record(model)?.cost)
        const rates = cost ? devRates(cost, miss) : null
        if (!cost || !rates) miss('it has no price of both input and output')
        else yield [own, { ...rates, ...devTier(cost.context_over_200k, miss) }]
      }
  }
}

function devTier(value: unknown, miss: (note: string) => void): Pick<PriceRow, 'tiers'> {
  const cost = record(value)
  const rates = cost ? devRates(cost, miss) : null
  if (cost && !rates) miss('context_over_200k has no price of both input and output')
  return rates ? { tiers: [{ above_input_tokens: 200_000, ...rates }] } : {}
}

/** Rates per million tokens already. */
function devRates(cost: Source, miss: (note: string) => void): Rates | null {
  const told: Record<string, string> = {}
  for (const [field, value] of Object.entries(cost)) {
    if (field === 'context_over_200k') continue
    const own = Object.hasOwn(DEV_FIELDS, field) ? DEV_FIELDS[field as keyof typeof DEV_FIELDS] : undefined // just asked
    const rate = own
      ? dollars(value, 0, (text) => miss(`${field} ${text} has more decimals than a table can hold`))
      : undefined
    if (own && rate !== undefined) told[own] = rate
    else if (!own) miss(`${field} is not carried over`)
  }
  const { input, output, cache_read: read, cache_write: write, ...more } = told
  if (input === undefined || output === undefined) return null
  return { input, output, cache_read: read ?? input, cache_write: write ?? input, ...more }
}

/** A number as US dollars times ten to the power of `places`, exactly; at most nine decimals are left. */
function dollars(value: unknown, places: number, miss: (text: string) => void): string | undefined {
  const text = written(value)
  if (text === null) return undefined
  const whole = scaledExactly(text, places + 9)
  if (whole !== null) return billionthsText(whole)
  miss(text)
  return undefined
}

/** A number as it stands in the source. */
function written(value: unknown): string | null {
  const number = record(value)?.number
  return typeof number === 'string' ? number : null
}

function record(value: unknown): Source | null {
  // Read as unknown fields only.
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Source) : null
}
