/**
 * What nested scopes used, for those that have a budget of their own beside the run's (invariant 6). A call counts in every
 * scope around it. Pure; rebuilt from the records of the run, those of abandoned branches included: nothing refills one.
 */
import { enteredBy, ROOT_SCOPE, scopeOf } from '../base/scope-id.ts'
import type { Amounts, OwnLimits } from '../contracts/common.ts'
import type { RunRecord } from '../contracts/records.ts'
import { amountsOf, type Counts, countsOf, minusToZero, NO_COUNTS, plus } from './amounts.ts'

interface Hold {
  readonly worst: Counts
  readonly scopes: readonly string[]
}

/** What each nested scope of a run has spent and holds. */
export class ScopeLedgers {
  private readonly totals = new Map<string, Counts>()
  private readonly holds = new Map<string, Hold>()

  /** Applies one record, live or on load; the same rules as for the run's own ledger. */
  apply(record: RunRecord): void {
    if (record.type === 'branch.started') for (const key of [...this.holds.keys()]) this.charge(key)
    if (record.type === 'activity.intent') {
      const scopes = scopesAround(record.ask.activation)
      if (scopes.length === 0) return
      // One of the same key that is still open was lost in a crash, and nobody knows how much of it was used.
      this.charge(record.ask.key)
      this.holds.set(record.ask.key, { worst: countsOf(record.reserved), scopes })
    }
    if (record.type === 'activity.outcome' && record.status !== 'unknown') {
      this.holds.delete(record.ask.key)
      this.add(scopesAround(record.ask.activation), countsOf(record.settled))
    }
  }

  /** What is left to a scope of its own budget; what it does not limit is as much as a number holds. */
  left(scope: string, limits: OwnLimits): Amounts {
    let used = this.totals.get(scope) ?? NO_COUNTS
    for (const hold of this.holds.values()) if (hold.scopes.includes(scope)) used = plus(used, hold.worst)
    return amountsOf(minusToZero(ownCounts(limits), used))
  }

  private charge(key: string): void {
    const hold = this.holds.get(key)
    if (!hold) return
    this.holds.delete(key)
    this.add(hold.scopes, hold.worst)
  }

  private add(scopes: readonly string[], counts: Counts): void {
    for (const scope of scopes) this.totals.set(scope, plus(this.totals.get(scope) ?? NO_COUNTS, counts))
  }
}

/** The limits of a scope's own budget; the greatest number where it has none. */
function ownCounts(limits: OwnLimits): Counts {
  const most = Number.MAX_SAFE_INTEGER
  return countsOf({
    turns: limits.max_turns ?? most,
    tool_calls: limits.max_tool_calls ?? most,
    tokens: limits.max_tokens ?? most,
    cost_nano_usd: limits.max_cost_nano_usd ?? String(most),
  })
}

/** The lower of two amounts, field by field. */
export function lowerOf(a: Amounts, b: Amounts): Amounts {
  return {
    turns: Math.min(a.turns, b.turns),
    tool_calls: Math.min(a.tool_calls, b.tool_calls),
    tokens: Math.min(a.tokens, b.tokens),
    cost_nano_usd: BigInt(a.cost_nano_usd) < BigInt(b.cost_nano_usd) ? a.cost_nano_usd : b.cost_nano_usd,
  }
}

/** The nested scopes that an activation lies in, innermost first; none for the run itself. */
function scopesAround(activation: string): readonly string[] {
  const scopes: string[] = []
  let scope = scopeOf(activation)
  while (scope !== ROOT_SCOPE) {
    scopes.push(scope)
    scope = scopeOf(enteredBy(scope) ?? '')
  }
  return scopes
}
