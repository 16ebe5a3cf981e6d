import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemHost } from '../../base/host.ts'
import { checkBackup } from '../../upkeep.ts'
import { commitChain } from '../../../test/chained.ts'
import { openSqliteStore } from './open.ts'
import { sqliteStats, tableBytes, vacuumSqlite } from './upkeep.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-upkeep-'))
  path = join(folder, 'signalbox.db')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function filled() {
  const store = await openSqliteStore({ path, host: systemHost })
  await commitChain(store, 'run_a', 30, new Uint8Array(20_000))
  await commitChain(store, 'run_b', 1, new Uint8Array(10))
  return store
}

/** Free pages, as a later version's pruning leaves them. */
function freePages(): void {
  const db = new DatabaseSync(path)
  db.exec('CREATE TABLE gone (body BLOB); INSERT INTO gone VALUES (zeroblob(3000000)); DROP TABLE gone')
  db.close()
}

describe('statistics of a store', () => {
  it('UPK-007: rows and bytes of each table, log, free pages, statuses and the ends of the record, while it is open', async () => {
    const store = await filled()
    const stats = await sqliteStats(path)
    expect(stats.tables[0]).toMatchObject({ name: 'records', rows: 33 })
    expect(stats.tables[0]?.bytes).toBeGreaterThan(600_000)
    expect(stats.tables.find((each) => each.name === 'runs')).toMatchObject({ rows: 2 })
    expect(stats.tables.find((each) => each.name === 'effects')).toMatchObject({ rows: 0 })
    expect(stats.runsByStatus).toEqual({ running: 2 })
    expect([stats.oldestRecordAt, stats.newestRecordAt]).toEqual([
      '2025-10-09T08:53:20.001Z',
      '2025-10-09T08:53:20.002Z',
    ])
    expect(stats.logBytes).toBe(statSync(`${path}-wal`).size)
    expect(stats.freeBytes).toBe(0)
    await store.close()
    freePages()
    const later = await sqliteStats(path)
    expect(later.freeBytes).toBeGreaterThan(2_900_000)
    expect(later.fileBytes).toBe(statSync(path).size)
    const tables = later.tables.reduce((sum, each) => sum + (each.bytes ?? 0), 0)
    expect(tables + later.freeBytes).toBeLessThanOrEqual(later.fileBytes)
    expect(tables + later.freeBytes).toBeGreaterThan(later.fileBytes * 0.99)
  })

  it('UPK-007: an empty store has no times; where SQLite cannot tell bytes by table they are null', async () => {
    await (await openSqliteStore({ path, host: systemHost })).close()
    expect(await sqliteStats(path)).toMatchObject({ oldestRecordAt: null, newestRecordAt: null, runsByStatus: {} })
    // What SQLite says when it was built without the table.
    const without = Object.assign(new DatabaseSync(':memory:'), {
      prepare: () => {
        throw new Error('no such table: dbstat')
      },
    })
    expect(tableBytes(without)).toBeNull()
  })

  it('UPK-008: no store, or an empty file, is NOT_FOUND and none is made; another program’s file is STORE_CORRUPT and is left alone', async () => {
    for (const call of [sqliteStats, vacuumSqlite])
      await expect(call(path)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined()
    // As an interrupted copy leaves it.
    writeFileSync(path, '')
    for (const call of [sqliteStats, vacuumSqlite])
      await expect(call(path)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(() => checkBackup(path)).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
    writeFileSync(path, 'these are notes and no database at all, '.repeat(100))
    for (const call of [sqliteStats, vacuumSqlite])
      await expect(call(path)).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
  })
})

describe('a vacuum', () => {
  it('UPK-009: gives free pages back and tells both sizes; every history still verifies and goes on', async () => {
    await (await filled()).close()
    freePages()
    const done = await vacuumSqlite(path)
    expect(done.bytesBefore - done.bytesAfter).toBeGreaterThan(2_900_000)
    expect(done.bytesAfter).toBe(statSync(path).size)
    expect((await sqliteStats(path)).freeBytes).toBe(0)
    expect(checkBackup(path, { runs: 2, records: 33 })).toEqual({ runs: 2, records: 33, missing: 0, failedRuns: [] })
    const store = await openSqliteStore({ path, host: systemHost })
    await commitChain(store, 'run_c', 2, new Uint8Array(10))
    await store.close()
    expect(checkBackup(path)).toMatchObject({ runs: 3, records: 36, failedRuns: [] })
  })

  it('UPK-009: a lock of another connection is STORE_UNAVAILABLE, and the store stays as it was', async () => {
    await (await filled()).close()
    freePages()
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    await expect(vacuumSqlite(path)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    other.exec('COMMIT')
    other.close()
    expect((await sqliteStats(path)).freeBytes).toBeGreaterThan(2_900_000)
    expect(checkBackup(path)).toMatchObject({ records: 33, failedRuns: [] })
  })
})
