import type { OuterBudgetView } from '@signalbox/protocol'
import type { ScopeState } from 'signalbox'

/** A budget over many runs as the API tells it: what is limited, and what was counted without a limit. */
export function outerBudgetView(state: ScopeState, nowMs: number): OuterBudgetView {
  const { scope, current, limits, granted } = state
  const passed = current ? partPassed(scope, nowMs) : null
  const plain = [
    line('cost', limits.cost_nano_usd, granted.cost_nano_usd),
    line('tokens', limits.tokens, granted.tokens),
    line('effects', limits.effects, granted.effects),
    line('runs', limits.runs, granted.runs),
  ]
  const lines = plain.map((each) => ({ ...each, forecast: passed === null ? null : forecastOf(each.given, passed) }))
  return { scope, current, lines }
}

function line(
  count: OuterBudgetView['lines'][number]['count'],
  limit: string | number | undefined,
  given: string | number,
): Omit<OuterBudgetView['lines'][number], 'forecast'> {
  if (limit === undefined) return { count, limit: null, given: String(given), left: null }
  const left = BigInt(limit) - BigInt(given)
  return { count, limit: String(limit), given: String(given), left: (left > 0n ? left : 0n).toString() }
}

/** Less of a period than this says nothing about the rest of it. */
const LEAST_PART = 0.02

/** Which part of its day or month has passed, from 0 to 1; null for a budget without a period, and at its beginning. */
function partPassed(scope: string, nowMs: number): number | null {
  const period = /\/(\d{4})-(\d\d)(?:-(\d\d))?$/.exec(scope)
  if (!period) return null
  const [year, month, day] = [Number(period[1]), Number(period[2]) - 1, Number(period[3] ?? '0')]
  const from = Date.UTC(year, month, day || 1)
  const through = day === 0 ? Date.UTC(year, month + 1, 1) : Date.UTC(year, month, day + 1)
  const part = (nowMs - from) / (through - from)
  return part >= LEAST_PART && part <= 1 ? part : null
}

/** As much again for each part of the same length. */
function forecastOf(given: string, part: number): string {
  const millionths = BigInt(Math.round(part * 1_000_000))
  return ((BigInt(given) * 1_000_000n) / millionths).toString()
}
