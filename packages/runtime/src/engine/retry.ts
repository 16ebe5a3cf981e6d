import type { ErrorCode } from '../base/errors.ts'
import { FINAL_FAILURES, MALFUNCTIONS } from '../contracts/failures.ts'
import type { RetryPolicy } from '../contracts/workflow.ts'
import { seededRandom } from '../reliability/keys.ts'

/** Ends of the whole run and faults of the program: no fallback of one node answers for them. */
const NOT_TAKEN: ReadonlySet<string> = new Set<ErrorCode>([
  'BUDGET_EXHAUSTED',
  'STATE_NOT_OWNED',
  'STATE_CONFLICT',
  'CANCELLED',
  'UNMEDIATED_CALL',
  'KILL_SWITCH',
])

/** The waits between attempts when their declaration does not say: doubling, a minute at most. */
const FACTOR = 2
const MAX_BACKOFF_SECONDS = 60

/** True for a malfunction: not the node's failure but ours or the environment's. */
export function parksRun(code: ErrorCode): boolean {
  return MALFUNCTIONS.has(code)
}

/**
 * True when the store did not answer or take something: neither the node's failure nor a reason to wait for a person. The
 * run leaves this process where it was and is taken up again when its lease has run out (invariant 10).
 */
export function isStoreTrouble(code: ErrorCode): boolean {
  return code.startsWith('STORE_') && !MALFUNCTIONS.has(code)
}

/** True when another attempt may help, and the node's policy wants one for this code. */
export function mayRetry({ on, except }: RetryPolicy, code: ErrorCode): boolean {
  if (FINAL_FAILURES.has(code) || except?.includes(code)) return false
  return on === undefined || on.includes(code)
}

/** True when a declared fallback may take a failure with this code. */
export function mayBeTaken(code: string): boolean {
  return !NOT_TAKEN.has(code)
}

/** Wait before the attempt after `attempt`: grows up to its cap, with a jitter of half that is the same on replay. */
export function backoffMs(retry: RetryPolicy, attempt: number, seed: string): number {
  const { backoffSeconds, factor = FACTOR, maxBackoffSeconds = MAX_BACKOFF_SECONDS } = retry
  const full = Math.min(maxBackoffSeconds, backoffSeconds * factor ** (attempt - 1)) * 1_000
  return Math.round(full * (0.5 + 0.5 * seededRandom(`${seed}/backoff/${attempt}`)))
}
