import type { StreamItem } from '../contracts/runtime.ts'

type Listener = (item: StreamItem) => void

/**
 * Tells listeners of this process what became durable, and provisional deltas. Listeners never hold a run up: they are
 * called synchronously, must not throw, and read what they missed from the store (invariant 1).
 */
export class Hub {
  private readonly byRun = new Map<string, Set<Listener>>()
  private readonly forAll = new Set<Listener>()

  /** Listens to one run; the returned function stops. */
  listen(runId: string, listener: Listener): () => void {
    let set = this.byRun.get(runId)
    if (!set) {
      set = new Set()
      this.byRun.set(runId, set)
    }
    set.add(listener)
    return () => {
      set.delete(listener)
      if (set.size === 0) this.byRun.delete(runId)
    }
  }

  /** Listens to all runs; for a process that passes provisional deltas on. */
  listenAll(listener: Listener): () => void {
    this.forAll.add(listener)
    return () => this.forAll.delete(listener)
  }

  /** True when somebody would see a delta of this run. */
  hasListeners(runId: string): boolean {
    return this.forAll.size > 0 || this.byRun.has(runId)
  }

  publish(item: StreamItem): void {
    for (const listener of this.byRun.get(item.runId) ?? []) listener(item)
    for (const listener of this.forAll) listener(item)
  }
}
