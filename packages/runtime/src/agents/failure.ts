/** A provider's error as MODEL_FAILED: what was wrong, what it may have cost, and how long to wait. */
import {
  APICallError,
  EmptyResponseBodyError,
  InvalidResponseDataError,
  JSONParseError,
  TypeValidationError,
} from '@ai-sdk/provider'
import { SignalboxError } from '../base/errors.ts'
import type { ModelTrouble } from '../contracts/provider.ts'
import { StreamError } from './collect.ts'

/**
 * A provider's error as MODEL_FAILED. Its text may repeat the prompt: it goes to `content`, never into the message.
 * `received` tells whether a part of an answer had come; `nowMs` is what a date to wait until is counted from.
 */
export function modelFailure(id: string, thrown: unknown, received: boolean, nowMs: number): SignalboxError {
  const cause = thrown instanceof StreamError && thrown.cause !== undefined ? thrown.cause : thrown
  if (cause instanceof SignalboxError && cause.details.trouble !== undefined) return cause
  const trouble = troubleOf(cause, received)
  const failure = new SignalboxError('MODEL_FAILED', `model \`${id}\`: ${describe(cause, trouble)}`, {
    details: { ...detailsOf(cause, nowMs), ...(trouble ? { trouble } : {}) },
  })
  Object.defineProperty(failure, 'content', { value: contentOf(cause), enumerable: false })
  return failure
}

function describe(cause: unknown, trouble: ModelTrouble | null): string {
  if (cause instanceof SignalboxError) return cause.message
  if (trouble === 'unreachable') return 'the provider could not be reached'
  if (!APICallError.isInstance(cause) || cause.statusCode === undefined)
    return 'the provider sent what cannot be read or reported an error'
  return `the provider answered with status ${cause.statusCode}`
}

const UNREADABLE = [JSONParseError, TypeValidationError, EmptyResponseBodyError, InvalidResponseDataError]

/** What was wrong with the provider; null where the request is to blame. */
function troubleOf(cause: unknown, received: boolean): ModelTrouble | null {
  // The answer ended before its finish.
  if (cause instanceof SignalboxError) return received ? 'interrupted' : 'unreachable'
  const status = statusOf(cause)
  if (status === 429) return 'rate_limited'
  if (status !== undefined && status >= 400) return isOverload(status) ? 'overloaded' : null
  if (UNREADABLE.some((kind) => kind.isInstance(cause) || kind.isInstance(causeOf(cause)))) return 'unreadable'
  if (received) return 'interrupted'
  return isConnection(cause) ? 'unreachable' : 'unreadable'
}

function statusOf(cause: unknown): number | undefined {
  return APICallError.isInstance(cause) ? cause.statusCode : undefined
}

/** Statuses with which a provider says that the same request may be answered later. */
function isOverload(status: number): boolean {
  return status >= 500 || status === 408 || status === 409
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined
}

/** An error of the transport: the platform's fetch fails with a TypeError, the libraries with an error without status. */
function isConnection(cause: unknown): boolean {
  if (APICallError.isInstance(cause)) return cause.statusCode === undefined
  return cause instanceof TypeError || codeOf(cause) !== undefined
}

function detailsOf(cause: unknown, nowMs: number): SignalboxError['details'] {
  if (!APICallError.isInstance(cause)) return { may_pass: false }
  const charged = mayBeCharged(cause) ? {} : { charged: false }
  const status = cause.statusCode === undefined ? {} : { status: cause.statusCode }
  const wait = waitSeconds(cause.responseHeaders, nowMs)
  const retry = wait === null ? {} : { retry_after_seconds: wait }
  return { ...status, ...retry, ...charged, may_pass: cause.isRetryable }
}

/** What the provider asks to wait: `retry-after-ms`, or `retry-after` as seconds or as a date. Null when it says nothing. */
function waitSeconds(headers: Record<string, string> | undefined, nowMs: number): number | null {
  const exact = headers?.['retry-after-ms']
  if (exact !== undefined && isCount(Number(exact))) return Number(exact) / 1_000
  const text = headers?.['retry-after']?.trim()
  if (text === undefined || text === '') return null
  if (isCount(Number(text))) return Number(text)
  const date = Date.parse(text)
  return Number.isNaN(date) ? null : Math.max(0, Math.ceil((date - nowMs) / 1_000))
}

function isCount(value: number): boolean {
  return Number.isFinite(value) && value >= 0
}

/** Codes of a connection that was never made: the provider saw no request. */
const NEVER_CONNECTED: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'])

/** A refused request (status 4xx) and one that never arrived cost nothing; of every other the caller must assume it. */
function mayBeCharged(error: APICallError): boolean {
  if (error.statusCode !== undefined) return error.statusCode < 400 || error.statusCode >= 500
  return !NEVER_CONNECTED.has(codeOf(error.cause))
}

function codeOf(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined
  return 'code' in error ? error.code : codeOf(error.cause)
}

function contentOf(cause: unknown): string {
  if (APICallError.isInstance(cause) && cause.responseBody) return cause.responseBody
  return cause instanceof Error ? cause.message : JSON.stringify(cause ?? null)
}
