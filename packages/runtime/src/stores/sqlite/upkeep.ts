import { existsSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { SignalboxError } from '../../base/errors.ts'
import { checkFile, pragma } from './connection.ts'
import { sqliteCode, storeError } from './errors.ts'

/** How long SQLite waits for locks of servers and workers. These calls may block: nothing else runs beside them. */
const BUSY_TIMEOUT_MS = 2_000

/** One table with its indexes. */
export interface TableStats {
  readonly name: string
  readonly rows: number
  /** Bytes of its pages and of its indexes' pages; null where this build of SQLite cannot tell. */
  readonly bytes: number | null
}

/** What a store holds and what it takes. All sizes are bytes. */
export interface SqliteStats {
  /** Version of the file's layout. */
  readonly format: number
  readonly fileBytes: number
  /** The write-ahead log beside the file. */
  readonly logBytes: number
  /** Pages of the file that hold nothing; `vacuumSqlite` gives them back. */
  readonly freeBytes: number
  /** Largest first. */
  readonly tables: readonly TableStats[]
  readonly runsByStatus: Readonly<Record<string, number>>
  /** Bytes of sealed contents of runs that have ended: what pruning to `metadata` can free. */
  readonly endedContentBytes: number
  /** Runs whose histories were pruned, by what they keep. */
  readonly prunedRuns: Readonly<Record<string, number>>
  /** Ended runs that keep everything. */
  readonly unprunedRuns: number
  /** Persons whose key was destroyed. */
  readonly erasedSubjects: number
  /** ISO 8601 time of the first record in the store's order, or null when there is none. */
  readonly oldestRecordAt: string | null
  readonly newestRecordAt: string | null
}

/**
 * Opens an existing store file as it is, without bringing it up to this version, and closes it after `use`. Throws
 * NOT_FOUND when there is none, and the closed codes of opening a store.
 */
export async function withSqliteFile<T>(path: string, use: (db: DatabaseSync) => T | Promise<T>): Promise<T> {
  if (!existsSync(path))
    throw new SignalboxError('NOT_FOUND', `there is no store at \`${path}\`: give the path of its data file`)
  let db: DatabaseSync | null = null
  try {
    db = new DatabaseSync(path)
    db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
    requireStore(db, path)
    return await use(db)
  } catch (thrown) {
    // Faults of other files are the caller's to tell.
    throw sqliteCode(thrown) === null ? thrown : storeError(thrown, path)
  } finally {
    db?.close()
  }
}

/** Throws NOT_FOUND for a file without tables, and for foreign and newer files what opening them as a store throws. */
export function requireStore(db: DatabaseSync, path: string): void {
  checkFile(db, path)
  if (pragma(db, 'user_version') === 0)
    throw new SignalboxError('NOT_FOUND', `\`${path}\` is empty: give the path of a data file`)
}

/**
 * Counts a store in one view of it, while servers and workers write. Reads every page once. Throws NOT_FOUND and the
 * closed codes of opening a store.
 */
export function sqliteStats(path: string): Promise<SqliteStats> {
  return withSqliteFile(path, (db) => {
    db.exec('BEGIN')
    try {
      return statsOf(db, path)
    } finally {
      db.exec('COMMIT')
    }
  })
}

function statsOf(db: DatabaseSync, path: string): SqliteStats {
  const pageBytes = Number(pragma(db, 'page_size'))
  const sizes = tableBytes(db)
  const tables = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all()
    .map(({ name }) => String(name))
  const status = db.prepare('SELECT status, count(*) AS n FROM runs GROUP BY status ORDER BY status').all()
  return {
    format: Number(pragma(db, 'user_version')),
    fileBytes: Number(pragma(db, 'page_count')) * pageBytes,
    logBytes: logBytes(path),
    freeBytes: Number(pragma(db, 'freelist_count')) * pageBytes,
    tables: tables
      .map((name) => ({ name, rows: countRows(db, name), bytes: sizes?.get(name) ?? null }))
      .sort((a, b) => (b.bytes ?? 0) - (a.bytes ?? 0) || b.rows - a.rows),
    runsByStatus: Object.fromEntries(status.map((row) => [String(row.status), Number(row.n)])),
    ...keptStats(db),
    oldestRecordAt: recordTime(db, 'ASC'),
    newestRecordAt: recordTime(db, 'DESC'),
  }
}

const ENDED = "status IN ('completed', 'stopped', 'cancelled', 'terminated')"

/** What was destroyed, and what could be. A file of an earlier format has nothing pruned. */
function keptStats(
  db: DatabaseSync,
): Pick<SqliteStats, 'endedContentBytes' | 'prunedRuns' | 'unprunedRuns' | 'erasedSubjects'> {
  const count = (text: string): number => Number(db.prepare(text).get()?.n ?? 0)
  const knows = count("SELECT count(*) AS n FROM pragma_table_info('runs') WHERE name = 'kept'") > 0
  const kept = knows ? db.prepare('SELECT kept, count(*) AS n FROM runs WHERE kept NOT NULL GROUP BY kept').all() : []
  const whole = knows ? `${ENDED} AND kept IS NULL` : ENDED
  return {
    endedContentBytes: count(`SELECT sum(length(sealed)) AS n FROM records JOIN runs USING (rid) WHERE ${ENDED}`),
    prunedRuns: Object.fromEntries(kept.map((row) => [String(row.kept), Number(row.n)])),
    unprunedRuns: count(`SELECT count(*) AS n FROM runs WHERE ${whole}`),
    erasedSubjects: count('SELECT count(*) AS n FROM subject_keys WHERE destroyed_at IS NOT NULL'),
  }
}

/** Bytes by table from `dbstat`, which not every build of SQLite has; null without it. */
export function tableBytes(db: DatabaseSync): ReadonlyMap<string, number> | null {
  const sizes = `SELECT s.tbl_name AS name, sum(d.pgsize) AS bytes FROM dbstat AS d
    JOIN sqlite_schema AS s ON s.name = d.name WHERE d.aggregate = TRUE GROUP BY s.tbl_name`
  try {
    const rows = db.prepare(sizes).all()
    return new Map(rows.map((row) => [String(row.name), Number(row.bytes)]))
  } catch (thrown) {
    if (thrown instanceof Error && /dbstat/.test(thrown.message)) return null
    throw thrown
  }
}

function countRows(db: DatabaseSync, table: string): number {
  return Number(db.prepare(`SELECT count(*) AS n FROM "${table.replaceAll('"', '""')}"`).get()?.n ?? 0)
}

function recordTime(db: DatabaseSync, order: 'ASC' | 'DESC'): string | null {
  const body = db.prepare(`SELECT body FROM records ORDER BY position ${order} LIMIT 1`).get()?.body
  try {
    const record: unknown = JSON.parse(String(body))
    return typeof record === 'object' && record !== null && 'at' in record ? String(record.at) : null
  } catch {
    return null
  }
}

function logBytes(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0
}

/** What a vacuum did: bytes of file and log together. */
export interface SqliteVacuum {
  readonly bytesBefore: number
  readonly bytesAfter: number
}

/**
 * Writes the file anew without its free pages and gives the space back. Needs free space of about twice the file; when
 * that runs out the store stays as it was (STORE_FULL). Call it while no server uses the file: others wait for their
 * locks meanwhile. Throws STORE_UNAVAILABLE when somebody holds one, NOT_FOUND, and the codes of opening a store.
 */
export function vacuumSqlite(path: string): Promise<SqliteVacuum> {
  return withSqliteFile(path, (db) => {
    const bytes = (): number => statSync(path).size + logBytes(path)
    const bytesBefore = bytes()
    db.exec('PRAGMA synchronous = FULL; PRAGMA secure_delete = ON')
    db.exec('VACUUM')
    const emptied = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
    if (emptied?.busy !== 0)
      throw new SignalboxError(
        'STORE_UNAVAILABLE',
        `\`${path}\` is read by another process: nothing is lost, but space is given back only once that has ended`,
      )
    return { bytesBefore, bytesAfter: bytes() }
  })
}
