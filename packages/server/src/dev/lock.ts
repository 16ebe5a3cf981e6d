/**
 * One development server for each data folder. The lock is an operating-system lock on `dev.lock` (held through SQLite),
 * so it is gone with its process however that ended, and a process id that came around again cannot hold it.
 * `server.json` beside it tells where the holder answers; it is a hint, never the lock.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { SignalboxError } from 'signalbox'
import { z } from 'zod'
import { ioError } from './io.ts'

const addressSchema = z.object({ pid: z.int(), url: z.string() })

/** Where the server of a data folder answers. */
export type ServerAddress = z.output<typeof addressSchema>

/** A held lock. */
export interface DataLock {
  /** Tells others where this server answers. */
  announce(address: ServerAddress): void
  release(): void
}

const addressPath = (dataDir: string): string => join(dataDir, 'server.json')

/** Where the folder's server said it answers, or null. It may be gone: ask it. */
export function readAddress(dataDir: string): ServerAddress | null {
  try {
    const parsed = addressSchema.safeParse(JSON.parse(readFileSync(addressPath(dataDir), 'utf8')))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}

/** Takes the folder. Throws DATA_IN_USE with the holder's address, STORE_READ_ONLY or STORE_FULL. */
export function lockData(dataDir: string): DataLock {
  const path = join(dataDir, 'dev.lock')
  const file = openLock(path)
  try {
    file.exec('PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (cause) {
    file.close()
    throw isBusy(cause) ? inUse(dataDir) : lockFault(cause, path)
  }
  return {
    announce: (address) => {
      try {
        writeFileSync(addressPath(dataDir), `${JSON.stringify(address)}\n`, { mode: 0o600 })
      } catch (cause) {
        throw ioError(cause, addressPath(dataDir))
      }
    },
    release: () => {
      rmSync(addressPath(dataDir), { force: true })
      file.close()
    },
  }
}

/** How long `oneAtATime` waits for another process. A line of a log takes milliseconds. */
const WAIT_MS = 30_000

/**
 * Does something while no other process does it under the same lock file, which stays and is empty. The lock is the operating
 * system's: a holder that was killed holds it no longer, so no lock is ever old. It blocks while it waits, 30 seconds at the
 * most. Throws STORE_UNAVAILABLE then, with nothing done, STORE_READ_ONLY, STORE_FULL and what `act` throws.
 */
export function oneAtATime<T>(path: string, act: () => T): T {
  const file = openLock(path)
  try {
    try {
      file.exec(`PRAGMA busy_timeout = ${WAIT_MS}; BEGIN EXCLUSIVE`)
    } catch (cause) {
      throw isBusy(cause) ? heldTooLong(path, cause) : lockFault(cause, path)
    }
    return act()
  } finally {
    file.close()
  }
}

function heldTooLong(path: string, cause: unknown): SignalboxError {
  return new SignalboxError(
    'STORE_UNAVAILABLE',
    `another process has held \`${path}\` for ${WAIT_MS / 1000} seconds: see what uses that folder, then try again`,
    { cause },
  )
}

function openLock(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path)
  } catch (cause) {
    throw lockFault(cause, path)
  }
}

const SQLITE_BUSY = 5
const SQLITE_READONLY = 8
const SQLITE_FULL = 13
const SQLITE_CANTOPEN = 14

function codeOf(cause: unknown): number {
  const code = cause instanceof Error && 'errcode' in cause ? cause.errcode : undefined
  return typeof code === 'number' ? code & 0xff : 0
}

function isBusy(cause: unknown): boolean {
  return codeOf(cause) === SQLITE_BUSY
}

function inUse(dataDir: string): SignalboxError {
  const holder = readAddress(dataDir)
  const where = holder ? ` at ${holder.url} (process ${holder.pid})` : ''
  return new SignalboxError(
    'DATA_IN_USE',
    `another \`signalbox dev\` uses \`${dataDir}\`${where}: use that one, stop it, or choose another folder with --data`,
    { details: holder ? { url: holder.url, pid: holder.pid } : {} },
  )
}

function lockFault(cause: unknown, path: string): SignalboxError {
  const code = codeOf(cause)
  if (code === SQLITE_FULL)
    return new SignalboxError('STORE_FULL', `no space is left for \`${path}\`: free some, then start again`, { cause })
  if (code === SQLITE_READONLY || code === SQLITE_CANTOPEN)
    return new SignalboxError(
      'STORE_READ_ONLY',
      `\`${path}\` cannot be written: give this user write access, or choose another folder with --data`,
      { cause },
    )
  return new SignalboxError('STORE_UNAVAILABLE', `\`${path}\` cannot be locked: delete it, then start again`, { cause })
}
