/**
 * The closed list of error codes: one table for the library, HTTP (RFC 9457) and the terminal.
 * This file imports nothing, so that a browser or a protocol client can use it alone.
 */

interface ErrorRow {
  /** HTTP status of a problem document with this code. */
  readonly status: number
  /** Exit code of the terminal. */
  readonly exit: number
  readonly title: string
}

/** Every error code with its HTTP status, terminal exit code and title. */
export const ERROR_TABLE = {
  INPUT_INVALID: { status: 422, exit: 2, title: 'The input does not fit its schema' },
  CONFIG_INVALID: { status: 500, exit: 2, title: 'The configuration is not usable' },
  USAGE: { status: 400, exit: 2, title: 'The command or request is not well formed' },
  WORKFLOW_UNKNOWN: { status: 404, exit: 3, title: 'No such workflow' },
  WORKFLOW_INVALID: { status: 422, exit: 2, title: 'The workflow definition is not valid' },
  WORKFLOW_CHANGED: { status: 409, exit: 4, title: 'The graph or the state shape changed' },
  SUPERSTEP_LIMIT: { status: 422, exit: 4, title: 'The run passed its limit of supersteps' },
  RUN_TIMEOUT: { status: 422, exit: 4, title: 'The run passed its time limit' },
  LOOP_FOUND: { status: 422, exit: 4, title: 'The run repeated itself' },
  QUALITY_FAILED: { status: 422, exit: 4, title: 'The quality check failed too often' },
  NO_OUTPUT: { status: 422, exit: 4, title: 'The run ended without an output' },
  TERMINATION_FAILED: { status: 422, exit: 4, title: 'The termination contract could not be evaluated' },
  STATE_CONFLICT: { status: 422, exit: 4, title: 'Two nodes wrote one field without a reducer' },
  STATE_NOT_OWNED: { status: 422, exit: 4, title: 'A node wrote a field that it does not own' },
  NODE_FAILED: { status: 422, exit: 4, title: 'A node failed' },
  STEP_FAILED: { status: 422, exit: 4, title: 'A local step failed' },
  NODE_TIMEOUT: { status: 422, exit: 4, title: 'A node passed its time limit' },
  NODE_IDLE: { status: 422, exit: 4, title: 'A node gave no sign of life within its idle limit' },
  TOOL_UNKNOWN: { status: 404, exit: 3, title: 'No such tool' },
  TOOL_INPUT_INVALID: { status: 422, exit: 4, title: 'The arguments do not fit the tool' },
  TOOL_OUTPUT_INVALID: { status: 502, exit: 4, title: 'The tool answered with another shape than it declares' },
  TOOL_FAILED: { status: 502, exit: 4, title: 'The tool reported a failure' },
  EGRESS_REFUSED: { status: 403, exit: 4, title: 'The outbound call is not allowed for this tool' },
  UNMEDIATED_CALL: { status: 403, exit: 4, title: 'A call went out beside the door' },
  POLICY_DENIED: { status: 403, exit: 4, title: 'The policy denies the action' },
  NO_PERMIT: { status: 403, exit: 4, title: 'No policy permits the action' },
  POLICY_BUNDLE_INVALID: { status: 422, exit: 2, title: 'The policy bundle is not valid' },
  POLICY_BUNDLE_MISSING: { status: 422, exit: 2, title: 'There is no policy bundle' },
  POLICY_NOT_ACTIVATED: { status: 503, exit: 2, title: 'No policy bundle was ever activated' },
  POLICY_SELF_REVIEW: { status: 403, exit: 4, title: 'The author of a bundle cannot activate it' },
  POLICY_DRAFT_STALE: { status: 409, exit: 4, title: 'Another bundle came into force since the draft was proposed' },
  TOOL_LIST_INVALID: { status: 422, exit: 2, title: 'The list of tools cannot be read' },
  POLICY_UNGUARDED: { status: 500, exit: 2, title: 'Effects could happen without a person, and nobody accepts that' },
  POLICY_MALFUNCTION: { status: 500, exit: 4, title: 'The policy could not be evaluated' },
  CATALOGUE_LAXER: { status: 422, exit: 2, title: 'The code declares a tool laxer than the catalogue' },
  PREVIEW_FAILED: { status: 422, exit: 4, title: 'The preview for the reviewer failed' },
  APPROVAL_NOT_FOUND: { status: 404, exit: 3, title: 'No such approval' },
  APPROVAL_DECIDED: { status: 409, exit: 4, title: 'The approval is already decided' },
  APPROVAL_SELF: { status: 403, exit: 4, title: 'The requester cannot approve' },
  APPROVAL_NOT_ALLOWED: { status: 403, exit: 4, title: 'The reviewer lacks a required role' },
  APPROVAL_REJECTED: { status: 403, exit: 4, title: 'A reviewer rejected the action' },
  APPROVAL_EXPIRED: { status: 410, exit: 4, title: 'Nobody answered in time' },
  APPROVAL_VOID: { status: 409, exit: 4, title: 'What was approved has changed since' },
  APPROVAL_CLAIMED: { status: 409, exit: 4, title: 'Another reviewer has claimed the approval' },
  DECLINED_BEFORE: { status: 403, exit: 4, title: 'A reviewer said no to the same question before' },
  STANDING_REFUSED: { status: 403, exit: 4, title: 'No standing approval may be given for this' },
  DELEGATION_REFUSED: { status: 403, exit: 4, title: 'The delegation is not allowed' },
  MANDATE_NOT_FOUND: { status: 404, exit: 3, title: 'No such delegation or standing approval' },
  QUESTION_NOT_FOUND: { status: 404, exit: 3, title: 'No such question' },
  BUDGET_EXHAUSTED: { status: 429, exit: 4, title: 'The budget does not cover the action' },
  PRICE_UNKNOWN: { status: 422, exit: 2, title: 'No price is known for the model' },
  EFFECT_UNKNOWN: { status: 409, exit: 4, title: 'Whether the effect happened is unknown' },
  EFFECT_CONFLICT: { status: 409, exit: 4, title: 'The same effect was asked with other arguments' },
  COMPENSATION_REFUSED: { status: 409, exit: 4, title: 'What was chosen cannot be undone' },
  RUN_NOT_FOUND: { status: 404, exit: 3, title: 'No such run' },
  RUN_ENDED: { status: 409, exit: 4, title: 'The run has ended' },
  RUN_MOVED: { status: 409, exit: 4, title: 'The run was moved to another store' },
  RUN_STATE: { status: 409, exit: 4, title: 'The run is not in a state that allows this' },
  RUN_QUARANTINED: { status: 409, exit: 4, title: 'The run was claimed again and again and never got anywhere' },
  CHECKPOINT_NOT_FOUND: { status: 404, exit: 3, title: 'No such checkpoint or save point' },
  FORK_EFFECT_OPEN: { status: 409, exit: 4, title: 'An effect is open at the point of the fork' },
  REPLAY_DIVERGED: { status: 409, exit: 4, title: 'The handler asked for something else than the journal holds' },
  NONDETERMINISTIC_WAIT: { status: 422, exit: 4, title: 'A handler waits for something outside the door' },
  REQUEST_NOT_FOUND: { status: 404, exit: 3, title: 'No such open request' },
  SWITCHES_STALE: { status: 503, exit: 5, title: 'The state of the kill switches is not known here' },
  KILL_SWITCH: { status: 423, exit: 4, title: 'A kill switch is engaged' },
  MODEL_UNKNOWN: { status: 404, exit: 2, title: 'No such model' },
  MODEL_FAILED: { status: 502, exit: 4, title: 'The model provider failed' },
  MODEL_OUTPUT_INVALID: {
    status: 502,
    exit: 4,
    title: 'The model answered with another shape than the agent declares',
  },
  KEY_MISSING: { status: 500, exit: 2, title: 'A required key or credential is missing' },
  STORE_FULL: { status: 507, exit: 5, title: 'The disk is full' },
  STORE_READ_ONLY: { status: 500, exit: 5, title: 'The data folder cannot be written' },
  STORE_NEWER: { status: 500, exit: 5, title: 'The database is from a newer version' },
  STORE_CORRUPT: { status: 500, exit: 5, title: 'The database is damaged' },
  STORE_UNAVAILABLE: { status: 503, exit: 5, title: 'The store does not answer' },
  DATA_IN_USE: { status: 409, exit: 5, title: 'Another server uses this data folder' },
  FENCED: { status: 409, exit: 5, title: 'Another worker took over the run' },
  CONTENT_ERASED: { status: 410, exit: 4, title: 'The content was erased' },
  OUTSIDE_DIFFERS: { status: 422, exit: 6, title: 'An outside system and the ledger of effects differ' },
  AUDIT_FAILED: { status: 500, exit: 6, title: 'The history does not verify' },
  PORT_IN_USE: { status: 500, exit: 5, title: 'The port is in use' },
  AUTH_REQUIRED: { status: 401, exit: 7, title: 'A valid credential is required' },
  FORBIDDEN: { status: 403, exit: 7, title: 'The role does not allow this' },
  DUTIES_CONFLICT: { status: 403, exit: 7, title: 'One person may not do both' },
  NOT_FOUND: { status: 404, exit: 3, title: 'Not found' },
  CONFLICT: { status: 409, exit: 4, title: 'The request conflicts with the present state' },
  CANCELLED: { status: 409, exit: 4, title: 'The run was cancelled' },
  NOT_READY: { status: 503, exit: 5, title: 'The server answers and cannot do its work now' },
  SERVER_UNREACHABLE: { status: 503, exit: 5, title: 'The server does not answer' },
  INTERNAL: { status: 500, exit: 1, title: 'An unexpected fault' },
} as const satisfies Record<string, ErrorRow>

/** One of the closed error codes. */
export type ErrorCode = keyof typeof ERROR_TABLE

/** Facts that go with an error: plain data, no secrets, no content of runs. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | null | readonly string[]>>

/** An error with a closed code. Messages are lower case, name the field and the fix, and end without a period. */
export class SignalboxError extends Error {
  override readonly name = 'SignalboxError'
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: ErrorDetails } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
  }

  /** HTTP status of this code. */
  get status(): number {
    return ERROR_TABLE[this.code].status
  }

  /** Exit code of the terminal for this code. */
  get exitCode(): number {
    return ERROR_TABLE[this.code].exit
  }
}

/** True when the value is one of the closed codes. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERROR_TABLE, value)
}

/** The one door into the error table: keeps a SignalboxError, wraps anything else under the given code. */
export function toSignalboxError(thrown: unknown, fallback: ErrorCode = 'INTERNAL'): SignalboxError {
  if (thrown instanceof SignalboxError) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new SignalboxError(fallback, message, { cause: thrown })
}
