import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemHost } from '../../base/host.ts'
import { memoryStore, openSqliteStore } from '../../stores/index.ts'
import type { StoreUnderTest } from './suite.ts'

/** An empty store in memory. */
export async function memoryUnderTest(): Promise<StoreUnderTest> {
  const store = memoryStore()
  return { store, another: null, remove: () => store.close() }
}

/** An empty SQLite store in a temporary folder, on the real clock. */
export async function sqliteUnderTest(): Promise<StoreUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-store-'))
  const open = () => openSqliteStore({ path: join(folder, 'signalbox.db'), host: systemHost })
  const store = await open()
  return {
    store,
    another: open,
    remove: async () => {
      await store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
