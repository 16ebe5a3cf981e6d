export { memoryStore } from './memory.ts'
export { openSqliteStore, type SqliteStoreOptions } from './sqlite/open.ts'
export {
  sqliteStats,
  type SqliteStats,
  type SqliteVacuum,
  type TableStats,
  vacuumSqlite,
} from './sqlite/upkeep.ts'
export type { CopyCheck, SqliteBackup, StoreExtent } from './sqlite/backup.ts'
export { STORE_VERSION } from './rules.ts'
export { loadAuditKey, loadMasterKey, type MasterKeyOptions } from './master-key.ts'
export { keyVault, type KeyVaultOptions } from './vault.ts'
