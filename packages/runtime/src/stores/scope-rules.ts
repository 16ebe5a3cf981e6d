/** What every store decides about outer budgets in the same way (invariant 6, ENGINE R12). Pure. */
import { SignalboxError } from '../base/errors.ts'
import {
  type GrantLine,
  type GrantRequest,
  NO_SCOPE_AMOUNTS,
  type ScopeAmounts,
  type ScopeCount,
  type ScopeLimits,
  type SliceChange,
  type SliceRow,
  type StartCharge,
} from '../contracts/scopes.ts'

/** Where the rows of one transaction are read and written. */
export interface ScopeRows {
  scope(scope: string): ScopeAmounts | null
  slice(scope: string): Pick<SliceRow, 'granted' | 'base'> | null
  putScope(scope: string, granted: ScopeAmounts): void
  /** Null removes it. */
  putSlice(scope: string, slice: Pick<SliceRow, 'granted' | 'base'> | null): void
}

const COUNTS: readonly ScopeCount[] = ['cost', 'tokens', 'effects', 'runs']

/** A slice is no more than this part of what is left, unless the run needs more at once. */
const PART = 16n

type Big = Readonly<Record<ScopeCount, bigint>>

function big(amounts: ScopeAmounts): Big {
  return {
    cost: BigInt(amounts.cost_nano_usd),
    tokens: BigInt(amounts.tokens),
    effects: BigInt(amounts.effects),
    runs: BigInt(amounts.runs),
  }
}

function small({ cost, tokens, effects, runs }: Big): ScopeAmounts {
  return { cost_nano_usd: cost.toString(), tokens: Number(tokens), effects: Number(effects), runs: Number(runs) }
}

function each(of: (count: ScopeCount) => bigint): Big {
  return { cost: of('cost'), tokens: of('tokens'), effects: of('effects'), runs: of('runs') }
}

function limitOf(limits: ScopeLimits, count: ScopeCount): bigint | null {
  const limit = count === 'cost' ? limits.cost_nano_usd : limits[count]
  return limit === undefined ? null : BigInt(limit)
}

/** Refuses amounts that would refill a scope. Throws INTERNAL: the caller is at fault. */
function checked(amounts: ScopeAmounts): Big {
  const counts = big(amounts)
  if (COUNTS.some((count) => counts[count] < 0n))
    throw new SignalboxError('INTERNAL', 'an amount of an outer budget cannot be negative')
  return counts
}

/** Carries out a grant that is not fenced, all of it or nothing: null, or the scope that has too little. */
export function applyGrant(rows: ScopeRows, request: GrantRequest): Refused | null {
  return whole(rows, (buffered) => {
    for (const change of request.changes) applySlice(buffered, change)
    for (const line of request.lines) {
      const refused = applyLine(buffered, line)
      if (refused) return refused
    }
    return null
  })
}

/** Keeps writes back until it is known that none is refused. */
function whole(rows: ScopeRows, act: (buffered: ScopeRows) => Refused | null): Refused | null {
  const scopes = new Map<string, ScopeAmounts>()
  const slices = new Map<string, Pick<SliceRow, 'granted' | 'base'> | null>()
  const refused = act({
    scope: (scope) => scopes.get(scope) ?? rows.scope(scope),
    slice: (scope) => {
      const own = slices.get(scope)
      return own === undefined ? rows.slice(scope) : own
    },
    putScope: (scope, granted) => {
      scopes.set(scope, granted)
    },
    putSlice: (scope, slice) => {
      slices.set(scope, slice)
    },
  })
  if (refused) return refused
  for (const [scope, granted] of scopes) rows.putScope(scope, granted)
  for (const [scope, slice] of slices) rows.putSlice(scope, slice)
  return null
}

/** The scope that had too little, and of what. */
export interface Refused {
  readonly scope: string
  readonly count: ScopeCount
}

function applyLine(rows: ScopeRows, { scope, need, want, limits, base }: GrantLine): Refused | null {
  const granted = big(rows.scope(scope) ?? NO_SCOPE_AMOUNTS)
  const least = checked(need)
  const most = checked(want)
  const left = (count: ScopeCount): bigint | null => {
    const limit = limitOf(limits, count)
    return limit === null ? null : limit - granted[count]
  }
  const short = COUNTS.find((count) => least[count] > 0n && least[count] > (left(count) ?? least[count]))
  if (short) return { scope, count: short }
  const given = each((count) => {
    const room = left(count)
    const part = room === null || room < 0n ? 0n : room / PART
    const wished = most[count] < part ? most[count] : part
    return wished > least[count] ? wished : least[count]
  })
  const slice = rows.slice(scope)
  const before = big(slice?.granted ?? NO_SCOPE_AMOUNTS)
  rows.putScope(scope, small(each((count) => granted[count] + given[count])))
  rows.putSlice(scope, { granted: small(each((count) => before[count] + given[count])), base: slice?.base ?? base })
  return null
}

/** Raises or ends a slice, and the scope by the difference. One that is gone stays gone. */
export function applySlice(rows: ScopeRows, change: SliceChange): void {
  const { scope } = change
  const slice = rows.slice(scope)
  if (!slice) return
  const before = big(slice.granted)
  const told = checked(change.kind === 'raise' ? change.by : change.used)
  const after = change.kind === 'raise' ? each((count) => before[count] + told[count]) : told
  const total = big(rows.scope(scope) ?? NO_SCOPE_AMOUNTS)
  rows.putScope(scope, small(each((count) => total[count] + after[count] - before[count])))
  rows.putSlice(scope, change.kind === 'raise' ? { granted: small(after), base: slice.base } : null)
}

/** Counts the start of a run in every scope, or in none: then the first that has no room is named. */
export function applyStart(rows: ScopeRows, charges: readonly StartCharge[]): Refused | null {
  return whole(rows, (buffered) => {
    for (const { scope, limits } of charges) {
      const granted = big(buffered.scope(scope) ?? NO_SCOPE_AMOUNTS)
      const limit = limitOf(limits, 'runs')
      if (limit !== null && granted.runs >= limit) return { scope, count: 'runs' }
      buffered.putScope(scope, small({ ...granted, runs: granted.runs + 1n }))
    }
    return null
  })
}
