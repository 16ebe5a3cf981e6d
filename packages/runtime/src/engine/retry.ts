import type { ErrorCode } from '../base/errors.ts'
import type { RetryPolicy } from '../contracts/workflow.ts'
import { seededRandom } from '../reliability/keys.ts'

/** Malfunctions: the run parks and a person looks at it (invariant 2). A divergence never fails a run (ENGINE R14). */
const PARKS: ReadonlySet<ErrorCode> = new Set([
  'REPLAY_DIVERGED',
  'NONDETERMINISTIC_WAIT',
  'POLICY_MALFUNCTION',
  'POLICY_BUNDLE_MISSING',
  'CONTENT_ERASED',
  'STORE_CORRUPT',
  'STORE_NEWER',
  'WORKFLOW_CHANGED',
  'MODEL_UNKNOWN',
  'KEY_MISSING',
  'PRICE_UNKNOWN',
  'INTERNAL',
])

/** Failures that another attempt cannot mend. */
const FINAL: ReadonlySet<ErrorCode> = new Set([
  'BUDGET_EXHAUSTED',
  'POLICY_DENIED',
  'STATE_NOT_OWNED',
  'STATE_CONFLICT',
  'INPUT_INVALID',
  'CANCELLED',
  'UNMEDIATED_CALL',
  'KILL_SWITCH',
])

/** Ends of the whole run and faults of the program: no fallback of one node answers for them. */
const NOT_TAKEN: ReadonlySet<string> = new Set<ErrorCode>([
  'BUDGET_EXHAUSTED',
  'STATE_NOT_OWNED',
  'STATE_CONFLICT',
  'CANCELLED',
  'UNMEDIATED_CALL',
  'KILL_SWITCH',
])

const MAX_BACKOFF_MS = 60_000

/** True for a malfunction: not the node's failure but ours or the environment's. */
export function parksRun(code: ErrorCode): boolean {
  return PARKS.has(code)
}

/**
 * True when the store did not answer or take something: neither the node's failure nor a reason to wait for a person. The
 * run leaves this process where it was and is taken up again when its lease has run out (invariant 10).
 */
export function isStoreTrouble(code: ErrorCode): boolean {
  return code.startsWith('STORE_') && !PARKS.has(code)
}

/** True when a retry may help. */
export function mayRetry(code: ErrorCode): boolean {
  return !FINAL.has(code)
}

/** True when a declared fallback may take a failure with this code. */
export function mayBeTaken(code: string): boolean {
  return !NOT_TAKEN.has(code)
}

/** Wait before the attempt after `attempt`: doubles, at most 60 s, with a jitter of half that is the same on replay. */
export function backoffMs(retry: RetryPolicy, attempt: number, seed: string): number {
  const full = Math.min(MAX_BACKOFF_MS, retry.backoffSeconds * 1_000 * 2 ** (attempt - 1))
  return Math.round(full * (0.5 + 0.5 * seededRandom(`${seed}/backoff/${attempt}`)))
}
