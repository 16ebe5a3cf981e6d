import { createHash } from 'node:crypto'
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemHost } from 'signalbox'
import { afterEach, describe, expect, it } from 'vitest'
import {
  buildIdentity,
  DATABASE,
  replayOne,
  type Selection,
  upgradeCheck,
  type UpgradeCheckOptions,
  upgradeReport,
} from '../../src/index.ts'
import { type Build, projectOf, storedRuns } from './claims.ts'

const GOLDEN = join(import.meta.dirname, '../../../runtime/test/golden')
const ALL: Selection = { workflow: null, last: null, sinceMs: null }

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

async function stored(counts: { ended: number; waiting: number }) {
  const made = await storedRuns(counts)
  closing.push(() => rmSync(made.dataDir, { recursive: true, force: true }))
  return made
}

function check(dataDir: string | null, build: Build = {}, more: Partial<UpgradeCheckOptions> = {}) {
  const base = { project: projectOf(build), dataDir, selection: ALL, goldenDir: null, env: {}, host: systemHost }
  return upgradeCheck({ ...base, ...more })
}

function hashOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

/** A server of this machine that counts who comes. */
async function outside() {
  let visits = 0
  const server = createServer((_request, response) => {
    visits += 1
    response.end()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  closing.push(() => server.close())
  // A listening server of TCP has an address with a port.
  return { at: (server.address() as AddressInfo).port, visits: () => visits }
}

describe('the upgrade check of stored runs', () => {
  it('UPG-030: of the same build passes, and leaves the data folder as it was', async () => {
    const { dataDir } = await stored({ ended: 3, waiting: 1 })
    const before = hashOf(join(dataDir, DATABASE))
    const { passed, stored: sum } = await check(dataDir)
    expect(sum).toMatchObject({ runs: 4, open: 1, same: 4, differs: 0, cannotGoOn: 0, failed: 0, flipped: 0 })
    expect(sum?.decisions).toBe(4)
    expect(passed).toBe(true)
    expect(hashOf(join(dataDir, DATABASE))).toBe(before)
  })

  it('UPG-031: fails for a build that does something else under the same version; the report holds no values', async () => {
    const { dataDir, runIds } = await stored({ ended: 2, waiting: 0 })
    const result = await check(dataDir, { adds: 7 })
    expect(result).toMatchObject({ passed: false, stored: { differs: 2, failed: 2 } })
    const difference = result.stored?.findings.find((one) => one.runId === runIds[0])?.difference
    expect(difference).toMatchObject({ kind: 'result', node: 'count', before: 7, after: 14 })
    const build = buildIdentity(projectOf(), join(import.meta.dirname, 'claims.ts'))
    const report = upgradeReport(build, result, { selection: ALL, atMs: 0 })
    expect(report).toMatchObject({ result: 'failed', stored: { differs: 2, findings: [{ kind: 'difference' }, {}] } })
    expect(JSON.stringify(report)).not.toMatch(/"(before|after)":(7|14)/)
  })

  it.each(['fetch', 'http', 'udp', 'process'] as const)(
    'UPG-032: a build whose node goes out by itself over %s fails, and reaches nobody',
    async (how) => {
      const { dataDir } = await stored({ ended: 1, waiting: 0 })
      const target = await outside()
      const result = await check(dataDir, { outside: { how, at: target.at } })
      expect(result.stored?.findings[0]).toMatchObject({ kind: 'difference', difference: { kind: 'outside_call' } })
      expect(result.passed).toBe(false)
      expect(target.visits()).toBe(0)
      // The ways out are open again afterwards.
      expect((await fetch(`http://127.0.0.1:${target.at}/`)).status).toBe(200)
      expect(target.visits()).toBe(1)
    },
  )

  it('UPG-033: another version may differ when it says so; an open run that it cannot take up fails', async () => {
    const { dataDir, runIds } = await stored({ ended: 1, waiting: 1 })
    const declared = await check(dataDir, { version: '2.0.0', upgradeFrom: '1.0.0', adds: 7 })
    expect(declared).toMatchObject({ passed: true, stored: { declared: 2, differs: 0, cannotGoOn: 0 } })
    const silent = await check(dataDir, { version: '2.0.0', adds: 7 })
    expect(silent.passed).toBe(true)
    const other = await check(dataDir, {}, { project: { ...projectOf(), workflows: [] } })
    expect(other).toMatchObject({ passed: false, stored: { skipped: { WORKFLOW_UNKNOWN: 2 }, cannotGoOn: 1 } })
    expect(other.stored?.findings).toMatchObject([{ kind: 'cannot_go_on', runId: runIds[1] }])
  })

  it('UPG-034: looks at the newest runs, at those since a time, or at those of a workflow', async () => {
    const { dataDir } = await stored({ ended: 3, waiting: 0 })
    const runs = async (selection: Partial<Selection>) =>
      (await check(dataDir, {}, { selection: { ...ALL, ...selection } })).stored?.runs
    expect(await runs({ last: 2 })).toBe(2)
    expect(await runs({ sinceMs: systemHost.now() + 60_000 })).toBe(0)
    expect(await runs({ workflow: 'claims' })).toBe(3)
    expect(await runs({ workflow: 'others' })).toBe(0)
  })

  it('UPG-035: with nothing to replay fails', async () => {
    const { dataDir } = await stored({ ended: 1, waiting: 0 })
    expect((await check(dataDir, {}, { selection: { ...ALL, workflow: 'others' } })).passed).toBe(false)
  })

  it('UPG-036: tells decisions that come out otherwise, summed up, and does not fail for them', async () => {
    const { dataDir, runIds } = await stored({ ended: 2, waiting: 0 })
    const result = await check(dataDir, { policy: 'shut' })
    const flip = { name: 'claims.look', before: 'allow', after: 'deny:TOO_LONG', count: 1, first: { runId: runIds[0] } }
    expect(result).toMatchObject({ passed: true, stored: { flipped: 1, flips: [flip] } })
  })

  it('UPG-037: without its master key begins nothing, and makes none', async () => {
    const { dataDir } = await stored({ ended: 1, waiting: 0 })
    rmSync(join(dataDir, 'master.key'))
    await expect(check(dataDir)).rejects.toMatchObject({ code: 'KEY_MISSING' })
    await expect(check(join(dataDir, 'nowhere'))).rejects.toMatchObject({ code: 'KEY_MISSING' })
  })
})

describe('the replay of one run', () => {
  it('UPG-038: is the same check of it alone', async () => {
    const { dataDir, runIds } = await stored({ ended: 1, waiting: 0 })
    const one = (runId: string, build: Build = {}) =>
      replayOne({ project: projectOf(build), dataDir, env: {}, host: systemHost }, runId)
    expect(await one(runIds[0] ?? '')).toMatchObject({ end: 'same', supersteps: 2 })
    expect(await one(runIds[0] ?? '', { adds: 1 })).toMatchObject({ end: 'differs', difference: { node: 'count' } })
    await expect(one('run_nowhere')).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
  })
})

describe('the upgrade check of golden databases', () => {
  it('UPG-039: replays each of them with the workflow that lies beside them', async () => {
    const { passed, golden } = await check(null, {}, { goldenDir: GOLDEN })
    expect(golden.map((each) => each.version)).toContain('v0.1.0')
    for (const { sum, why } of golden) {
      expect(why).toBeNull()
      expect(sum?.findings).toEqual([])
      expect(sum?.same).toBeGreaterThanOrEqual(5)
    }
    expect(passed).toBe(true)
  })

  it('UPG-040: fails for one that was changed, one that does not open, and one of which a run is not as it was', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'golden-copy-'))
    closing.push(() => rmSync(folder, { recursive: true, force: true }))
    cpSync(join(GOLDEN, 'v0.1.0'), join(folder, 'v0.1.0'), { recursive: true })
    // Without a project beside it the workflow of the runs is nowhere.
    expect(await check(null, {}, { goldenDir: folder })).toMatchObject({ passed: false })
    copyFileSync(join(folder, 'v0.1.0', DATABASE), join(folder, 'copy.db'))
    writeFileSync(join(folder, 'v0.1.0', DATABASE), 'not a database')
    const { passed, golden } = await check(null, {}, { goldenDir: folder })
    expect(golden[0]?.why).toContain('STORE_CORRUPT')
    expect(passed).toBe(false)
  })
})
