/** When a provider is called at all: the circuit breaker, as a total table. */
import type { Host } from '../base/host.ts'
import type { CircuitState } from '../contracts/provider.ts'

/**
 * What can happen: a call was answered; a call ended in trouble; so did as many in a row as the limit allows; the time
 * for which it is open has passed.
 */
export type CircuitEvent = 'answered' | 'trouble' | 'limit' | 'cooled'

/** Next state by state and event; docs/spec/providers.md shows it. */
export const CIRCUIT: Readonly<Record<CircuitState, Readonly<Record<CircuitEvent, CircuitState>>>> = {
  closed: { answered: 'closed', trouble: 'closed', limit: 'open', cooled: 'closed' },
  open: { answered: 'open', trouble: 'open', limit: 'open', cooled: 'half_open' },
  half_open: { answered: 'closed', trouble: 'open', limit: 'open', cooled: 'half_open' },
}

/** When a circuit opens, and for how long. */
export interface CircuitLimits {
  /** Calls in a row that end in trouble before it opens. */
  readonly failures: number
  /** How long it stays open at least; longer when the provider asks for it. */
  readonly openMs: number
}

/** The circuit of one provider in one process. Answers to calls that were let out in an earlier state change nothing. */
export class Circuit {
  state: CircuitState = 'closed'
  failures = 0
  private openUntilMs = 0
  private probing = false
  private round = 0
  private readonly host: Pick<Host, 'monotonicMs'>
  private readonly limits: CircuitLimits

  constructor(host: Pick<Host, 'monotonicMs'>, limits: CircuitLimits) {
    this.host = host
    this.limits = limits
  }

  /** Milliseconds until a call is tried again; 0 when the circuit is not open. */
  get openForMs(): number {
    return this.state === 'open' ? Math.max(0, Math.ceil(this.openUntilMs - this.host.monotonicMs())) : 0
  }

  /** Lets one call out, or tells in how many milliseconds to ask again. Half open lets one out at a time. */
  enter(): { readonly round: number } | { readonly waitMs: number } {
    if (this.state === 'open' && this.openForMs === 0) this.on('cooled')
    if (this.state === 'open') return { waitMs: this.openForMs }
    if (this.state === 'half_open' && this.probing) return { waitMs: this.limits.openMs }
    this.probing = this.state === 'half_open'
    return { round: this.round }
  }

  /** A call that was let out in this round is over; null when it says nothing about the provider. */
  leave(round: number, end: 'answered' | 'trouble' | null, waitMs = 0): void {
    if (round !== this.round) return
    if (this.state === 'half_open') this.probing = false
    if (end === null) return
    this.failures = end === 'answered' ? 0 : this.failures + 1
    this.on(this.failures >= this.limits.failures ? 'limit' : end, waitMs)
  }

  private on(event: CircuitEvent, waitMs = 0): void {
    const next = CIRCUIT[this.state][event]
    if (next === this.state) return
    this.state = next
    this.round += 1
    this.probing = false
    if (next === 'open') this.openUntilMs = this.host.monotonicMs() + Math.max(this.limits.openMs, waitMs)
    if (next === 'closed') this.failures = 0
  }
}
