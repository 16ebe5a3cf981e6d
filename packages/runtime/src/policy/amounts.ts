import { SignalboxError } from '../base/errors.ts'
import { parseNano } from '../base/money.ts'
import type { Amounts, BudgetLimits } from '../contracts/common.ts'

/** A limit that amounts count against. Active runtime is told apart: it is measured, not reserved. */
export type CountedLimit = 'turns' | 'tool_calls' | 'tokens' | 'cost'

/** Every limit of a budget, as it is named in refusals and warnings. */
export type LimitName = CountedLimit | 'runtime'

/** The counted limits in the order in which they are told. */
export const COUNTED: readonly CountedLimit[] = ['turns', 'tool_calls', 'tokens', 'cost']

/** Amounts as integers that can be added and compared alike; cost in nano-USD. */
export type Counts = Readonly<Record<CountedLimit, bigint>>

/** Counts of nothing. */
export const NO_COUNTS: Counts = { turns: 0n, tool_calls: 0n, tokens: 0n, cost: 0n }

/** Reads recorded amounts. Throws INPUT_INVALID for one that is negative or not a safe integer: it would refill a budget. */
export function countsOf(amounts: Amounts): Counts {
  const cost = parseNano(amounts.cost_nano_usd)
  if (cost < 0n) throw new SignalboxError('INPUT_INVALID', `\`cost_nano_usd\` is ${cost}: an amount cannot be negative`)
  return {
    turns: whole(amounts.turns, 'turns'),
    tool_calls: whole(amounts.tool_calls, 'tool_calls'),
    tokens: whole(amounts.tokens, 'tokens'),
    cost,
  }
}

/** Writes counts as they are recorded. */
export function amountsOf(counts: Counts): Amounts {
  return {
    turns: Number(counts.turns),
    tool_calls: Number(counts.tool_calls),
    tokens: Number(counts.tokens),
    cost_nano_usd: counts.cost.toString(),
  }
}

/** Reads the counted limits of a budget. Throws INPUT_INVALID. */
export function limitCounts(limits: BudgetLimits): Counts {
  return countsOf({
    turns: limits.max_turns,
    tool_calls: limits.max_tool_calls,
    tokens: limits.max_tokens,
    cost_nano_usd: limits.max_cost_nano_usd,
  })
}

/** The sum, field by field. */
export function plus(a: Counts, b: Counts): Counts {
  return each((name) => a[name] + b[name])
}

/** The difference, field by field, and never below zero. */
export function minusToZero(a: Counts, b: Counts): Counts {
  return each((name) => (a[name] > b[name] ? a[name] - b[name] : 0n))
}

/** The fields in which `a` is greater than `b`. */
export function greaterIn(a: Counts, b: Counts): readonly CountedLimit[] {
  return COUNTED.filter((name) => a[name] > b[name])
}

function each(of: (name: CountedLimit) => bigint): Counts {
  return { turns: of('turns'), tool_calls: of('tool_calls'), tokens: of('tokens'), cost: of('cost') }
}

function whole(value: number, field: string): bigint {
  if (Number.isSafeInteger(value) && value >= 0) return BigInt(value)
  throw new SignalboxError('INPUT_INVALID', `\`${field}\` is ${value}: an amount must be a whole number from 0`)
}
