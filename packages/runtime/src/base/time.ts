import { SignalboxError } from './errors.ts'

/** ISO 8601 text of a wall time in milliseconds. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}

/** Milliseconds of an ISO 8601 text that this program wrote. */
export function timeOf(iso: string): number {
  return Date.parse(iso)
}

const WITH_ZONE = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/

/**
 * Milliseconds since 1970 of a moment that somebody else named: a `Date`, or ISO 8601 text with its zone. Throws
 * INPUT_INVALID, with `what` in front, for anything else.
 */
export function momentOf(value: unknown, what: string): number {
  const text = typeof value === 'string' && WITH_ZONE.test(value) ? Date.parse(value) : Number.NaN
  const ms = value instanceof Date ? value.getTime() : text
  if (Number.isNaN(ms))
    throw new SignalboxError(
      'INPUT_INVALID',
      `${what} must be a valid \`Date\` or ISO 8601 text with its zone, such as \`2026-03-01T09:00:00Z\``,
    )
  return ms
}

/** Ten years: longer is a mistake. */
const MAX_SECONDS = 315_360_000

/** A duration in seconds that somebody else named. Throws INPUT_INVALID unless it is from 0 to ten years. */
export function secondsOf(value: unknown, what: string): number {
  if (typeof value === 'number' && value >= 0 && value <= MAX_SECONDS) return value
  throw new SignalboxError('INPUT_INVALID', `${what} must be a number of seconds from 0 to ${MAX_SECONDS} (ten years)`)
}
