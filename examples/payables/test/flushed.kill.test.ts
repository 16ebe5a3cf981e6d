import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { canTrace, committingThread, playTrace, straceArguments, type Traced } from '@signalbox/server'
import { openSqliteStore, systemHost } from 'signalbox'
import { deskDrill } from '../src/drill.ts'
import { cleanInvoices } from './kill-stages.ts'
import { makeStand, startRun } from './kill-stand.ts'

const isTraced = canTrace()
const TENANT = deskDrill.principal.tenant

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** Runs one invoice in a traced worker that ends with SIGKILL at its last barrier. */
async function traced(syncOff: boolean): Promise<{ readonly runId: string; readonly trace: Traced }> {
  const stand = await makeStand(syncOff ? 'sync_off' : null)
  try {
    const [file = ''] = cleanInvoices('modern', false)
    const runId = await startRun(stand, file)
    // The last one that has the file open moves everything into it; from here on only the worker writes.
    await stand.leave()
    const before = new Map([[stand.database, readFileSync(stand.database)]])
    const under = straceArguments(join(stand.folder, 'trace'))
    const worker = await stand.worker('traced', { tellCommits: true, under })
    worker.go([{ id: 'end', runId, point: 'barrier_durable', name: '4', nth: 1 }])
    await worker.killed()
    return { runId, trace: playTrace(committingThread(stand.folder), before) }
  } finally {
    await stand.close()
  }
}

/** How many of the acknowledged records are not there after the files were cut back to their last flush. */
async function missingAfterCut({ runId, trace }: Awaited<ReturnType<typeof traced>>): Promise<number> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'payables-flushed-')))
  folders.push(folder)
  for (const [path, bytes] of trace.files)
    if (/signalbox\.db(-wal)?$/.test(path)) writeFileSync(join(folder, path.slice(path.lastIndexOf('/') + 1)), bytes)
  const store = await openSqliteStore({ path: join(folder, 'signalbox.db'), host: systemHost })
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
