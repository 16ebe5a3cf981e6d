import type { Store } from '../contracts/store.ts'
import type { SqliteStoreOptions } from '../stores/index.ts'
import { openSqlite } from '../stores/sqlite/open.ts'

/** What a SQLite store for a test of faults lacks. Never for data that matters. */
export interface SqliteFaults {
  /** Commits are acknowledged without a flush to disk (a planted fault; Invariant 17). */
  readonly unsafeSyncOff?: boolean
  /** The file cannot grow beyond this many pages of 4 KB: a full disk. */
  readonly maxPages?: number
  /** The file is opened without write access. */
  readonly readOnly?: boolean
}

/** Opens a SQLite store with promises taken away, to show that the checks of those promises can fail. */
export function openFaultySqliteStore(options: SqliteStoreOptions, faults: SqliteFaults): Promise<Store> {
  return openSqlite(options, faults)
}
