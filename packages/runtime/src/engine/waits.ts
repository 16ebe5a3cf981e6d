import type { Host } from '../base/host.ts'
import { isoTime } from '../base/time.ts'
import type { RunWaiting } from '../contracts/records.ts'

/** What a wait needs of the run. */
interface Waiting {
  readonly env: { readonly host: Host }
  enter(): void
  leave(): void
}

interface Entry {
  readonly kind: RunWaiting['on'][number]['kind']
  readonly id: string
  readonly until: number | null
  readonly owner: object | null
  readonly done: () => void
  readonly cancel: () => void
}

/**
 * What the asks of a run wait for: a person's answer, a time. A waiting ask counts as not busy, so that a run in which
 * all wait can leave memory (ENGINE R7); a wait ends by `wake`, by its time, or never.
 */
export class Waits {
  private readonly entries = new Map<string, Entry>()
  private readonly run: Waiting

  constructor(run: Waiting) {
    this.run = run
  }

  /** Resolves when woken or when the time (ms since 1970) has come. `owner` is whose wait it is. */
  wait(kind: Entry['kind'], id: string, until: number | null, owner: object | null = null): Promise<void> {
    return new Promise((resolve) => {
      const key = `${kind}:${id}`
      const done = (): void => {
        this.entries.get(key)?.cancel()
        if (!this.entries.delete(key)) return
        // Busy again before anybody can see that nothing is going on.
        this.run.enter()
        resolve()
      }
      const { host } = this.run.env
      const cancel = until === null ? () => undefined : host.after(until - host.now(), done)
      this.entries.set(key, { kind, id, until, owner, done, cancel })
      this.run.leave()
    })
  }

  /** Ends a wait; false when nothing waits for it here. */
  wake(kind: Entry['kind'], id: string): boolean {
    const entry = this.entries.get(`${kind}:${id}`)
    entry?.done()
    return entry !== undefined
  }

  /** Ends every wait of the kinds given, for instance because the run stops. */
  wakeAll(kinds: readonly Entry['kind'][]): void {
    for (const entry of [...this.entries.values()]) if (kinds.includes(entry.kind)) entry.done()
  }

  /** Ends the waits of one owner of the kinds given. */
  wakeOwn(owner: object, kinds: readonly Entry['kind'][]): void {
    for (const entry of [...this.entries.values()])
      if (entry.owner === owner && kinds.includes(entry.kind)) entry.done()
  }

  /** What is waited for, and the nearest time. */
  list(): { readonly on: RunWaiting['on']; readonly wakeAt: number | null; readonly wakeAtIso: string | null } {
    const entries = [...this.entries.values()]
    const times = entries.flatMap((entry) => (entry.until === null ? [] : [entry.until]))
    const wakeAt = times.length > 0 ? Math.min(...times) : null
    return {
      on: entries.map(({ kind, id }) => ({ kind, id })),
      wakeAt,
      wakeAtIso: wakeAt === null ? null : isoTime(wakeAt),
    }
  }

  /** Forgets all waits; their asks never go on in this process. */
  clear(): void {
    for (const entry of this.entries.values()) entry.cancel()
    this.entries.clear()
  }
}
