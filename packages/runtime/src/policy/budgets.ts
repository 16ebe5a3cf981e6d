/**
 * The budget of one run as a ledger (invariant 6). It owns what is spent and what is held; the door owns when to ask.
 *
 * 1. spent + held never passes a limit by a reservation: `reserve` refuses first.
 * 2. Only `settle` moves an amount from held to spent, and it charges what was used even when that is more than was held.
 * 3. Nothing lowers what is spent: not a pause, not an approval, not a branch (ENGINE R13).
 * 4. `apply` rebuilds the same ledger from the records alone, so that a resumed run and a live one agree.
 */
import { SignalboxError } from '../base/errors.ts'
import { type NanoUsd, parseNano } from '../base/money.ts'
import type { Amounts, BudgetLimits, Usage } from '../contracts/common.ts'
import { callCost, worstCallCost, worstRates } from '../contracts/cost.ts'
import type { ModelPrice } from '../contracts/model.ts'
import type { ActivityOutcome, RunRecord } from '../contracts/records.ts'
import {
  amountsOf,
  COUNTED,
  type CountedLimit,
  type Counts,
  countsOf,
  greaterIn,
  type LimitName,
  limitCounts,
  minusToZero,
  NO_COUNTS,
  plus,
} from './amounts.ts'
import type { ScopeLedgers } from './scope-budgets.ts'

/** Per cent of a limit at which a warning is given, once for each limit. */
export const NEAR_PERCENT = 80

/** Per cent of a limit from which a run that ended came close to it. */
export const NEAR_MISS_PERCENT = 90

/** The fewest output tokens that are worth a model call; with less left the call is refused. */
export const LEAST_OUTPUT_TOKENS = 16

/** Whether the worst case fits. A refusal names every limit that it would pass and holds nothing. */
export type ReserveResult =
  | { readonly status: 'reserved'; readonly nearing: readonly CountedLimit[] }
  | { readonly status: 'refused'; readonly limits: readonly CountedLimit[] }

/** What a settlement or a record did to the budget. */
export interface BudgetNotice {
  /** Limits that what is spent has passed: the run has to end. */
  readonly passed: readonly CountedLimit[]
  /** Limits of which 80 % is now spent or held, told once each. */
  readonly nearing: readonly CountedLimit[]
  /** What was used beyond the reservation; zero in every field as a rule. */
  readonly overspent: Amounts
}

interface Hold {
  readonly worst: Counts
  /** False until the intent that carries it is appended. */
  readonly recorded: boolean
}

/** What a run has spent and holds, against its limits. */
export class BudgetLedger {
  readonly limits: BudgetLimits
  /** What nested scopes used; kept only where one of them has a budget of its own. */
  scopes: ScopeLedgers | null = null
  private readonly most: Counts
  private total: Counts
  private readonly holds = new Map<string, Hold>()
  private readonly warned = new Set<CountedLimit>()
  private readonly told = new Set<string>()

  /** A ledger with `spent` on it already: a fork starts with the totals at its point. Throws INPUT_INVALID. */
  constructor(limits: BudgetLimits, spent?: Amounts) {
    this.limits = limits
    this.most = limitCounts(limits)
    this.total = spent === undefined ? NO_COUNTS : countsOf(spent)
  }

  /** What is spent so far. */
  get spent(): Amounts {
    return amountsOf(this.total)
  }

  /** What is reserved and not settled. */
  get held(): Amounts {
    return amountsOf(this.heldCounts())
  }

  /** Keys of the open reservations, oldest first. */
  get open(): readonly string[] {
    return [...this.holds.keys()]
  }

  /** What may still be reserved; zero where a limit is reached or passed. */
  remaining(): Amounts {
    return amountsOf(this.left())
  }

  /**
   * Holds the worst case under the key of the ask until it is settled or released; refuses when any limit would be passed.
   * Throws INTERNAL for a key that holds something already.
   */
  reserve(key: string, worst: Amounts): ReserveResult {
    if (this.holds.has(key)) throw new SignalboxError('INTERNAL', `\`${key}\` has an open reservation already`)
    const counts = countsOf(worst)
    const limits = this.over(counts)
    if (limits.length > 0) return { status: 'refused', limits }
    this.holds.set(key, { worst: counts, recorded: false })
    return { status: 'reserved', nearing: this.nearing() }
  }

  /**
   * The first limit that the worst case would pass, or null; nothing is held. With two calls under way only `reserve`
   * keeps them from passing a limit together, unless no wait lies between this answer and the intent's record.
   */
  refuses(worst: Amounts, activeMs: number): LimitName | null {
    return this.over(countsOf(worst))[0] ?? (this.runtime(activeMs).passed ? 'runtime' : null)
  }

  /** Gives back a reservation whose call was certainly not sent. Nothing happens when there is none. */
  release(key: string): void {
    this.holds.delete(key)
  }

  /** Replaces the reservation by what was used, all of it, also when that is more than was held. */
  settle(key: string, actual: Amounts): BudgetNotice {
    const used = countsOf(actual)
    const held = this.holds.get(key)?.worst ?? NO_COUNTS
    this.holds.delete(key)
    this.total = plus(this.total, used)
    const overspent = amountsOf(minusToZero(used, held))
    return { passed: this.passed(), nearing: this.nearing(), overspent }
  }

  /** Charges open reservations in full: after a crash nobody knows how much of them was used. All, or the one of the key. */
  chargeOpen(key?: string): BudgetNotice {
    const keys = key === undefined ? this.open : [key]
    for (const each of keys) this.total = plus(this.total, this.holds.get(each)?.worst ?? NO_COUNTS)
    for (const each of keys) this.holds.delete(each)
    return { passed: this.passed(), nearing: this.nearing(), overspent: amountsOf(NO_COUNTS) }
  }

  /** Limits that are passed by what is spent. */
  passed(): readonly CountedLimit[] {
    return greaterIn(this.total, this.most)
  }

  /** Declared parts of limits that what is spent has passed since this was last asked: each is told once. */
  freshWarnings(): readonly { readonly limit: CountedLimit; readonly percent: number }[] {
    const passed = COUNTED.flatMap((limit) =>
      (this.limits.warn_at_percent ?? []).flatMap((percent) =>
        this.isUsed(limit, percent) && !this.told.has(`${limit} ${percent}`) ? [{ limit, percent }] : [],
      ),
    )
    for (const { limit, percent } of passed) this.told.add(`${limit} ${percent}`)
    return passed
  }

  /** Limits of which what is spent is 90 per cent or more. */
  nearMisses(): readonly CountedLimit[] {
    return COUNTED.filter((limit) => this.isUsed(limit, NEAR_MISS_PERCENT))
  }

  private isUsed(limit: CountedLimit, percent: number): boolean {
    return this.total[limit] > 0n && this.total[limit] * 100n >= this.most[limit] * BigInt(percent)
  }

  /** How the active runtime stands against its limit, in milliseconds. Waiting for people and downtime are not in it. */
  runtime(activeMs: number): { readonly leftMs: number; readonly passed: boolean; readonly nearing: boolean } {
    const limitMs = this.limits.max_runtime_seconds * 1_000
    const nearing = activeMs * 100 >= limitMs * NEAR_PERCENT
    return { leftMs: Math.max(0, limitMs - activeMs), passed: activeMs >= limitMs, nearing }
  }

  /**
   * Applies one record, live or on resume. An intent makes its reservation durable (one of the same key that is still
   * open was lost in a crash and is charged in full), an outcome settles it, a new branch charges what is open.
   */
  apply(record: RunRecord): BudgetNotice {
    this.scopes?.apply(record)
    // What a fork took over is in the totals that it starts with.
    if (record.origin) return { passed: this.passed(), nearing: [], overspent: amountsOf(NO_COUNTS) }
    if (record.type === 'activity.intent') return this.applyIntent(record.ask.key, countsOf(record.reserved))
    if (record.type === 'activity.outcome') return this.applyOutcome(record)
    if (record.type === 'branch.started') return this.chargeOpen()
    return { passed: this.passed(), nearing: [], overspent: amountsOf(NO_COUNTS) }
  }

  private applyIntent(key: string, reserved: Counts): BudgetNotice {
    const before = this.holds.get(key)
    if (before?.recorded) this.total = plus(this.total, before.worst)
    this.holds.set(key, { worst: reserved, recorded: true })
    return { passed: this.passed(), nearing: this.nearing(), overspent: amountsOf(NO_COUNTS) }
  }

  private applyOutcome(record: ActivityOutcome): BudgetNotice {
    // An effect with an unknown outcome keeps its reservation until the unknown is resolved (invariant 5).
    if (record.status === 'unknown') return { passed: this.passed(), nearing: [], overspent: amountsOf(NO_COUNTS) }
    return this.settle(record.ask.key, record.settled)
  }

  private heldCounts(): Counts {
    let sum = NO_COUNTS
    for (const { worst } of this.holds.values()) sum = plus(sum, worst)
    return sum
  }

  private left(): Counts {
    return minusToZero(this.most, plus(this.total, this.heldCounts()))
  }

  /** A field that asks for nothing is not refused, also when its limit is passed already. */
  private over(worst: Counts): readonly CountedLimit[] {
    const left = this.left()
    return COUNTED.filter((name) => worst[name] > left[name])
  }

  private nearing(): readonly CountedLimit[] {
    const used = plus(this.total, this.heldCounts())
    const near = COUNTED.filter(
      (name) => used[name] > 0n && used[name] * 100n >= this.most[name] * BigInt(NEAR_PERCENT),
    )
    const fresh = near.filter((name) => !this.warned.has(name))
    for (const name of fresh) this.warned.add(name)
    return fresh
  }
}

/** Rebuilds the ledger of a run from its records, those of abandoned branches included: a branch refills nothing. */
export function foldBudget(limits: BudgetLimits, records: Iterable<RunRecord>, spent?: Amounts): BudgetLedger {
  const ledger = new BudgetLedger(limits, spent)
  for (const record of records) ledger.apply(record)
  return ledger
}

/** What a model call may ask for, with its worst case to reserve; or the limits that leave too little. */
export type Affordable =
  | { readonly status: 'ok'; readonly maxOutputTokens: number; readonly lowered: boolean; readonly worst: Amounts }
  | { readonly status: 'refused'; readonly limits: readonly LimitName[] }

const MILLION = 1_000_000n

/**
 * Lowers the output limit of a model call to what is left (invariant 6). The worst case is every input token at the
 * dearest input rate plus the whole output limit, in nano-USD rounded up. Refused when a turn is not left, or when fewer
 * than 16 output tokens could be had (fewer than wanted, when less than 16 is wanted).
 */
export function affordableOutputTokens(
  remaining: Amounts,
  inputUpperBound: number,
  wantedMax: number,
  price: ModelPrice,
): Affordable {
  const left = countsOf(remaining)
  const input = BigInt(inputUpperBound)
  const worst = worstRates(price, inputUpperBound)
  const byTokens = left.tokens - input
  const forOutput = (left.cost - worst.fee) * MILLION - input * worst.input
  const wanted = BigInt(wantedMax)
  const byCost = worst.output > 0n ? forOutput / worst.output : wanted
  const least = wanted < BigInt(LEAST_OUTPUT_TOKENS) ? wanted : BigInt(LEAST_OUTPUT_TOKENS)
  const limits: LimitName[] = []
  if (left.turns < 1n) limits.push('turns')
  if (byTokens < least) limits.push('tokens')
  if (forOutput < 0n || byCost < least) limits.push('cost')
  if (limits.length > 0) return { status: 'refused', limits }
  const most = [wanted, byTokens, byCost].reduce((a, b) => (a < b ? a : b))
  const cost = worstCallCost(price, inputUpperBound, Number(most))
  const reserved = amountsOf({ turns: 1n, tool_calls: 0n, tokens: input + most, cost })
  return { status: 'ok', maxOutputTokens: Number(most), lowered: most < wanted, worst: reserved }
}

/**
 * What a finished model call used: tokens and cost in nano-USD. Where the provider told too little, the whole
 * reservation is charged (invariant 6).
 */
export function settleUsage(
  price: ModelPrice,
  usage: Usage,
  worst: Amounts,
): { readonly tokens: number; readonly cost: NanoUsd } {
  const cost = callCost(price, usage)
  if (cost === null || usage.input_tokens === null || usage.output_tokens === null) {
    return { tokens: worst.tokens, cost: parseNano(worst.cost_nano_usd) }
  }
  return { tokens: usage.input_tokens + Math.max(usage.output_tokens, usage.reasoning_tokens ?? 0), cost }
}
