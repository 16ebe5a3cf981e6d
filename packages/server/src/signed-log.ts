/** Signed logs as files outside the database: lines are added, durable one by one, and never changed. */
import { closeSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { SignalboxError } from 'signalbox'
import { ioError } from './dev/io.ts'
import { oneAtATime } from './dev/lock.ts'

/** The text of a log; empty when there is none. Throws the codes of `ioError`. */
export function logText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return ''
    throw ioError(cause, path)
  }
}

/**
 * Adds the line that `lineFor` gives for what the log holds, durable when this returns. Each line is chained to the one before
 * it, so processes take turns, with a lock file beside the log. Throws AUDIT_FAILED over a log with faults, naming `refused`
 * as what is not done, the codes of `ioError` and those of `oneAtATime`.
 */
export function addSigned<L extends { readonly faults: readonly number[] }>(
  path: string,
  read: (text: string) => L,
  refused: string,
  lineFor: (log: L) => string,
): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw ioError(cause, path)
  }
  oneAtATime(`${path}.lock`, () => {
    const text = logText(path)
    const log = read(text)
    const [fault] = log.faults
    if (fault !== undefined)
      throw new SignalboxError(
        'AUDIT_FAILED',
        `line ${fault} of \`${path}\` is not as it was signed: ${refused} over it; run \`signalbox audit verify\``,
      )
    // What a stopped process left of a line was not acknowledged.
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    addDurably(path, Buffer.byteLength(whole), lineFor(log))
  })
}

/** Cuts the file to its whole lines and adds one. */
function addDurably(path: string, bytes: number, line: string): void {
  try {
    const file = openSync(path, 'a+', 0o600)
    try {
      ftruncateSync(file, bytes)
      writeSync(file, line)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  } catch (cause) {
    throw ioError(cause, path)
  }
}
