export { memoryStore } from './memory.ts'
export { openSqliteStore, type SqliteStoreOptions } from './sqlite/open.ts'
export { STORE_VERSION } from './rules.ts'
