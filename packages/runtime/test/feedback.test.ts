import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  auditRun,
  createSignalbox,
  explain,
  keyVault,
  memoryStore,
  type Principal,
  type Signalbox,
  systemHost,
  workflow,
} from '../src/index.ts'
import { scriptedPolicy } from '../src/testing/scripted-policy.ts'

const ana: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['requester'] }
const budget = { maxTurns: 1, maxToolCalls: 1, maxRuntimeSeconds: 30, maxTokens: 1, maxCostUsd: '1' }

const echo = workflow({ name: 'echo', version: '1.0.0', input: z.string(), output: z.string(), budget, state: {} })
  .node('say', { input: z.string(), output: z.string(), run: async (text) => text })
  .start('say')
  .output('say')
  .build()

const open: Signalbox[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
})

function compose(): Signalbox {
  const store = memoryStore(systemHost)
  const vault = keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) })
  const models = {
    resolve: (id: string): never => {
      throw new Error(`no model ${id} here`)
    },
  }
  const box = createSignalbox({ store, vault, policy: scriptedPolicy({ tools: {} }), models, workflows: [echo] })
  open.push(box)
  return box
}

describe('feedback', () => {
  it('API-028: a verdict over an ended run is on record with its reason, and changes nothing of the run', async () => {
    const box = compose()
    const worker = box.work({ pollMs: 5 })
    const done = await box.run({ workflow: 'echo', input: 'hello', principal: ana })
    await worker.stop()
    const before = await box.runs.get('acme', done.runId)
    await box.runs.feedback({ runId: done.runId, verdict: 'edited', by: ana, reason: 'one word was wrong' })
    const after = await box.runs.get('acme', done.runId)
    expect(after).toMatchObject({ status: 'completed', seq: before.seq + 1, leaseOwner: null, wakeAt: null })
    const records = await box.runs.records('acme', done.runId)
    expect(records.at(-1)).toMatchObject({ type: 'feedback.recorded', verdict: 'edited', by: ana })
    const contents = await box.runs.contents('acme', done.runId)
    const last = records.at(-1)
    expect(last?.type === 'feedback.recorded' && (await contents.read(last.reason))).toBe('one word was wrong')
    const stored = await box.store.records('acme', done.runId)
    expect(auditRun(stored, after)).toMatchObject({ verified: true })
    expect(explain(records, { now: box.host.now() }).story.at(-1)?.text).toContain('edited')
    // The result is still the run's result.
    expect(await box.runs.wait('acme', done.runId)).toMatchObject({ status: 'completed', output: 'hello' })
  })

  it('API-029: a run that has not ended has no result to judge', async () => {
    const box = compose()
    const { runId } = await box.runs.start({ workflow: 'echo', input: 'hello', principal: ana })
    const early = box.runs.feedback({ runId, verdict: 'accepted', by: ana, reason: 'looks good' })
    await expect(early).rejects.toMatchObject({ code: 'RUN_STATE' })
    expect(await box.runs.records('acme', runId)).toHaveLength(1)
  })
})
