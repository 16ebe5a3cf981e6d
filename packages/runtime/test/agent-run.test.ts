import { LLMock } from '@copilotkit/aimock'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  agent,
  createModels,
  createSignalbox,
  keyVault,
  loadPrices,
  memoryStore,
  type ModelsOptions,
  type Principal,
  systemHost,
  tool,
  workflow,
} from '../src/index.ts'
import { scriptedPolicy } from '../src/testing/scripted-policy.ts'
import { REVIEWED } from '../src/testing/reviewed.ts'

const ana: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['requester'] }
const budget = { maxTurns: 5, maxToolCalls: 5, maxRuntimeSeconds: 30, maxTokens: 50_000, maxCostUsd: '1' }

let mock: LLMock

beforeAll(async () => {
  mock = new LLMock({ port: 0 })
  mock.on(
    { userMessage: 'pay', hasToolResult: false },
    { toolCalls: [{ id: 'c1', name: 'bank_pay', arguments: '{"to":"bob"}' }] },
  )
  mock.on({ userMessage: 'pay', hasToolResult: true }, { content: '{"done":true}' })
  await mock.start()
})

afterAll(() => mock.stop())

async function play(model: string, more: Partial<ModelsOptions> = {}) {
  const paid: string[] = []
  const pay = tool({
    name: 'bank.pay',
    class: 'payments.write',
    effect: 'irreversible',
    input: z.object({ to: z.string() }),
    output: z.object({ paid: z.boolean() }),
    execute: async (_, ctx) => {
      paid.push(ctx.idempotencyKey)
      return { paid: true }
    },
  })
  const clerk = agent({
    name: 'clerk',
    model,
    instructions: 'Pay what is owed.',
    maxOutputTokens: 200,
    tools: [pay],
    input: z.string(),
    output: z.object({ done: z.boolean() }),
  })
  const desk = workflow({
    name: 'desk',
    version: '1.0.0',
    input: z.string(),
    output: z.object({ done: z.boolean() }),
    contract: REVIEWED,
    budget,
    state: {},
  })
    .agent('clerk', clerk, { prompt: (text) => text })
    .start('clerk')
    .output('clerk')
    .build()
  const env = { OPENAI_API_KEY: 'k', OPENAI_BASE_URL: `${mock.url}/v1`, SIGNALBOX_MODEL_BASE_URL: `${mock.url}/v1` }
  const store = memoryStore(systemHost)
  const box = createSignalbox({
    store,
    vault: keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) }),
    policy: scriptedPolicy({ tools: { 'bank.pay': { class: 'payments.write', effect: 'irreversible' } } }),
    models: createModels({ env, prices: loadPrices(), ...more }),
    workflows: [desk],
    mode: 'production',
  })
  const worker = box.work({ pollMs: 5 })
  const result = await box.run({ workflow: 'desk', input: 'pay bob', principal: ana })
  await worker.stop()
  const records = await box.runs.records('acme', result.runId)
  await box.close()
  return { result, paid, types: records.map((record) => record.type), records }
}

describe('an agent in a run', () => {
  it.each([
    ['openai/gpt-5', true],
    ['openai/gpt-5', false],
    ['openai-compatible/llama3', true],
    ['openai-compatible/llama3', false],
  ] as const)(
    'AGT-060, TOL-034: %s, streaming %s: same output, effects and records, nothing beside the door',
    async (model, streaming) => {
      const { result, paid, types } = await play(model, { streaming })
      expect(result).toMatchObject({ status: 'completed', output: { done: true } })
      expect(paid).toHaveLength(1)
      expect(types).toMatchInlineSnapshot(`
      [
        "run.started",
        "segment.started",
        "activity.intent",
        "activity.outcome",
        "activity.intent",
        "activity.outcome",
        "position.saved",
        "activity.intent",
        "activity.outcome",
        "position.saved",
        "superstep.completed",
        "run.completed",
      ]
    `)
    },
  )
})
