import type { GrantRequest, GrantResult, ScopeRow, ScopeStore, SliceRow } from '../contracts/scopes.ts'
import type { NewRun, RunCommit } from '../contracts/store.ts'
import { MemoryKept } from './memory-kept.ts'
import { applyGrant, applySlice, applyStart, type Refused, type ScopeRows } from './scope-rules.ts'

/** Outer budgets of the store in memory. */
export abstract class MemoryScopes extends MemoryKept implements ScopeStore {
  readonly #scopes = new Map<string, ScopeRow>()
  readonly #slices = new Map<string, SliceRow>()

  /** Epoch of the run's live lease, or null. */
  protected abstract leasedAt(tenant: string, runId: string): number | null

  async grant(request: GrantRequest): Promise<GrantResult> {
    this.check()
    const { tenant, runId, epoch } = request
    if (this.leasedAt(tenant, runId) !== epoch) return { status: 'fenced' }
    const refused = applyGrant(this.#rows(tenant, runId), request)
    if (refused) return { status: 'refused', ...refused }
    const lines = new Set(request.lines.map((line) => line.scope))
    const scopes = (await this.scopes(tenant)).filter((row) => lines.has(row.scope))
    return { status: 'granted', slices: this.#slicesOf(tenant, runId), scopes }
  }

  async slices(tenant: string, runId: string): Promise<readonly SliceRow[]> {
    this.check()
    return this.#slicesOf(tenant, runId)
  }

  async scopes(tenant: string): Promise<readonly ScopeRow[]> {
    this.check()
    return [...this.#scopes.values()]
      .filter((row) => row.tenant === tenant)
      .sort((a, b) => (a.scope < b.scope ? -1 : 1))
  }

  /** The slices that a commit sets; its fence was checked. */
  protected setSlices({ tenant, runId, slices = [] }: RunCommit): void {
    for (const change of slices) applySlice(this.#rows(tenant, runId), change)
  }

  /** Counts the start of a run, or names the scope that has no room; nothing is counted then. */
  protected chargeStart({ tenant, runId, charges = [] }: NewRun): Refused | null {
    return applyStart(this.#rows(tenant, runId), charges)
  }

  #slicesOf(tenant: string, runId: string): readonly SliceRow[] {
    const own = [...this.#slices.values()].filter((row) => row.tenant === tenant && row.runId === runId)
    return own.sort((a, b) => (a.scope < b.scope ? -1 : 1))
  }

  #rows(tenant: string, runId: string): ScopeRows {
    const ofScope = (scope: string): string => JSON.stringify([tenant, scope])
    const ofSlice = (scope: string): string => JSON.stringify([tenant, runId, scope])
    return {
      scope: (scope) => this.#scopes.get(ofScope(scope))?.granted ?? null,
      slice: (scope) => this.#slices.get(ofSlice(scope)) ?? null,
      putScope: (scope, granted) => this.#scopes.set(ofScope(scope), { tenant, scope, granted }),
      putSlice: (scope, slice) => {
        if (slice) this.#slices.set(ofSlice(scope), { tenant, runId, scope, ...slice })
        else this.#slices.delete(ofSlice(scope))
      },
    }
  }
}
