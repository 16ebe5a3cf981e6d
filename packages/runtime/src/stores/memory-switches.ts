import { MemoryActs } from './memory-acts.ts'
import type { Notice } from '../contracts/outbox.ts'
import type {
  KillSwitch,
  StoredSwitchEvent,
  SwitchBook,
  SwitchChange,
  SwitchOverride,
  SwitchStore,
  SwitchWorker,
} from '../contracts/switches.ts'
import { checkSwitchChange } from './rules.ts'

/** Kill switches of the store in memory. */
export abstract class MemorySwitches extends MemoryActs implements SwitchStore {
  readonly #switches = new Map<string, KillSwitch>()
  readonly #overrides = new Map<string, SwitchOverride>()
  readonly #events: StoredSwitchEvent[] = []
  readonly #workers = new Map<string, SwitchWorker>()

  /** Throws when the store is closed. */
  protected abstract override check(): void

  /** Stores what people are told, once for each id. */
  protected abstract addNotices(notices: readonly Notice[] | undefined): void

  async killSwitches(tenant: string): Promise<readonly KillSwitch[]> {
    this.check()
    return byAge([...this.#switches.values()].filter((row) => row.tenant === tenant))
  }

  async overrides(tenant: string): Promise<readonly SwitchOverride[]> {
    this.check()
    return byAge([...this.#overrides.values()].filter((row) => row.tenant === tenant))
  }

  async switchBook(): Promise<SwitchBook> {
    this.check()
    const usable = [...this.#overrides.values()].filter((row) => row.confirmedBy !== null && row.usedAt === null)
    return {
      version: this.#events.length,
      switches: byAge([...this.#switches.values()].filter((row) => row.liftedAt === null)),
      overrides: byAge(usable),
    }
  }

  async commitSwitch(change: SwitchChange): Promise<number | null> {
    this.check()
    checkSwitchChange(change)
    const { event, row, override } = change
    if (this.#events.some((one) => one.tenant === event.tenant && one.seq === event.seq)) return null
    const position = this.#events.push({ ...event, position: this.#events.length + 1 })
    this.addNotices(change.notices)
    if (row) this.#switches.set(`${row.tenant}/${row.id}`, { ...row })
    if (override) this.#overrides.set(`${override.tenant}/${override.id}`, { ...override })
    return position
  }

  async switchEvents(tenant: string): Promise<readonly StoredSwitchEvent[]> {
    this.check()
    return this.#events.filter((event) => event.tenant === tenant).sort((a, b) => a.seq - b.seq)
  }

  async putSwitchWorker(row: SwitchWorker): Promise<void> {
    this.check()
    this.#workers.set(row.worker, { ...row })
  }

  async switchWorkers(): Promise<readonly SwitchWorker[]> {
    this.check()
    return [...this.#workers.values()].sort((a, b) => (a.worker < b.worker ? -1 : 1))
  }
}

function byAge<T extends { readonly createdAt: number; readonly id: string }>(rows: readonly T[]): readonly T[] {
  return [...rows].sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
}
