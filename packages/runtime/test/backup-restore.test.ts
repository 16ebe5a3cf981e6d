import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { systemHost } from '../src/base/host.ts'
import { openSqliteStore } from '../src/stores/index.ts'
import { benchSet } from '../src/testing/bench-box.ts'
import { approvalPolicy, oneNode, payTool } from '../src/testing/engine-kit.ts'
import { backupSqlite } from '../src/upkeep.ts'

const set = benchSet()
const folder = mkdtempSync(join(tmpdir(), 'signalbox-restore-'))
afterEach(async () => {
  await set.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('a store brought back from its backup', () => {
  it('UPK-010: a run that waited at the time goes on from the copy: approved there, it pays once and completes', async () => {
    const outside = await set.bank()
    const pay = payTool(outside)
    const flow = oneNode(async (_input, ctx) => (await ctx.call(pay, { to: 'bob', amount: 5 })).status, {
      tools: [pay],
    })
    const made = async (path: string) =>
      set.box({ workflows: [flow], policy: approvalPolicy(), store: await openSqliteStore({ path, host: systemHost }) })

    const path = join(folder, 'signalbox.db')
    const first = await made(path)
    const worker = first.work()
    const runId = await first.start('one', null)
    const asked = await first.asked()
    // The lease is given up; a copy with a live one waits until it has run out.
    await first.until(() => (worker.inMemory === 0 ? true : null), 'an empty memory')
    const copy = await backupSqlite(path, join(folder, 'copy.db'))
    expect(copy.failedRuns).toEqual([])
    await first.kill()

    const second = await made(copy.target)
    second.work()
    expect((await second.asked()).id).toBe(asked.id)
    expect(outside.booked).toHaveLength(0)
    await second.decide('approved')
    expect(await second.ended(runId)).toMatchObject({ status: 'completed', output: 'succeeded' })
    expect(outside.booked).toHaveLength(1)
    // The store that was copied knows nothing of it.
    expect((await first.row(runId)).status).toBe('waiting')
  })
})
