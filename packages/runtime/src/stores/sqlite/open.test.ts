import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Host, systemHost } from '../../base/host.ts'
import type { RunRow, Store } from '../../contracts/store.ts'
import { sampleCommit, sampleRun } from '../../testing/conformance/samples.ts'
import { claimed, rowOf } from '../../testing/conformance/suite.ts'
import { openFaultySqliteStore } from '../../testing/sqlite-faults.ts'
import { STORE_VERSION } from '../rules.ts'
import { checkFile } from './connection.ts'
import { openSqliteStore } from './open.ts'
import { APPLICATION_ID } from './schema.ts'

const host = systemHost
let folder: string
let path: string
const opened: Store[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-sqlite-'))
  path = join(folder, 'data', 'signalbox.db')
})
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close()
  rmSync(folder, { recursive: true, force: true })
})

async function kept(store: Promise<Store>): Promise<Store> {
  opened.push(await store)
  return store
}

/** A closed store with one run of one record. */
async function filled(): Promise<void> {
  const store = await openSqliteStore({ path, host })
  await store.create(sampleRun('run_a'))
  await store.close()
}

/** Commits 100 KB each until the store refuses; gives the error and the last acknowledged sequence. */
async function fill(store: Store, run: RunRow): Promise<{ thrown: unknown; seq: number }> {
  let seq = run.seq
  try {
    for (; seq < 1_000; seq++) await store.commit([sampleCommit({ ...run, seq }, { sealed: new Uint8Array(100_000) })])
  } catch (thrown) {
    return { thrown, seq }
  }
  return { thrown: null, seq }
}

/** A connection in which another one tries to make the tables before each statement after the second one. */
class Overtaken extends DatabaseSync {
  #statements = 0
  override prepare(text: string): ReturnType<DatabaseSync['prepare']> {
    if (this.#statements++ < 2) return super.prepare(text)
    const other = new DatabaseSync(path)
    try {
      other.exec(`BEGIN IMMEDIATE; CREATE TABLE runs (id); PRAGMA application_id = ${APPLICATION_ID}; COMMIT`)
    } catch {
      // It has to wait until the reads are over, or it was first.
    } finally {
      other.close()
    }
    return super.prepare(text)
  }
}

describe('opening', () => {
  it('STO-056: a new file is not taken for a foreign one while another process makes its tables', () => {
    mkdirSync(join(folder, 'data'))
    const db = new Overtaken(path)
    expect(() => checkFile(db, path)).not.toThrow()
    db.close()
  })

  it('STO-080: a folder that is a file, a path that is a folder, and no write access are STORE_READ_ONLY', async () => {
    writeFileSync(join(folder, 'file'), '')
    mkdirSync(join(folder, 'folder'))
    for (const bad of ['file/signalbox.db', 'file/deeper/signalbox.db', 'folder']) {
      await expect(openSqliteStore({ path: join(folder, bad), host }), bad).rejects.toMatchObject({
        code: 'STORE_READ_ONLY',
      })
    }
    await filled()
    const store = await kept(openFaultySqliteStore({ path, host }, { readOnly: true }))
    await expect(store.create(sampleRun('run_b'))).rejects.toMatchObject({ code: 'STORE_READ_ONLY' })
    expect((await rowOf(store, sampleRun('run_a'))).seq).toBe(1)
  })

  it('STO-082: text, another program, and damage are STORE_CORRUPT, and opening leaves the file as it was', async () => {
    mkdirSync(join(folder, 'data'))
    const refused = async () => {
      const before = readFileSync(path)
      await expect(openSqliteStore({ path, host })).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
      expect(readFileSync(path).equals(before)).toBe(true)
    }
    writeFileSync(path, 'these are notes and no database at all, '.repeat(100))
    await refused()
    rmSync(path)
    const foreign = new DatabaseSync(path)
    foreign.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY)')
    foreign.close()
    await refused()
    rmSync(path)
    await filled()
    const bytes = readFileSync(path)
    writeFileSync(path, Buffer.concat([bytes.subarray(0, 100), Buffer.alloc(bytes.length - 100, 0x5a)]))
    await refused()
  })

  it('STO-083: a newer format is STORE_NEWER with both versions, and opening leaves the file as it was', async () => {
    await filled()
    const db = new DatabaseSync(path)
    db.exec(`PRAGMA user_version = ${STORE_VERSION + 1}`)
    db.close()
    const before = readFileSync(path)
    await expect(openSqliteStore({ path, host })).rejects.toMatchObject({
      code: 'STORE_NEWER',
      details: { format: STORE_VERSION + 1, known: STORE_VERSION },
    })
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it('STO-085: unknown options and a path in memory are CONFIG_INVALID', async () => {
    // A caller in JavaScript can pass anything; the planted fault must not be reachable so.
    const options = { path, host, unsafeSyncOff: true }
    await expect(openSqliteStore(options)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await expect(openSqliteStore({ path: ':memory:', host })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

describe('a full disk', () => {
  it('STO-081: STORE_FULL; what was acknowledged stays, and a file with room takes commits again', async () => {
    const store = await openFaultySqliteStore({ path, host }, { maxPages: 300 })
    const run = await claimed(store, 'run_a')
    const { thrown, seq } = await fill(store, run)
    expect(thrown).toMatchObject({ code: 'STORE_FULL' })
    expect(seq).toBeGreaterThan(2)
    expect((await rowOf(store, run)).seq).toBe(seq)
    await store.close()
    const again = await kept(openSqliteStore({ path, host }))
    expect(await again.records('acme', 'run_a')).toHaveLength(seq)
    expect(await again.commit([sampleCommit({ ...run, seq })])).toEqual([{ status: 'committed' }])
  })

  it('STO-081: the same on a small file system where one may be mounted; with space the same handle goes on', async () => {
    const disk = join(folder, 'disk')
    mkdirSync(disk)
    if (!mounted(disk)) return
    try {
      writeFileSync(join(disk, 'filler'), Buffer.alloc(400_000))
      const store = await openSqliteStore({ path: join(disk, 'signalbox.db'), host })
      const run = await claimed(store, 'run_a')
      const { thrown, seq } = await fill(store, run)
      expect(thrown).toMatchObject({ code: 'STORE_FULL' })
      expect((await rowOf(store, run)).seq).toBe(seq)
      rmSync(join(disk, 'filler'))
      expect(await store.commit([sampleCommit({ ...run, seq })])).toEqual([{ status: 'committed' }])
      await store.close()
    } finally {
      execFileSync('umount', [disk])
    }
  })
})

function mounted(disk: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { stdio: 'ignore' })
    return true
  } catch {
    // Only an administrator may mount; the test above shows the same error on any machine.
    return false
  }
}

describe('locks, contradictions, the log', () => {
  it('STO-084: a lock of another process is waited for, and is STORE_UNAVAILABLE past the limit', async () => {
    const store = await kept(openSqliteStore({ path, host, busyLimitMs: 60 }))
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    await expect(store.create(sampleRun('run_a'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(await store.run('acme', 'run_a')).toBeNull()
    const patient = await kept(openSqliteStore({ path, host, busyLimitMs: 60_000 }))
    const created = patient.create(sampleRun('run_a'))
    other.exec('COMMIT')
    expect(await created).toEqual({ status: 'created' })
    other.close()
  })

  it('STO-086: rows that contradict each other are STORE_CORRUPT, the other runs of the batch are stored', async () => {
    const store = await kept(openSqliteStore({ path, host }))
    const [a, b, c] = [await claimed(store, 'run_a'), await claimed(store, 'run_b'), await claimed(store, 'run_c')]
    const other = new DatabaseSync(path)
    other.exec(
      "INSERT INTO records (rid, seq, type, hash, body) SELECT rid, 2, 'x', 'x', 'x' FROM runs WHERE run_id = 'run_b'",
    )
    other.close()
    const batch = store.commit([sampleCommit(a), sampleCommit(b), sampleCommit(c)])
    await expect(batch).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
    const seqs = [await rowOf(store, a), await rowOf(store, b), await rowOf(store, c)].map((row) => row.seq)
    expect(seqs).toEqual([2, 1, 2])
  })

  it('STO-089: the log stays bounded with the timer and without it, and closing leaves none', async () => {
    const timers: (() => void)[] = []
    const after: Host['after'] = (_ms, fn) => {
      timers.push(fn)
      return () => undefined
    }
    const manual: Host = { ...systemHost, after }
    const store = await openSqliteStore({ path, host: manual })
    let run = await claimed(store, 'run_a')
    const commits = async (count: number, sealed: Uint8Array) => {
      for (let i = 0; i < count; i++) {
        await store.commit([sampleCommit(run, { sealed })])
        run = { ...run, seq: run.seq + 1 }
      }
    }
    const logBytes = () => statSync(`${path}-wal`).size
    await commits(50, new Uint8Array(1_000))
    const first = logBytes()
    for (let i = 0; i < 5; i++) {
      expect(timers).toHaveLength(1)
      timers.pop()?.()
      await commits(40, new Uint8Array(1_000))
    }
    expect(logBytes()).toBeLessThanOrEqual(first)
    await commits(600, new Uint8Array(50_000))
    expect(logBytes()).toBeLessThan(20_000_000)
    await store.close()
    expect(existsSync(`${path}-wal`)).toBe(false)
  })
})
