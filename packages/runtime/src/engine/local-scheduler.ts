import type { Host } from '../base/host.ts'
import type { RunKey, Scheduler } from '../contracts/scheduler.ts'

/** Waits longer than this are left to the store: workers look there anyway, and thousands of timers are a leak. */
const HORIZON_MS = 60_000

/**
 * The scheduler of one process: tells its own workers at once, and by timers when a wait ends. Workers of other
 * processes learn of the same runs by looking into the store, which all of them do anyway.
 */
export class LocalScheduler implements Scheduler {
  private readonly workers = new Set<(run: RunKey) => void>()
  private readonly timers = new Map<string, () => void>()
  private readonly host: Host

  constructor(host: Host) {
    this.host = host
  }

  start(run: RunKey): void {
    this.tell(run)
  }

  wake(run: RunKey): void {
    this.tell(run)
  }

  wakeAt(run: RunKey, at: number): void {
    this.cancel(run)
    if (at - this.host.now() > HORIZON_MS) return
    const key = keyOf(run)
    const fire = (): void => {
      this.timers.delete(key)
      // A timer may be shorter than asked for: the clock decides.
      if (this.host.now() < at) this.wakeAt(run, at)
      else this.tell(run)
    }
    this.timers.set(key, this.host.after(at - this.host.now(), fire))
  }

  cancel(run: RunKey): void {
    const key = keyOf(run)
    this.timers.get(key)?.()
    this.timers.delete(key)
  }

  serve(due: (run: RunKey) => void): () => void {
    this.workers.add(due)
    return () => this.workers.delete(due)
  }

  /** Runs with a timer here. */
  get waiting(): number {
    return this.timers.size
  }

  private tell(run: RunKey): void {
    for (const due of this.workers) due(run)
  }
}

function keyOf({ tenant, runId }: RunKey): string {
  return `${tenant}/${runId}`
}
