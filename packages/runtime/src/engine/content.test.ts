import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { systemHost } from '../base/host.ts'
import { keyVault, openSqliteStore } from '../stores/index.ts'
import { verifyHistory } from '../testing/check-history.ts'
import { clerkFlow, clerkModel } from '../testing/agent-kit.ts'
import { benchSet, PAUL } from '../testing/bench-box.ts'
import { approvalPolicy, KIT_TOOLS, payTool, readTool } from '../testing/engine-kit.ts'
import { needsApproval, scriptedPolicy } from '../testing/scripted-policy.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

describe('content', () => {
  it('ENG-130, ENG-131: nothing of prompts, arguments and results is in the files; destroying the key leaves a chain that verifies', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-eng-'))
    try {
      const outside = await bank()
      const secret = 'ZANZIBAR-4711'
      const { model } = clerkModel(
        [[{ tool: 'pay.send', args: { to: secret, amount: 1 } }], [{ tool: 'get.one', args: { n: 1 } }]],
        `paid ${secret}`,
      )
      const pay = payTool(outside)
      const one = box({
        workflows: [clerkFlow([pay, readTool((n) => n)])],
        models: [model],
        policy: scriptedPolicy({
          tools: KIT_TOOLS,
          decide: (request) => (request.action.name === 'pay.send' ? needsApproval(request, 'approver') : undefined),
        }),
        store: await openSqliteStore({ path: join(folder, 'runs.db'), host: systemHost }),
      })
      one.work()
      const runId = await one.start('clerks', `pay ${secret}`)
      const { id } = await one.asked()
      await one.sb.runs.decide({
        approvalId: id,
        answer: 'approved',
        by: PAUL,
        reason: `${secret} is right`,
        seen: null,
      })
      expect((await one.ended(runId)).output).toBe(`paid ${secret}`)
      const bytes = readdirSync(folder).map((name) => readFileSync(join(folder, name)))
      expect(bytes.some((file) => file.length > 0)).toBe(true)
      for (const file of bytes) expect(file.includes(secret)).toBe(false)
      // The same search finds what is not sealed, so it can fail.
      expect(bytes.some((file) => file.includes(runId))).toBe(true)
      const vault = keyVault({ store: one.store, host: one.host, masterKey: new Uint8Array(32) })
      const row = await one.row(runId)
      await vault.destroySubject('acme', row.subject)
      const fresh = one.another()
      const [started] = await fresh.of(runId, 'run.started')
      const read = async (): Promise<unknown> => {
        const contents = await fresh.sb.runs.contents('acme', runId)
        return started && contents.read(started.input)
      }
      await expect(read()).rejects.toMatchObject({ code: 'CONTENT_ERASED' })
      expect(await verifyHistory(one.store, row)).toBe(row.seq)
      await set.close()
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('ENG-176: a waiting run whose subject was erased can be cancelled, and parks when it is told to go on', async () => {
    const outside = await bank()
    const call = { tool: 'pay.send', args: { to: 'bob', amount: 1 } }
    const { model } = clerkModel([[call]], 'paid')
    const one = box({
      workflows: [clerkFlow([payTool(outside)])],
      models: [model],
      policy: approvalPolicy(),
    })
    one.work()
    const cancelled = await one.start('clerks', 'pay bob')
    const goesOn = await one.start('clerks', 'pay bob again')
    for (const id of [cancelled, goesOn])
      await one.until(async () => ((await one.row(id)).status === 'waiting' ? true : null), 'status waiting')
    const vault = keyVault({ store: one.store, host: one.host, masterKey: new Uint8Array(32) })
    for (const id of [cancelled, goesOn]) await vault.destroySubject('acme', (await one.row(id)).subject)
    await one.kill()
    // Another process: it has no key of theirs in memory.
    const fresh = one.another()
    fresh.work()
    await fresh.sb.runs.cancel({ runId: cancelled, by: PAUL, reason: 'erased on request' })
    const [open] = await fresh.sb.runs.requests({ tenant: 'acme', runId: goesOn, state: 'open', limit: 1 })
    await fresh.sb.runs.decide({ approvalId: open?.id ?? '', answer: 'approved', by: PAUL, reason: 'fine', seen: null })
    await fresh.until(
      async () => ((await fresh.row(cancelled)).status === 'cancelled' ? true : null),
      'status cancelled',
    )
    await fresh.until(async () => ((await fresh.row(goesOn)).status === 'parked' ? true : null), 'status parked')
    const row = await fresh.row(goesOn)
    expect(row).toMatchObject({ code: 'CONTENT_ERASED', leaseOwner: null })
    for (const id of [cancelled, goesOn]) {
      const now = await fresh.row(id)
      expect(await verifyHistory(one.store, now)).toBe(now.seq)
    }
    expect(outside.requests).toEqual([])
  })
})
