import { parseNano } from '../base/money.ts'
import type { CostCorrection } from '../contracts/budget-records.ts'
import type { OutcomeStatus, Usage } from '../contracts/common.ts'
import { type CostNote, callCost } from '../contracts/cost.ts'
import type { ModelPrice } from '../contracts/model.ts'
import type { ActivityIntent, ActivityOutcome, RunRecord } from '../contracts/records.ts'

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
 * again. Models without a price there are told by name.
 */
export function recomputedCost(
  attempts: readonly CostAttempt[],
  priceOf: (model: string) => ModelPrice | null,
): { readonly lines: readonly (CostCorrection & { readonly model: string })[]; readonly unpriced: readonly string[] } {
  const unpriced = new Set<string>()
  const lines = attempts.flatMap((attempt) => {
    const { usage, outcomeSeq, actualNanoUsd, source, model } = attempt
    if (!usage || outcomeSeq === null || actualNanoUsd === null || source !== 'local') return []
    const price = priceOf(model)
    if (!price) unpriced.add(model)
    const cost = price ? callCost(price, usage) : null
    if (cost === null || cost === (attempt.correctedNanoUsd ?? actualNanoUsd)) return []
    const amounts = { settled_nano_usd: actualNanoUsd.toString(), corrected_nano_usd: cost.toString() }
    return [{ seq: outcomeSeq, model, ...amounts }]
  })
  return { lines, unpriced: [...unpriced].sort() }
}

function attemptsOf(records: readonly RunRecord[]): readonly CostAttempt[] {
  const attempts: CostAttempt[] = []
  const open = new Map<string, number>()
  const counts = new Map<string, number>()
  const lose = (place: number | undefined): void => {
    const attempt = place === undefined ? undefined : attempts[place]
    if (place !== undefined && attempt) attempts[place] = lost(attempt)
  }
  for (const record of records) {
    // What a fork took over is in the totals that it starts with.
    if (record.origin) continue
    if (record.type === 'branch.started') {
      for (const place of open.values()) lose(place)
      open.clear()
    }
    if (record.type === 'activity.intent' && record.proposal.kind === 'model') {
      const { key } = record.ask
      lose(open.get(key))
      counts.set(key, (counts.get(key) ?? 0) + 1)
      open.set(key, attempts.length)
      attempts.push(sent(record, counts.get(key) ?? 1))
    }
    if (record.type !== 'activity.outcome' || record.kind !== 'model' || record.ledger) continue
    const place = open.get(record.ask.key)
    const attempt = place === undefined ? undefined : attempts[place]
    if (place !== undefined && attempt) attempts[place] = settled(attempt, record)
    open.delete(record.ask.key)
  }
  return attempts
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
