/** What one tenant pays instead of the listed prices: discounts, contract prices, names of its own deployments. */
import { z } from 'zod'
import { SignalboxError } from '../base/errors.ts'
import { sha256Hex } from '../base/hash.ts'
import { canonicalJson, parseJson } from '../base/json.ts'
import { timeOf } from '../base/time.ts'
import { describeIssues } from '../contracts/shape.ts'
import type { LevelRates, ModelPrice, ModelRates } from '../contracts/model.ts'
import { finder, type PriceRow, priceNameSchema, priceOf, priceRowSchema } from './prices.ts'

const PERCENT = z
  .string()
  .regex(/^(100|\d{1,2})(\.\d{1,4})?$/, 'expected per cent as text, at most four decimals')
  .refine((text) => percentOf(text) <= HUNDRED, 'expected at most 100 per cent')

const RULE = z.union([
  priceRowSchema,
  /** Priced as another model, less the discount that applies. */
  z.strictObject({ as: z.string().min(1), discount_percent: PERCENT.optional() }),
  z.strictObject({ discount_percent: PERCENT }),
])

const OVERLAY_FILE = z.strictObject({
  overlay: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'expected a name of lower case letters, digits and -'),
  tenant: z.string().min(1),
  date: z.iso.date(),
  valid_from: z.iso.datetime().optional(),
  note: z.string(),
  /** For every model that has no rule of its own here. */
  discount_percent: PERCENT.optional(),
  models: z.record(priceNameSchema, RULE).optional(),
})

/** One tenant's own prices from a time on. Its id holds a hash of its content. */
export interface PriceOverlay {
  /** `<name>@<first 12 hex digits of the hash>`. */
  readonly id: string
  readonly tenant: string
  readonly note: string
  readonly validFromMs: number
  /** The price of a model, from the listed ones. Throws PRICE_UNKNOWN as these do. */
  apply(model: string, listed: (model: string) => ModelPrice): ModelPrice
}

/**
 * Reads the text of an overlay. Of its rules the one of the exact name counts, then the one of the longest prefix, then
 * the discount for all. A price of its own gets no discount. Throws CONFIG_INVALID naming every field that does not fit.
 */
export function readOverlay(text: string, what = 'the overlay'): PriceOverlay {
  const file = OVERLAY_FILE.safeParse(parseJson(text, what))
  if (!file.success) throw new SignalboxError('CONFIG_INVALID', `${what}: ${describeIssues(file.error)}`)
  const { overlay, tenant, date, note, discount_percent: forAll, models = {} } = file.data
  const id = `${overlay}@${sha256Hex(canonicalJson(file.data)).slice(0, 12)}`
  const find = finder(new Map(Object.entries(models)))
  return {
    id,
    tenant,
    note,
    validFromMs: timeOf(file.data.valid_from ?? `${date}T00:00:00.000Z`),
    apply: (model, listed) => {
      const found = find(model)
      if (found && isRow(found.value)) return own(`${id}#${found.name}`, model, found.value, listed)
      const rule = found && !isRow(found.value) ? found.value : null
      const percent = rule?.discount_percent ?? forAll
      const price = listed(rule && 'as' in rule ? rule.as : model)
      if (!rule && percent === undefined) return price
      return { ...discounted(price, percent ?? '0'), overlay: `${id}#${found?.name ?? '*'}` }
    },
  }
}

type Rule = z.output<typeof RULE>

function isRow(rule: Rule): rule is PriceRow {
  return 'input' in rule
}

/** A price of the tenant's own; the listed row that it replaces is named where there is one. */
function own(id: string, model: string, row: PriceRow, listed: (model: string) => ModelPrice): ModelPrice {
  return { ...priceOf(listedId(model, listed) ?? id, row), overlay: id }
}

function listedId(model: string, listed: (model: string) => ModelPrice): string | null {
  try {
    return listed(model).id
  } catch (thrown) {
    if (thrown instanceof SignalboxError && thrown.code === 'PRICE_UNKNOWN') return null
    throw thrown
  }
}

const HUNDRED = 1_000_000n

/** Per cent in ten-thousandths. */
function percentOf(text: string): bigint {
  const [whole = '0', fraction = ''] = text.split('.')
  return BigInt(whole) * 10_000n + BigInt(fraction.padEnd(4, '0'))
}

/** Each rate and fee less the discount, rounded up to a whole unit. */
function discounted(price: ModelPrice, percent: string): ModelPrice {
  const rest = HUNDRED - percentOf(percent)
  const less = (rate: bigint): bigint => (rate * rest + HUNDRED - 1n) / HUNDRED
  const { levels, perRequest, perWebSearch } = price
  return {
    ...price,
    ...level(price, less),
    ...(perRequest === undefined ? {} : { perRequest: less(perRequest) }),
    ...(perWebSearch === undefined ? {} : { perWebSearch: less(perWebSearch) }),
    ...(levels
      ? { levels: Object.fromEntries(Object.entries(levels).map(([name, each]) => [name, level(each, less)])) }
      : {}),
  }
}

function level(of: LevelRates, less: (rate: bigint) => bigint): LevelRates {
  const tiers = of.tiers?.map((tier) => ({ ...tier, ...rates(tier, less) }))
  return { ...rates(of, less), ...(tiers ? { tiers } : {}) }
}

function rates(of: ModelRates, less: (rate: bigint) => bigint): ModelRates {
  const { cacheWrite1hPerMillion: hour, reasoningPerMillion: reasoning } = of
  const { audioInputPerMillion: soundIn, audioOutputPerMillion: soundOut } = of
  return {
    inputPerMillion: less(of.inputPerMillion),
    cacheReadPerMillion: less(of.cacheReadPerMillion),
    cacheWritePerMillion: less(of.cacheWritePerMillion),
    outputPerMillion: less(of.outputPerMillion),
    ...(hour === undefined ? {} : { cacheWrite1hPerMillion: less(hour) }),
    ...(reasoning === undefined ? {} : { reasoningPerMillion: less(reasoning) }),
    ...(soundIn === undefined ? {} : { audioInputPerMillion: less(soundIn) }),
    ...(soundOut === undefined ? {} : { audioOutputPerMillion: less(soundOut) }),
  }
}
