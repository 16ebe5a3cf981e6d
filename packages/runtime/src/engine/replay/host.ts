import type { Host } from '../../base/host.ts'

interface Timer {
  readonly at: number
  readonly fn: () => void
}

/**
 * The clock of a replay: it stands still, and goes on to the next timer only when nothing else can go on. So a retry comes
 * at once and a time limit never passes by itself (Invariant 13).
 */
export class ReplayHost implements Host {
  private readonly base: Host
  private wallMs: number
  private timers: Timer[] = []

  constructor(base: Host, wallMs: number) {
    this.base = base
    this.wallMs = wallMs
  }

  now(): number {
    return this.wallMs
  }

  monotonicMs(): number {
    return this.wallMs
  }

  randomBytes(length: number): Uint8Array {
    return this.base.randomBytes(length)
  }

  macrotask(): Promise<void> {
    return this.base.macrotask()
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.wallMs + Math.max(0, ms), fn }
    this.timers.push(timer)
    return () => {
      this.timers = this.timers.filter((one) => one !== timer)
    }
  }

  /** Sets the clock to a recorded time (milliseconds since 1970). */
  set(wallMs: number): void {
    this.wallMs = wallMs
  }

  /** Lets the next timer come; false when there is none. */
  fire(): boolean {
    const next = this.timers.toSorted((a, b) => a.at - b.at)[0]
    if (!next) return false
    this.timers = this.timers.filter((one) => one !== next)
    this.wallMs = Math.max(this.wallMs, next.at)
    next.fn()
    return true
  }
}
