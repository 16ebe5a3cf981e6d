/** The gate before one provider: how many calls go out at a time, whose turn it is, and whether any goes out at all. */
import { SignalboxError } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import type { ModelPermit, ModelTrouble, ProviderHealth } from '../contracts/provider.ts'
import { Circuit, type CircuitLimits } from './circuit.ts'

/** Limits of one provider in one process. */
export interface GateLimits extends CircuitLimits {
  /** Calls under way at a time. */
  readonly concurrency: number
  /** How long a call waits for its turn before it fails as `queue_full`. */
  readonly queueMs: number
}

interface Waiter {
  readonly start: () => void
}

/**
 * One provider's gate. Turns go round over the runs that wait, so that a run with many calls does not hold up the
 * others. Nothing is kept beyond the process.
 */
export class ProviderGate {
  private readonly circuit: Circuit
  private active = 0
  /** Waiting calls by run; the run whose turn is next comes first. */
  private readonly queues = new Map<string, Waiter[]>()
  private readonly provider: string
  private readonly host: Host
  private readonly limits: GateLimits

  constructor(provider: string, host: Host, limits: GateLimits) {
    this.provider = provider
    this.host = host
    this.limits = limits
    this.circuit = new Circuit(host, limits)
  }

  /**
   * Waits for a turn. Throws MODEL_FAILED with the trouble `circuit_open` or `queue_full`; nothing was sent then. Throws
   * the signal's reason when aborted meanwhile.
   */
  async admit({ runId, signal }: { runId: string; signal: AbortSignal }): Promise<ModelPermit> {
    if (this.active >= this.limits.concurrency) await this.turn(runId, signal)
    else this.active += 1
    const entered = this.circuit.enter()
    if ('waitMs' in entered) {
      this.free()
      throw this.refused('circuit_open', `is in trouble and not called now`, entered.waitMs)
    }
    let isOver = false
    return {
      done: (end, waitMs) => {
        if (isOver) return
        isOver = true
        this.circuit.leave(entered.round, end === 'unused' ? null : end, waitMs)
        this.free()
      },
    }
  }

  health(): ProviderHealth {
    const { state: circuit, failures, openForMs } = this.circuit
    const waiting = [...this.queues.values()].reduce((sum, queue) => sum + queue.length, 0)
    const { provider, active } = this
    return { provider, circuit, failures, openForMs, active, concurrency: this.limits.concurrency, waiting }
  }

  /** A place that becomes free goes to the next waiter without becoming free in between. */
  private free(): void {
    const [next] = this.queues
    if (!next) {
      this.active -= 1
      return
    }
    const [runId, queue] = next
    const waiter = queue.shift()
    this.queues.delete(runId)
    if (queue.length > 0) this.queues.set(runId, queue)
    waiter?.start()
  }

  private turn(runId: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const queue = this.queues.get(runId) ?? []
      const over = (end: () => void): void => {
        cancel()
        signal.removeEventListener('abort', aborted)
        end()
      }
      const waiter: Waiter = { start: () => over(resolve) }
      const leave = (why: unknown): void => {
        const left = (this.queues.get(runId) ?? []).filter((one) => one !== waiter)
        if (left.length > 0) this.queues.set(runId, left)
        else this.queues.delete(runId)
        over(() => reject(why))
      }
      const aborted = (): void => leave(signal.reason)
      const cancel = this.host.after(this.limits.queueMs, () =>
        leave(this.refused('queue_full', `has had no free place for ${this.limits.queueMs} ms`, 0)),
      )
      signal.addEventListener('abort', aborted, { once: true })
      queue.push(waiter)
      this.queues.set(runId, queue)
    })
  }

  private refused(trouble: ModelTrouble, why: string, waitMs: number): SignalboxError {
    const details = { trouble, may_pass: true, charged: false, retry_after_seconds: waitMs / 1_000 }
    return new SignalboxError('MODEL_FAILED', `provider \`${this.provider}\` ${why}; nothing was sent`, { details })
  }
}
