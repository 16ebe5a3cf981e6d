import { type Amounts, NO_AMOUNTS, type RunRecord } from 'signalbox'
import type { Finding } from './findings.ts'

type Sums = { -readonly [K in keyof Amounts]: bigint }

const FIELDS = ['turns', 'tool_calls', 'tokens', 'cost_nano_usd'] as const

/**
 * Adds up what the records say was reserved and settled, over all segments (Invariant 6): a call that was lost and asked
 * again is charged in full, spent and held never go down, no limit is passed, and each checkpoint says the same sum.
 */
export function budgetFindings(records: readonly RunRecord[]): Finding[] {
  const findings: Finding[] = []
  const add = (detail: string): number => findings.push({ kind: 'budget', detail })
  const [started] = records
  if (started?.type !== 'run.started') return [{ kind: 'history', detail: 'the history has no beginning' }]
  const limits = limitsOf(started.budget)
  let spent = sums(NO_AMOUNTS)
  let reached = sums(NO_AMOUNTS)
  const held = new Map<string, Sums>()
  for (const record of records) {
    if (record.type === 'activity.intent') {
      // What a lost attempt reserved is spent; nobody can say that it was not used.
      spent = plus(spent, held.get(record.ask.key) ?? sums(NO_AMOUNTS))
      held.set(record.ask.key, sums(record.reserved))
    } else if (record.type === 'activity.outcome' && record.status !== 'unknown') {
      spent = plus(spent, sums(record.settled))
      held.delete(record.ask.key)
    }
    const total = [...held.values()].reduce(plus, spent)
    if (FIELDS.some((field) => total[field] > limits[field])) add(`record ${record.seq} passes a limit`)
    if (FIELDS.some((field) => spent[field] < reached[field])) add(`record ${record.seq} gives something back`)
    reached = spent
    if ('checkpoint' in record && record.checkpoint && !isEqual(sums(record.checkpoint.spent), spent))
      add(`the checkpoint in record ${record.seq} says ${text(sums(record.checkpoint.spent))}, not ${text(spent)}`)
  }
  return findings
}

function limitsOf(budget: {
  max_turns: number
  max_tool_calls: number
  max_tokens: number
  max_cost_nano_usd: string
}): Sums {
  const { max_turns: turns, max_tool_calls: tool_calls, max_tokens: tokens, max_cost_nano_usd: cost_nano_usd } = budget
  return sums({ turns, tool_calls, tokens, cost_nano_usd })
}

function sums(amounts: Amounts): Sums {
  return {
    turns: BigInt(amounts.turns),
    tool_calls: BigInt(amounts.tool_calls),
    tokens: BigInt(amounts.tokens),
    cost_nano_usd: BigInt(amounts.cost_nano_usd),
  }
}

function plus(a: Sums, b: Sums): Sums {
  return {
    turns: a.turns + b.turns,
    tool_calls: a.tool_calls + b.tool_calls,
    tokens: a.tokens + b.tokens,
    cost_nano_usd: a.cost_nano_usd + b.cost_nano_usd,
  }
}

function isEqual(a: Sums, b: Sums): boolean {
  return FIELDS.every((field) => a[field] === b[field])
}

function text(amounts: Sums): string {
  return FIELDS.map((field) => `${field} ${amounts[field]}`).join(', ')
}
