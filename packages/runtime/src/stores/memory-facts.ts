import {
  type CostFilter,
  type CostSums,
  FACTS_CURSOR,
  type FactBatch,
  type FactCursor,
  type FactFilter,
  type FactRow,
  type FactStore,
  fitsFact,
  type RunCosts,
  sumCosts,
} from '../contracts/facts.ts'
import { pair } from './memory-kept.ts'
import { MemoryLineage } from './memory-lineage.ts'

/** The table of what happened, in memory. */
export abstract class MemoryFacts extends MemoryLineage implements FactStore {
  #facts: FactRow[] = []
  readonly #costs = new Map<string, RunCosts>()

  async facts(filter: FactFilter): Promise<readonly FactRow[]> {
    this.check()
    const { before } = filter
    return this.#facts
      .filter((row) => fitsFact(row, filter) && (before === undefined || newestFirst(before, row) < 0))
      .sort(newestFirst)
      .slice(0, filter.limit)
  }

  async costSums(filter: CostFilter): Promise<CostSums> {
    this.check()
    return sumCosts([...this.#costs.values()], filter)
  }

  async addFacts({ from, to, rows, costs = [], dropped }: FactBatch): Promise<boolean> {
    this.check()
    if ((await this.cursor(FACTS_CURSOR)) !== from) return false
    const isDropped = (row: FactRow): boolean =>
      dropped.some((each) => each.tenant === row.tenant && each.runId === row.run_id)
    for (const row of rows) {
      const { tenant, run_id, seq, effect } = row
      this.#facts = this.#facts.flatMap((other) => {
        if (other.tenant !== tenant || other.run_id !== run_id) return [other]
        if (other.seq === seq) return []
        return [effect && other.effect?.key === effect.key ? { ...other, effect: null } : other]
      })
      this.#facts.push(row)
    }
    this.#facts = this.#facts.filter((row) => !isDropped(row))
    for (const run of costs) this.#costs.set(pair(run.tenant, run.runId), run)
    for (const { tenant, runId } of dropped) this.#costs.delete(pair(tenant, runId))
    await this.setCursor(FACTS_CURSOR, to)
    return true
  }

  async clearFacts(): Promise<void> {
    this.check()
    this.#facts = []
    this.#costs.clear()
    await this.setCursor(FACTS_CURSOR, 0)
  }
}

function newestFirst(a: FactCursor, b: FactCursor): number {
  if (a.at !== b.at) return b.at - a.at
  if (a.run_id !== b.run_id) return a.run_id < b.run_id ? 1 : -1
  return b.seq - a.seq
}
