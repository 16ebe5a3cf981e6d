import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Host, systemHost } from '../../base/host.ts'
import type { Store } from '../../contracts/store.ts'
import { backupSqlite, checkBackup } from '../../upkeep.ts'
import { commitChain } from '../../../test/chained.ts'
import type { StoreExtent } from './backup.ts'
import { openSqliteStore } from './open.ts'
import { vacuumSqlite } from './upkeep.ts'

const WRITER = fileURLToPath(new URL('../../../test/chain-writer.ts', import.meta.url))
const CAPPED = fileURLToPath(new URL('../../../test/backup-once.ts', import.meta.url))
const NODE = ['--no-warnings', '--conditions=signalbox-source']
/** Never checkpoints by itself: what was committed stays in the log. */
const still: Host = { ...systemHost, after: () => () => undefined }

let folder: string
let path: string
let target: string
const children: ChildProcess[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-upkeep-'))
  path = join(folder, 'data', 'signalbox.db')
  target = join(folder, 'copies', 'monday.db')
  mkdirSync(join(folder, 'copies'))
})
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const closed = once(child, 'close')
    child.kill('SIGKILL')
    await closed
  }
  rmSync(folder, { recursive: true, force: true })
})

const copies = (): string[] => readdirSync(join(folder, 'copies'))

/** A process that commits until the test is over. */
async function writing(run: string, acks: number): Promise<() => number> {
  const child = spawn(process.execPath, [...NODE, WRITER, path, run], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  const last = (): number => Number(text.slice(0, text.lastIndexOf('\n') + 1).match(/\d+(?=\n$)/)?.[0] ?? 0)
  while (last() < acks) {
    if (child.exitCode !== null) throw new Error(`the writer ended: ${text}`)
    if (child.stdout) await once(child.stdout, 'data')
  }
  return last
}

/** A store that is open, with one run of a sound chain and that many commits of 20 KB. Nothing of them leaves the log. */
async function filled(commits: number, runId = 'run_a'): Promise<Store> {
  const store = await openSqliteStore({ path, host: still })
  await commitChain(store, runId, commits, new Uint8Array(20_000))
  return store
}

async function extent(store: Store): Promise<StoreExtent> {
  const { runs, records } = await store.stats()
  return { runs, records }
}

describe('a backup', () => {
  it('UPK-001: taken while processes write, has all that was acknowledged before it, whole and verified', async () => {
    const acked = await Promise.all([writing('run_a', 50), writing('run_b', 50)])
    for (const name of ['first.db', 'second.db', 'third.db']) {
      const before = acked.map((last) => last())
      const made = await backupSqlite(path, join(folder, 'copies', name))
      expect(made.failedRuns).toEqual([])
      expect(made.runs).toBe(2)
      const copy = await openSqliteStore({ path: made.target, host: systemHost })
      const rows = [await copy.run('acme', 'run_a'), await copy.run('acme', 'run_b')]
      const histories = [await copy.records('acme', 'run_a'), await copy.records('acme', 'run_b')]
      await copy.close()
      expect(histories.map((records) => records.length)).toEqual(rows.map((row) => row?.seq))
      expect(made.records).toBe(histories.flat().length)
      for (const [at, least] of before.entries()) expect(rows[at]?.seq).toBeGreaterThanOrEqual(least)
      // The writers were not held up.
      await expect.poll(() => acked.every((last, at) => last() > (before[at] ?? 0)), { timeout: 20_000 }).toBe(true)
    }
  })

  it('UPK-002: is one file for its owner alone, and its result tells size, hash, counts and time', async () => {
    await (await filled(10)).close()
    const made = await backupSqlite(path, target)
    const bytes = readFileSync(target)
    expect(made).toMatchObject({ target, bytes: bytes.length, runs: 1, records: 11 })
    expect(made.sha256).toBe(createHash('sha256').update(bytes).digest('hex'))
    expect(made.durationMs).toBeGreaterThan(0)
    expect(statSync(target).mode & 0o777).toBe(0o600)
    expect(copies()).toEqual(['monday.db'])
  })

  it('UPK-003: never replaces a file, and without a store or a folder leaves nothing', async () => {
    await expect(backupSqlite(path, target)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await (await filled(1)).close()
    writeFileSync(target, 'last week')
    await expect(backupSqlite(path, target)).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(backupSqlite(path, path)).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(readFileSync(target, 'utf8')).toBe('last week')
    const nowhere = join(folder, 'none', 'monday.db')
    await expect(backupSqlite(path, nowhere)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(backupSqlite(path, join(target, 'x.db'))).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(copies()).toEqual(['monday.db'])
  })

  it('UPK-003: a target that appears while the copy is made is kept', async () => {
    await (await filled(1)).close()
    const late: Host = {
      ...systemHost,
      randomBytes: (length) => {
        writeFileSync(target, 'mine')
        return new Uint8Array(length)
      },
    }
    await expect(backupSqlite(path, target, late)).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(readFileSync(target, 'utf8')).toBe('mine')
    expect(copies()).toEqual(['monday.db'])
  })

  it('UPK-004: a file that cannot grow stops it with a store code and leaves neither target nor part', async () => {
    await (await filled(60)).close()
    // 512-byte blocks: far less than the store takes.
    const command = ['-c', 'ulimit -f 400; exec "$0" "$@"', process.execPath, ...NODE, CAPPED, path, target]
    const told = execFileSync('sh', command, { encoding: 'utf8' }).trim()
    expect(told).toMatch(/^STORE_(FULL|UNAVAILABLE)$/)
    expect(copies()).toEqual([])
    expect(checkBackup(path).records).toBe(61)
  })

  it('UPK-004: a full disk is STORE_FULL, where a small file system may be mounted', async () => {
    await (await filled(60)).close()
    const disk = join(folder, 'disk')
    mkdirSync(disk)
    if (!mounted(disk)) return
    try {
      await expect(backupSqlite(path, join(disk, 'monday.db'))).rejects.toMatchObject({ code: 'STORE_FULL' })
      expect(readdirSync(disk)).toEqual([])
    } finally {
      execFileSync('umount', [disk])
    }
  })

  it('UPK-009: a vacuum on a full disk is STORE_FULL and changes nothing, where a small file system may be mounted', async () => {
    const disk = join(folder, 'disk')
    mkdirSync(disk)
    if (!mounted(disk, '2m')) return
    try {
      path = join(disk, 'signalbox.db')
      await (await filled(4)).close()
      const room = 2_000_000 - statSync(path).size - 50_000
      writeFileSync(join(disk, 'filler'), new Uint8Array(room))
      await expect(vacuumSqlite(path)).rejects.toMatchObject({ code: 'STORE_FULL' })
      expect(checkBackup(path)).toMatchObject({ runs: 1, records: 5, failedRuns: [] })
    } finally {
      execFileSync('umount', [disk])
    }
  })

  it('UPK-005: a copy of the file without its log is found to lack records; damage is STORE_CORRUPT', async () => {
    await (await filled(10)).close()
    const store = await filled(40, 'run_b')
    const expected = await extent(store)
    const plain = join(folder, 'copies', 'plain.db')
    // By another process: closing a file here would drop this process's locks on it.
    execFileSync('cp', [path, plain])
    await backupSqlite(path, target)
    await store.close()
    expect(checkBackup(target, expected)).toMatchObject({ missing: 0, records: 52 })
    expect(checkBackup(plain, expected)).toMatchObject({ missing: 42, records: 11 })
    const bytes = readFileSync(target)
    bytes.fill(0x5a, 4_096, bytes.length - 4_096)
    writeFileSync(target, bytes)
    expect(() => checkBackup(target)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }))
  })

  it('UPK-006: a history that does not verify is told by its run, and the copy is kept', async () => {
    await (await filled(2)).close()
    const db = new DatabaseSync(path)
    db.exec('UPDATE records SET body = replace(body, \'"segment":0\', \'"segment":1\') WHERE seq = 2')
    db.close()
    await (await filled(2, 'run_b')).close()
    const made = await backupSqlite(path, target)
    expect(made).toMatchObject({ runs: 2, failedRuns: ['run_a'] })
    expect(existsSync(target)).toBe(true)
  })
})

function mounted(disk: string, size = '256k'): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk], { stdio: 'ignore' })
    return true
  } catch {
    // Only an administrator may mount; the test above shows on any machine that nothing is left.
    return false
  }
}
