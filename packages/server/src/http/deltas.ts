import type { StreamItem } from 'signalbox'

/** The provisional part of a run's stream. */
export type DeltaItem = Exclude<StreamItem, { kind: 'record' }>

/** Passes deltas of running model calls from the processes that make them to whoever watches. Best effort: keeps nothing. */
export interface DeltaHub {
  publish(item: DeltaItem): void
  /** Calls `listener` for each delta of the run; the returned function ends it. The listener must not wait. */
  subscribe(runId: string, listener: (item: DeltaItem) => void): () => void
  /** Runs that somebody watches now. */
  watched(): readonly string[]
}

/** Makes a hub within this process. */
export function createDeltaHub(): DeltaHub {
  const byRun = new Map<string, Set<(item: DeltaItem) => void>>()
  return {
    publish: (item) => {
      for (const listener of byRun.get(item.runId) ?? []) listener(item)
    },
    subscribe: (runId, listener) => {
      const listeners = byRun.get(runId) ?? new Set()
      byRun.set(runId, listeners)
      listeners.add(listener)
      return () => {
        if (!listeners.delete(listener) || listeners.size > 0) return
        byRun.delete(runId)
      }
    },
    watched: () => [...byRun.keys()],
  }
}
