import type { Amounts, BudgetLimits } from '../../contracts/common.ts'
import type { RunRecord } from '../../contracts/records.ts'
import { isCheckpoint } from '../../reliability/timeline.ts'
import { mustHold } from './checks.ts'

interface Count {
  readonly turns: bigint
  readonly calls: bigint
  readonly tokens: bigint
  readonly cost: bigint
}

/**
 * What a run has used, added up from its records alone and over all branches, apart from the ledger that the engine
 * keeps (Invariant 6): reservations count until they are settled, one that was lost counts for good.
 */
export class BudgetTally {
  private total: Count
  private readonly held = new Map<string, Count>()
  private readonly most: Count

  /** `spent` is what the run starts with: a fork has the totals of its point. */
  constructor(limits: BudgetLimits, spent: Amounts) {
    this.total = countOf(spent)
    this.most = {
      turns: BigInt(limits.max_turns),
      calls: BigInt(limits.max_tool_calls),
      tokens: BigInt(limits.max_tokens),
      cost: BigInt(limits.max_cost_nano_usd),
    }
  }

  /** Takes one durable record. Throws a violation of `budget`. */
  take(record: RunRecord): void {
    if (record.type === 'activity.intent') this.intend(record.seq, record.ask.key, countOf(record.reserved))
    else if (record.type === 'activity.outcome') {
      if (record.status === 'unknown') return
      this.held.delete(record.ask.key)
      this.total = plus(this.total, countOf(record.settled))
    } else if (record.type === 'branch.started') {
      for (const held of this.held.values()) this.total = plus(this.total, held)
      this.held.clear()
      this.compare(record.seq, record.spent)
    } else if (isCheckpoint(record) && record.type !== 'run.started') this.compare(record.seq, record.checkpoint.spent)
  }

  private intend(seq: number, key: string, reserved: Count): void {
    const lost = this.held.get(key)
    if (lost) this.total = plus(this.total, lost)
    this.held.set(key, reserved)
    let used = this.total
    for (const held of this.held.values()) used = plus(used, held)
    const passed = names.filter((name) => reserved[name] > 0n && used[name] > this.most[name])
    mustHold(passed.length === 0, 'budget', () => `the intent ${seq} passes the limit of ${passed.join(', ')}`)
  }

  private compare(seq: number, spent: Amounts): void {
    const told = countOf(spent)
    const wrong = names.filter((name) => told[name] !== this.total[name])
    mustHold(
      wrong.length === 0,
      'budget',
      () => `record ${seq} says spent ${text(told)}, the records add up to ${text(this.total)}`,
    )
  }
}

const names = ['turns', 'calls', 'tokens', 'cost'] as const

function countOf(amounts: Amounts): Count {
  return {
    turns: BigInt(amounts.turns),
    calls: BigInt(amounts.tool_calls),
    tokens: BigInt(amounts.tokens),
    cost: BigInt(amounts.cost_nano_usd),
  }
}

function plus(a: Count, b: Count): Count {
  return { turns: a.turns + b.turns, calls: a.calls + b.calls, tokens: a.tokens + b.tokens, cost: a.cost + b.cost }
}

function text(count: Count): string {
  return names.map((name) => `${name} ${count[name]}`).join(', ')
}
