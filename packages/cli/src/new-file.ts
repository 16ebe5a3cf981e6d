import { existsSync, writeFileSync } from 'node:fs'
import { SignalboxError } from 'signalbox'

/** Writes a new file that only its owner can read. Throws CONFLICT when it exists, STORE_READ_ONLY when it cannot be made. */
export function writeNew(path: string, content: string | Uint8Array): void {
  if (existsSync(path)) throw new SignalboxError('CONFLICT', `\`${path}\` exists already: name a file that does not`)
  try {
    writeFileSync(path, content, { flag: 'wx', mode: 0o600 })
  } catch (cause) {
    throw new SignalboxError('STORE_READ_ONLY', `\`${path}\` cannot be written: name a file in a folder of yours`, {
      cause,
    })
  }
}
