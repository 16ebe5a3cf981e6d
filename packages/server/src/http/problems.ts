import type { Problem } from '@signalbox/protocol'
import { ERROR_TABLE, SignalboxError } from 'signalbox'

/** Told about faults that are nobody's expected error: name and stack frames, never a message, which may hold content. */
export type FaultLog = (fault: { readonly name: string; readonly at: string; readonly stack: string }) => void

/** Any thrown value as a problem document. What is not a SignalboxError becomes INTERNAL, and its text stays here. */
export function problemFor(thrown: unknown, instance: string, log: FaultLog): Problem {
  const error = thrown instanceof SignalboxError ? thrown : internal(thrown, instance, log)
  const row = ERROR_TABLE[error.code]
  return {
    type: `urn:signalbox:problem:${error.code.toLowerCase()}`,
    title: row.title,
    status: row.status,
    code: error.code,
    detail: error.message,
    instance,
    ...(Object.keys(error.details).length > 0 ? { details: mutable(error.details) } : {}),
  }
}

function internal(thrown: unknown, at: string, log: FaultLog): SignalboxError {
  const name = thrown instanceof Error ? thrown.name : typeof thrown
  const stack = thrown instanceof Error ? (thrown.stack ?? '') : ''
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line))
  log({ name, at, stack: frames.join('\n') })
  return new SignalboxError('INTERNAL', "an unexpected fault: the server's log has its place")
}

function mutable(details: SignalboxError['details']): NonNullable<Problem['details']> {
  return Object.fromEntries(
    Object.entries(details).map(([key, value]) => [
      key,
      typeof value === 'object' && value !== null ? [...value] : value,
    ]),
  )
}
