import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import { SignalboxError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import type { StoredRecord } from '../../contracts/store.ts'
import { folderError, storeError } from './errors.ts'
import { requireStore, withSqliteFile } from './upkeep.ts'

/** All pages in one step: one view of the store, which no writer can make start again. */
const ALL_PAGES = 2_147_483_647

/** Says whether a run's stored records verify against the end that its row tells (invariant 9). */
export type HistoryAudit = (
  records: readonly Pick<StoredRecord, 'seq' | 'type' | 'body' | 'hash'>[],
  row: { readonly seq: number; readonly head: string },
) => { readonly verified: boolean }

/** How far a store had come: rows of both tables are never deleted and their keys have no gaps. */
export interface StoreExtent {
  readonly runs: number
  readonly records: number
}

/** What a check of a closed store file found. */
export interface CopyCheck extends StoreExtent {
  /** Runs and records of the expected extent that the file does not have. */
  readonly missing: number
  /** Ids of the runs whose history does not verify. */
  readonly failedRuns: readonly string[]
}

/** A backup as it lies at its target. */
export interface SqliteBackup extends Omit<CopyCheck, 'missing'> {
  /** Absolute path. */
  readonly target: string
  readonly bytes: number
  /** SHA-256 of the file, in hex. */
  readonly sha256: string
  readonly durationMs: number
}

/** What to copy, and where to. */
export interface BackupOptions {
  readonly path: string
  /** A file that does not exist yet, in a folder that does. */
  readonly target: string
  readonly host: Host
  readonly audit: HistoryAudit
}

/** How far the store has come: everything that was acknowledged before the call is in it. */
export function extentOf(db: DatabaseSync): StoreExtent {
  const last = (text: string): number => Number(db.prepare(text).get()?.n ?? 0)
  return { runs: last('SELECT max(rid) AS n FROM runs'), records: last('SELECT max(position) AS n FROM records') }
}

/**
 * Copies a store while servers and workers write, then reads the whole copy: pages, extent, and every history. The target
 * appears at once and whole, or not at all. A history that does not verify is told and does not stop the copy: the store
 * itself has it. Throws CONFLICT when the target exists, NOT_FOUND for a missing store or folder, STORE_CORRUPT when the
 * copy is not sound, STORE_FULL and the other codes of writing. It works on the calling thread; give it its own process.
 */
export async function copySqlite({ path, target, host, audit }: BackupOptions): Promise<SqliteBackup> {
  const started = host.monotonicMs()
  const place = resolve(target)
  refuseTarget(place)
  const partial = `${place}.partial-${Buffer.from(host.randomBytes(4)).toString('hex')}`
  try {
    const before = await withSqliteFile(path, (db) => copyPages(db, partial))
    const { missing, ...found } = checkCopy(partial, audit, before)
    if (missing > 0)
      throw new SignalboxError(
        'STORE_CORRUPT',
        `the copy lacks ${missing} rows of \`${path}\`: check the disk, try again`,
      )
    const sha256 = flushAndHash(partial)
    const { size } = statSync(partial)
    publish(partial, place)
    return { target: place, ...found, bytes: size, sha256, durationMs: host.monotonicMs() - started }
  } catch (thrown) {
    throw thrown instanceof Error && 'syscall' in thrown
      ? folderError(thrown, dirname(place), 'backup folder')
      : storeError(thrown, place)
  } finally {
    removeParts(partial)
  }
}

/** Removes what is left of a file in the making. */
export function removeParts(partial: string): void {
  try {
    for (const end of ['', '-journal', '-wal', '-shm']) rmSync(`${partial}${end}`, { force: true })
  } catch {
    // The fault of the folder is told already, and the name says what is left.
  }
}

/** Throws NOT_FOUND for a folder that is none, and CONFLICT for a file that exists. */
export function refuseTarget(place: string): void {
  const folder = dirname(place)
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new SignalboxError('NOT_FOUND', `there is no folder \`${folder}\` to write to: make it first`)
  if (existsSync(place)) throw taken(place)
}

function taken(place: string): SignalboxError {
  return new SignalboxError('CONFLICT', `\`${place}\` exists already: name a file that does not`)
}

async function copyPages(db: DatabaseSync, partial: string): Promise<StoreExtent> {
  const before = extentOf(db)
  // Made here, so that nobody else can read it at any moment.
  closeSync(openSync(partial, 'wx', 0o600))
  await backup(db, partial, { rate: ALL_PAGES }).catch((thrown: unknown) => {
    throw storeError(thrown, partial)
  })
  const copy = new DatabaseSync(partial)
  try {
    // One file without a log beside it; opening it as a store turns the log on again.
    copy.exec('PRAGMA journal_mode = DELETE')
  } finally {
    copy.close()
  }
  return before
}

/**
 * Reads a store file that nobody writes: every page (STORE_CORRUPT when one is not sound), how far it came against what is
 * expected, and every history.
 */
export function checkCopy(path: string, audit: HistoryAudit, expected: StoreExtent): CopyCheck {
  let db: DatabaseSync | null = null
  try {
    db = new DatabaseSync(path, { readOnly: true })
    requireStore(db, path)
    const pages = db.prepare('PRAGMA integrity_check(1)').get()?.integrity_check
    if (pages !== 'ok')
      throw new SignalboxError(
        'STORE_CORRUPT',
        `\`${path}\` is not sound (${String(pages)}): check the store and the disk`,
      )
    const extent = extentOf(db)
    const missing = Math.max(0, expected.runs - extent.runs) + Math.max(0, expected.records - extent.records)
    return { ...extent, missing, failedRuns: failedRuns(db, audit) }
  } catch (thrown) {
    throw storeError(thrown, path)
  } finally {
    db?.close()
  }
}

function failedRuns(db: DatabaseSync, audit: HistoryAudit): readonly string[] {
  const history = db.prepare('SELECT seq, type, body, hash FROM records WHERE rid = ? ORDER BY seq')
  const failed: string[] = []
  for (const row of db.prepare('SELECT rid, run_id, seq, head FROM runs ORDER BY rid').iterate()) {
    const records = history.all(Number(row.rid)).map(({ seq, type, body, hash }) => ({
      seq: Number(seq),
      // The audit tells a type that is none.
      type: String(type) as StoredRecord['type'],
      body: String(body),
      hash: String(hash),
    }))
    if (!audit(records, { seq: Number(row.seq), head: String(row.head) }).verified) failed.push(String(row.run_id))
  }
  return failed
}

/** Flushes the file to disk and gives its SHA-256. */
function flushAndHash(path: string): string {
  const file = openSync(path, 'r+')
  try {
    fsyncSync(file)
    const sum = createHash('sha256')
    const part = new Uint8Array(1 << 20)
    for (let n = readSync(file, part); n > 0; n = readSync(file, part)) sum.update(part.subarray(0, n))
    return sum.digest('hex')
  } finally {
    closeSync(file)
  }
}

const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'])

/** Gives a file in the making its name, never over another one, and flushes the folder. */
export function publish(partial: string, place: string): void {
  try {
    linkSync(partial, place)
  } catch (thrown) {
    const reason = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
    if (reason === 'EEXIST' || existsSync(place)) throw taken(place)
    if (!NO_LINKS.has(reason)) throw thrown
    // A file system without links: the name was free a moment ago.
    renameSync(partial, place)
  }
  rmSync(partial, { force: true })
  const folder = openSync(dirname(place), constants.O_RDONLY)
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
