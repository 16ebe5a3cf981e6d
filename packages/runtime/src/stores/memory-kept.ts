import type { SubjectKey } from '../contracts/store.ts'
import { MemorySchedules } from './memory-schedules.ts'

interface MemoryKey {
  readonly tenant: string
  readonly subject: string
  readonly wrapped: Uint8Array | null
  readonly destroyedAt: number | null
}

/** A key of a map that no two pairs of texts share. */
export function pair(first: string, second: string): string {
  return `${first.length}:${first}${second}`
}

/** Keys of data subjects, cursors and definitions of the store in memory. */
export abstract class MemoryKept extends MemorySchedules {
  readonly #keys = new Map<string, MemoryKey>()
  readonly #definitions = new Map<string, string>()
  readonly #cursors = new Map<string, number>()

  async key(tenant: string, subject: string): Promise<Omit<SubjectKey, 'subject'> | null> {
    this.check()
    const key = this.#keys.get(pair(tenant, subject))
    return key ? { wrapped: key.wrapped?.slice() ?? null, destroyedAt: key.destroyedAt } : null
  }

  async keys(tenant: string): Promise<readonly SubjectKey[]> {
    this.check()
    return [...this.#keys.values()]
      .filter((key) => key.tenant === tenant)
      .map(({ subject, wrapped, destroyedAt }) => ({ subject, wrapped: wrapped?.slice() ?? null, destroyedAt }))
      .sort((a, b) => (a.subject < b.subject ? -1 : 1))
  }

  async putKey(tenant: string, subject: string, wrapped: Uint8Array): Promise<Uint8Array | null> {
    this.check()
    const place = pair(tenant, subject)
    const key = this.#keys.get(place) ?? { tenant, subject, wrapped: wrapped.slice(), destroyedAt: null }
    this.#keys.set(place, key)
    return key.wrapped?.slice() ?? null
  }

  async destroyKey(tenant: string, subject: string, at: number): Promise<void> {
    this.check()
    const place = pair(tenant, subject)
    const destroyedAt = this.#keys.get(place)?.destroyedAt ?? at
    this.#keys.set(place, { tenant, subject, wrapped: null, destroyedAt })
  }

  async cursor(name: string): Promise<number> {
    this.check()
    return this.#cursors.get(name) ?? 0
  }

  async setCursor(name: string, position: number): Promise<void> {
    this.check()
    this.#cursors.set(name, position)
  }

  async definition(signature: string): Promise<string | null> {
    this.check()
    return this.#definitions.get(signature) ?? null
  }

  async putDefinition(signature: string, description: string): Promise<void> {
    this.check()
    if (!this.#definitions.has(signature)) this.#definitions.set(signature, description)
  }
}
