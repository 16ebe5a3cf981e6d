/** The tool of docs/guide/tools.md at work, against a bank that loses one answer. */
import { createServer, type Server } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createSignalbox, keyVault, memoryStore, type Principal, systemHost, workflow } from '../../src/index.ts'
import { scriptedPolicy } from '../../src/testing/scripted-policy.ts'
import { refundTool } from './refund.ts'

const ana: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['requester'] }
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of closing.splice(0).reverse()) await end()
})

/** Books each key once. The first answer to a refund is lost with its connection. */
async function bankThatLosesAnAnswer(booked: Map<string, string>): Promise<string> {
  let lost = false
  const server: Server = createServer((request, response) => {
    const key = String(request.headers['idempotency-key'] ?? request.url?.split('/').at(-1))
    if (request.url?.startsWith('/orders/')) return response.end('{"paid_minor":500}')
    if (request.method === 'GET') {
      const refundId = booked.get(key)
      response.statusCode = refundId ? 200 : 404
      return response.end(JSON.stringify({ refundId }))
    }
    if (!booked.has(key)) booked.set(key, `refund-${booked.size + 1}`)
    if (lost) return response.end(JSON.stringify({ refundId: booked.get(key) }))
    lost = true
    return request.socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => new Promise((resolve) => server.close(resolve)))
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}

describe('the tool of the guide', () => {
  it('refunds once although the answer was lost, and tells policy what was paid', async () => {
    const booked = new Map<string, string>()
    const seen: unknown[] = []
    const refund = refundTool(await bankThatLosesAnAnswer(booked))
    const budget = { maxTurns: 1, maxToolCalls: 5, maxRuntimeSeconds: 30, maxTokens: 1_000, maxCostUsd: '1' }
    const desk = workflow({
      name: 'refunds',
      version: '1.0.0',
      input: z.string(),
      output: z.string(),
      budget,
      state: {},
      tools: [refund],
    })
      .node('pay', {
        input: z.string(),
        output: z.string(),
        run: async (orderId, ctx) => {
          const end = await ctx.call(refund, { orderId, amountMinor: 500 })
          return end.status === 'succeeded' ? end.output.refundId : end.reason
        },
      })
      .start('pay')
      .output('pay')
      .build()
    // The clock runs fast, so that the deadline of the first send is soon past.
    const from = systemHost.monotonicMs()
    const host = {
      ...systemHost,
      now: () => Math.round(systemHost.now() + 50 * (systemHost.monotonicMs() - from)),
      after: (ms: number, fn: () => void) => systemHost.after(ms / 50, fn),
    }
    const store = memoryStore(host)
    const box = createSignalbox({
      store,
      host,
      vault: keyVault({ store, host, masterKey: new Uint8Array(32) }),
      policy: scriptedPolicy({
        tools: { 'payments.refund': { class: 'payments.write', effect: 'irreversible' } },
        decide: (request) => void seen.push(request.facts),
      }),
      models: {
        resolve: (id) => {
          throw new Error(id)
        },
      },
      workflows: [desk],
    })
    closing.push(() => box.close())
    const worker = box.work({ pollMs: 250, leaseMs: 600_000 })
    closing.push(() => worker.stop())
    const { runId } = await box.runs.start({ workflow: 'refunds', input: 'order-7', principal: ana })
    const result = await box.runs.wait('acme', runId)
    expect(result).toMatchObject({ status: 'completed', output: 'refund-1' })
    expect([...booked.values()]).toEqual(['refund-1'])
    expect(seen[0]).toEqual({ paid_minor: 500 })
    const records = await box.runs.records('acme', runId, { types: ['activity.outcome'] })
    const ends = records.flatMap((record) =>
      record.type === 'activity.outcome' && record.ask.parent === null ? [[record.status, record.resolved_by]] : [],
    )
    expect(ends).toEqual([
      ['unknown', null],
      ['succeeded', 'lookup'],
    ])
  })
})
