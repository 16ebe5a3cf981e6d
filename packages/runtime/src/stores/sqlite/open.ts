import { SignalboxError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import type { Store } from '../../contracts/store.ts'
import { Connection, type ConnectionOptions, type UnsafeOptions } from './connection.ts'
import { SqliteStore } from './store.ts'

/** Where the embedded store lives. */
export interface SqliteStoreOptions {
  /** Path of the file; it and its folder are made when missing. The disk must be local. */
  readonly path: string
  readonly host: Host
  /** How long to wait for another process that holds the lock before STORE_UNAVAILABLE. Default 10,000. */
  readonly busyLimitMs?: number
}

const KNOWN: ReadonlySet<string> = new Set(['path', 'host', 'busyLimitMs'])

/**
 * Opens the embedded store: SQLite with a write-ahead log, each commit flushed to disk before it is acknowledged
 * (invariants 3 and 10). Several processes may open one file. Throws STORE_READ_ONLY, STORE_NEWER, STORE_CORRUPT,
 * STORE_FULL, STORE_UNAVAILABLE; CONFIG_INVALID for an option that it does not know.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const strange = Object.keys(options).find((name) => !KNOWN.has(name))
  if (strange !== undefined)
    throw new SignalboxError(
      'CONFIG_INVALID',
      `store option \`${strange}\` is not known: use path, host or busyLimitMs`,
    )
  return openSqlite(options, {})
}

/** Opens with promises taken away, for tests of what depends on them; reached through the testing entry only. */
export async function openSqlite(options: ConnectionOptions, unsafe: UnsafeOptions): Promise<Store> {
  return new SqliteStore(await Connection.open(options, unsafe))
}
