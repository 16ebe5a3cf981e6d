import type { NanoUsd } from '../base/money.ts'
import type { Usage } from './common.ts'
import type { ModelPrice } from './model.ts'

const MILLION = 1_000_000n

/**
 * Cost of a finished model call in nano-USD, rounded up. Null when the provider told no input or no output tokens:
 * the caller then charges what it had reserved (invariant 6). Cached tokens are part of the input tokens, reasoning
 * tokens of the output tokens; what the cache figures leave is charged as plain input.
 */
export function callCost(price: ModelPrice, usage: Usage): NanoUsd | null {
  if (usage.input_tokens === null || usage.output_tokens === null) return null
  const read = BigInt(usage.cache_read_tokens ?? 0)
  const write = BigInt(usage.cache_write_tokens ?? 0)
  const plain = BigInt(usage.input_tokens) - read - write
  const output = BigInt(Math.max(usage.output_tokens, usage.reasoning_tokens ?? 0))
  return perMillion(
    (plain > 0n ? plain : 0n) * price.inputPerMillion +
      read * price.cacheReadPerMillion +
      write * price.cacheWritePerMillion +
      output * price.outputPerMillion,
  )
}

/** The most that a call can cost in nano-USD: every input token at the dearest input rate, the whole output limit. */
export function worstCallCost(price: ModelPrice, inputUpperBound: number, maxOutputTokens: number): NanoUsd {
  const rates = [price.inputPerMillion, price.cacheReadPerMillion, price.cacheWritePerMillion]
  const dearest = rates.reduce((most, rate) => (rate > most ? rate : most))
  return perMillion(BigInt(inputUpperBound) * dearest + BigInt(maxOutputTokens) * price.outputPerMillion)
}

function perMillion(product: bigint): NanoUsd {
  return (product + MILLION - 1n) / MILLION
}
