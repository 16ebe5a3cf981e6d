import { type Host, systemHost } from '../base/host.ts'

/** A host whose clocks a test moves: wall time runs on by itself and can be put forward; measured time is the test's alone. */
export interface SkewedHost extends Host {
  /** Puts both clocks forward and calls every timer that is due by then, earliest first. */
  advance(ms: number): Promise<void>
  /** Sets the wall clock back; measured time and timers go on as if nothing had happened. */
  setBack(ms: number): void
}

interface Timer {
  /** On a clock that is never set back. */
  readonly due: number
  readonly run: () => void
}

/**
 * The real machine with a wall clock that can be put forward, and a monotonic clock that moves only by `advance`: active
 * time is then exact, and nothing waits for a deadline.
 */
export function skewedHost(): SkewedHost {
  let ahead = 0
  let back = 0
  const timers = new Set<Timer>()
  const now = (): number => systemHost.now() + ahead - back
  const host: SkewedHost = {
    now,
    monotonicMs: () => ahead,
    randomBytes: systemHost.randomBytes,
    macrotask: systemHost.macrotask,
    after: (ms, fn) => {
      const cancel = systemHost.after(ms, () => timer.run())
      const timer: Timer = {
        due: now() + back + ms,
        run: () => {
          if (!timers.delete(timer)) return
          cancel()
          fn()
        },
      }
      timers.add(timer)
      return () => {
        timers.delete(timer)
        cancel()
      }
    },
    setBack: (ms) => {
      back += ms
    },
    advance: async (ms) => {
      ahead += ms
      const due = [...timers].filter((timer) => timer.due <= now() + back).sort((a, b) => a.due - b.due)
      for (const timer of due) timer.run()
      await systemHost.macrotask()
    },
  }
  return host
}
