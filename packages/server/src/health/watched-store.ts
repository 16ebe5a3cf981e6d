import { type Host, SignalboxError, type Store } from 'signalbox'

/** A fault of the store that somebody should look at. */
export interface StoreFaultNote {
  /** A code of the store, or `STORE_SLOW`. */
  readonly code: string
  readonly detail: string
}

/** Calls that end with a write to the disk. */
const WRITES = [
  'create',
  'commit',
  'claim',
  'heartbeat',
  'post',
  'commitSwitch',
  'putKey',
  'setCursor',
  'setLease',
  'commitSchedule',
  'notify',
  'commitOutbox',
  'commitAlerts',
] as const satisfies readonly (keyof Store)[]

/** A write that takes longer is told, and told again as long as it lasts. */
const SLOW_MS = 2_000

/**
 * The same store, which tells of writes that fail with a code of the store or take long. It changes nothing of what the
 * caller gets.
 */
export function watchedStore(inner: Store, host: Host, tell: (note: StoreFaultNote) => void): Store {
  const watched = async <T>(name: string, call: () => Promise<T>): Promise<T> => {
    const startedMs = host.monotonicMs()
    let cancel: () => void = () => undefined
    const slow = (): void => {
      const seconds = Math.round((host.monotonicMs() - startedMs) / 1_000)
      tell({ code: 'STORE_SLOW', detail: `a write (${name}) has taken ${seconds} s so far` })
      cancel = host.after(SLOW_MS, slow)
    }
    cancel = host.after(SLOW_MS, slow)
    try {
      return await call()
    } catch (thrown) {
      if (thrown instanceof SignalboxError && thrown.code.startsWith('STORE_'))
        tell({ code: thrown.code, detail: thrown.message })
      throw thrown
    } finally {
      cancel()
    }
  }
  return new Proxy(inner, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      const call = value.bind(target) as (...args: unknown[]) => Promise<unknown>
      // Only methods of the store are called through this, each with its own arguments.
      if (!WRITES.some((each) => each === name)) return call
      return (...args: unknown[]) => watched(String(name), () => call(...args))
    },
  })
}
