import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  appended,
  createSignalbox,
  memoryStore,
  owned,
  type Principal,
  type Signalbox,
  systemHost,
  tool,
  workflow,
  keyVault,
} from '../index.ts'
import { needsApproval, scriptedPolicy } from '../testing/scripted-policy.ts'

const ana: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['requester'] }
const paul: Principal = { id: 'user:paul', kind: 'user', tenant: 'acme', roles: ['approver'] }
const budget = { maxTurns: 5, maxToolCalls: 5, maxRuntimeSeconds: 30, maxTokens: 10_000, maxCostUsd: '1' }
const models = {
  resolve: (id: string) => {
    throw new Error(id)
  },
}

const open: Signalbox[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
})

function box(
  spec: Parameters<typeof createSignalbox>[0]['workflows'][number],
  policy = scriptedPolicy({
    tools: {
      'pay.send': { class: 'payments.write', effect: 'irreversible' },
      'get.one': { class: 'records.read', effect: 'none' },
    },
  }),
) {
  const host = systemHost
  const store = memoryStore(host)
  const vault = keyVault({ store, host, masterKey: new Uint8Array(32) })
  const sb = createSignalbox({ store, vault, policy, models, workflows: [spec] })
  open.push(sb)
  return sb
}

describe('engine smoke', () => {
  it('runs two nodes to an output', async () => {
    const w = workflow({
      name: 'two',
      version: '1.0.0',
      input: z.number(),
      output: z.number(),
      budget,
      state: { seen: appended(z.number()), last: owned('b', z.number()) },
    })
      .node('a', {
        input: z.number(),
        output: z.number(),
        run: async (n, ctx) => {
          ctx.write({ seen: n })
          return n + 1
        },
      })
      .node('b', {
        input: z.number(),
        output: z.number(),
        run: async (n, ctx) => {
          ctx.write({ seen: n, last: n })
          return n * 2
        },
      })
      .start('a')
      .edge('a', 'b')
      .output('b')
      .build()
    const sb = box(w)
    const worker = sb.work({ pollMs: 5 })
    const result = await sb.run({ workflow: 'two', input: 3, principal: ana })
    await worker.stop()
    expect(result).toMatchObject({ status: 'completed', output: 8 })
    const records = await sb.runs.records('acme', result.runId)
    console.log(records.map((r) => r.type).join(' '))
  })

  it('asks, waits, pays once', async () => {
    const booked: string[] = []
    const pay = tool({
      name: 'pay.send',
      class: 'payments.write',
      effect: 'irreversible',
      input: z.object({ to: z.string() }),
      output: z.object({ id: z.string() }),
      preview: async ({ to }) => ({
        summary: `pay ${to}`,
        target: { type: 'account', id: to, version: '1' },
        impact: { text: 'one' },
        rollback: 'none',
      }),
      execute: async ({ to }, ctx) => {
        booked.push(ctx.idempotencyKey)
        return { id: to }
      },
    })
    const w = workflow({
      name: 'pay',
      version: '1.0.0',
      input: z.string(),
      output: z.string(),
      budget,
      state: {},
      tools: [pay],
    })
      .node('a', {
        input: z.string(),
        output: z.string(),
        run: async (to, ctx) => {
          const end = await ctx.call(pay, { to })
          return end.status
        },
      })
      .start('a')
      .output('a')
      .build()
    const policy = scriptedPolicy({
      tools: { 'pay.send': { class: 'payments.write', effect: 'irreversible' } },
      decide: (r) => (r.action.name === 'pay.send' ? needsApproval(r, 'approver') : undefined),
    })
    const sb = box(w, policy)
    const worker = sb.work({ pollMs: 5 })
    const waiting = await sb.run({ workflow: 'pay', input: 'bob', principal: ana })
    expect(waiting.status).toBe('waiting')
    const [row] = await sb.runs.requests({ tenant: 'acme', state: 'open', limit: 5 })
    expect(booked).toEqual([])
    await sb.runs.decide({ approvalId: row?.id ?? '', answer: 'approved', by: paul, reason: 'fine by me', seen: null })
    const result = await sb.runs.wait('acme', waiting.runId)
    await worker.stop()
    const records = await sb.runs.records('acme', result.runId)
    console.log(records.map((r) => r.type).join(' '))
    expect(result).toMatchObject({ status: 'completed', output: 'succeeded' })
    expect(booked).toHaveLength(1)
  })
})
