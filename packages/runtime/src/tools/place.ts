/** Which part of a run the present code belongs to, carried along every asynchronous step. */
import { AsyncLocalStorage } from 'node:async_hooks'

/** Where user code runs. */
export interface Place {
  readonly runId: string
  /** The activation, or null where there is none (a condition). */
  readonly activation: string | null
  readonly where: 'node' | 'condition' | 'preview' | 'facts' | 'tool' | 'step'
  /** True where outside calls are allowed: inside `execute` or `reconcile` of a tool with an effect, and in our own sends. */
  readonly mediated: boolean
}

const storage = new AsyncLocalStorage<Place>()

/** Runs `fn`, and everything that it starts, at this place. */
export function runIn<T>(place: Place, fn: () => T): T {
  return storage.run(place, fn)
}

/** The place of the present code; undefined outside of any run. */
export function placeNow(): Place | undefined {
  return storage.getStore()
}

/** Runs a send of our own, which is through the door wherever it was asked for. */
export function mediatedCall<T>(fn: () => T): T {
  const place = storage.getStore()
  return place === undefined || place.mediated ? fn() : storage.run({ ...place, mediated: true }, fn)
}
