import { mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  createSignalbox,
  keyVault,
  openSqliteStore,
  type Principal,
  type RunRecord,
  type Signalbox,
  systemHost,
  workflow,
} from '../src/index.ts'
import { scriptedPolicy } from '../src/testing/scripted-policy.ts'

const ana: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['requester'] }
const budget = { maxTurns: 1, maxToolCalls: 1, maxRuntimeSeconds: 30, maxTokens: 1, maxCostUsd: '1' }
const text = z.string()

const shout = workflow({ name: 'shout', version: '1.0.0', input: text, output: text, budget, state: {} })
  .node('say', { input: text, output: text, run: async (said) => `${said}!` })
  .start('say')
  .output('say')
  .build()

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-contents-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function compose(path: string): Promise<Signalbox> {
  const store = await openSqliteStore({ path, host: systemHost })
  const vault = keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) })
  const models = {
    resolve: (id: string): never => {
      throw new Error(`no model ${id} here`)
    },
  }
  return createSignalbox({ store, vault, policy: scriptedPolicy({ tools: {} }), models, workflows: [shout] })
}

function inputOf(records: readonly RunRecord[]) {
  const [started] = records
  if (started?.type !== 'run.started') throw new Error('a history starts with its genesis')
  return started.input
}

describe('contents', () => {
  it('STO-069: a sealed content put in the place of another of the same run is refused', async () => {
    const path = join(folder, 'signalbox.db')
    const first = await compose(path)
    const worker = first.work({ pollMs: 5 })
    const { runId } = await first.run({ workflow: 'shout', input: 'pay 50', principal: ana })
    await worker.stop()
    expect(
      await (await first.runs.contents('acme', runId)).read(inputOf(await first.runs.records('acme', runId))),
    ).toBe('pay 50')
    await first.close()

    const database = new DatabaseSync(path)
    const swapped = database
      .prepare(
        "UPDATE records SET sealed = (SELECT sealed FROM records WHERE type = 'superstep.completed') WHERE seq = 1",
      )
      .run()
    expect(swapped.changes).toBe(1)
    database.close()

    const again = await compose(path)
    const contents = await again.runs.contents('acme', runId)
    const input = inputOf(await again.runs.records('acme', runId))
    await expect(contents.read(input)).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
    await again.close()
  })
})
