/** A clerk that posts letters: as many calls in a turn, or turns, as its input says. */
import { fileURLToPath } from 'node:url'
import { type ActCtx, agent, createModels, loadPrices, tool, workflow } from 'signalbox'
import { z } from 'zod'
import { defineProject, type WorkflowDrill } from '@signalbox/server'
import { type Letter, type Outside, startModel, startOffice } from './servers.ts'

const OFFICE = 'OFFICE_URL'
const office = (): string => process.env[OFFICE] ?? ''

const Posted = z.object({ posted: z.int() })

async function answered(answer: Response): Promise<z.output<typeof Posted>> {
  if (!answer.ok) throw new Error(`the office answered ${answer.status}`)
  return Posted.parse(await answer.json())
}

const post = tool({
  name: 'office.post',
  class: 'letters.send',
  effect: 'irreversible',
  input: z.object({ number: z.int() }),
  output: Posted,
  hosts: () => [new URL(office()).host],
  timeoutSeconds: 4,
  settleAfterSeconds: 0.2,
  execute: async (letter, ctx) =>
    answered(await ctx.fetch(`${office()}/letters`, { method: 'POST', body: JSON.stringify(letter) })),
  reconcile: async (_letter, ctx: ActCtx) => {
    const found = await ctx.fetch(`${office()}/letters?key=${ctx.idempotencyKey}`)
    return found.status === 404 ? { answer: 'did_not' } : { answer: 'happened', output: await answered(found) }
  },
})

const clerk = agent({
  name: 'clerk',
  model: 'openai-compatible/clerk',
  instructions: 'Post the letters.',
  maxOutputTokens: 2_000,
  tools: [post],
  input: z.string(),
  output: z.string(),
})

const budget = { maxTurns: 30, maxToolCalls: 30, maxRuntimeSeconds: 120, maxTokens: 500_000, maxCostUsd: '5' }
const io = { input: z.string(), output: z.string() }
const letters = workflow({ name: 'letters', version: '1.0.0', ...io, budget })
  .agent('post', clerk, { prompt: (text) => text })
  .start('post')
  .output('post')
  .build()

/** The outside systems of the stand that was started last: their own logs. */
export const outside: { office: Outside<Letter> | null; model: Outside<{ readonly turn: number }> | null } = {
  office: null,
  model: null,
}

const drill: WorkflowDrill = {
  workflow: 'letters',
  inputs: [{ name: 'one turn', input: 'turns 1 calls 20' }],
  principal: { id: 'user:cleo', kind: 'user', tenant: 'office', roles: ['clerk'] },
  recorded: ['office.post'],
  // The model answers by rule, over HTTP as a provider does.
  models: (env) => {
    const models = createModels({ env, prices: loadPrices(), streaming: false })
    return { resolve: (id) => ({ ...models.resolve(id), scripted: true }) }
  },
  world: async () => {
    const [at, model] = await Promise.all([startOffice(), startModel()])
    outside.office = at
    outside.model = model
    return {
      env: { [OFFICE]: at.url, SIGNALBOX_MODEL_BASE_URL: `${model.url}/v1` },
      effects: async () =>
        at.log.map(({ number, key, runId }) => ({ tool: 'office.post', subject: `letter ${number}`, key, runId })),
      stop: async () => {
        await Promise.all([at.stop(), model.stop()])
      },
    }
  },
}

export default defineProject({
  name: 'letters',
  workflows: [letters],
  bundleDir: fileURLToPath(new URL('./policy', import.meta.url)),
  models: (env) => createModels({ env, prices: loadPrices() }),
  drills: [drill],
})
