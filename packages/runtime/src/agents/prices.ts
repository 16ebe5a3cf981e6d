/** Prices of models from a dated file: exact names first, then the longest prefix. */
import { z } from 'zod'
import { SignalboxError } from '../base/errors.ts'
import { sha256Hex } from '../base/hash.ts'
import { canonicalJson, parseJson } from '../base/json.ts'
import { usdToNano } from '../base/money.ts'
import { timeOf } from '../base/time.ts'
import { describeIssues } from '../contracts/shape.ts'
import type { LevelRates, ModelPrice, ModelRates } from '../contracts/model.ts'

const USD_PER_MILLION = z.string().regex(/^\d{1,6}(\.\d{1,9})?$/, 'expected US dollars per million tokens as text')
const USD = z.string().regex(/^\d{1,6}(\.\d{1,9})?$/, 'expected US dollars as text')
const NAME = z.string().regex(/^[^*]+\*?$/, 'expected a model name, or a prefix that ends in *')

const RATES = {
  input: USD_PER_MILLION,
  cache_read: USD_PER_MILLION,
  cache_write: USD_PER_MILLION,
  output: USD_PER_MILLION,
  cache_write_1h: USD_PER_MILLION.optional(),
  reasoning: USD_PER_MILLION.optional(),
  audio_input: USD_PER_MILLION.optional(),
  audio_output: USD_PER_MILLION.optional(),
}
const LEVEL = z.strictObject({
  ...RATES,
  tiers: z.array(z.strictObject({ above_input_tokens: z.int().positive(), ...RATES })).optional(),
})

/** One row of a price file: US dollars per million tokens as text, fees in US dollars. */
export const priceRowSchema = LEVEL.extend({
  per_request: USD.optional(),
  per_web_search: USD.optional(),
  levels: z.record(z.string().min(1), LEVEL).optional(),
  provider_tells: z.boolean().optional(),
})

const PRICE_FILE = z.strictObject({
  date: z.iso.date(),
  /** From when it counts; absent: from the beginning of its date in UTC. */
  valid_from: z.iso.datetime().optional(),
  /** Where the figures are from. */
  source: z.strictObject({ name: z.string(), version: z.string(), read_on: z.iso.date() }).optional(),
  /** What a reader must know before relying on the figures. */
  note: z.string(),
  models: z.record(NAME, priceRowSchema),
  /** What the source says and this file does not hold, a sentence each. */
  not_carried: z.array(z.string()).optional(),
})

/** The content of a price file. */
export type PriceFile = z.output<typeof PRICE_FILE>
/** One row of a price file. */
export type PriceRow = z.output<typeof priceRowSchema>
/** Names of models, or prefixes that end in `*`. */
export const priceNameSchema = NAME

/** The prices of one dated file. Its id holds a hash of its content: another content is another table. */
export interface PriceTable {
  /** `<date>@<first 12 hex digits of the hash>`, recorded with each cost. */
  readonly id: string
  /** SHA-256 (hex) over the canonical JSON of the file. */
  readonly hash: string
  /** What a reader must know before relying on the figures. */
  readonly note: string
  /** Milliseconds since 1970 from which it counts. */
  readonly validFromMs: number
  readonly file: PriceFile
  /** Throws PRICE_UNKNOWN, with the fix, for a model that no row covers. */
  lookup(model: string): ModelPrice
  /** The dearest of each rate in the file, under an id that ends in `#assumed_max`: for a model that no row covers. */
  readonly dearest: ModelPrice
}

/** What is done about a model without a price: refuse its calls, or count them at the dearest rates of the price file. */
export type UnknownPrice = 'refuse' | 'assume_max'

/** The price of a model. Throws PRICE_UNKNOWN where it is not known and none may be assumed. */
export function priceOrAssumed(
  prices: Pick<PriceTable, 'lookup' | 'dearest'>,
  model: string,
  unknown: UnknownPrice = 'refuse',
): ModelPrice {
  try {
    return prices.lookup(model)
  } catch (thrown) {
    if (unknown === 'assume_max' && thrown instanceof SignalboxError && thrown.code === 'PRICE_UNKNOWN')
      return prices.dearest
    throw thrown
  }
}

/** Reads the text of a price file. Throws CONFIG_INVALID naming every field that does not fit. */
export function readPrices(text: string, what = 'the price file'): PriceTable {
  const file = PRICE_FILE.safeParse(parseJson(text, what))
  if (!file.success) throw new SignalboxError('CONFIG_INVALID', `${what}: ${describeIssues(file.error)}`)
  return priceTable(file.data)
}

/** The table of a price file's content. */
export function priceTable(file: PriceFile): PriceTable {
  const { date, note, models } = file
  const hash = sha256Hex(canonicalJson(file))
  const id = `${date}@${hash.slice(0, 12)}`
  const rows = new Map(Object.entries(models).map(([name, row]) => [name, priceOf(`${id}#${name}`, row)] as const))
  const find = finder(rows)
  return {
    id,
    hash,
    note,
    file,
    validFromMs: timeOf(file.valid_from ?? `${date}T00:00:00.000Z`),
    dearest: dearestOf(`${id}#assumed_max`, [...rows.values()]),
    lookup: (model) => {
      const price = find(model)
      if (price) return price.value
      const message = `model \`${model}\` has no price in table ${date}: add a row for it to a price file of your own`
      throw new SignalboxError('PRICE_UNKNOWN', message)
    },
  }
}

/** Finds the row of a name: an exact one first, then the one with the longest prefix; null when there is none. */
export function finder<T>(
  rows: ReadonlyMap<string, T>,
): (name: string) => { readonly name: string; readonly value: T } | null {
  const prefixes = [...rows.keys()].filter((name) => name.endsWith('*')).sort((a, b) => b.length - a.length)
  return (name) => {
    const found = rows.has(name) ? name : prefixes.find((prefix) => name.startsWith(prefix.slice(0, -1)))
    const value = found === undefined ? undefined : rows.get(found)
    return found === undefined || value === undefined ? null : { name: found, value }
  }
}

/** A row as a price. */
export function priceOf(id: string, row: PriceRow): ModelPrice {
  const { per_request: request, per_web_search: search, levels } = row
  return {
    id,
    ...levelOf(row),
    ...(request === undefined ? {} : { perRequest: usdToNano(request) }),
    ...(search === undefined ? {} : { perWebSearch: usdToNano(search) }),
    ...(levels
      ? { levels: Object.fromEntries(Object.entries(levels).map(([name, each]) => [name, levelOf(each)])) }
      : {}),
    ...(row.provider_tells ? { providerTells: true } : {}),
  }
}

function dearestOf(id: string, rows: readonly ModelPrice[]): ModelPrice {
  const all = rows.flatMap((row) => [row, ...(row.tiers ?? [])])
  const most = (of: (price: ModelRates) => bigint | undefined): bigint =>
    all.map((price) => of(price) ?? 0n).reduce((a, b) => (a > b ? a : b), 0n)
  return {
    id,
    inputPerMillion: most((price) => price.inputPerMillion),
    cacheReadPerMillion: most((price) => price.cacheReadPerMillion),
    cacheWritePerMillion: most((price) => {
      const { cacheWritePerMillion: short, cacheWrite1hPerMillion: hour = 0n } = price
      return short > hour ? short : hour
    }),
    outputPerMillion: most((price) => price.outputPerMillion),
  }
}

type Level = z.output<typeof LEVEL>

function levelOf(level: Level): LevelRates {
  if (!level.tiers) return ratesOf(level)
  const tiers = level.tiers
    .map((tier) => ({ aboveInputTokens: tier.above_input_tokens, ...ratesOf(tier) }))
    .sort((a, b) => a.aboveInputTokens - b.aboveInputTokens)
  return { ...ratesOf(level), tiers }
}

function ratesOf(row: Omit<Level, 'tiers'>): ModelRates {
  const { cache_write_1h: hour, reasoning, audio_input: soundIn, audio_output: soundOut } = row
  return {
    inputPerMillion: usdToNano(row.input),
    cacheReadPerMillion: usdToNano(row.cache_read),
    cacheWritePerMillion: usdToNano(row.cache_write),
    outputPerMillion: usdToNano(row.output),
    ...(hour === undefined ? {} : { cacheWrite1hPerMillion: usdToNano(hour) }),
    ...(reasoning === undefined ? {} : { reasoningPerMillion: usdToNano(reasoning) }),
    ...(soundIn === undefined ? {} : { audioInputPerMillion: usdToNano(soundIn) }),
    ...(soundOut === undefined ? {} : { audioOutputPerMillion: usdToNano(soundOut) }),
  }
}
