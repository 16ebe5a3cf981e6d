import { useSyncExternalStore } from 'react'

let away = false
const listeners = new Set<() => void>()

/** Notes whether the server answers. Every read reports it, so that one banner speaks for all. */
export function markAway(next: boolean): void {
  if (away === next) return
  away = next
  for (const listener of listeners) listener()
}

/** Whether the server was away at the last read. */
export function useAway(): boolean {
  return useSyncExternalStore(subscribe, () => away)
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
