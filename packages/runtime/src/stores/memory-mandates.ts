import type { MandateRow, MandateStore, MandateUseRow } from '../contracts/mandates.ts'
import type { RunCommit } from '../contracts/store.ts'
import { spentMandate } from './mandate-rules.ts'
import { MemoryOutbox } from './memory-outbox.ts'

/** Delegations and standing approvals of the store in memory. */
export abstract class MemoryMandates extends MemoryOutbox implements MandateStore {
  readonly #mandates = new Map<string, MandateRow>()
  readonly #uses: MandateUseRow[] = []

  async putMandate(row: MandateRow): Promise<void> {
    this.check()
    const key = JSON.stringify([row.tenant, row.id])
    if (!this.#mandates.has(key)) this.#mandates.set(key, { ...row })
  }

  async revokeMandate(tenant: string, id: string, by: string, at: number): Promise<MandateRow | null> {
    this.check()
    const key = JSON.stringify([tenant, id])
    const row = this.#mandates.get(key)
    if (!row) return null
    const revoked = row.revokedAt === null ? { ...row, revokedAt: at, revokedBy: by } : row
    this.#mandates.set(key, revoked)
    return revoked
  }

  async mandate(tenant: string, id: string): Promise<MandateRow | null> {
    this.check()
    return this.#mandates.get(JSON.stringify([tenant, id])) ?? null
  }

  async mandates(filter: Parameters<MandateStore['mandates']>[0]): Promise<readonly MandateRow[]> {
    this.check()
    return [...this.#mandates.values()]
      .filter((row) => row.tenant === filter.tenant && row.kind === filter.kind)
      .filter((row) => filter.subject === undefined || row.subject === filter.subject)
      .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
  }

  async mandateUses(tenant: string, mandateId: string): Promise<readonly MandateUseRow[]> {
    this.check()
    return this.#usesOf(tenant, mandateId)
  }

  /** The mandate that has no room for what the commit uses, or null. */
  protected spent(commit: RunCommit): string | null {
    const { tenant } = commit
    const mandate = (id: string): MandateRow | null => this.#mandates.get(JSON.stringify([tenant, id])) ?? null
    return spentMandate({ mandate, uses: (id) => this.#usesOf(tenant, id) }, commit)
  }

  /** Counts the uses of a commit that has room for them. */
  protected countUses({ tenant, runId, uses = [] }: RunCommit): void {
    for (const use of uses)
      if (!this.#usesOf(tenant, use.mandateId).some((one) => one.useId === use.useId))
        this.#uses.push({ ...use, tenant, runId })
  }

  #usesOf(tenant: string, mandateId: string): readonly MandateUseRow[] {
    return this.#uses.filter((use) => use.tenant === tenant && use.mandateId === mandateId)
  }
}
