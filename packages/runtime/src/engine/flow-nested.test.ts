import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { agent } from '../agents/index.ts'
import type { Store } from '../contracts/store.ts'
import { lineageGaps } from '../observability/index.ts'
import { agentTool, flow, workflowTool } from '../orchestration/index.ts'
import { clerkModel } from '../testing/agent-kit.ts'
import { type BenchBox, benchSet, PAUL, WIDE_BUDGET } from '../testing/bench-box.ts'
import { crashSweep } from '../testing/crash-sweep.ts'
import { lookUp, payTool, type PayTool } from '../testing/engine-kit.ts'
import { job, respond, review } from '../testing/flow-kit.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

/** A function that asks before it pays. */
const asksAndPays = (pay: PayTool) =>
  flow({
    name: 'inner',
    version: '1.0.0',
    input: z.object({ to: z.string() }),
    output: z.string(),
    budget: WIDE_BUDGET,
    tools: [pay],
    ports: [review],
    run: async ({ to }, f) => {
      const amount = await f.step('amount', { to }, (args) => args.to.length)
      const end = await f.ask(review, { text: to })
      if (end.status !== 'succeeded' || !end.output.ok) return 'refused'
      return (await f.call(pay, { to, amount })).status
    },
  })

const inParallel = (pay: PayTool) => {
  const inner = workflowTool(asksAndPays(pay))
  return job(
    async (_input, f) => {
      const ends = await Promise.all([f.call(inner, { to: 'bob' }), f.step('beside', null, () => 'done')])
      return ends.map((end) => (typeof end === 'string' ? end : end.status === 'succeeded' ? end.output : end.status))
    },
    { tools: [inner] },
  )
}

async function finish(one: BenchBox, runId: string): Promise<void> {
  await one.settle(async () => {
    if ((await one.open('request')).length > 0) await respond(one, true)
    return (await one.row(runId)).status === 'completed' ? true : null
  }, 'the end')
}

describe('functions and workflows inside a function', () => {
  it('FLW-030: a nested function asks, pays and ends; its request names where it stands and is answered like others', async () => {
    const outside = await bank()
    const one = box({ workflows: [inParallel(payTool(outside))] })
    one.work()
    const runId = await one.start('job', null)
    const asked = await one.asked('request')
    expect(asked.tool).toBe('job/review')
    const shown = await one.sb.runs.request('acme', asked.id)
    expect(shown.port?.payload).toEqual({ text: 'bob' })
    expect(shown.port?.responseSchema).toMatchObject({ properties: { ok: { type: 'boolean' } } })
    await expect(one.sb.runs.respond({ requestId: asked.id, value: { ok: 1 }, by: PAUL })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    })
    await respond(one, true)
    expect((await one.ended(runId)).output).toEqual(['succeeded', 'done'])
    expect(outside.booked.map(({ to, amount }) => [to, amount])).toEqual([['bob', 3]])
    expect(lineageGaps(await one.records(runId))).toEqual([])
  })

  it('FLW-030: broken off after each record it ends alike and pays once', async () => {
    const outside = await bank()
    const work = inParallel(payTool(outside, { found: lookUp(outside) }))
    const first = box({ workflows: [work] })
    first.work()
    const runId = await first.start('job', null)
    await finish(first, runId)
    const make = (store: Store) => box({ workflows: [work], store })
    const found = await crashSweep({ first, runId, make, finish: (next) => finish(next, runId), bank: outside })
    expect(found).toEqual([])
  }, 60_000)

  it('FLW-030: an agent is called as a tool; its own calls pass the door by themselves', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const clerk = agent({
      name: 'clerk',
      model: 'scripted/clerk',
      instructions: 'pay',
      maxOutputTokens: 50,
      tools: [pay],
      input: z.string(),
      output: z.string(),
    })
    const call = agentTool(clerk, {
      name: 'agents.clerk',
      class: 'agents.call',
      description: 'pays',
      input: z.object({ text: z.string() }),
      prompt: ({ text }) => text,
    })
    const work = job(async (_input, f) => (await f.call(call, { text: 'pay bob' })).status, { tools: [call, pay] })
    const { model } = clerkModel([[{ tool: 'pay.send', args: { to: 'bob', amount: 1 } }]])
    const one = box({ workflows: [work], models: [model] })
    one.work()
    const { runId, output } = await one.run('job', null)
    expect(output).toBe('succeeded')
    expect(outside.booked).toHaveLength(1)
    expect((await one.of(runId, 'activity.outcome')).map(({ kind }) => kind)).toEqual([
      'model',
      'tool',
      'model',
      'scope',
    ])
  })
})
