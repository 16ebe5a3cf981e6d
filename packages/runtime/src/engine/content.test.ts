import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { systemHost } from '../base/host.ts'
import { keyVault, openSqliteStore } from '../stores/index.ts'
import { verifyHistory } from '../testing/check-history.ts'
import { clerkFlow, clerkModel } from '../testing/agent-kit.ts'
import { benchSet, PAUL } from '../testing/bench-box.ts'
import { KIT_TOOLS, payTool, readTool } from '../testing/engine-kit.ts'
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
})
