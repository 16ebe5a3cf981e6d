/** What a drill of the kill switches puts between a worker and its surroundings: its clocks, and what it reads of switches. */
import type { Host, Store, SwitchBook } from 'signalbox'
import { overrideStore } from 'signalbox/testing'
import type { SwitchOrders } from './orders.ts'

/** The seams of one worker. Without orders they change nothing. */
export interface SwitchSeams {
  readonly host: Host
  store(inner: Store): Store
  /** Resolves when it is so: no reading of before is under way any more. */
  tell(what: 'blocked' | 'readable' | 'frozen'): Promise<void>
}

/** Makes them. A `blocked` store never answers about switches; a `frozen` worker's clocks stand still. */
export function drilledSwitches(orders: SwitchOrders | null, host: Host): SwitchSeams {
  const none = Promise.resolve()
  if (!orders) return { host, store: (inner) => inner, tell: () => none }
  let frozen: { readonly now: number; readonly monotonic: number } | null = null
  let opened: Promise<void> = none
  let open = (): void => undefined
  let reading: Promise<unknown> = none
  let first: Promise<SwitchBook> | null = null
  return {
    host: {
      ...host,
      now: () => frozen?.now ?? host.now(),
      monotonicMs: () => frozen?.monotonic ?? host.monotonicMs(),
    },
    store: (inner) =>
      overrideStore(inner, {
        switchBook: async () => {
          await opened
          if (orders.fault === 'switch_ignored') {
            first ??= inner.switchBook()
            return await first
          }
          const book = inner.switchBook()
          reading = Promise.allSettled([reading, book])
          return await book
        },
      }),
    tell: async (what) => {
      if (what === 'readable') open()
      if (what === 'frozen') frozen = { now: host.now(), monotonic: host.monotonicMs() }
      if (what !== 'blocked') return
      opened = new Promise((resolve) => {
        open = resolve
      })
      // A read under way may still see what is written after this.
      await reading
    },
  }
}
