/** What outer budgets count, over many runs. Cost as decimal text in nano-USD. */
export interface ScopeAmounts {
  readonly cost_nano_usd: string
  readonly tokens: number
  /** Effects that were sent. */
  readonly effects: number
  /** Runs that were started. */
  readonly runs: number
}

/** One kind of amount that an outer budget counts. */
export type ScopeCount = 'cost' | 'tokens' | 'effects' | 'runs'

/** Amounts of nothing. */
export const NO_SCOPE_AMOUNTS: ScopeAmounts = { cost_nano_usd: '0', tokens: 0, effects: 0, runs: 0 }

/** The limits of a scope; a field that is not there is not limited. */
export type ScopeLimits = Partial<ScopeAmounts>

/** What an outer budget has given out: what ended runs used, and the slices of those that are under way. */
export interface ScopeRow {
  readonly tenant: string
  /** `<kind>:<name>/<period>`, such as `workflow:payables/2026-11`. */
  readonly scope: string
  readonly granted: ScopeAmounts
}

/** What a run that is under way holds of a scope. It reserves from its slices alone (ENGINE R12). */
export interface SliceRow {
  readonly tenant: string
  readonly runId: string
  readonly scope: string
  readonly granted: ScopeAmounts
  /** What the run had spent when it got the slice: what it spent since counts against it. */
  readonly base: ScopeAmounts
}

/** What a run asks of one scope. */
export interface GrantLine {
  readonly scope: string
  /** The least that it needs now beyond its slice. */
  readonly need: ScopeAmounts
  /** What it would like; it gets no more than a sixteenth of what is left, but what it needs. */
  readonly want: ScopeAmounts
  readonly limits: ScopeLimits
  /** Of a slice that is new. */
  readonly base: ScopeAmounts
}

/**
 * What a run tells of a slice, whatever the limit. `raise`: a settle passed it, which is a debt. `end`: it is over, and
 * this much of it was used; the rest goes back.
 */
export type SliceChange =
  | { readonly kind: 'raise'; readonly scope: string; readonly by: ScopeAmounts }
  | { readonly kind: 'end'; readonly scope: string; readonly used: ScopeAmounts }

/** All or nothing: every line is granted, or none. */
export interface GrantRequest {
  readonly tenant: string
  readonly runId: string
  /** Checked: a worker that lost its lease gets nothing (invariant 10). */
  readonly epoch: number
  readonly lines: readonly GrantLine[]
  /** Applied before the lines. */
  readonly changes: readonly SliceChange[]
}

/** The slices of the run after a grant, or why nothing was granted. */
export type GrantResult =
  | {
      readonly status: 'granted'
      readonly slices: readonly SliceRow[]
      /** The scopes of the lines, after the grant. */
      readonly scopes: readonly ScopeRow[]
    }
  | { readonly status: 'refused'; readonly scope: string; readonly count: ScopeCount }
  | { readonly status: 'fenced' }

/** The start of a run charged to a scope. */
export interface StartCharge {
  readonly scope: string
  readonly limits: ScopeLimits
}

/** The part of a store that outer budgets live in. */
export interface ScopeStore {
  /** Moves amounts from scopes to the slices of one run, in one transaction under the run's epoch. */
  grant(request: GrantRequest): Promise<GrantResult>
  /** Slices of a run, by scope. */
  slices(tenant: string, runId: string): Promise<readonly SliceRow[]>
  /** Scopes of a tenant that ever gave out something, by name. */
  scopes(tenant: string): Promise<readonly ScopeRow[]>
}

/** How a budget over many runs stands. */
export interface ScopeState {
  readonly scope: string
  readonly limits: ScopeLimits
  /** Given out: used by runs that ended or wait, and the slices of those under way. */
  readonly granted: ScopeAmounts
  /** False for a period that is over. */
  readonly current: boolean
}
