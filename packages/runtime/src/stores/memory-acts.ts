import type { ActRow, ActStore } from '../contracts/duty.ts'

/** Who did what about whom, of the store in memory. */
export abstract class MemoryActs implements ActStore {
  readonly #acts = new Map<string, Set<string>>()

  /** Throws when the store is closed. */
  protected abstract check(): void

  async acted(tenant: string, tool: string, subject: string): Promise<readonly string[]> {
    this.check()
    return [...(this.#acts.get(JSON.stringify([tenant, tool, subject])) ?? [])].sort()
  }

  /** Remembers acts of a commit that is being stored. */
  protected addActs(acts: readonly ActRow[] = []): void {
    for (const { tenant, tool, subject, principal } of acts) {
      const place = JSON.stringify([tenant, tool, subject])
      this.#acts.set(place, (this.#acts.get(place) ?? new Set()).add(principal))
    }
  }
}
