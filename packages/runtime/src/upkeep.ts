import { type Host, systemHost } from './base/host.ts'
import { auditRun } from './observability/index.ts'
import { type CopyCheck, checkCopy, copySqlite, type SqliteBackup, type StoreExtent } from './stores/sqlite/backup.ts'

/**
 * Backs a SQLite store up while servers and workers write, and verifies the copy: every page, every record that was
 * acknowledged before the call, every history (invariant 9). The target appears whole or not at all. Master keys are not
 * in it. Throws CONFLICT when the target exists, NOT_FOUND, STORE_CORRUPT, STORE_FULL, STORE_READ_ONLY,
 * STORE_UNAVAILABLE, STORE_NEWER. Reads the whole copy on the calling thread.
 */
export function backupSqlite(path: string, target: string, host: Host = systemHost): Promise<SqliteBackup> {
  return copySqlite({ path, target, host, audit: auditRun })
}

/** The check of `backupSqlite`, for a file that nobody writes: pages (STORE_CORRUPT), extent, every history. */
export function checkBackup(path: string, expected: StoreExtent = { runs: 0, records: 0 }): CopyCheck {
  return checkCopy(path, auditRun, expected)
}
