import type { OuterBudgetView } from '@signalbox/protocol'
import type { ScopeState } from 'signalbox'

/** A budget over many runs as the API tells it: what is limited, and what was counted without a limit. */
export function outerBudgetView({ scope, current, limits, granted }: ScopeState): OuterBudgetView {
  const lines = [
    line('cost', limits.cost_nano_usd, granted.cost_nano_usd),
    line('tokens', limits.tokens, granted.tokens),
    line('effects', limits.effects, granted.effects),
    line('runs', limits.runs, granted.runs),
  ]
  return { scope, current, lines }
}

function line(
  count: OuterBudgetView['lines'][number]['count'],
  limit: string | number | undefined,
  given: string | number,
): OuterBudgetView['lines'][number] {
  if (limit === undefined) return { count, limit: null, given: String(given), left: null }
  const left = BigInt(limit) - BigInt(given)
  return { count, limit: String(limit), given: String(given), left: (left > 0n ? left : 0n).toString() }
}
