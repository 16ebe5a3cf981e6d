/**
 * Budgets over many runs: per tenant, workflow or principal, and per day, month or for good (invariant 6, ENGINE R12).
 * This file says which scopes a run belongs to at a time and what a run has used of its slices. Pure.
 */
import { SignalboxError } from '../base/errors.ts'
import { usdToNano } from '../base/money.ts'
import { isoTime } from '../base/time.ts'
import {
  NO_SCOPE_AMOUNTS,
  type ScopeAmounts,
  type ScopeCount,
  type ScopeLimits,
  type ScopeRow,
  type ScopeState,
} from '../contracts/scopes.ts'

/** One limit over many runs, as a project declares it. At least one maximum has to be there. */
export interface OuterBudget {
  readonly scope: 'tenant' | 'workflow' | 'principal'
  /** One tenant, workflow or principal. Default: each has the limit for itself. */
  readonly name?: string
  /** In UTC. `always`: it is never given again. */
  readonly per: 'day' | 'month' | 'always'
  /** Decimal US dollars, such as `12.50`. */
  readonly maxCostUsd?: string
  readonly maxTokens?: number
  /** Effects that are sent. */
  readonly maxEffects?: number
  /** Runs that are started. */
  readonly maxRuns?: number
  /** Parts of each limit, in per cent, at which people are told once a period, such as `[50, 80, 95]`. Default: none. */
  readonly warnAtPercent?: readonly number[]
}

/** Whom a run acts for and what it is. */
export interface RunOwner {
  readonly tenant: string
  readonly workflow: string
  readonly principal: string
}

/** A scope in which a run counts at a time. */
export interface OuterScope {
  /** `<kind>:<name>/<period>`. */
  readonly scope: string
  /** The same without the period: slices of two periods of it are not held at once. */
  readonly line: string
  readonly limits: ScopeLimits
  /** In per cent, lowest first; absent when nobody is to be told. */
  readonly warnAt?: readonly number[]
}

/** Declared parts of a scope's limits that lie between what was given before and what is given now. */
export function outerWarnings(
  { limits, warnAt = [] }: Pick<OuterScope, 'limits' | 'warnAt'>,
  before: ScopeAmounts,
  after: ScopeAmounts,
): readonly { readonly limit: ScopeCount; readonly percent: number }[] {
  const amounts = (of: ScopeAmounts | ScopeLimits, count: ScopeCount): bigint | null => {
    const value = count === 'cost' ? of.cost_nano_usd : of[count]
    return value === undefined ? null : BigInt(value)
  }
  return (['cost', 'tokens', 'effects', 'runs'] as const).flatMap((limit) => {
    const most = amounts(limits, limit)
    if (most === null) return []
    const [was, is] = [amounts(before, limit) ?? 0n, amounts(after, limit) ?? 0n]
    const passed = (given: bigint, percent: number): boolean => given * 100n >= most * BigInt(percent)
    return warnAt
      .filter((percent) => passed(is, percent) && !passed(was, percent))
      .map((percent) => ({ limit, percent }))
  })
}

/** The limits of a project. */
export class OuterBudgets {
  readonly all: readonly OuterBudget[]

  /** Throws CONFIG_INVALID naming every fault at once. */
  constructor(budgets: readonly OuterBudget[]) {
    const faults = budgets.flatMap((budget, i) => faultsOf(budget).map((fault) => `\`budgets[${i}]\`: ${fault}`))
    if (faults.length > 0) throw new SignalboxError('CONFIG_INVALID', faults.join('; '))
    this.all = budgets
  }

  /** The scopes of a run at a time, in a fixed order; of two limits of one scope the lower counts. */
  scopesOf(owner: RunOwner, nowMs: number): readonly OuterScope[] {
    const scopes = new Map<string, OuterScope>()
    for (const budget of this.all) {
      const name = owner[budget.scope]
      if (budget.name !== undefined && budget.name !== name) continue
      const line = `${budget.scope}:${name}/${budget.per}`
      const scope = `${budget.scope}:${name}/${periodOf(budget.per, nowMs)}`
      const known = scopes.get(scope)
      const warnAt = [...new Set([...(known?.warnAt ?? []), ...(budget.warnAtPercent ?? [])])].sort((a, b) => a - b)
      scopes.set(scope, {
        scope,
        line,
        limits: lower(known?.limits ?? {}, limitsOf(budget)),
        ...(warnAt.length > 0 ? { warnAt } : {}),
      })
    }
    return [...scopes.values()].sort((a, b) => (a.scope < b.scope ? -1 : 1))
  }

  /** How the scopes of a tenant stand; a limit on the tenant itself is there also before anything was used of it. */
  states(tenant: string, rows: readonly ScopeRow[], nowMs: number): readonly ScopeState[] {
    const granted = new Map(rows.map((row) => [row.scope, row.granted]))
    for (const { scope } of this.scopesOf({ tenant, workflow: '', principal: '' }, nowMs))
      if (scope.startsWith('tenant:') && !granted.has(scope)) granted.set(scope, NO_SCOPE_AMOUNTS)
    const states = [...granted].map(([scope, amounts]): ScopeState => {
      const owner = { tenant: '', workflow: '', principal: '', [scope.slice(0, scope.indexOf(':'))]: nameOf(scope) }
      const now = this.scopesOf(owner, nowMs)
      const limits = now.find((each) => each.line === lineOf(scope))?.limits ?? {}
      return { scope, limits, granted: amounts, current: now.some((each) => each.scope === scope) }
    })
    return states.sort((a, b) => (a.scope < b.scope ? -1 : 1))
  }
}

function nameOf(scope: string): string {
  return scope.slice(scope.indexOf(':') + 1, scope.lastIndexOf('/'))
}

/** The line of a scope's name: its kind, name and kind of period. */
export function lineOf(scope: string): string {
  const at = scope.lastIndexOf('/')
  const period = scope.slice(at + 1)
  const per = period === 'always' ? period : period.length === 7 ? 'month' : 'day'
  return `${scope.slice(0, at)}/${per}`
}

function periodOf(per: OuterBudget['per'], nowMs: number): string {
  if (per === 'always') return per
  return isoTime(nowMs).slice(0, per === 'day' ? 10 : 7)
}

function limitsOf({ maxCostUsd, maxTokens, maxEffects, maxRuns }: OuterBudget): ScopeLimits {
  return {
    ...(maxCostUsd === undefined ? {} : { cost_nano_usd: usdToNano(maxCostUsd).toString() }),
    ...(maxTokens === undefined ? {} : { tokens: maxTokens }),
    ...(maxEffects === undefined ? {} : { effects: maxEffects }),
    ...(maxRuns === undefined ? {} : { runs: maxRuns }),
  }
}

function lower(a: ScopeLimits, b: ScopeLimits): ScopeLimits {
  const merged: { -readonly [K in keyof ScopeLimits]: ScopeLimits[K] } = { ...a, ...b }
  if (a.cost_nano_usd !== undefined && b.cost_nano_usd !== undefined)
    merged.cost_nano_usd = BigInt(a.cost_nano_usd) < BigInt(b.cost_nano_usd) ? a.cost_nano_usd : b.cost_nano_usd
  for (const count of ['tokens', 'effects', 'runs'] as const) {
    const [one, other] = [a[count], b[count]]
    if (one !== undefined && other !== undefined) merged[count] = Math.min(one, other)
  }
  return merged
}

const SCOPES: readonly string[] = ['tenant', 'workflow', 'principal']
const PERIODS: readonly string[] = ['day', 'month', 'always']

function faultsOf(budget: OuterBudget): string[] {
  const faults: string[] = []
  if (!SCOPES.includes(budget.scope)) faults.push('`scope` must be tenant, workflow or principal')
  if (!PERIODS.includes(budget.per)) faults.push('`per` must be day, month or always')
  if (budget.name !== undefined && budget.name.trim() === '') faults.push('`name` is empty; leave it out to mean each')
  for (const count of ['maxTokens', 'maxEffects', 'maxRuns'] as const) {
    const most = budget[count]
    if (most !== undefined && !(Number.isSafeInteger(most) && most >= 0))
      faults.push(`\`${count}\` must be a whole number from 0`)
  }
  if (budget.maxCostUsd !== undefined && !isDollars(budget.maxCostUsd))
    faults.push('`maxCostUsd` must be decimal dollars such as `12.50`')
  const some = [budget.maxCostUsd, budget.maxTokens, budget.maxEffects, budget.maxRuns]
  if (some.every((most) => most === undefined)) faults.push('a limit without any maximum limits nothing')
  if ((budget.warnAtPercent ?? []).some((each) => !Number.isSafeInteger(each) || each < 1 || each > 99))
    faults.push('`warnAtPercent` must be whole numbers from 1 to 99')
  const known = ['scope', 'name', 'per', 'maxCostUsd', 'maxTokens', 'maxEffects', 'maxRuns', 'warnAtPercent']
  for (const key of Object.keys(budget)) if (!known.includes(key)) faults.push(`\`${key}\` is not known`)
  return faults
}

function isDollars(text: string): boolean {
  try {
    return usdToNano(text) >= 0n
  } catch {
    return false
  }
}

/** Sum of amounts, field by field. */
export function addScope(a: ScopeAmounts, b: ScopeAmounts): ScopeAmounts {
  return {
    cost_nano_usd: (BigInt(a.cost_nano_usd) + BigInt(b.cost_nano_usd)).toString(),
    tokens: a.tokens + b.tokens,
    effects: a.effects + b.effects,
    runs: a.runs + b.runs,
  }
}

/** Difference of amounts, field by field, and never below zero. */
export function minusScope(a: ScopeAmounts, b: ScopeAmounts): ScopeAmounts {
  const cost = BigInt(a.cost_nano_usd) - BigInt(b.cost_nano_usd)
  return {
    cost_nano_usd: (cost > 0n ? cost : 0n).toString(),
    tokens: Math.max(0, a.tokens - b.tokens),
    effects: Math.max(0, a.effects - b.effects),
    runs: Math.max(0, a.runs - b.runs),
  }
}

/** True when some amount is above zero. */
export function isSome({ cost_nano_usd: cost, tokens, effects, runs }: ScopeAmounts): boolean {
  return cost !== '0' || tokens > 0 || effects > 0 || runs > 0
}

/** The amounts of which there is a limit; zero for the others. */
export function limitedOnly(amounts: ScopeAmounts, limits: ScopeLimits): ScopeAmounts {
  return {
    cost_nano_usd: limits.cost_nano_usd === undefined ? '0' : amounts.cost_nano_usd,
    tokens: limits.tokens === undefined ? 0 : amounts.tokens,
    effects: limits.effects === undefined ? 0 : amounts.effects,
    runs: 0,
  }
}

/** A multiple of amounts. */
export function timesScope(amounts: ScopeAmounts, factor: number): ScopeAmounts {
  return {
    cost_nano_usd: (BigInt(amounts.cost_nano_usd) * BigInt(factor)).toString(),
    tokens: amounts.tokens * factor,
    effects: amounts.effects * factor,
    runs: amounts.runs * factor,
  }
}
