import { type EffectChange, type EffectRow, holdsIdentity, type RunCommit } from '../contracts/store.ts'
import { isSettled, mayClaimAgain } from './rules.ts'

type Claim = EffectChange & { readonly kind: 'claim' }
type Settle = EffectChange & { readonly kind: 'settle' }

/** The ledger of effects of the store in memory (invariants 4 and 5), in the order of claims. */
export class MemoryLedger {
  #rows: EffectRow[] = []
  /** Runs that wait for the end of an effect. */
  #waits: { readonly tenant: string; readonly effectId: string; readonly runId: string }[] = []

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

  /** Effects of one run. */
  ofRun(tenant: string, runId: string): EffectRow[] {
    return this.#rows.filter((row) => row.tenant === tenant && row.runId === runId)
  }

  /** Effects of a tenant whose end is not known. */
  inFlight(tenant: string): EffectRow[] {
    return this.#rows.filter((row) => row.tenant === tenant && (row.state === 'open' || row.state === 'unknown'))
  }

  /** Applies the changes of a commit, all or none: null, or the id of the effect that holds a claimed identity. */
  apply(commit: RunCommit): string | null {
    const before = this.#rows
    this.#rows = [...before]
    for (const change of commit.effects) {
      if (change.kind === 'await') continue
      const holder = change.kind === 'claim' ? this.#claim(change) : this.#settle(commit.tenant, change)
      if (holder === null) continue
      this.#rows = before
      return holder
    }
    return null
  }

  /** After a commit: the runs to be told that an effect has ended, each with the effect. */
  ended(commit: RunCommit): readonly { readonly runId: string; readonly effect: EffectRow }[] {
    return commit.effects.flatMap((change) => (change.kind === 'claim' ? [] : this.#told(commit, change)))
  }

  #told(
    { tenant, runId }: RunCommit,
    change: Exclude<EffectChange, { kind: 'claim' }>,
  ): { runId: string; effect: EffectRow }[] {
    const { effectId } = change
    const effect = this.#rows.findLast((row) => row.tenant === tenant && row.effectId === effectId)
    const isHere = (wait: { tenant: string; effectId: string }): boolean =>
      wait.tenant === tenant && wait.effectId === effectId
    if (change.kind === 'await') {
      if (!effect) return []
      if (isSettled(effect.state)) return [{ runId, effect }]
      if (!this.#waits.some((wait) => isHere(wait) && wait.runId === runId))
        this.#waits.push({ tenant, effectId, runId })
      return []
    }
    if (!effect || !isSettled(effect.state)) return []
    const told = this.#waits.filter(isHere)
    this.#waits = this.#waits.filter((wait) => !isHere(wait))
    return told
      .map((wait) => wait.runId)
      .sort()
      .map((waiting) => ({ runId: waiting, effect }))
  }

  /** Takes rows over from another store, all or none: null, or the id of the effect that holds one of the identities. */
  adopt(rows: readonly EffectRow[]): string | null {
    for (const row of rows) {
      const holder = holdsIdentity(row.state) ? this.holder(row) : undefined
      if (holder) return holder.effectId
    }
    this.#rows = [...this.#rows, ...rows.map((row) => ({ ...row }))]
    return null
  }

  #claim({ row, others }: Claim): string | null {
    if (others !== undefined && this.#others(row) !== others) return row.effectId
    const holder = this.holder(row)
    if (holder && !mayClaimAgain(holder, row)) return holder.effectId
    if (holder) this.#rows.splice(this.#rows.indexOf(holder), 1)
    this.#rows.push({ ...row })
    return null
  }

  #others({ tenant, rootRunId, tool, runId }: EffectRow): number {
    return this.family(tenant, rootRunId).filter((row) => row.tool === tool && row.runId !== runId).length
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
