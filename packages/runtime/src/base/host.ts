import { randomFillSync } from 'node:crypto'

/**
 * The only source of time, randomness and waiting (invariant 13). Everything that would differ between two runs of
 * the same code comes through here, so that a simulator can drive it.
 */
export interface Host {
  /** Wall time in milliseconds since 1970. May step backwards; never used to measure a duration. */
  now(): number
  /** A clock in milliseconds that never steps backwards; only differences mean something. */
  monotonicMs(): number
  /** Cryptographically strong random bytes. */
  randomBytes(length: number): Uint8Array
  /** Resolves in the next macrotask: every microtask queued before has run by then. */
  macrotask(): Promise<void>
  /** Calls `fn` once after `ms`; the returned function cancels it. Does not keep the process alive. */
  after(ms: number, fn: () => void): () => void
}

/** Milliseconds, capped at what the platform's timers can hold. */
const MAX_TIMER_MS = 2_147_483_647

/** Random bytes are drawn from the system in blocks: a call for each salt and nonce costs more than to encrypt with it. */
const BLOCK_BYTES = 4_096
const block = new Uint8Array(BLOCK_BYTES)
let drawn = BLOCK_BYTES

/** Bytes that are handed out once, as a copy, and not kept. */
function randomBytes(length: number): Uint8Array {
  if (length > BLOCK_BYTES / 8) return randomFillSync(new Uint8Array(length))
  if (drawn + length > BLOCK_BYTES) {
    randomFillSync(block)
    drawn = 0
  }
  const bytes = block.slice(drawn, drawn + length)
  block.fill(0, drawn, drawn + length)
  drawn += length
  return bytes
}

/** The real machine. */
export const systemHost: Host = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  randomBytes,
  macrotask: () => new Promise((resolve) => setImmediate(resolve)),
  after: (ms, fn) => {
    const timer = setTimeout(fn, Math.min(Math.max(0, ms), MAX_TIMER_MS))
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** Waits `ms` on the given host, or less when the signal aborts. Never throws. Keeps nothing alive by itself. */
export function sleep(host: Host, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const cancel = host.after(ms, done)
    signal?.addEventListener('abort', done, { once: true })
  })
}

/** Keeps the process alive until the returned function is called; for servers and workers. */
export function keepAlive(): () => void {
  const timer = setInterval(() => undefined, 60_000)
  return () => clearInterval(timer)
}
