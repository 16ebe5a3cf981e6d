import { SignalboxError } from '../base/errors.ts'
import type { Amounts } from '../contracts/common.ts'
import {
  type GrantLine,
  NO_SCOPE_AMOUNTS,
  type ScopeAmounts,
  type ScopeRow,
  type SliceChange,
  type SliceRow,
} from '../contracts/scopes.ts'
import type { Store } from '../contracts/store.ts'
import {
  addScope,
  isSome,
  limitedOnly,
  lineOf,
  minusScope,
  type OuterScope,
  outerWarnings,
  timesScope,
} from '../policy/index.ts'

/** How many times the worst case of a call a slice is to be worth, where there is room. */
const CALLS_A_SLICE = 8

/** What a run has spent for good, and what it holds for calls that are under way. */
export interface Totals {
  readonly spent: Pick<Amounts, 'tokens' | 'cost_nano_usd'>
  readonly held: Pick<Amounts, 'tokens' | 'cost_nano_usd'>
  /** Effects whose intent was made. */
  readonly effects: number
}

/** What happened to a slice or its scope, for the history of the run. */
export type SliceNews =
  | { readonly what: 'granted' | 'debt'; readonly scope: string; readonly granted: ScopeAmounts }
  | { readonly what: 'warning'; readonly scope: string; readonly limit: string; readonly percent: number }

/**
 * What one run holds of the budgets over many runs (invariant 6, ENGINE R12). It reserves from its own slices, so that no
 * row is shared by every commit.
 *
 * 1. A slice covers what was spent since it was given plus what is held now; a call that it does not cover asks for more
 *    before its intent, and is refused when a scope has too little.
 * 2. What is spent never goes down, and a slice ends only for what was used of it: nothing refills a scope.
 * 3. A settle above its reservation raises the slice whatever the limit: a debt.
 * 4. A run that waits, ends or is given up gives back what it did not use; one that crashed holds it until it goes on.
 */
export class Slices {
  private rows: readonly SliceRow[]
  private granting: Promise<unknown> = Promise.resolve()
  private readonly store: Pick<Store, 'grant'>
  private readonly at: { readonly tenant: string; readonly runId: string; readonly epoch: number }
  private readonly scopes: () => readonly OuterScope[]
  private readonly totals: () => Totals
  private readonly onNews: (news: SliceNews) => void

  constructor(parts: {
    store: Pick<Store, 'grant'>
    at: { readonly tenant: string; readonly runId: string; readonly epoch: number }
    rows: readonly SliceRow[]
    scopes: () => readonly OuterScope[]
    totals: () => Totals
    onNews: (news: SliceNews) => void
  }) {
    this.store = parts.store
    this.at = parts.at
    this.rows = parts.rows
    this.scopes = parts.scopes
    this.totals = parts.totals
    this.onNews = parts.onNews
  }

  /** True when every slice covers the call. Nothing may be awaited between a true and the call's intent. */
  covers(worst: ScopeAmounts): boolean {
    return !isSome(worst) || this.lines(worst).every((line) => !isSome(line.need))
  }

  /** Asks for what the call lacks: null when all is granted, else the scope and count that have too little. */
  async grant(worst: ScopeAmounts): Promise<string | null> {
    const before = this.granting
    const mine = before.then(() => this.grantNow(worst))
    this.granting = mine.catch(() => undefined)
    return mine
  }

  /** Raises slices that a settle passed; to be committed with its record. */
  debts(): readonly SliceChange[] {
    const totals = this.totals()
    const limits = new Map(this.scopes().map((each) => [each.line, each.limits]))
    return this.rows.flatMap((row): SliceChange[] => {
      const by = limitedOnly(minusScope(usedOf(row, totals), row.granted), limits.get(lineOf(row.scope)) ?? {})
      if (!isSome(by)) return []
      const granted = addScope(row.granted, by)
      this.rows = this.rows.map((other) => (other.scope === row.scope ? { ...row, granted } : other))
      this.onNews({ what: 'debt', scope: row.scope, granted })
      return [{ kind: 'raise', scope: row.scope, by }]
    })
  }

  /** Ends all slices for what was used; to be committed with the release. Asked again it says the same. */
  giveBack(): readonly SliceChange[] {
    const totals = this.totals()
    return this.rows.map((row) => ({ kind: 'end', scope: row.scope, used: usedOf(row, totals) }))
  }

  private async grantNow(worst: ScopeAmounts): Promise<string | null> {
    const changes = this.ended()
    const lines = this.lines(worst).filter((line) => isSome(line.need))
    if (lines.length === 0 && changes.length === 0) return null
    const result = await this.store.grant({ ...this.at, lines, changes })
    if (result.status === 'refused') return `${result.count} of ${result.scope}`
    if (result.status === 'fenced')
      throw new SignalboxError('FENCED', 'another worker has the run; nothing was granted')
    const had = new Map(this.rows.map((row) => [row.scope, row]))
    this.rows = result.slices
    for (const { scope, granted } of result.slices)
      if (JSON.stringify(had.get(scope)?.granted) !== JSON.stringify(granted))
        this.onNews({ what: 'granted', scope, granted })
    this.warn(result.scopes, had)
    return null
  }

  /** Told by the run whose grant passed a declared part; the notice of it has one id for all runs of the period. */
  private warn(after: readonly ScopeRow[], had: ReadonlyMap<string, SliceRow>): void {
    for (const each of this.scopes()) {
      const given = after.find((row) => row.scope === each.scope)?.granted
      const slice = this.rows.find((row) => row.scope === each.scope)?.granted
      if (!given || !slice) continue
      const mine = minusScope(slice, had.get(each.scope)?.granted ?? NO_SCOPE_AMOUNTS)
      for (const warning of outerWarnings(each, minusScope(given, mine), given))
        this.onNews({ what: 'warning', scope: each.scope, ...warning })
    }
  }

  /**
   * Slices of a period that is over. While a call of it is under way it stays in force: what such a call costs in the
   * end is not known, and belongs to the period in which it was reserved.
   */
  private ended(): readonly SliceChange[] {
    const totals = this.totals()
    if (totals.held.tokens > 0 || totals.held.cost_nano_usd !== '0') return []
    const now = new Set(this.scopes().map(({ scope }) => scope))
    const over = this.rows.filter((row) => !now.has(row.scope))
    return over.map((row) => ({ kind: 'end', scope: row.scope, used: usedOf(row, totals) }))
  }

  private lines(worst: ScopeAmounts): readonly GrantLine[] {
    const totals = this.totals()
    const over = new Set(this.ended().map(({ scope }) => scope))
    return this.scopes().map(({ scope, line, limits }) => {
      const row = this.rows.find((each) => !over.has(each.scope) && lineOf(each.scope) === line)
      const used = row ? usedOf(row, totals) : heldOf(totals)
      const wanted = addScope(used, worst)
      const asked = limitedOnly(minusScope(wanted, row?.granted ?? NO_SCOPE_AMOUNTS), limits)
      const want = limitedOnly(timesScope(worst, CALLS_A_SLICE), limits)
      return { scope: row?.scope ?? scope, need: asked, want, limits, base: spentOf(totals) }
    })
  }
}

function spentOf({ spent, effects }: Totals): ScopeAmounts {
  return { cost_nano_usd: spent.cost_nano_usd, tokens: spent.tokens, effects, runs: 0 }
}

function heldOf({ held }: Totals): ScopeAmounts {
  return { cost_nano_usd: held.cost_nano_usd, tokens: held.tokens, effects: 0, runs: 0 }
}

function usedOf(row: SliceRow, totals: Totals): ScopeAmounts {
  return addScope(minusScope(spentOf(totals), row.base), heldOf(totals))
}
