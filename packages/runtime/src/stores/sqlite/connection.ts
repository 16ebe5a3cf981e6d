import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { SignalboxError } from '../../base/errors.ts'
import { type Host, keepAlive, sleep } from '../../base/host.ts'
import { STORE_VERSION } from '../rules.ts'
import { folderError, isBusy, storeError } from './errors.ts'
import { APPLICATION_ID, MIGRATIONS } from './schema.ts'

/** How long SQLite itself waits for a lock. It blocks the thread, so it is short; longer waits are ours. */
const BUSY_TIMEOUT_MS = 50
const RETRY_PAUSE_MS = 5
const BUSY_LIMIT_MS = 10_000
const CHECKPOINT_EVERY_MS = 1_000
/** Bound of the log in pages should the timer not get its turn: 16 MB. */
const LOG_LIMIT_PAGES = 4_096

/** What only tests may set: each of these takes away a promise of the store. */
export interface UnsafeOptions {
  /** Commits are not flushed: a planted fault that the durability check must find. */
  readonly unsafeSyncOff?: boolean
  /** The file cannot grow beyond this many pages: a full disk. */
  readonly maxPages?: number
  /** The file is opened without write access. */
  readonly readOnly?: boolean
}

/** Where and how to open. */
export interface ConnectionOptions {
  readonly path: string
  readonly host: Host
  /** How long to wait for other processes' locks before STORE_UNAVAILABLE. Default 10 s. */
  readonly busyLimitMs?: number
}

/**
 * One connection: transactions with bounded waiting, prepared statements, log checkpoints on a timer.
 * Every failure leaves as a closed code.
 */
export class Connection {
  readonly path: string
  readonly #db: DatabaseSync
  readonly #host: Host
  readonly #busyLimitMs: number
  readonly #statements = new Map<string, StatementSync>()
  #cancelCheckpoint: (() => void) | null = null
  #transactions = 0
  #truncationOwed = false

  private constructor(db: DatabaseSync, options: ConnectionOptions) {
    this.#db = db
    this.path = options.path
    this.#host = options.host
    this.#busyLimitMs = options.busyLimitMs ?? BUSY_LIMIT_MS
  }

  /** Opens the file, makes its folder and tables when new, and brings an older one up to this version. */
  static async open(options: ConnectionOptions, unsafe: UnsafeOptions): Promise<Connection> {
    const db = openFile(options.path, unsafe)
    try {
      const connection = new Connection(db, options)
      await connection.#waiting(() => prepareFile(db, options.path, unsafe))
      if (!unsafe.readOnly) await connection.#waiting(() => connection.#migrate())
      if (unsafe.maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${Math.trunc(unsafe.maxPages)}`)
      return connection
    } catch (thrown) {
      db.close()
      throw storeError(thrown, options.path)
    }
  }

  /** Transactions that wrote since the file was opened. */
  get transactions(): number {
    return this.#transactions
  }

  /** The statement for this text, prepared once. Texts come from a bounded set in code, never from values. */
  sql(text: string): StatementSync {
    let statement = this.#statements.get(text)
    if (!statement) {
      statement = this.#db.prepare(text)
      this.#statements.set(text, statement)
    }
    return statement
  }

  /**
   * Runs `fn` in one transaction that holds the write lock from its start, durable when the promise resolves.
   * When `fn` throws, nothing of it stays. An error of the final flush may leave it unknown whether it happened
   * (ENGINE R11).
   */
  async write<T>(fn: () => T): Promise<T> {
    const result = await this.#waiting(() => this.#transaction(fn))
    this.#transactions++
    this.#armCheckpoint()
    return result
  }

  /** Runs a read. Statements within one call see the store as it is when each of them runs. */
  read<T>(fn: () => T): Promise<T> {
    return this.#waiting(fn)
  }

  /** Runs `fn`; on an exception undoes what it did within the transaction that is open. */
  nested<T>(fn: () => T, keep: (result: T) => boolean): T {
    this.sql('SAVEPOINT part').run()
    let kept = false
    try {
      const result = fn()
      kept = keep(result)
      return result
    } finally {
      if (this.#db.isTransaction) {
        if (!kept) this.sql('ROLLBACK TO part').run()
        this.sql('RELEASE part').run()
      }
    }
  }

  /**
   * Moves the log into the file and empties the log, so that replaced values are gone from both. While a reader of
   * another process keeps that from happening, the checkpoint timer tries again.
   */
  truncateLog(): void {
    try {
      this.#truncationOwed = !this.#truncated()
    } catch (thrown) {
      if (!isBusy(thrown)) throw storeError(thrown, this.path)
      this.#truncationOwed = true
    }
    if (this.#truncationOwed) this.#armCheckpoint()
  }

  /** Checkpoints and closes. A checkpoint that fails loses nothing: the log stays. Closing twice does nothing. */
  close(): void {
    this.#cancelCheckpoint?.()
    this.#cancelCheckpoint = null
    if (!this.#db.isOpen) return
    try {
      this.#truncated()
    } catch {
      // A full disk or another process: the next to open the file finds the log and goes on from it.
    } finally {
      this.#statements.clear()
      this.#db.close()
    }
  }

  #truncated(): boolean {
    return this.#db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.busy === 0
  }

  #armCheckpoint(): void {
    this.#cancelCheckpoint ??= this.#host.after(CHECKPOINT_EVERY_MS, () => this.#checkpoint())
  }

  #transaction<T>(fn: () => T): T {
    this.sql('BEGIN IMMEDIATE').run()
    try {
      const result = fn()
      this.sql('COMMIT').run()
      return result
    } catch (thrown) {
      // Some failures (a full disk) have rolled back already.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw thrown
    }
  }

  /** Runs `fn` now; while another process holds the lock, again after a pause, up to the limit. */
  async #waiting<T>(fn: () => T): Promise<T> {
    if (!this.#db.isOpen) throw new SignalboxError('STORE_UNAVAILABLE', 'the store is closed: open it again')
    let since: number | null = null
    for (;;) {
      try {
        return fn()
      } catch (thrown) {
        since ??= this.#host.monotonicMs()
        const late = this.#host.monotonicMs() - since >= this.#busyLimitMs
        if (!isBusy(thrown) || late) throw storeError(thrown, this.path)
      }
      await this.#pause()
      if (!this.#db.isOpen) throw new SignalboxError('STORE_UNAVAILABLE', 'the store was closed while it waited')
    }
  }

  /** A pause that the process outlives: the host's timers alone would let it end in the middle of a call. */
  async #pause(): Promise<void> {
    const release = keepAlive()
    await sleep(this.#host, RETRY_PAUSE_MS)
    release()
  }

  #checkpoint(): void {
    this.#cancelCheckpoint = null
    if (!this.#db.isOpen) return
    try {
      if (this.#truncationOwed) this.truncateLog()
      else this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)')
    } catch {
      // The log stays and the next commit, which can tell the caller, meets the same fault.
    }
  }

  #migrate(): void {
    if (userVersion(this.#db) === STORE_VERSION) return
    this.#transaction(() => {
      // Read again under the lock: another process may have been first.
      const from = userVersion(this.#db)
      if (from > STORE_VERSION) throw newer(this.path, from)
      for (const step of MIGRATIONS.slice(from)) this.#db.exec(step)
      this.#db.exec(`PRAGMA application_id = ${APPLICATION_ID}`)
      this.#db.exec(`PRAGMA user_version = ${STORE_VERSION}`)
    })
  }
}

function openFile(path: string, unsafe: UnsafeOptions): DatabaseSync {
  const folder = dirname(path)
  try {
    if (!unsafe.readOnly) mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (thrown) {
    throw folderError(thrown, folder)
  }
  try {
    return new DatabaseSync(path, { readOnly: unsafe.readOnly ?? false })
  } catch (thrown) {
    throw storeError(thrown, path)
  }
}

/** Settings of a connection. What the file is gets checked first, so that a foreign or newer file is left as it was. */
function prepareFile(db: DatabaseSync, path: string, unsafe: UnsafeOptions): void {
  db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
  checkFile(db, path)
  db.exec('PRAGMA cache_size = -16000')
  if (unsafe.readOnly) return
  const mode = pragma(db, 'journal_mode = WAL')
  if (mode !== 'wal')
    throw new SignalboxError('CONFIG_INVALID', `store path \`${path}\` must be a file on a local disk`)
  db.exec(`PRAGMA synchronous = ${unsafe.unsafeSyncOff ? 'OFF' : 'FULL'}`)
  db.exec(`PRAGMA wal_autocheckpoint = ${LOG_LIMIT_PAGES}`)
  // A destroyed key must not stay readable in a free page.
  db.exec('PRAGMA secure_delete = ON')
}

/** Throws STORE_CORRUPT for a database of another program and STORE_NEWER for a later format; changes nothing. */
export function checkFile(db: DatabaseSync, path: string): void {
  const { version, application, tables } = whatItIs(db)
  if (application !== APPLICATION_ID && (application !== 0 || version !== 0 || tables !== 0))
    throw new SignalboxError(
      'STORE_CORRUPT',
      `\`${path}\` is a database of another program: give the path of the data file`,
    )
  if (version > STORE_VERSION) throw newer(path, version)
}

/** Read in one transaction: between two reads another process may be making the tables. */
function whatItIs(db: DatabaseSync): { version: number; application: unknown; tables: unknown } {
  db.exec('BEGIN')
  try {
    const tables = db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.n
    return { version: userVersion(db), application: pragma(db, 'application_id'), tables }
  } finally {
    if (db.isTransaction) db.exec('ROLLBACK')
  }
}

function newer(path: string, version: number): SignalboxError {
  const sentence = `\`${path}\` has format ${version}, this version reads up to ${STORE_VERSION}: install the newer version`
  return new SignalboxError('STORE_NEWER', sentence, { details: { path, format: version, known: STORE_VERSION } })
}

function userVersion(db: DatabaseSync): number {
  return Number(pragma(db, 'user_version'))
}

/** The first value that a pragma answers. */
export function pragma(db: DatabaseSync, text: string): unknown {
  const row = db.prepare(`PRAGMA ${text}`).get()
  return row === undefined ? undefined : Object.values(row)[0]
}
