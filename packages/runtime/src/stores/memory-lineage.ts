import type { LineageFindingRow, LineageStore, LineageTermFilter, LineageTermRow } from '../contracts/lineage.ts'
import { MemoryAlerts } from './memory-alerts.ts'

/** What effects are looked up by, and runs with gaps, of the store in memory. */
export abstract class MemoryLineage extends MemoryAlerts implements LineageStore {
  readonly #terms = new Map<string, Map<string, LineageTermRow>>()
  readonly #findings = new Map<string, LineageFindingRow>()

  async lineageTerms({ tenant, term, value, before, limit }: LineageTermFilter): Promise<readonly LineageTermRow[]> {
    this.check()
    const rows = [...(this.#terms.get(JSON.stringify([tenant, term, value]))?.values() ?? [])].sort(newestFirst)
    return rows.filter((row) => !before || newestFirst(row, before) > 0).slice(0, limit)
  }

  async putLineageTerms(rows: readonly LineageTermRow[]): Promise<void> {
    this.check()
    this.addTerms(rows)
  }

  async lineageFindings(filter: Parameters<LineageStore['lineageFindings']>[0]): Promise<readonly LineageFindingRow[]> {
    this.check()
    return [...this.#findings.values()]
      .filter(({ tenant, runId }) => tenant === filter.tenant && runId > (filter.after ?? ''))
      .sort((a, b) => (a.runId < b.runId ? -1 : 1))
      .slice(0, filter.limit)
  }

  async putLineageFindings(rows: readonly LineageFindingRow[]): Promise<void> {
    this.check()
    for (const row of rows) {
      const place = JSON.stringify([row.tenant, row.runId])
      if (row.gaps.length === 0) this.#findings.delete(place)
      else this.#findings.set(place, row)
    }
  }

  /** Remembers terms of something that is being stored. */
  protected addTerms(rows: readonly LineageTermRow[] = []): void {
    for (const row of rows) {
      const place = JSON.stringify([row.tenant, row.term, row.value])
      const known = this.#terms.get(place) ?? new Map<string, LineageTermRow>()
      known.set(JSON.stringify([row.at, row.runId, row.seq]), row)
      this.#terms.set(place, known)
    }
  }
}

type Place = Pick<LineageTermRow, 'at' | 'runId' | 'seq'>

function newestFirst(a: Place, b: Place): number {
  if (a.at !== b.at) return b.at - a.at
  if (a.runId !== b.runId) return a.runId < b.runId ? 1 : -1
  return b.seq - a.seq
}
