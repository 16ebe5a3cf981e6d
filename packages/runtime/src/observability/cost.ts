import { parseNano } from '../base/money.ts'
import { type Amounts, type BudgetLimits, NO_AMOUNTS } from '../contracts/common.ts'
import type { ActivityOutcome, RunRecord, RunStarted } from '../contracts/records.ts'
import { type ActivityView, activitiesOf, isCopied, isOpen, millisOf, presentBranch } from './view.ts'

/** What one model or tool used in a run. Costs are decimal strings of nano-USD. */
export interface UsageLine {
  readonly name: string
  readonly calls: number
  /** Calls that ended in another way than `succeeded`. */
  readonly notSucceeded: number
  /** Calls without an outcome, or with an unknown one. */
  readonly open: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cacheReadTokens: number
  readonly costNanoUsd: string
  readonly latencyMs: number
  /** Ids of the price table entries that were used. */
  readonly prices: readonly string[]
}

/** Use of one limit. Numbers are decimal strings for cost, so that nothing is rounded. */
export interface LimitUse {
  readonly limit: keyof BudgetLimits
  readonly spent: string
  /** Reserved for calls that are open. */
  readonly held: string
  readonly max: string
}

/** Cost and budget of a run over all its branches, from its records alone (Invariant 6). */
export interface CostSummary {
  readonly spent: Amounts
  readonly held: Amounts
  readonly limits: readonly LimitUse[]
  readonly byModel: readonly UsageLine[]
  readonly byTool: readonly UsageLine[]
  /** Active runtime in milliseconds. */
  readonly activeMs: number
  /** Milliseconds spent waiting for people and timers; no budget counts them. */
  readonly waitingMs: number
  /** Milliseconds between a worker's last record and its successor's first; no budget counts them. */
  readonly downMs: number
}

/** The sum of two amounts. */
export function addAmounts(a: Amounts, b: Amounts): Amounts {
  return {
    turns: a.turns + b.turns,
    tool_calls: a.tool_calls + b.tool_calls,
    tokens: a.tokens + b.tokens,
    cost_nano_usd: (parseNano(a.cost_nano_usd) + parseNano(b.cost_nano_usd)).toString(),
  }
}

/** Names of the limits that the amounts pass, in the order of the budget. */
export function limitsPassed(amounts: Amounts, limits: BudgetLimits): readonly (keyof BudgetLimits)[] {
  const passed: (keyof BudgetLimits)[] = []
  if (amounts.turns > limits.max_turns) passed.push('max_turns')
  if (amounts.tool_calls > limits.max_tool_calls) passed.push('max_tool_calls')
  if (amounts.tokens > limits.max_tokens) passed.push('max_tokens')
  if (parseNano(amounts.cost_nano_usd) > parseNano(limits.max_cost_nano_usd)) passed.push('max_cost_nano_usd')
  return passed
}

/** True when any amount is lower than in the other. */
export function isLower(amounts: Amounts, than: Amounts): boolean {
  return (
    amounts.turns < than.turns ||
    amounts.tool_calls < than.tool_calls ||
    amounts.tokens < than.tokens ||
    parseNano(amounts.cost_nano_usd) < parseNano(than.cost_nano_usd)
  )
}

/** A ledger that is rebuilt record by record: what is settled, and what open intents hold. */
export interface SpendFold {
  readonly spent: Amounts
  readonly held: ReadonlyMap<string, Amounts>
  /** What the last outcome of each open unknown activity was settled to, so that its resolution replaces it. */
  readonly provisional: ReadonlyMap<string, Amounts>
}

/** A ledger without any record. */
export const NO_SPEND: SpendFold = { spent: NO_AMOUNTS, held: new Map(), provisional: new Map() }

/**
 * Adds one record to the ledger. An intent whose ask is asked again was never answered: its reservation is charged in
 * full (Invariant 6), and so is one that a branch leaves behind. Settles are summed over all branches, because nothing
 * refills a budget.
 */
export function spendAfter(fold: SpendFold, record: RunRecord): SpendFold {
  // A fork starts with the totals at its point.
  if (record.type === 'run.started') return { ...fold, spent: record.checkpoint.spent }
  if (record.origin) return fold
  if (record.type === 'branch.started') {
    const provisional = new Map([...fold.provisional, ...fold.held])
    return { spent: addAmounts(fold.spent, heldIn(fold)), held: new Map(), provisional }
  }
  if (record.type === 'activity.intent') {
    const lost = fold.held.get(record.ask.key)
    const held = new Map(fold.held).set(record.ask.key, record.reserved)
    return { ...fold, held, spent: lost ? addAmounts(fold.spent, lost) : fold.spent }
  }
  if (record.type !== 'activity.outcome') return fold
  return settled(fold, record)
}

function settled(fold: SpendFold, outcome: ActivityOutcome): SpendFold {
  const key = outcome.ask.key
  const held = new Map(fold.held)
  const provisional = new Map(fold.provisional)
  const before = outcome.ledger === null ? fold.provisional.get(key) : undefined
  if (outcome.ledger === null) held.delete(key)
  provisional.delete(key)
  if (outcome.status === 'unknown') provisional.set(key, outcome.settled)
  // A resolution tells the final amounts of a call that was charged already: charge the larger of both, once.
  const charge = before ? excess(outcome.settled, before) : outcome.settled
  return { spent: addAmounts(fold.spent, charge), held, provisional }
}

function excess(final: Amounts, charged: Amounts): Amounts {
  const cost = parseNano(final.cost_nano_usd) - parseNano(charged.cost_nano_usd)
  return {
    turns: Math.max(0, final.turns - charged.turns),
    tool_calls: Math.max(0, final.tool_calls - charged.tool_calls),
    tokens: Math.max(0, final.tokens - charged.tokens),
    cost_nano_usd: (cost > 0n ? cost : 0n).toString(),
  }
}

/** Everything that open intents hold. */
export function heldIn(fold: SpendFold): Amounts {
  return [...fold.held.values()].reduce(addAmounts, NO_AMOUNTS)
}

/** Sums up a run. `now` (milliseconds since 1970) closes a wait that is still going on; without it that wait counts 0. */
export function costOf(records: readonly RunRecord[], now?: number): CostSummary {
  const fold = records.reduce(spendAfter, NO_SPEND)
  const held = heldIn(fold)
  const started = records.find((record): record is RunStarted => record.type === 'run.started')
  const activeMs = records.reduce((most, record) => Math.max(most, record.active_ms), 0)
  const activities = activitiesOf(records)
  return {
    spent: fold.spent,
    held,
    limits: started ? limitUse(started.budget, fold.spent, held, activeMs) : [],
    byModel: usageLines(activities, 'model'),
    byTool: usageLines(activities, 'tool'),
    activeMs,
    ...idleTimes(records, now),
  }
}

function limitUse(limits: BudgetLimits, spent: Amounts, held: Amounts, activeMs: number): readonly LimitUse[] {
  const row = (limit: keyof BudgetLimits, used: number | string, reserved: number | string): LimitUse => ({
    limit,
    spent: String(used),
    held: String(reserved),
    max: String(limits[limit]),
  })
  return [
    row('max_turns', spent.turns, held.turns),
    row('max_tool_calls', spent.tool_calls, held.tool_calls),
    row('max_runtime_seconds', (activeMs / 1000).toFixed(3), 0),
    row('max_tokens', spent.tokens, held.tokens),
    row('max_cost_nano_usd', spent.cost_nano_usd, held.cost_nano_usd),
  ]
}

function usageLines(activities: readonly ActivityView[], kind: 'model' | 'tool'): readonly UsageLine[] {
  const lines = new Map<string, UsageLine>()
  for (const activity of activities) {
    const last = activity.outcomes.at(-1)
    const of = last?.kind ?? activity.intent?.proposal.kind
    const name = last?.name ?? activity.intent?.proposal.name
    // What an activity reads for itself is free and is not a call of its tool.
    if (of !== kind || name === undefined || last?.ask.parent || isCopied(activity)) continue
    lines.set(name, withCall(lines.get(name) ?? emptyLine(name), activity, last))
  }
  return [...lines.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function emptyLine(name: string): UsageLine {
  const zero = { calls: 0, notSucceeded: 0, open: 0, inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, latencyMs: 0 }
  return { name, ...zero, costNanoUsd: '0', prices: [] }
}

function withCall(line: UsageLine, activity: ActivityView, last: ActivityOutcome | undefined): UsageLine {
  // A call without an outcome costs what was reserved, unless its answer still comes.
  const cost = last ? last.settled.cost_nano_usd : (activity.intent?.reserved.cost_nano_usd ?? '0')
  const price = last?.price
  return {
    name: line.name,
    calls: line.calls + 1,
    notSucceeded: line.notSucceeded + (last && last.status !== 'succeeded' ? 1 : 0),
    open: line.open + (isOpen(activity) ? 1 : 0),
    inputTokens: line.inputTokens + (last?.usage?.input_tokens ?? 0),
    outputTokens: line.outputTokens + (last?.usage?.output_tokens ?? 0),
    cacheReadTokens: line.cacheReadTokens + (last?.usage?.cache_read_tokens ?? 0),
    costNanoUsd: (parseNano(line.costNanoUsd) + parseNano(cost)).toString(),
    latencyMs: line.latencyMs + (last?.latency_ms ?? 0),
    prices: price && !line.prices.includes(price) ? [...line.prices, price] : line.prices,
  }
}

function idleTimes(records: readonly RunRecord[], now: number | undefined): { waitingMs: number; downMs: number } {
  let waitingMs = 0
  let downMs = 0
  let waitingSince: number | null = null
  for (const record of records) {
    if (record.type === 'run.waiting') waitingSince = millisOf(record.at)
    if (record.type !== 'segment.started') continue
    if (waitingSince !== null) waitingMs += Math.max(0, millisOf(record.at) - waitingSince)
    else downMs += record.idle_ms
    waitingSince = null
  }
  const head = presentBranch(records).at(-1)
  if (waitingSince !== null && head?.type === 'run.waiting' && now !== undefined)
    waitingMs += Math.max(0, now - waitingSince)
  return { waitingMs, downMs }
}
