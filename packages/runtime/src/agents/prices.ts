/** Prices of models from a dated file: exact names first, then the longest prefix. */
import { z } from 'zod'
import { SignalboxError } from '../base/errors.ts'
import { sha256Hex } from '../base/hash.ts'
import { canonicalJson, parseJson } from '../base/json.ts'
import { usdToNano } from '../base/money.ts'
import { describeIssues } from '../contracts/shape.ts'
import type { ModelPrice } from '../contracts/model.ts'

const USD_PER_MILLION = z.string().regex(/^\d{1,6}(\.\d{1,9})?$/, 'expected US dollars per million tokens as text')

const PRICE_FILE = z.strictObject({
  date: z.iso.date(),
  /** What a reader must know before relying on the figures. */
  note: z.string(),
  models: z.record(
    z.string().regex(/^[^*]+\*?$/, 'expected a model name, or a prefix that ends in *'),
    z.strictObject({
      input: USD_PER_MILLION,
      cache_read: USD_PER_MILLION,
      cache_write: USD_PER_MILLION,
      output: USD_PER_MILLION,
    }),
  ),
})

/** The prices of one dated file. */
export interface PriceTable {
  /** `<date>@<first 12 hex digits of the hash>`, recorded with each cost. */
  readonly id: string
  /** SHA-256 (hex) over the canonical JSON of the file. */
  readonly hash: string
  /** What a reader must know before relying on the figures. */
  readonly note: string
  /** Throws PRICE_UNKNOWN, with the fix, for a model that no row covers. */
  lookup(model: string): ModelPrice
  /** The dearest of each rate in the file, under an id that ends in `#assumed_max`: for a model that no row covers. */
  readonly dearest: ModelPrice
}

/** What is done about a model without a price: refuse its calls, or count them at the dearest rates of the price file. */
export type UnknownPrice = 'refuse' | 'assume_max'

/** The price of a model. Throws PRICE_UNKNOWN where it is not known and none may be assumed. */
export function priceOrAssumed(prices: PriceTable, model: string, unknown: UnknownPrice = 'refuse'): ModelPrice {
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
  const { date, note, models } = file.data
  const hash = sha256Hex(canonicalJson(file.data))
  const id = `${date}@${hash.slice(0, 12)}`
  const rows = new Map(Object.entries(models).map(([name, row]) => [name, priceOf(`${id}#${name}`, row)] as const))
  const prefixes = [...rows.keys()].filter((name) => name.endsWith('*')).sort((a, b) => b.length - a.length)
  return {
    id,
    hash,
    note,
    dearest: dearestOf(`${id}#assumed_max`, [...rows.values()]),
    lookup: (model) => {
      const prefix = prefixes.find((name) => model.startsWith(name.slice(0, -1)))
      const price = rows.get(model) ?? (prefix === undefined ? undefined : rows.get(prefix))
      if (price) return price
      const message = `model \`${model}\` has no price in table ${date}: add a row for it to a price file of your own`
      throw new SignalboxError('PRICE_UNKNOWN', message)
    },
  }
}

function dearestOf(id: string, rows: readonly ModelPrice[]): ModelPrice {
  const most = (of: (price: ModelPrice) => bigint): bigint => rows.map(of).reduce((a, b) => (a > b ? a : b), 0n)
  return {
    id,
    inputPerMillion: most((price) => price.inputPerMillion),
    cacheReadPerMillion: most((price) => price.cacheReadPerMillion),
    cacheWritePerMillion: most((price) => price.cacheWritePerMillion),
    outputPerMillion: most((price) => price.outputPerMillion),
  }
}

type Row = z.output<typeof PRICE_FILE>['models'][string]

function priceOf(id: string, row: Row): ModelPrice {
  return {
    id,
    inputPerMillion: usdToNano(row.input),
    cacheReadPerMillion: usdToNano(row.cache_read),
    cacheWritePerMillion: usdToNano(row.cache_write),
    outputPerMillion: usdToNano(row.output),
  }
}
