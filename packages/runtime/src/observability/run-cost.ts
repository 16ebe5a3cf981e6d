import { parseNano } from '../base/money.ts'
import type { CostCorrection } from '../contracts/budget-records.ts'
import type { OutcomeStatus, Usage } from '../contracts/common.ts'
import { type CostNote, callCost } from '../contracts/cost.ts'
import type { CostLine, RunCosts } from '../contracts/facts.ts'
import type { ModelPrice } from '../contracts/model.ts'
import type { ActivityIntent, ActivityOutcome, RunRecord, RunStarted } from '../contracts/records.ts'
import { millisOf } from './view.ts'

/** One attempt of a model call: what was reserved for it and what it was settled to, in nano-USD. */
export interface CostAttempt {
  /** The call's key: the same for all of its attempts. */
  readonly key: string
  /** From 1. */
  readonly attempt: number
  readonly seq: number
  readonly outcomeSeq: number | null
  readonly at: string
  readonly model: string
  readonly node: string
  readonly agent: string | null
  /** `sent`: under way. `lost`: its worker died, or a restore left it behind; its reservation is charged. */
  readonly status: OutcomeStatus | 'sent' | 'lost'
  readonly estimateNanoUsd: bigint
  /** Null while it is under way. */
  readonly actualNanoUsd: bigint | null
  /** What it cost at the least: less than the settled amount where that had to be assumed. */
  readonly leastNanoUsd: bigint
  readonly source: CostNote['source'] | null
  readonly why: CostNote['why'] | 'lost' | null
  readonly price: string | null
  readonly overlay: string | null
  readonly usage: Usage | null
  /** By the last correction of it, where there is one. */
  readonly correctedNanoUsd: bigint | null
}

/** Sums of attempts that have something in common. */
export interface CostGroup {
  readonly name: string
  /** Attempts. */
  readonly calls: number
  readonly estimateNanoUsd: bigint
  readonly actualNanoUsd: bigint
  /** The part of the actual cost that had to be assumed. */
  readonly estimatedNanoUsd: bigint
}

/** What a run cost: every attempt of a model call, and their sums. All amounts in nano-USD. */
export interface RunCost {
  readonly attempts: readonly CostAttempt[]
  readonly total: CostGroup
  /** Reserved for attempts that are under way. */
  readonly heldNanoUsd: bigint
  /** What a fork took over from its parent's totals; no attempt here is part of it. */
  readonly inheritedNanoUsd: bigint
  /** The total after corrections, or null where nothing was corrected. */
  readonly correctedNanoUsd: bigint | null
  readonly byModel: readonly CostGroup[]
  readonly byNode: readonly CostGroup[]
  readonly byAgent: readonly CostGroup[]
  /** By entry of the tenant's own prices; attempts at listed prices are under the empty name. */
  readonly byOverlay: readonly CostGroup[]
  readonly corrections: readonly {
    readonly seq: number
    readonly table: string
    readonly by: string
    readonly at: string
  }[]
}

/** Types of the records that tell what a run cost: no other is needed for `runCostOf`. */
export const COST_RECORDS = [
  'run.started',
  'activity.intent',
  'activity.outcome',
  'branch.started',
  'cost.corrected',
] as const satisfies readonly RunRecord['type'][]

/** What a run cost over all its branches, from its records alone; agrees with what its budget counts (Invariant 6). */
export function runCostOf(records: readonly RunRecord[]): RunCost {
  const attempts = attemptsOf(records)
  const started = records.find((record) => record.type === 'run.started')
  const corrections = records.filter((record) => record.type === 'cost.corrected')
  const corrected = new Map(corrections.flatMap(({ lines }) => lines.map((line) => [line.seq, line] as const)))
  const all = attempts.map((each) => withCorrection(each, corrected))
  const by = (name: (attempt: CostAttempt) => string): readonly CostGroup[] => groupedBy(all, name)
  const changed = all.some(({ correctedNanoUsd }) => correctedNanoUsd !== null)
  return {
    attempts: all,
    total: sumOf('total', all),
    heldNanoUsd: all.filter(isUnderWay).reduce((sum, { estimateNanoUsd }) => sum + estimateNanoUsd, 0n),
    inheritedNanoUsd: started?.type === 'run.started' ? parseNano(started.checkpoint.spent.cost_nano_usd) : 0n,
    correctedNanoUsd: changed
      ? all.reduce((sum, each) => sum + (each.correctedNanoUsd ?? each.actualNanoUsd ?? 0n), 0n)
      : null,
    byModel: by(({ model }) => model),
    byNode: by(({ node }) => node),
    byAgent: by(({ agent }) => agent ?? ''),
    byOverlay: by(({ overlay }) => overlay ?? ''),
    corrections: corrections.map(({ seq, table, by: { id }, at }) => ({ seq, table, by: id, at })),
  }
}

/** Sums of attempts by name, dearest first. */
export function groupedBy(
  attempts: readonly CostAttempt[],
  name: (attempt: CostAttempt) => string,
): readonly CostGroup[] {
  return [...Map.groupBy(attempts, name)]
    .map(([key, own]) => sumOf(key, own))
    .sort((a, b) =>
      a.actualNanoUsd === b.actualNanoUsd ? (a.name < b.name ? -1 : 1) : a.actualNanoUsd < b.actualNanoUsd ? 1 : -1,
    )
}

/**
 * What attempts would cost by other prices, where that differs. Only what was computed from told usage can be computed
 * again. Models without a price there are told by name; a line names the entry of the tenant's own prices that it is by.
 */
export function recomputedCost(
  attempts: readonly CostAttempt[],
  priceOf: (attempt: CostAttempt) => ModelPrice | null,
): { readonly lines: readonly (CostCorrection & { readonly model: string })[]; readonly unpriced: readonly string[] } {
  const unpriced = new Set<string>()
  const lines = attempts.flatMap((attempt) => {
    const { usage, outcomeSeq, actualNanoUsd, source, model } = attempt
    if (!usage || outcomeSeq === null || actualNanoUsd === null || source !== 'local') return []
    const price = priceOf(attempt)
    if (!price) unpriced.add(model)
    const cost = price ? callCost(price, usage) : null
    if (cost === null || cost === (attempt.correctedNanoUsd ?? actualNanoUsd)) return []
    const amounts = { settled_nano_usd: actualNanoUsd.toString(), corrected_nano_usd: cost.toString() }
    return [{ seq: outcomeSeq, model, ...amounts, ...(price?.overlay ? { overlay: price.overlay } : {}) }]
  })
  return { lines, unpriced: [...unpriced].sort() }
}

function attemptsOf(records: readonly RunRecord[]): readonly CostAttempt[] {
  const reader = new AttemptReader()
  const attempts = new Map<string, CostAttempt>()
  for (const record of records)
    for (const each of reader.next(record)) attempts.set(JSON.stringify([each.key, each.attempt]), each)
  return [...attempts.values()]
}

/** Reads attempts of model calls from a run's records, one by one and in their order. */
class AttemptReader {
  readonly #open = new Map<string, CostAttempt>()
  readonly #counts = new Map<string, number>()

  /** The attempts that the record begins or ends, as they stand after it. */
  next(record: RunRecord): readonly CostAttempt[] {
    // What a fork took over is in the totals that it starts with.
    if (record.origin) return []
    if (record.type === 'branch.started') return [...this.#open.keys()].flatMap((key) => this.#lose(key))
    if (record.type === 'activity.intent' && record.proposal.kind === 'model') {
      const { key } = record.ask
      const before = this.#lose(key)
      const count = (this.#counts.get(key) ?? 0) + 1
      const begun = sent(record, count)
      this.#counts.set(key, count)
      this.#open.set(key, begun)
      return [...before, begun]
    }
    if (record.type !== 'activity.outcome' || record.kind !== 'model' || record.ledger) return []
    const open = this.#open.get(record.ask.key)
    this.#open.delete(record.ask.key)
    return open ? [settled(open, record)] : []
  }

  #lose(key: string): readonly CostAttempt[] {
    const open = this.#open.get(key)
    this.#open.delete(key)
    return open ? [lost(open)] : []
  }
}

/** What a run cost by model and agent, kept up record by record: the same sums as `runCostOf` over all of them. */
export class CostTally {
  readonly #reader = new AttemptReader()
  readonly #lines = new Map<string, CostLine>()
  readonly #run: Omit<RunCosts, 'lines'>

  constructor({ tenant, run, workflow, at }: RunStarted) {
    this.#run = { tenant, runId: run, workflow: workflow.name, startedAt: millisOf(at) }
  }

  /** True when the record changes what is told. */
  next(record: RunRecord): boolean {
    const changed = this.#reader.next(record)
    for (const attempt of changed) this.#add(attempt)
    return changed.length > 0 || record.type === 'run.started'
  }

  costs(): RunCosts {
    return { ...this.#run, lines: [...this.#lines.values()] }
  }

  #add(attempt: CostAttempt): void {
    const { model, agent: named, estimateNanoUsd, actualNanoUsd, source } = attempt
    const agent = named ?? ''
    const key = JSON.stringify([model, agent])
    const none = { model, agent, calls: 0, estimateNanoUsd: 0n, actualNanoUsd: 0n, estimatedNanoUsd: 0n }
    const line = this.#lines.get(key) ?? none
    // An attempt is told twice: when it begins, and when it ends.
    this.#lines.set(
      key,
      isUnderWay(attempt)
        ? { ...line, calls: line.calls + 1, estimateNanoUsd: line.estimateNanoUsd + estimateNanoUsd }
        : {
            ...line,
            actualNanoUsd: line.actualNanoUsd + (actualNanoUsd ?? 0n),
            estimatedNanoUsd: line.estimatedNanoUsd + (source === 'estimated' ? (actualNanoUsd ?? 0n) : 0n),
          },
    )
  }
}

function sent({ seq, at, ask, proposal, reserved }: ActivityIntent, attempt: number): CostAttempt {
  return {
    key: ask.key,
    attempt,
    seq,
    outcomeSeq: null,
    at,
    model: proposal.name,
    node: ask.node,
    agent: proposal.agent,
    status: 'sent',
    estimateNanoUsd: parseNano(reserved.cost_nano_usd),
    actualNanoUsd: null,
    leastNanoUsd: 0n,
    source: null,
    why: null,
    price: null,
    overlay: null,
    usage: null,
    correctedNanoUsd: null,
  }
}

/** Its answer never came: the budget charges the reservation. */
function lost(attempt: CostAttempt): CostAttempt {
  return { ...attempt, status: 'lost', actualNanoUsd: attempt.estimateNanoUsd, source: 'estimated', why: 'lost' }
}

function settled(attempt: CostAttempt, outcome: ActivityOutcome): CostAttempt {
  const actual = parseNano(outcome.settled.cost_nano_usd)
  const note = outcome.cost ?? noteOfBefore(outcome)
  const least = note.least_nano_usd === undefined ? null : parseNano(note.least_nano_usd)
  return {
    ...attempt,
    outcomeSeq: outcome.seq,
    status: outcome.status,
    actualNanoUsd: actual,
    leastNanoUsd: note.source === 'estimated' ? (least ?? 0n) : actual,
    source: note.source,
    why: note.why ?? null,
    price: outcome.price,
    overlay: note.overlay ?? null,
    usage: outcome.usage,
  }
}

/** Outcomes of earlier versions do not say how their cost came about: told usage was computed, all else was assumed. */
function noteOfBefore({ usage, settled: { cost_nano_usd: cost } }: ActivityOutcome): CostNote {
  if (cost === '0') return { source: 'local' }
  const told = usage !== null && usage.input_tokens !== null && usage.output_tokens !== null
  return told ? { source: 'local' } : { source: 'estimated', why: usage ? 'no_usage' : 'no_answer' }
}

function withCorrection(attempt: CostAttempt, corrected: ReadonlyMap<number, CostCorrection>): CostAttempt {
  const line = attempt.outcomeSeq === null ? undefined : corrected.get(attempt.outcomeSeq)
  return line ? { ...attempt, correctedNanoUsd: parseNano(line.corrected_nano_usd) } : attempt
}

function isUnderWay({ actualNanoUsd }: CostAttempt): boolean {
  return actualNanoUsd === null
}

function sumOf(name: string, attempts: readonly CostAttempt[]): CostGroup {
  let [estimate, actual, estimated] = [0n, 0n, 0n]
  for (const attempt of attempts) {
    estimate += attempt.estimateNanoUsd
    actual += attempt.actualNanoUsd ?? 0n
    if (attempt.source === 'estimated') estimated += attempt.actualNanoUsd ?? 0n
  }
  return { name, calls: attempts.length, estimateNanoUsd: estimate, actualNanoUsd: actual, estimatedNanoUsd: estimated }
}
