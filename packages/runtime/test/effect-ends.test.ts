/** How an effect ends whose tool goes out by a way of its own, where the engine sees nothing leave. */
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createSignalbox, keyVault, memoryStore, type Principal, systemHost, tool, workflow } from '../src/index.ts'
import { scriptedPolicy } from '../src/testing/scripted-policy.ts'

const ana: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['requester'] }
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** Statuses of the first two records about the effect, when `act` is what its tool does. */
async function endOf(act: (fetch: typeof globalThis.fetch) => Promise<unknown>): Promise<string> {
  const send = tool({
    name: 'box.send',
    class: 'box.write',
    effect: 'irreversible',
    input: z.object({}),
    output: z.object({ id: z.string() }),
    timeoutSeconds: 0.1,
    settleAfterSeconds: 3_600,
    // Only what the schema says is wrong on purpose: the types promise what the tool does not keep.
    execute: async (_args, ctx) => (await act(ctx.fetch)) as { id: string },
  })
  const budget = { maxTurns: 1, maxToolCalls: 2, maxRuntimeSeconds: 30, maxTokens: 1_000, maxCostUsd: '1' }
  const desk = workflow({
    name: 'd',
    version: '1.0.0',
    input: z.null(),
    output: z.string(),
    budget,
    state: {},
    tools: [send],
  })
    .node('a', { input: z.null(), output: z.string(), run: async (_, ctx) => (await ctx.call(send, {})).status })
    .start('a')
    .output('a')
    .build()
  const store = memoryStore(systemHost)
  const box = createSignalbox({
    store,
    vault: keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) }),
    policy: scriptedPolicy({ tools: { 'box.send': { class: 'box.write', effect: 'irreversible' } } }),
    models: {
      resolve: (id) => {
        throw new Error(id)
      },
    },
    workflows: [desk],
  })
  closing.push(() => box.close())
  const worker = box.work({ pollMs: 5 })
  closing.push(() => worker.stop())
  const { runId } = await box.run({ workflow: 'd', input: null, principal: ana })
  const outcomes = await box.runs.records('acme', runId, { types: ['activity.outcome'] })
  const [first] = outcomes
  return first?.type === 'activity.outcome' ? first.status : 'none'
}

describe('an effect of which nothing was seen to leave', () => {
  it('is unknown, not unsent, when the tool answered in another shape (Invariant 5)', async () => {
    expect(await endOf(async () => ({ wrong: true }))).toBe('unknown')
  })

  it('is unknown, not unsent, when the tool ran out of time (Invariant 5)', async () => {
    expect(await endOf(() => new Promise(() => undefined))).toBe('unknown')
  })

  it('is not sent when its only way out was refused before it', async () => {
    expect(await endOf((fetch) => fetch('http://127.0.0.1:9/'))).toBe('not_sent')
  })
})
