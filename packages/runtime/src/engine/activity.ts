import type { Host } from '../base/host.ts'

/**
 * What goes on in one run in memory, and how long it has been active. Handler code, stages of the door and calls count
 * as going on; waiting for a person or a time does not, so that a run in which all wait can be seen to be quiet.
 */
export class Activity {
  /** Set when a part of it left at a position or barrier because the worker stops: the run does not wait, it is handed on. */
  left = false
  private busy = 0
  private over = false
  private pausedMs = 0
  private pausedAt: number | null = null
  private quietListener: (() => void) | null = null
  private busyListener: (() => void) | null = null
  private readonly host: Host
  private readonly before: number
  private readonly since: number

  /** `activeMs` is what the run was active before it came to this process. */
  constructor(host: Host, activeMs: number) {
    this.host = host
    this.before = activeMs
    this.since = host.monotonicMs()
  }

  /** Active runtime so far in milliseconds (invariant 6). */
  get activeMs(): number {
    const now = this.pausedAt ?? this.host.monotonicMs()
    return Math.round(this.before + now - this.since - this.pausedMs)
  }

  /** True when nothing goes on. */
  get isQuiet(): boolean {
    return this.busy === 0
  }

  /** True while `whenBusy` waits: nothing goes on and nothing has to be finished first. */
  get rests(): boolean {
    return this.busyListener !== null
  }

  /** Something goes on. Paired with `leave`. */
  enter(): void {
    this.busy += 1
    this.busyListener?.()
  }

  leave(): void {
    this.busy -= 1
    if (this.busy === 0) this.quietListener?.()
  }

  /** The run left this process: whoever waits here goes on and finds it gone. */
  end(): void {
    this.over = true
    this.quietListener?.()
    this.busyListener?.()
  }

  /** Resolves when nothing goes on: all lanes are done or wait for somebody. */
  whenQuiet(): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (this.busy > 0 && !this.over) return
        this.quietListener = null
        resolve()
      }
      this.quietListener = check
      check()
    })
  }

  /** Resolves when something goes on again. The time until then is not active time. */
  async whenBusy(): Promise<void> {
    if (this.busy > 0 || this.over) return
    const since = this.host.monotonicMs()
    this.pausedAt = since
    await new Promise<void>((resolve) => {
      this.busyListener = resolve
    })
    this.busyListener = null
    this.pausedAt = null
    this.pausedMs += this.host.monotonicMs() - since
  }
}
