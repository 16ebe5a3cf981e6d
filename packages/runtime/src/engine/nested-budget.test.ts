import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { agent } from '../agents/index.ts'
import { lineageGaps } from '../observability/index.ts'
import { agentTool, workflowTool } from '../orchestration/index.ts'
import { clerkFlow, clerkModel, toolResults } from '../testing/agent-kit.ts'
import { type BenchBox, benchSet, PAUL } from '../testing/bench-box.ts'
import { KIT_TOOLS, oneNode, payTool, type PayTool } from '../testing/engine-kit.ts'
import { scriptedModel } from '../testing/scripted-model.ts'
import { needsApproval, scriptedPolicy } from '../testing/scripted-policy.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

/** Pays the amounts one after another and tells how each call ended. */
const payer = (pay: PayTool) =>
  oneNode(
    async (input, ctx) => {
      const ends: string[] = []
      for (const amount of input as number[]) ends.push((await ctx.call(pay, { to: 'bob', amount })).status)
      return ends
    },
    { name: 'payer', tools: [pay] },
  )

const desk = (pay: PayTool, maxToolCalls: number) => {
  const nested = workflowTool(payer(pay), { name: 'workflows.payer', budget: { maxToolCalls } })
  return oneNode(
    async (input, ctx) => {
      const inner = await ctx.call(nested, input)
      const own = await ctx.call(pay, { to: 'eve', amount: 1 })
      return { inner: inner.status === 'succeeded' ? inner.output : inner.status, own: own.status }
    },
    { name: 'desk', tools: [nested, pay], budget: { maxToolCalls: 20 } },
  )
}

const POLICY = scriptedPolicy({
  tools: { ...KIT_TOOLS, 'workflows.payer': { class: 'workflows.enter', effect: 'none' } },
})

/** Reads the stream to its end, as a client does; or does not look at all. */
async function watched(one: BenchBox, runId: string, streamed: boolean): Promise<void> {
  if (!streamed) return
  for await (const item of one.sb.runs.stream('acme', runId)) if (item.kind === 'record') continue
}

describe('a nested scope with a budget of its own', () => {
  it.each([true, false])(
    'BUD-040: what goes beyond it is refused and not sent, and the run goes on with its own budget (streamed: %s)',
    async (streamed) => {
      const outside = await bank()
      const one = box({ workflows: [desk(payTool(outside), 2)], policy: POLICY })
      one.work()
      const runId = await one.start('desk', [1, 2, 3])
      await watched(one, runId, streamed)
      const { output } = await one.ended(runId)
      expect(output).toEqual({ inner: ['succeeded', 'succeeded', 'refused'], own: 'succeeded' })
      expect(outside.booked.map(({ to, amount }) => `${to} ${amount}`)).toEqual(['bob 1', 'bob 2', 'eve 1'])
      const outcomes = await one.of(runId, 'activity.outcome')
      const refused = outcomes.find((record) => record.status === 'refused')
      expect(refused).toMatchObject({ code: 'BUDGET_EXHAUSTED', limits: ['tool_calls of payer'] })
      expect(lineageGaps(await one.records(runId))).toEqual([])
    },
  )

  it('BUD-041: it is the same budget after a crash, an approval and a restore: nothing refills it', async () => {
    const outside = await bank()
    const named = payTool(outside, { effectKey: ({ to, amount }) => ({ scope: 'run', key: `${to}/${amount}` }) })
    const tools = { ...KIT_TOOLS, 'workflows.payer': { class: 'workflows.enter', effect: 'none' } } as const
    const policy = scriptedPolicy({
      tools,
      decide: (request) => (request.action.class === 'payments.write' ? needsApproval(request, 'approver') : undefined),
    })
    const one = box({ workflows: [desk(named, 2)], policy })
    one.work()
    const runId = await one.start('desk', [1, 2, 3])
    await one.decide('approved')
    await one.asked()
    await one.killAndExpire()
    one.work()
    await one.decide('approved')
    // The budget is asked after the person: the third is approved and refused, the next one is the run's own.
    await one.decide('approved')
    await one.decide('approved')
    const { output } = await one.ended(runId)
    expect(output).toEqual({ inner: ['succeeded', 'succeeded', 'refused'], own: 'succeeded' })
    const [first] = (await one.of(runId, 'activity.outcome')).filter(({ effect }) => effect === 'irreversible')
    await one.kill()
    await one.sb.runs.restore({ runId, seq: first?.seq ?? 0, by: PAUL, reason: 'once more from there' })
    one.work()
    // The second is answered from the ledger, and so is the run's own; the third asks a person, and is refused again.
    await one.decide('approved')
    const again = await one.ended(runId)
    expect(again.output).toEqual({ inner: ['succeeded', 'succeeded', 'refused'], own: 'succeeded' })
    expect(outside.booked.map(({ amount }) => amount)).toEqual([1, 2, 1])
  })

  it('BUD-042: a model call in it is lowered to what is left of it, and refused with its name when nothing is', async () => {
    const asked: number[] = []
    const small = scriptedModel('small', (request) => {
      asked.push(request.maxOutputTokens)
      return 'said'
    })
    const inner = agentTool(
      agent({
        name: 'writer',
        model: 'scripted/small',
        instructions: 'write',
        maxOutputTokens: 5_000,
        tools: [],
        input: z.string(),
        output: z.string(),
      }),
      {
        name: 'agents.writer',
        class: 'agents.call',
        description: 'writes',
        input: z.object({ about: z.string() }),
        prompt: ({ about }) => about,
        budget: { maxTokens: 2_000, maxTurns: 1 },
      },
    )
    const call = { tool: 'agents.writer', args: { about: 'rain' } }
    const { model, seen } = clerkModel([[call]])
    const policy = scriptedPolicy({ tools: { 'agents.writer': { class: 'agents.call', effect: 'none' } } })
    const one = box({ workflows: [clerkFlow([inner])], models: [model, small], policy })
    one.work()
    const { output } = await one.run('clerks', 'go')
    expect(output).toBe('done')
    expect(asked).toHaveLength(1)
    expect(asked[0]).toBeLessThan(2_000)
    expect(toolResults(seen.at(-1))).toEqual([expect.stringContaining('said')])
  })

  it('BUD-043: one that is larger than what is around it is refused when the workflow is built', () => {
    const nested = workflowTool(
      oneNode(async () => null, { name: 'inner' }),
      {
        name: 'workflows.inner',
        budget: { maxTokens: 50_000, maxCostUsd: '2' },
      },
    )
    const small = () => oneNode(async () => null, { tools: [nested], budget: { maxTokens: 10_000, maxCostUsd: '1' } })
    expect(small).toThrow('`workflows.inner` may use more tokens than what is around it')
    expect(small).toThrow('`workflows.inner` may use more cost')
    expect(() =>
      workflowTool(
        oneNode(async () => null),
        { budget: { maxTurns: -1 } },
      ),
    ).toThrow('budget.maxTurns')
  })
})
