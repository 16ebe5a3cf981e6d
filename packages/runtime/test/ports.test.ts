import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  createSignalbox,
  type Host,
  keyVault,
  memoryStore,
  port,
  type Principal,
  Rejection,
  type Signalbox,
  systemHost,
  tool,
  workflow,
} from '../src/index.ts'
import { needsApproval, scriptedPolicy } from '../src/testing/scripted-policy.ts'

const ana: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['requester'] }
const paul: Principal = { id: 'user:paul', kind: 'user', tenant: 'acme', roles: ['approver'] }
const budget = { maxTurns: 1, maxToolCalls: 5, maxRuntimeSeconds: 30, maxTokens: 1, maxCostUsd: '1' }
const Answer = z.object({ ok: z.boolean() })

const pay = tool({
  name: 'pay.send',
  class: 'payments.write',
  effect: 'irreversible',
  input: z.object({ to: z.string() }),
  output: z.object({ id: z.string() }),
  preview: async ({ to }) => ({
    summary: `pay ${to}`,
    target: { type: 'account', id: to, version: '1' },
    impact: {},
    rollback: 'none',
  }),
  execute: async ({ to }) => ({ id: to }),
})
const review = port({ name: 'review', request: z.string(), response: Answer, deadlineSeconds: 60 })

/** A port and a payment that needs an approval, in one superstep. */
const both = workflow({
  name: 'both',
  version: '1.0.0',
  input: z.string(),
  output: z.string(),
  budget,
  state: {},
  tools: [pay],
})
  .node('split', { input: z.string(), output: z.string(), run: async (text) => text })
  .port('ask', review)
  .node('payer', {
    input: z.string(),
    output: z.string(),
    run: async (to, ctx) => (await ctx.call(pay, { to })).status,
  })
  .node('answered', { input: Answer, output: z.string(), run: async ({ ok }) => `answered ${ok}` })
  .node('late', { input: Rejection, output: z.string(), run: async ({ code }) => `late ${code}` })
  .start('split')
  .fanOut('split', ['ask', 'payer'])
  .edge('ask', 'answered')
  .onRejected('ask', 'late')
  .output('payer')
  .output('answered')
  .output('late')
  .build()

const open: Signalbox[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
})

function compose(host: Host = systemHost): Signalbox {
  const store = memoryStore(host)
  const vault = keyVault({ store, host, masterKey: new Uint8Array(32) })
  const policy = scriptedPolicy({
    tools: { 'pay.send': { class: 'payments.write', effect: 'irreversible' } },
    decide: (request) => (request.action.name === 'pay.send' ? needsApproval(request, 'approver') : undefined),
  })
  const models = {
    resolve: (id: string): never => {
      throw new Error(`no model ${id} here`)
    },
  }
  const box = createSignalbox({ store, vault, policy, models, workflows: [both], host })
  open.push(box)
  return box
}

async function requestOf(box: Signalbox, runId: string, kind: 'approval' | 'request'): Promise<string> {
  const rows = await box.runs.requests({ tenant: 'acme', runId, kind, state: 'open', limit: 5 })
  return rows[0]?.id ?? ''
}

async function until(met: () => Promise<boolean>): Promise<void> {
  while (!(await met())) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('ports', () => {
  it('PRT-001: an answer that comes while another node waits for an approval is kept, without writing meanwhile', async () => {
    const box = compose()
    const worker = box.work({ pollMs: 5 })
    const { runId } = await box.run({ workflow: 'both', input: 'bob', principal: ana })
    const requestId = await requestOf(box, runId, 'request')
    await box.runs.respond({ requestId, value: { ok: true }, by: paul })
    // The worker has seen the answer once it holds the run again.
    await until(async () => (await box.runs.get('acme', runId)).leaseOwner !== null)
    await new Promise((resolve) => setTimeout(resolve, 60))
    const before = (await box.runs.records('acme', runId)).length
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect((await box.runs.records('acme', runId)).length).toBe(before)
    const approvalId = await requestOf(box, runId, 'approval')
    await box.runs.decide({ approvalId, answer: 'approved', by: paul, reason: 'fine by me', seen: null })
    const done = await box.runs.wait('acme', runId)
    await worker.stop()
    expect(done).toMatchObject({ status: 'completed', output: 'answered true' })
    const types = (await box.runs.records('acme', runId)).map((record) => record.type)
    expect(types.filter((type) => type === 'response.received')).toHaveLength(1)
    expect(types.length).toBeLessThan(25)
  })

  it('PRT-002: a wrong answer is refused, the first right one wins, the second is told who', async () => {
    const box = compose()
    const worker = box.work({ pollMs: 5 })
    const { runId } = await box.run({ workflow: 'both', input: 'bob', principal: ana })
    const requestId = await requestOf(box, runId, 'request')
    const wrong = box.runs.respond({ requestId, value: { ok: 'yes' }, by: paul })
    await expect(wrong).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    expect(await requestOf(box, runId, 'request')).toBe(requestId)
    await box.runs.respond({ requestId, value: { ok: true }, by: paul })
    const second = box.runs.respond({ requestId, value: { ok: false }, by: ana })
    await expect(second).rejects.toMatchObject({ code: 'APPROVAL_DECIDED', details: { decided_by: 'user:paul' } })
    await worker.stop()
  })

  it('PRT-003: silence goes to the fallback of the port', async () => {
    let ahead = 0
    const host: Host = { ...systemHost, now: () => systemHost.now() + ahead }
    const box = compose(host)
    const worker = box.work({ pollMs: 5 })
    const { runId } = await box.run({ workflow: 'both', input: 'bob', principal: ana })
    const approvalId = await requestOf(box, runId, 'approval')
    await box.runs.decide({ approvalId, answer: 'rejected', by: paul, reason: 'not this one', seen: null })
    await until(async () => (await box.runs.get('acme', runId)).superstep === 2)
    ahead = 61_000
    const done = await box.runs.wait('acme', runId)
    await worker.stop()
    expect(done).toMatchObject({ status: 'completed', output: 'late APPROVAL_EXPIRED' })
  })
})
