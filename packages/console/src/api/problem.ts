import { ERROR_TABLE, type ErrorCode, SignalboxError } from '@signalbox/protocol'

/** An error as the console shows it. */
export interface Shown {
  readonly code: ErrorCode
  readonly title: string
  /** What happened and the fix, from the server. */
  readonly detail: string
  /** Facts that go with it, such as who decided already. */
  readonly details: SignalboxError['details']
}

/** Anything that was thrown, as something to show; what has no code is an unexpected fault. */
export function shown(error: unknown): Shown {
  if (error instanceof SignalboxError) {
    return {
      code: error.code,
      title: ERROR_TABLE[error.code].title,
      detail: sentence(error.message),
      details: error.details,
    }
  }
  const text = error instanceof Error ? error.message : String(error)
  return { code: 'INTERNAL', title: ERROR_TABLE.INTERNAL.title, detail: sentence(text), details: {} }
}

/** Whether an error says that the server does not answer. */
export function isAway(error: unknown): boolean {
  return error instanceof SignalboxError && error.code === 'SERVER_UNREACHABLE'
}

/** Whether an error has one of these codes. */
export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): boolean {
  return error instanceof SignalboxError && codes.includes(error.code)
}

/** Whether trying again can help: the server or its store is away, and nothing was refused. */
export function isPassing(error: unknown): boolean {
  return hasCode(error, 'SERVER_UNREACHABLE', 'STORE_UNAVAILABLE')
}

function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(first) ? first : `${first}.`
}
