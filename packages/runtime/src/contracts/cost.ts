import type { NanoUsd } from '../base/money.ts'
import type { Usage } from './common.ts'
import type { LevelRates, ModelPrice, ModelRates } from './model.ts'

const MILLION = 1_000_000n

/** Where the cost of a call is from: the provider told it, it was computed from told usage, or it had to be assumed. */
export type CostSource = 'provider' | 'local' | 'estimated'

/**
 * Why a cost had to be assumed. `no_usage`: the answer came without usage. `no_answer`: it was sent and nothing told what
 * was used. `partial_usage`: the answer broke off after the provider had told the input.
 */
export type EstimateReason = 'no_usage' | 'no_answer' | 'partial_usage'

/** How the cost of a model call came about, beside the amount that it was settled to. */
export interface CostNote {
  readonly source: CostSource
  readonly why?: EstimateReason
  /** Of an assumed cost: what it was at the least, in nano-USD as a decimal string. The settled amount is the most. */
  readonly least_nano_usd?: string
  /** The overlay entry of the tenant that changed the price, beside the entry of the table. */
  readonly overlay?: string
}

/**
 * Cost of a finished model call in nano-USD, computed exactly and rounded up once. Null when the provider told no input
 * or no output tokens: the caller then charges what it had reserved (Invariant 6). Cached and sound tokens are part of
 * the input tokens, reasoning and sound of the output tokens; what they leave is charged as plain input and output.
 * Cache writes of which the kept time is not told are charged at the dearer of both rates.
 */
export function callCost(price: ModelPrice, usage: Usage): NanoUsd | null {
  if (price.providerTells && usage.told_cost_nano_usd !== undefined) return BigInt(usage.told_cost_nano_usd)
  if (usage.input_tokens === null || usage.output_tokens === null) return null
  const rates = ratesOf(price, usage.service_tier, usage.input_tokens)
  const tokens = inputCost(rates, usage) + outputCost(rates, usage)
  return perMillion(tokens) + fees(price, usage)
}

/**
 * What a call that broke off cost at the least and at the most, in nano-USD: what was told before, and for the most the
 * whole output limit. Null when not even the input was told.
 */
export function brokenOffCost(
  price: ModelPrice,
  seen: Usage,
  maxOutputTokens: number,
): { readonly least: NanoUsd; readonly most: NanoUsd; readonly mostTokens: number } | null {
  if (seen.input_tokens === null) return null
  const output = seen.output_tokens ?? 0
  const least = callCost(price, { ...seen, output_tokens: output })
  const most = callCost(price, { ...seen, output_tokens: Math.max(output, maxOutputTokens) })
  if (least === null || most === null) return null
  return { least, most, mostTokens: seen.input_tokens + Math.max(output, maxOutputTokens) }
}

/** The rates that bound a call from above, per million tokens, and the fee that it has in any case. */
export interface WorstRates {
  readonly input: bigint
  readonly output: bigint
  readonly fee: bigint
}

/**
 * The dearest rates of a call with at most so many input tokens, at the standard service level: it may stay below a tier
 * or reach it, and its tokens may be cached in any way. Sound is not in it, because agents talk in text; nor are searches
 * that a provider makes by itself, because no request asks for them.
 */
export function worstRates(price: ModelPrice, inputUpperBound: number): WorstRates {
  const levels = [price, ...(price.tiers ?? []).filter((tier) => inputUpperBound > tier.aboveInputTokens)]
  const input = levels.flatMap((rates) => [
    rates.inputPerMillion,
    rates.cacheReadPerMillion,
    rates.cacheWritePerMillion,
    rates.cacheWrite1hPerMillion ?? 0n,
  ])
  const output = levels.flatMap((rates) => [rates.outputPerMillion, rates.reasoningPerMillion ?? 0n])
  return { input: largest(input), output: largest(output), fee: price.perRequest ?? 0n }
}

/** The most that a call can cost in nano-USD: every input token at the dearest input rate, the whole output limit. */
export function worstCallCost(price: ModelPrice, inputUpperBound: number, maxOutputTokens: number): NanoUsd {
  const { input, output, fee } = worstRates(price, inputUpperBound)
  return perMillion(BigInt(inputUpperBound) * input + BigInt(maxOutputTokens) * output) + fee
}

/** The rates of one call: its service level, then the highest tier that its input passes, for the whole of it. */
function ratesOf(price: ModelPrice, level: string | undefined, inputTokens: number): ModelRates {
  const { levels } = price
  const own = level !== undefined && levels && Object.hasOwn(levels, level) ? levels[level] : undefined
  const base: LevelRates = own ?? price
  return (base.tiers ?? []).findLast((tier) => inputTokens > tier.aboveInputTokens) ?? base
}

function inputCost(rates: ModelRates, usage: Usage): bigint {
  const read = BigInt(usage.cache_read_tokens ?? 0)
  const write = BigInt(usage.cache_write_tokens ?? 0)
  const hour = smaller(BigInt(usage.cache_write_1h_tokens ?? 0), write)
  const sound = BigInt(usage.audio_input_tokens ?? 0)
  const plain = BigInt(usage.input_tokens ?? 0) - read - write - sound
  const hourRate = rates.cacheWrite1hPerMillion ?? rates.cacheWritePerMillion
  const shortRate =
    usage.cache_write_1h_tokens === undefined
      ? largest([rates.cacheWritePerMillion, hourRate])
      : rates.cacheWritePerMillion
  return (
    (plain > 0n ? plain : 0n) * rates.inputPerMillion +
    read * rates.cacheReadPerMillion +
    (write - hour) * shortRate +
    hour * hourRate +
    sound * (rates.audioInputPerMillion ?? rates.inputPerMillion)
  )
}

function outputCost(rates: ModelRates, usage: Usage): bigint {
  const reasoning = BigInt(usage.reasoning_tokens ?? 0)
  const sound = BigInt(usage.audio_output_tokens ?? 0)
  const output = largest([BigInt(usage.output_tokens ?? 0), reasoning + sound])
  return (
    (output - reasoning - sound) * rates.outputPerMillion +
    reasoning * (rates.reasoningPerMillion ?? rates.outputPerMillion) +
    sound * (rates.audioOutputPerMillion ?? rates.outputPerMillion)
  )
}

function fees(price: ModelPrice, usage: Usage): bigint {
  return (price.perRequest ?? 0n) + BigInt(usage.web_searches ?? 0) * (price.perWebSearch ?? 0n)
}

function largest(of: readonly bigint[]): bigint {
  return of.reduce((most, each) => (each > most ? each : most), 0n)
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

function perMillion(product: bigint): NanoUsd {
  return (product + MILLION - 1n) / MILLION
}
