import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyVault, loadMasterKey, openSqliteStore, type Principal, systemHost } from 'signalbox'
import { expect, it } from 'vitest'
import { DATABASE } from '../../src/index.ts'
import { erasureService } from '../../src/erasure/service.ts'
import { storedRuns } from './claims.ts'

const OLGA: Principal = { id: 'user:olga', kind: 'user', tenant: 'dev', roles: ['privacy'] }

async function opened(dataDir: string, keyDir: string) {
  const host = systemHost
  const store = await openSqliteStore({ path: join(dataDir, DATABASE), host })
  const masterKey = loadMasterKey({ dir: keyDir, env: {}, mode: 'development', host })
  const vault = keyVault({ store, host, masterKey })
  return { store, service: erasureService({ store, vault, host, dataDir, env: {}, mode: 'development' }) }
}

it('ERA-012: a copy of a store in which persons were erased, without its log, is told', async () => {
  const { dataDir, runIds } = await storedRuns({ ended: 1, waiting: 0 })
  const copy = mkdtempSync(join(tmpdir(), 'erasure-copy-'))
  try {
    const first = await opened(dataDir, dataDir)
    expect(await first.service.missingLog()).toBeNull()
    await first.service.erase({ subject: `run:${runIds[0]}`, reason: 'asked for it', by: OLGA })
    expect(await first.service.missingLog()).toBeNull()
    await first.store.close()
    copyFileSync(join(dataDir, DATABASE), join(copy, DATABASE))
    const second = await opened(copy, dataDir)
    expect(await second.service.missingLog()).toMatch(/^1 erased persons of this store are not in the log/)
    // With the log beside it nothing is told.
    copyFileSync(join(dataDir, 'erasures.ndjson'), join(copy, 'erasures.ndjson'))
    expect(await second.service.missingLog()).toBeNull()
    await second.store.close()
  } finally {
    for (const dir of [dataDir, copy]) rmSync(dir, { recursive: true, force: true })
  }
})
