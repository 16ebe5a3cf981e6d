import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemHost } from '../base/host.ts'
import type { Store } from '../contracts/store.ts'
import { auditRun } from '../observability/index.ts'
import { openSqliteStore } from '../stores/index.ts'
import { benchSet } from '../testing/bench-box.ts'
import { oneNode } from '../testing/engine-kit.ts'
import { exportRuns } from './export.ts'

const ONCE = fileURLToPath(new URL('../../test/keep-once.ts', import.meta.url))
const RUNS = 5
const set = benchSet()
let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-keeping-'))
  path = join(folder, 'signalbox.db')
})
afterEach(async () => {
  await set.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Runs the process that keeps house; gives the signal that ended it, or what it wrote. */
function once(...args: readonly string[]): string {
  const node = ['--no-warnings', '--conditions=signalbox-source', ONCE]
  const ended = spawnSync(process.execPath, [...node, ...args], { encoding: 'utf8' })
  return ended.signal ?? `${ended.stdout}${ended.stderr}`.trim()
}

/** A closed store of ended runs. */
async function filled(): Promise<void> {
  const store = await openSqliteStore({ path, host: systemHost })
  const box = set.box({ workflows: [oneNode((input) => input)], store })
  box.work()
  for (let i = 0; i < RUNS; i++) await box.run('one', `content ${i}`)
  await set.close()
}

/** Every run with what it keeps, after its history was verified. */
async function verified(store: Store): Promise<readonly string[]> {
  const rows = await store.runs({ tenant: 'acme', limit: 100 })
  for (const row of rows)
    expect(auditRun(await store.records('acme', row.runId), row)).toMatchObject({ verified: true })
  return rows.map((row) => row.kept ?? 'all')
}

async function reading<T>(at: string, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await openSqliteStore({ path: at, host: systemHost })
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}

describe('killed while it keeps house', () => {
  it('UPK-025: a process killed before or after a commit has pruned whole runs, and the next one does the rest', async () => {
    await filled()
    // Two runs a commit: none, then two, then four of them are pruned.
    for (const [point, n, pruned] of [
      ['before', 1, 0],
      ['after', 1, 2],
      ['before', 2, 4],
    ] as const) {
      expect(once('prune', path, point, String(n))).toBe('SIGKILL')
      const kept = await reading(path, verified)
      expect(kept.filter((each) => each === 'nothing')).toHaveLength(pruned)
      // Claims of the process that died run out.
      await reading(path, expireLeases)
    }
    expect(once('prune', path, 'never')).toBe('done')
    expect(await reading(path, verified)).toEqual(Array(RUNS).fill('nothing'))
  })

  it('UPK-038: an import killed before or after any run leaves whole runs, and is taken up again', async () => {
    await filled()
    const file = join(folder, 'export.ndjson')
    await reading(path, (store) => exportRuns({ store, host: systemHost, target: file, tenant: 'acme' }))
    const target = join(folder, 'target.db')
    expect(once('import', target, 'before', '1', file)).toBe('SIGKILL')
    expect(await reading(target, verified)).toHaveLength(0)
    expect(once('import', target, 'after', '2', file)).toBe('SIGKILL')
    expect(await reading(target, verified)).toHaveLength(2)
    expect(once('import', target, 'never', '0', file)).toBe('done')
    expect(await reading(target, verified)).toHaveLength(RUNS)
  })
})

/** Takes every lease over with one that has run out. */
async function expireLeases(store: Store): Promise<void> {
  for (const { tenant, runId } of await store.runs({ tenant: 'acme', limit: 100 }))
    await store.claim({
      worker: 'after',
      now: Number.MAX_SAFE_INTEGER,
      leaseUntil: 0,
      limit: 1,
      signatures: null,
      only: { tenant, runId },
    })
}
