/** What can be wrong with a provider of models, and what is known of how it does in this process. */

/**
 * Why a model did not answer, as far as it is its provider's doing:
 * `rate_limited` (status 429), `overloaded` (408, 409, 5xx), `unreachable` (no answer at all, nothing received),
 * `interrupted` (a part was received), `unreadable` (what came is no answer), `timeout` (no answer within the limit),
 * `circuit_open` and `queue_full` (nothing was sent, see `ProviderHealth`).
 */
export const MODEL_TROUBLES = [
  'rate_limited',
  'overloaded',
  'unreachable',
  'interrupted',
  'unreadable',
  'timeout',
  'circuit_open',
  'queue_full',
] as const

/** One kind of trouble. */
export type ModelTrouble = (typeof MODEL_TROUBLES)[number]

/** True for a name of the list. */
export function isModelTrouble(value: unknown): value is ModelTrouble {
  return MODEL_TROUBLES.some((trouble) => trouble === value)
}

/** How patiently a call of a model is tried again, as attempts of one activity. */
export interface ModelRetry {
  /** All attempts, the first included. */
  readonly attempts: number
  /** Wait before the second attempt; doubles each time, with a jitter of half of it. */
  readonly backoffMs: number
  /** A longer wait, also one that the provider asks for, is not waited for. */
  readonly maxWaitMs: number
}

/** How a call ended, as its provider's gate wants to know: `unused` when nothing was sent or the caller gave up. */
export type PermitEnd = 'answered' | 'trouble' | 'unused'

/** Leave to make one call. */
export interface ModelPermit {
  /** Tells once that the call is over; later calls do nothing. `waitMs` is what the provider asked for. */
  done(end: PermitEnd, waitMs?: number): void
}

/** States of a provider's circuit: calls go out; none goes out; one is tried. */
export type CircuitState = 'closed' | 'open' | 'half_open'

/** How a provider does, as one process knows it. */
export interface ProviderHealth {
  readonly provider: string
  readonly circuit: CircuitState
  /** Calls in a row that ended in trouble. */
  readonly failures: number
  /** Milliseconds until a call is tried again; 0 when the circuit is not open. */
  readonly openForMs: number
  /** Calls under way, and how many may be. */
  readonly active: number
  readonly concurrency: number
  /** Calls that wait for their turn. */
  readonly waiting: number
}
