import type { EffectChange, EffectRow, RunCommit } from '../contracts/store.ts'
import { holdsIdentity, mayClaimAgain } from './rules.ts'

type Settle = EffectChange & { readonly kind: 'settle' }

/** The ledger of effects of the store in memory (invariants 4 and 5), in the order of claims. */
export class MemoryLedger {
  #rows: EffectRow[] = []

  /** The live holder of an identity. */
  holder(at: Pick<EffectRow, 'tenant' | 'tool' | 'scope' | 'identity'>): EffectRow | undefined {
    return this.#rows.find(
      (row) =>
        row.tenant === at.tenant &&
        row.tool === at.tool &&
        row.scope === at.scope &&
        row.identity === at.identity &&
        holdsIdentity(row.state),
    )
  }

  /** Effects of a root run and its forks. */
  family(tenant: string, rootRunId: string): EffectRow[] {
    return this.#rows.filter((row) => row.tenant === tenant && row.rootRunId === rootRunId)
  }

  /** Applies the changes of a commit, all or none: null, or the id of the effect that holds a claimed identity. */
  apply(commit: RunCommit): string | null {
    const before = this.#rows
    this.#rows = [...before]
    for (const change of commit.effects) {
      const holder = change.kind === 'claim' ? this.#claim(change.row) : this.#settle(commit.tenant, change)
      if (holder === null) continue
      this.#rows = before
      return holder
    }
    return null
  }

  #claim(row: EffectRow): string | null {
    const holder = this.holder(row)
    if (holder && !mayClaimAgain(holder, row)) return holder.effectId
    if (holder) this.#rows.splice(this.#rows.indexOf(holder), 1)
    this.#rows.push({ ...row })
    return null
  }

  #settle(tenant: string, change: Settle): string | null {
    const at = this.#rows.findLastIndex((row) => row.tenant === tenant && row.effectId === change.effectId)
    const row = this.#rows[at]
    if (!row) return null
    const holder = this.holder(row)
    if (holder && holder !== row && holdsIdentity(change.state)) return holder.effectId
    this.#rows[at] = { ...row, state: change.state, outcomeSeq: change.outcomeSeq }
    return null
  }
}
