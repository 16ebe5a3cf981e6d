/** What a peer sees of the trace: the spans that telemetry holds later, and the run only where it may be told. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  createSignalbox,
  keyVault,
  memoryStore,
  type Principal,
  projectRecords,
  systemHost,
  tool,
  traceEnv,
  traceMeta,
  workflow,
} from '../src/index.ts'
import { scriptedPolicy } from '../src/testing/scripted-policy.ts'

const ana: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['requester'] }
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A peer that keeps the headers it was sent; `/move` redirects to the address that it is given. */
async function peer(moveTo = ''): Promise<{ host: string; seen: IncomingHttpHeaders[] }> {
  const seen: IncomingHttpHeaders[] = []
  const server = createServer((request, response) => {
    seen.push(request.headers)
    request.resume()
    if (request.url === '/move') response.writeHead(303, { location: moveTo }).end()
    else response.end('{}')
  }).listen(0, '127.0.0.1')
  closing.push(async () => server.close())
  await once(server, 'listening')
  // A listening TCP server has an address with a port.
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

async function twoPayments(streamed: boolean) {
  const other = await peer()
  const trusted = await peer(`http://${other.host}/`)
  const own: unknown[] = []
  const pay = tool({
    name: 'pay',
    class: 'payments.write',
    effect: 'irreversible',
    input: z.object({ n: z.int() }),
    output: z.object({ n: z.int() }),
    hosts: [trusted.host, other.host],
    execute: async (args, ctx) => {
      const headers = { baggage: `mine=${ctx.runId}` }
      await ctx.fetch(`http://${trusted.host}/pay`, { method: 'POST', body: '{}', headers })
      await ctx.fetch(`http://${trusted.host}/move`, { method: 'POST', body: '{}', headers })
      await ctx.fetch(`http://${other.host}/pay`, { method: 'POST', body: '{}', headers })
      own.push(traceMeta(ctx.trace, trusted.host), traceMeta(ctx.trace, other.host), traceEnv(ctx.trace))
      return args
    },
  })
  const budget = { maxTurns: 1, maxToolCalls: 5, maxRuntimeSeconds: 30, maxTokens: 1_000, maxCostUsd: '1' }
  const options = { name: 'd', version: '1.0.0', input: z.null(), output: z.null(), budget, state: {}, tools: [pay] }
  const run = async (_: null, ctx: { call: (what: typeof pay, args: { n: number }) => Promise<unknown> }) => {
    await ctx.call(pay, { n: 1 })
    await ctx.call(pay, { n: 2 })
    return null
  }
  const desk = workflow(options).node('a', { input: z.null(), output: z.null(), run }).start('a').output('a').build()
  const store = memoryStore(systemHost)
  const box = createSignalbox({
    store,
    vault: keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) }),
    policy: scriptedPolicy({ tools: { pay: { class: 'payments.write', effect: 'irreversible' } } }),
    models: {
      resolve: (id) => {
        throw new Error(id)
      },
    },
    workflows: [desk],
    baggageHosts: [trusted.host],
  })
  closing.push(() => box.close())
  const worker = box.work({ pollMs: 5 })
  closing.push(() => worker.stop())
  const { runId } = await box.runs.start({ workflow: 'd', input: null, principal: ana })
  if (streamed) for await (const item of box.runs.stream('acme', runId)) void item
  else await box.runs.wait('acme', runId)
  const { spans } = projectRecords(null, await box.runs.records('acme', runId))
  return { runId, calls: spans.filter((span) => span.id === 'tool_call'), trusted, other, own }
}

describe.each([false, true])('what goes out with the calls of a run, streamed: %s', (streamed) => {
  it('OTL-040, OTL-041, OTL-042: the peer records the spans of telemetry; only a trusted host learns of the run', async () => {
    const { runId, calls, trusted, other, own } = await twoPayments(streamed)
    const parents = calls.map((span) => `00-${span.traceId}-${span.spanId}-01`)
    expect(new Set(parents).size).toBe(2)
    expect([...new Set(trusted.seen.map((headers) => headers.traceparent))]).toEqual(parents)
    expect(trusted.seen.map((headers) => headers.baggage)).toEqual(Array(4).fill(`signalbox.run.id=${runId}`))
    const keys = calls.map((_, n) => trusted.seen[n * 2]?.['idempotency-key'])
    expect(new Set(keys).size).toBe(2)
    // Each payment came twice to the other host: redirected without run or trace, and asked with both, never with baggage.
    expect(other.seen.map((headers) => headers.baggage)).toEqual(Array(4).fill(undefined))
    expect(other.seen.map((headers) => headers.traceparent)).toEqual([undefined, parents[0], undefined, parents[1]])
    expect(other.seen.map((headers) => headers['x-signalbox-run-id'])).toEqual([undefined, runId, undefined, runId])
    const meta = { traceparent: parents[0] }
    expect(own.slice(0, 3)).toEqual([
      { ...meta, baggage: `signalbox.run.id=${runId}` },
      meta,
      { TRACEPARENT: parents[0] },
    ])
  })
})
