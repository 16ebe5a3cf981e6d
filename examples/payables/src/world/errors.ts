/** The closed list of error codes that the outside world (bank, records, inbox) uses. */
export const WORLD_ERROR_CODES = [
  'invoice_unreadable',
  'not_found',
  'already_deleted',
  'already_recalled',
  'bad_request',
  'invalid_payee_iban',
  'invalid_payee_name',
  'invalid_amount',
  'invalid_currency',
  'invalid_reference',
  'invalid_notification',
  'idempotency_key_required',
  'idempotency_key_reused',
  'insufficient_funds',
  'not_authorized',
  'internal_error',
  'bad_answer',
  'port_in_use',
] as const

/** One code of the outside world. */
export type WorldErrorCode = (typeof WORLD_ERROR_CODES)[number]

/** The name of a failed field and the file that held it, where there is one. */
export interface WorldErrorDetail {
  readonly file?: string
  readonly field?: string
  readonly status?: number
}

/**
 * An error of the outside world with a closed code. `file` and `field` name where bad input came from; `status` is the
 * HTTP status when the error was read from an answer. A lost connection is never a `WorldError`: fetch's own error
 * passes through, because nobody knows what the other side did.
 */
export class WorldError extends Error {
  readonly code: WorldErrorCode
  readonly file: string | undefined
  readonly field: string | undefined
  readonly status: number | undefined

  constructor(code: WorldErrorCode, message: string, detail: WorldErrorDetail = {}) {
    super(message)
    this.name = 'WorldError'
    this.code = code
    this.file = detail.file
    this.field = detail.field
    this.status = detail.status
  }
}

/** True when `value` is one of the closed codes; answers of a server are checked with it before they are believed. */
export function isWorldErrorCode(value: unknown): value is WorldErrorCode {
  return WORLD_ERROR_CODES.some((code) => code === value)
}
