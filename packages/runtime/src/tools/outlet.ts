/** The way out of the process for tools, and the watch over what goes out beside it, as one port of the engine. */
import { guardedFetch } from './fetch.ts'
import { mediatedCall, type Place, runIn } from './place.ts'
import { outsideWatch } from './watch.ts'

/** What the fetch of one activity may do, and whom it tells. */
export interface OutletFetchOptions {
  readonly hosts: readonly string[]
  /** False when only reading is allowed. */
  readonly unsafeAllowed: boolean
  readonly headers: Readonly<Record<string, string>>
  readonly idempotencyKey: string | null
  readonly signal: AbortSignal
  /** Throws when lease, deadline or kill switch forbid the send. */
  readonly beforeSend: () => void | Promise<void>
  /** An unsafe request is about to leave: from now on it may have arrived. */
  readonly onSend: () => void
  readonly onAnswer: () => void
  /** A request certainly did not arrive; `unsafe` takes back one `onSend`. */
  readonly onNotSent: (unsafe: boolean) => void
}

/** What the engine needs of it. */
export interface Outlet {
  /** The fetch of one activity; refuses with EGRESS_REFUSED. */
  fetch(options: OutletFetchOptions): typeof fetch
  /** Runs code with its place known to the watch. */
  runIn<T>(place: Place, fn: () => T): T
  /** Calls back for every outside call in a place that is not mediated; the returned function stops. */
  onUnmediated(listener: (place: Place, host: string) => void): () => void
}

/** The outlet over a fetch, normally the platform's. */
export function createOutlet(base: typeof fetch = globalThis.fetch): Outlet {
  return {
    fetch: ({ onSend, onAnswer, onNotSent, ...options }) =>
      guardedFetch({
        ...options,
        base,
        onSend: (event) => {
          if (event.unsafe) onSend()
        },
        onAnswer: (event, end) => {
          if (end.kind === 'answered') onAnswer()
          if (end.kind === 'not_sent') onNotSent(event.unsafe)
        },
      }),
    runIn,
    onUnmediated: (listener) => outsideWatch(({ place, host }) => listener(place, host)),
  }
}

/** A fetch for adapters of our own (models): through the door wherever it is asked for, so the watch lets it be. */
export function mediatedFetch(base: typeof fetch = globalThis.fetch): typeof fetch {
  return (input, init) => mediatedCall(() => base(input, init))
}
