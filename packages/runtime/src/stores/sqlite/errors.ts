import { SignalboxError, type ErrorCode } from '../../base/errors.ts'

/** Primary result codes of SQLite that we tell apart (https://sqlite.org/rescode.html). */
export const SQLITE = {
  PERM: 3,
  BUSY: 5,
  LOCKED: 6,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  PROTOCOL: 15,
  CONSTRAINT: 19,
  NOTADB: 26,
} as const

/** The primary SQLite result code of an error, or null when it is not one of SQLite. */
export function sqliteCode(thrown: unknown): number | null {
  if (!(thrown instanceof Error) || !('errcode' in thrown) || typeof thrown.errcode !== 'number') return null
  return thrown.errcode & 0xff
}

/** True when another connection holds a lock that this one needs: try again a little later. */
export function isBusy(thrown: unknown): boolean {
  const code = sqliteCode(thrown)
  return code === SQLITE.BUSY || code === SQLITE.LOCKED || code === SQLITE.PROTOCOL
}

/** True when a row broke a unique index or another rule of the tables. */
export function isConstraint(thrown: unknown): boolean {
  return sqliteCode(thrown) === SQLITE.CONSTRAINT
}

const RESULTS: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  [SQLITE.FULL]: ['STORE_FULL', 'the disk that holds `PATH` is full: free space, then resume the runs'],
  [SQLITE.READONLY]: [
    'STORE_READ_ONLY',
    '`PATH` cannot be written: give this user write access to the file and its folder',
  ],
  [SQLITE.CANTOPEN]: [
    'STORE_READ_ONLY',
    '`PATH` cannot be opened: its folder must exist and be writable for this user',
  ],
  [SQLITE.PERM]: [
    'STORE_READ_ONLY',
    '`PATH` cannot be written: give this user write access to the file and its folder',
  ],
  [SQLITE.CORRUPT]: ['STORE_CORRUPT', '`PATH` is damaged: stop, keep a copy, and restore the last backup'],
  [SQLITE.CONSTRAINT]: ['STORE_CORRUPT', '`PATH` contradicts itself: stop, keep a copy, and restore the last backup'],
  [SQLITE.NOTADB]: ['STORE_CORRUPT', '`PATH` is not a database: move it away, or give the path of the data file'],
  [SQLITE.BUSY]: ['STORE_UNAVAILABLE', '`PATH` is locked by another process: stop what holds it, then try again'],
  [SQLITE.LOCKED]: ['STORE_UNAVAILABLE', '`PATH` is locked by another process: stop what holds it, then try again'],
  [SQLITE.PROTOCOL]: ['STORE_UNAVAILABLE', '`PATH` is locked by another process: stop what holds it, then try again'],
  [SQLITE.IOERR]: ['STORE_UNAVAILABLE', '`PATH` could not be read or written: check the disk'],
}

/** The closed code and the fix for an error of SQLite; anything else is told as STORE_UNAVAILABLE. Keeps our own errors. */
export function storeError(thrown: unknown, path: string): SignalboxError {
  if (thrown instanceof SignalboxError) return thrown
  const code = sqliteCode(thrown)
  const reason = thrown instanceof Error ? thrown.message : String(thrown)
  const [name, sentence] = (code === null ? undefined : RESULTS[code]) ?? [
    'STORE_UNAVAILABLE' as const,
    '`PATH` failed: check the file and the disk',
  ]
  return new SignalboxError(name, `${sentence.replace('PATH', path)} (${reason})`, {
    cause: thrown,
    details: { path, sqlite_code: code },
  })
}

const READ_ONLY_REASONS: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'])
const FULL_REASONS: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT'])

/** The closed code and the fix for an error of the file system about the data folder, or about the folder that `what` says. */
export function folderError(thrown: unknown, folder: string, what = 'data folder'): SignalboxError {
  const reason = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  const details = { path: folder, reason }
  if (FULL_REASONS.has(reason)) {
    return new SignalboxError('STORE_FULL', `the disk that holds \`${folder}\` is full: free space`, {
      cause: thrown,
      details,
    })
  }
  if (READ_ONLY_REASONS.has(reason)) {
    const sentence = `${what} \`${folder}\` cannot be written: make it a folder with write access for this user`
    return new SignalboxError('STORE_READ_ONLY', sentence, { cause: thrown, details })
  }
  const sentence = `${what} \`${folder}\` cannot be used (${reason || 'unknown reason'}): give another path`
  return new SignalboxError('STORE_UNAVAILABLE', sentence, { cause: thrown, details })
}
