import { afterEach, describe, expect, it } from 'vitest'
import type { Store } from '../contracts/store.ts'
import { clerkFlow, clerkModel } from '../testing/agent-kit.ts'
import { benchSet } from '../testing/bench-box.ts'
import { oneNode, payTool, type PayTool, readTool } from '../testing/engine-kit.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

/** Pays each amount of its input. */
const payments = (pay: PayTool, budget: object = {}) =>
  oneNode(
    async (input, ctx) => {
      const ends: string[] = []
      for (const amount of input as number[]) ends.push((await ctx.call(pay, { to: 'bob', amount })).status)
      return ends
    },
    { tools: [pay], budget },
  )

async function told(store: Store): Promise<readonly string[]> {
  const notices = await store.unrouted(100)
  return notices.map(({ kind, facts }) => `${kind} ${facts.limit} ${facts.percent ?? ''}`.trim())
}

describe('budgets that run low', () => {
  it('BUD-045: each declared part of a limit is told once, over a crash too, and a close end says so', async () => {
    const outside = await bank()
    const desk = payments(payTool(outside, { repeat: 'same_key_is_harmless' }), {
      maxToolCalls: 4,
      warnAtPercent: [50, 75],
    })
    const one = box({ workflows: [desk] })
    let crash = true
    outside.onPayment(async ({ amount }) => {
      if (amount !== 3 || !crash) return
      crash = false
      await one.kill()
    })
    one.work()
    const runId = await one.start('one', [1, 2, 3])
    await one.until(() => (crash ? null : true), 'the crash')
    await one.host.advance(16_000)
    one.work()
    await one.settle(async () => ((await one.row(runId)).status === 'completed' ? true : null), 'the end')
    const warnings = await one.of(runId, 'budget.warning')
    const percents = warnings.map(({ scope, limit, percent }) => `${scope} ${limit} ${percent}`)
    expect(percents.slice(0, 1)).toEqual(['run tool_calls 50'])
    expect(new Set(percents).size).toBe(percents.length)
    expect(await told(one.store)).toContain('budget.warning tool_calls 50')
  })

  it('BUD-045: a run that ends close to a limit names it; one that does not says nothing', async () => {
    const outside = await bank()
    const one = box({ workflows: [payments(payTool(outside), { maxToolCalls: 2 })] })
    one.work()
    const { runId: close } = await one.run('one', [1, 2])
    const { runId: far } = await one.run('one', [3])
    expect((await one.of(close, 'run.completed'))[0]?.near_misses).toEqual(['tool_calls'])
    expect((await one.of(far, 'run.completed'))[0]).not.toHaveProperty('near_misses')
    expect(await told(one.store)).toEqual(['budget.near_miss tool_calls'])
  })

  it('BUD-046: a budget over many runs tells each declared part once a period, whichever run passes it', async () => {
    const outside = await bank()
    const budgets = [{ scope: 'tenant', per: 'day', maxEffects: 4, warnAtPercent: [50, 99] } as const]
    const one = box({ workflows: [payments(payTool(outside))], budgets })
    one.work()
    for (const amounts of [[1], [2], [3], [4], [5]]) await one.run('one', amounts)
    const kinds = await told(one.store)
    const day = new Date(one.host.now()).toISOString().slice(0, 10)
    expect(kinds).toEqual([
      `budget.warning effects of tenant:acme/${day} 50`,
      `budget.warning effects of tenant:acme/${day} 99`,
    ])
    expect(outside.booked).toHaveLength(4)
  })

  it('BUD-047: a model call with a lowered output limit says so, and people are told', async () => {
    const { model, seen } = clerkModel([])
    const one = box({
      workflows: [clerkFlow([readTool((n) => n)], { budget: { maxTokens: 3_000 }, maxOutputTokens: 5_000 })],
      models: [model],
    })
    one.work()
    const { runId } = await one.run('clerks', 'go')
    const [intent] = await one.of(runId, 'activity.intent')
    expect(intent?.lowered_output?.to).toBe(seen[0]?.maxOutputTokens)
    expect(intent?.lowered_output?.from).toBeGreaterThan(intent?.lowered_output?.to ?? 0)
    expect((await told(one.store))[0]).toBe('budget.near_miss output tokens')
  })
})
