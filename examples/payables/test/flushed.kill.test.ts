import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openSqliteStore, systemHost } from 'signalbox'
import { spawnWorld } from '../src/world/spawn.ts'
import { deskFile, openKillDesk, TENANT } from './kill-desk.ts'
import { startKillable, startRun } from './kill-drive.ts'
import { cleanInvoices } from './kill-stages.ts'
import { playTrace, straceArguments, type Traced } from './trace.ts'

const isTraced = spawnSync('strace', ['-e', 'trace=none', 'true']).status === 0

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

function newFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'payables-flushed-')))
  folders.push(folder)
  return folder
}

/** Runs one invoice in a traced worker that ends with SIGKILL at its last barrier. */
async function traced(syncOff: boolean): Promise<{ readonly runId: string; readonly trace: Traced }> {
  const folder = newFolder()
  const world = await spawnWorld({ dataFolder: join(folder, 'world') })
  try {
    const [file = ''] = cleanInvoices('modern', false)
    const desk = await openKillDesk({ folder, worldUrl: world.baseUrl })
    const runId = await startRun(desk, file)
    // The last one that has the file open moves everything into it; from here on only the worker writes.
    await desk.close()
    const before = new Map([[deskFile(folder), readFileSync(deskFile(folder))]])
    const output = join(folder, 'trace')
    const start = { folder, worldUrl: world.baseUrl, worker: 'traced', syncOff, tellCommits: true }
    const worker = await startKillable(start, straceArguments(output))
    worker.go([{ id: 'end', runId, point: 'barrier_durable', name: '4', nth: 1 }])
    await worker.killed()
    return { runId, trace: playTrace(mainThread(folder), before) }
  } finally {
    await world.stop()
  }
}

/** The thread that commits is the one that speaks. */
function mainThread(folder: string): string {
  const all = readdirSync(folder).filter((name) => name.startsWith('trace.'))
  const found = all
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .find((text) => /^write\(1<.*\\x61\\x63\\x6b/m.test(text))
  if (found === undefined) throw new Error('no thread of the worker acknowledged anything')
  return found
}

/** How many of the acknowledged records are not there after the files were cut back to their last flush. */
async function missingAfterCut({ runId, trace }: Awaited<ReturnType<typeof traced>>): Promise<number> {
  const folder = newFolder()
  for (const [path, bytes] of trace.files)
    if (/signalbox\.db(-wal)?$/.test(path)) writeFileSync(join(folder, path.slice(path.lastIndexOf('/') + 1)), bytes)
  const store = await openSqliteStore({ path: deskFile(folder), host: systemHost })
  const kept = (await store.records(TENANT, runId)).length
  await store.close()
  const acknowledged = Number(trace.acks.at(-1)?.split(':').at(-1))
  return acknowledged - kept
}

describe.skipIf(!isTraced)('acknowledged and flushed', () => {
  it('KIL-007: every acknowledged commit was flushed before, and is there when the files are cut back to the last flush', async () => {
    const honest = await traced(false)
    expect(honest.trace.acks.length).toBeGreaterThan(5)
    expect(honest.trace.unflushed).toBe(0)
    expect(await missingAfterCut(honest)).toBe(0)
  })

  it('KIL-007: fails with the planted fault of a store that does not flush', async () => {
    const planted = await traced(true)
    console.log(
      `acknowledged commits ${planted.trace.acks.length}, of them not flushed ${planted.trace.unflushed}, flushes ${planted.trace.flushes}`,
    )
    expect(planted.trace.acks.length).toBeGreaterThan(5)
    expect(planted.trace.unflushed).toBe(planted.trace.acks.length)
    expect(await missingAfterCut(planted)).toBeGreaterThan(5)
  })
})
