import type { ErrorCode } from '../base/errors.ts'

/** Malfunctions: the run parks and a person looks at it (invariant 2). A divergence never fails a run (ENGINE R14). */
export const MALFUNCTIONS: ReadonlySet<string> = new Set<ErrorCode>([
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

/** Failures that another attempt cannot mend; no retry policy may name them. */
export const FINAL_FAILURES: ReadonlySet<string> = new Set<ErrorCode>([
  'BUDGET_EXHAUSTED',
  'POLICY_DENIED',
  'STATE_NOT_OWNED',
  'STATE_CONFLICT',
  'INPUT_INVALID',
  'CANCELLED',
  'UNMEDIATED_CALL',
  'KILL_SWITCH',
])
