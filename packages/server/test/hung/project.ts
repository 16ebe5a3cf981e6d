/** A node that posts one letter with a tool that then never gives its process back, or takes its time, as its input says. */
import { fileURLToPath } from 'node:url'
import { type ActCtx, createModels, loadPrices, tool, workflow } from 'signalbox'
import { z } from 'zod'
import { defineProject } from '@signalbox/server'

const office = (): string => process.env.OFFICE_URL ?? ''
const Posted = z.object({ posted: z.int() })

/** Letters from this number on keep the process busy for ever once they are posted. */
export const SPINS_FROM = 100

const post = tool({
  name: 'office.post',
  class: 'letters.send',
  effect: 'irreversible',
  input: z.object({ number: z.int() }),
  output: Posted,
  hosts: () => [new URL(office()).host],
  timeoutSeconds: 4,
  settleAfterSeconds: 0.2,
  execute: async (letter, ctx) => {
    const answer = await ctx.fetch(`${office()}/letters`, { method: 'POST', body: JSON.stringify(letter) })
    const posted = Posted.parse(await answer.json())
    while (letter.number >= SPINS_FROM) Math.sqrt(letter.number)
    return posted
  },
  reconcile: async (_letter, ctx: ActCtx) => {
    const found = await ctx.fetch(`${office()}/letters?key=${ctx.idempotencyKey}`)
    if (found.status === 404) return { answer: 'did_not' }
    return { answer: 'happened', output: Posted.parse(await found.json()) }
  },
})

const number = z.int()
const budget = { maxTurns: 30, maxToolCalls: 300, maxRuntimeSeconds: 120, maxTokens: 500_000, maxCostUsd: '5' }
const letters = workflow({ name: 'letters', version: '1.0.0', input: number, output: z.string(), budget })
  .node('post', {
    input: number,
    output: number,
    tools: [post],
    run: async (first, ctx) => {
      await ctx.call(post, { number: first })
      return first + 1
    },
  })
  .node('more', { input: number, output: number, run: (n) => n })
  .node('end', { input: number, output: z.string(), run: (n) => `posted up to ${n - 1}` })
  .start('post')
  .edge('post', 'more')
  .switch('more', [{ when: (n) => n < 30, to: 'post' }], 'end')
  .output('end')
  .build()

export default defineProject({
  name: 'letters',
  workflows: [letters],
  bundleDir: fileURLToPath(new URL('../long-turn/policy', import.meta.url)),
  models: (env) => createModels({ env, prices: loadPrices() }),
})
