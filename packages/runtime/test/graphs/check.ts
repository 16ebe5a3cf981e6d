import fc from 'fast-check'
import { SimRandom } from '../../src/testing/sim/random.ts'
import { differences } from './observe.ts'
import { type GraphPlan, graphPlans, kindsIn } from './plan.ts'
import { runAfterCrash, runInOrder, startGraph } from './run.ts'

/** How many graphs are tried, and how thoroughly. */
export interface GraphCheck {
  readonly graphs: number
  readonly seed: number
  /** Orders of completion for each graph, besides the first. */
  readonly orders: number
  /** Records after which each run is broken off; null tries every one. */
  readonly crashes: number | null
}

/** What a check came to. */
export interface GraphReport {
  readonly graphs: number
  readonly orders: number
  readonly crashes: number
  /** What the graphs had, with how many of them had it. */
  readonly kinds: Readonly<Record<string, number>>
  /** Null when every graph came to the same; else the smallest plan that did not, and where it differed. */
  readonly failure: { readonly plan: GraphPlan; readonly differences: readonly string[] } | null
}

/** Tries random graphs; a failing one is shrunk to the smallest that still fails. */
export async function checkGraphs({ graphs, seed, orders, crashes }: GraphCheck): Promise<GraphReport> {
  const kinds: Record<string, number> = {}
  let tried = { orders: 0, crashes: 0 }
  // What was found when it was found: the smallest failing plan is the last one that is kept.
  const found = new Map<string, readonly string[]>()
  const property = fc.asyncProperty(graphPlans(), async (plan) => {
    const wrong = await checkPlan(plan, { seed, orders, crashes }, (more) => {
      tried = { orders: tried.orders + more.orders, crashes: tried.crashes + more.crashes }
    }).catch((thrown: unknown) => [String(thrown)])
    for (const kind of kindsIn(plan)) kinds[kind] = (kinds[kind] ?? 0) + 1
    if (wrong.length > 0) found.set(JSON.stringify(plan), wrong)
    return wrong.length === 0
  })
  const { failed, counterexample, numRuns } = await fc.check(property, { numRuns: graphs, seed })
  const [plan] = counterexample ?? []
  const failure = failed && plan ? { plan, differences: found.get(JSON.stringify(plan)) ?? [] } : null
  return { graphs: numRuns, ...tried, kinds, failure }
}

/** Where the runs of one plan differ; empty when nowhere. */
async function checkPlan(
  plan: GraphPlan,
  { seed, orders, crashes }: Omit<GraphCheck, 'graphs'>,
  count: (tried: { readonly orders: number; readonly crashes: number }) => void,
): Promise<string[]> {
  const started = await startGraph(plan)
  try {
    const first = await runInOrder(started, seed)
    if (first.book.sends !== first.book.paid.size)
      return [`${first.book.sends} sends for ${first.book.paid.size} effects`]
    for (let n = 1; n <= orders; n++) {
      const other = await runInOrder(started, seed + n)
      count({ orders: 1, crashes: 0 })
      const found = differences(first.seen, other.seen)
      if (found.length > 0) return [`order ${seed + n}`, ...found]
    }
    for (const record of someOf(first.seen.cuts, crashes, seed)) {
      const after = await runAfterCrash(started, first, record)
      count({ orders: 0, crashes: 1 })
      const found = differences(first.seen, after)
      if (found.length > 0) return [`broken off after record ${record}`, ...found]
    }
    return []
  } finally {
    await started.close()
  }
}

/** All records to break off after, or some of them. */
function someOf(all: readonly number[], crashes: number | null, seed: number): readonly number[] {
  if (crashes === null || crashes >= all.length) return all
  const random = new SimRandom(`crashes ${seed} ${all.length}`)
  return [...new Set(Array.from({ length: crashes }, () => random.pick(all)))]
}
