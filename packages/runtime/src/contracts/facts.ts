/**
 * What happened over all runs, found by filters: a projection of the records (invariant 9), one row for each record. Rows
 * hold names, codes and ids, never content, and the whole table can be made again from the records.
 */
import type { EffectClass, OutcomeStatus } from './common.ts'
import type { InterventionPoint, Verdict } from './policy.ts'
import type { RecordType } from './records.ts'

/** How an effect stands: an outcome, `waiting` for a person, or `open` while it was sent and no answer is on record. */
export type EffectPhase = OutcomeStatus | 'open' | 'waiting'

/** The decision that a record holds, when no record of the run before it held the same one. */
export interface FactDecision {
  readonly id: string
  readonly point: InterventionPoint
  readonly kind: 'tool' | 'model' | 'point'
  readonly class: string
  readonly effect: EffectClass
  readonly agent: string | null
  readonly verdict: Verdict
  readonly reason_code: string
  readonly policies: readonly string[]
  /** Roles that may answer. */
  readonly approvers: readonly string[]
  readonly approval_id: string | null
  readonly bundle: string
}

/** An effect as its latest record tells it. */
export interface FactEffect {
  /** Key of its ask: one row for each (run, key). */
  readonly key: string
  readonly class: string
  readonly effect: EffectClass
  readonly agent: string | null
  readonly phase: EffectPhase
  readonly approval_id: string | null
  /** Who answered its approval, or null. */
  readonly approver: string | null
  readonly effect_id: string | null
  readonly effect_hash: string | null
  readonly resolved_by: 'lookup' | 'same_key' | 'person' | null
  readonly from_ledger: { readonly run: string; readonly seq: number } | null
}

/** One record, as it is found. */
export interface FactRow {
  readonly tenant: string
  readonly run_id: string
  readonly seq: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly type: RecordType
  readonly workflow: string
  /** On whose behalf the run acts. */
  readonly principal: string
  readonly node: string | null
  /** The person or service whose act the record tells of. */
  readonly actor: string | null
  /** Tool, model, point or host. */
  readonly name: string | null
  /** Closed code, or reason code of a verdict that is no plain permission. */
  readonly code: string | null
  readonly decision: FactDecision | null
  readonly effect: FactEffect | null
}

/** Where a page ended; the next goes on before it. */
export type FactCursor = Pick<FactRow, 'at' | 'run_id' | 'seq'>

/** Which rows are read, newest first; what is absent does not narrow. */
export interface FactFilter {
  readonly tenant: string
  /** `decision`: rows with one; `effect`: the latest row of each effect. */
  readonly only?: 'decision' | 'effect'
  /** From then on. */
  readonly since?: number
  /** Before then. */
  readonly until?: number
  readonly runId?: string
  readonly type?: RecordType
  readonly workflow?: string
  readonly principal?: string
  readonly node?: string
  readonly actor?: string
  readonly name?: string
  readonly code?: string
  readonly verdict?: Verdict
  readonly policy?: string
  readonly decisionId?: string
  readonly phase?: EffectPhase
  /** Class of the decision or effect. */
  readonly class?: string
  readonly approver?: string
  readonly before?: FactCursor
  readonly limit: number
}

/** Rows of the records between two places of the store's global order. */
export interface FactBatch {
  /** Where the reader stood; another place in the store means that somebody else was there first. */
  readonly from: number
  readonly to: number
  readonly rows: readonly FactRow[]
  /** What runs of these records cost by now, in place of what the table had of them. */
  readonly costs?: readonly RunCosts[]
  /** Runs of which nothing may be told any more. */
  readonly dropped: readonly { readonly tenant: string; readonly runId: string }[]
}

/** What one model cost for one agent of a run, over all attempts of its calls. Amounts in nano-USD. */
export interface CostLine {
  readonly model: string
  /** Empty for calls of no agent. */
  readonly agent: string
  /** Attempts. */
  readonly calls: number
  readonly estimateNanoUsd: bigint
  readonly actualNanoUsd: bigint
  /** The part of the actual cost that had to be assumed. */
  readonly estimatedNanoUsd: bigint
}

/** What a run cost: one line for each model and agent, none before it called a model. */
export interface RunCosts {
  readonly tenant: string
  readonly runId: string
  readonly workflow: string
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly lines: readonly CostLine[]
}

/** What sums are made by. */
export type CostBy = 'workflow' | 'model' | 'agent' | 'tenant'

/** Which runs are summed up: those of a tenant, started at that time (milliseconds since 1970) or later. */
export interface CostFilter {
  readonly tenant: string
  readonly by: CostBy
  readonly since?: number
}

/** The sum of what has one name; `runs` counts each run once. */
export interface CostSum extends Omit<CostLine, 'model' | 'agent'> {
  readonly name: string
  readonly runs: number
}

/** Sums over runs. Runs that called no model count, and are in no sum by model or agent. */
export interface CostSums {
  readonly runs: number
  readonly sums: readonly CostSum[]
}

/** Cursor up to which records are in the table. */
export const FACTS_CURSOR = 'facts'

/** The part of a store that the table lives in. */
export interface FactStore {
  facts(filter: FactFilter): Promise<readonly FactRow[]>
  /** Sums over all runs that are in the table, dearest first, exact to the nano-dollar. */
  costSums(filter: CostFilter): Promise<CostSums>
  /** Adds rows and moves the cursor in one step. False, and nothing stored, when the cursor is not at `from`. */
  addFacts(batch: FactBatch): Promise<boolean>
  /** Empties the tables and puts the cursor to the beginning. */
  clearFacts(): Promise<void>
}

/** True when a row is one that the filter asks for; a reference for stores, and for tests of them. */
export function fitsFact(row: FactRow, filter: FactFilter): boolean {
  const { decision, effect } = row
  const wanted: readonly (readonly [unknown, unknown])[] = [
    [filter.runId, row.run_id],
    [filter.type, row.type],
    [filter.workflow, row.workflow],
    [filter.principal, row.principal],
    [filter.node, row.node],
    [filter.actor, row.actor],
    [filter.name, row.name],
    [filter.code, row.code],
    [filter.verdict, decision?.verdict],
    [filter.decisionId, decision?.id],
    [filter.phase, effect?.phase],
    [filter.class, factClass(row)],
    [filter.approver, effect?.approver],
  ]
  return (
    row.tenant === filter.tenant &&
    wanted.every(([value, found]) => value === undefined || value === found) &&
    (filter.policy === undefined || (decision?.policies.includes(filter.policy) ?? false)) &&
    (filter.only !== 'decision' || decision !== null) &&
    (filter.only !== 'effect' || effect !== null) &&
    row.at >= (filter.since ?? Number.NEGATIVE_INFINITY) &&
    row.at < (filter.until ?? Number.POSITIVE_INFINITY)
  )
}

/** Class of a row: of its effect, else of its decision. */
export function factClass({ decision, effect }: Pick<FactRow, 'decision' | 'effect'>): string | null {
  return effect?.class ?? decision?.class ?? null
}

/** Sums of runs by what the filter asks for: a reference for stores, and for tests of them. */
export function sumCosts(runs: readonly RunCosts[], { tenant, by, since = 0 }: CostFilter): CostSums {
  const chosen = runs.filter((run) => run.tenant === tenant && run.startedAt >= since)
  const sums = new Map<string, CostSum>()
  for (const run of chosen) {
    const own = by === 'workflow' || by === 'tenant' ? run[by] : null
    const seen = new Set<string>()
    const add = (name: string, line: Omit<CostLine, 'model' | 'agent'>): void => {
      const before = sums.get(name) ?? { name, runs: 0, ...NO_COST }
      const runs = before.runs + (seen.has(name) ? 0 : 1)
      seen.add(name)
      sums.set(name, { name, runs, ...addCosts(before, line) })
    }
    if (own !== null) add(own, NO_COST)
    for (const line of run.lines) add(own ?? line[by === 'model' ? 'model' : 'agent'], line)
  }
  return { runs: chosen.length, sums: [...sums.values()].sort(dearestFirst) }
}

const NO_COST = { calls: 0, estimateNanoUsd: 0n, actualNanoUsd: 0n, estimatedNanoUsd: 0n }

function addCosts(a: Omit<CostLine, 'model' | 'agent'>, b: Omit<CostLine, 'model' | 'agent'>): typeof NO_COST {
  return {
    calls: a.calls + b.calls,
    estimateNanoUsd: a.estimateNanoUsd + b.estimateNanoUsd,
    actualNanoUsd: a.actualNanoUsd + b.actualNanoUsd,
    estimatedNanoUsd: a.estimatedNanoUsd + b.estimatedNanoUsd,
  }
}

/** The order of sums: by cost, then by name. */
export function dearestFirst(a: CostSum, b: CostSum): number {
  if (a.actualNanoUsd !== b.actualNanoUsd) return a.actualNanoUsd < b.actualNanoUsd ? 1 : -1
  return a.name < b.name ? -1 : 1
}
