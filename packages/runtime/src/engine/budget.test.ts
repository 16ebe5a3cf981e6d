import { afterEach, describe, expect, it } from 'vitest'
import type { BudgetLimits } from '../contracts/common.ts'
import { clerkFlow, clerkModel, toolResults } from '../testing/agent-kit.ts'
import { benchSet, type BenchBox, PAUL } from '../testing/bench-box.ts'
import { approvalPolicy, oneNode, payTool, readTool } from '../testing/engine-kit.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const read = () => readTool((n) => n)
const reads = (turns: number, each = 1) =>
  Array.from({ length: turns }, (_, t) =>
    Array.from({ length: each }, (_, n) => ({ tool: 'get.one', args: { n: t * 10 + n } })),
  )

/** What the run has spent by its records, and its limits. */
async function spent(one: BenchBox, runId: string) {
  const outcomes = await one.of(runId, 'activity.outcome')
  const [started] = await one.of(runId, 'run.started')
  const limits: BudgetLimits | undefined = started?.budget
  const sum = (pick: (amounts: (typeof outcomes)[number]['settled']) => number) =>
    outcomes.reduce((total, outcome) => total + pick(outcome.settled), 0)
  return {
    turns: sum((amounts) => amounts.turns),
    calls: sum((amounts) => amounts.tool_calls),
    tokens: sum((amounts) => amounts.tokens),
    cost: outcomes.reduce((total, outcome) => total + BigInt(outcome.settled.cost_nano_usd), 0n),
    limits,
  }
}

describe('budgets', () => {
  it('ENG-110: a run makes no more turns than its limit', async () => {
    const { model, seen } = clerkModel(reads(10))
    const one = box({ workflows: [clerkFlow([read()], { budget: { maxTurns: 3 } })], models: [model] })
    one.work()
    const { status, reason, runId } = await one.run('clerks', 'go')
    expect({ status, code: reason?.code }).toEqual({ status: 'stopped', code: 'BUDGET_EXHAUSTED' })
    expect(seen).toHaveLength(3)
    expect((await spent(one, runId)).turns).toBe(3)
  })

  it('ENG-111: a batch that would pass the limit of tool calls is refused call by call', async () => {
    const asked: number[] = []
    const tool = readTool((n) => {
      asked.push(n)
      return n
    })
    const { model, seen } = clerkModel(reads(2, 3))
    const one = box({ workflows: [clerkFlow([tool], { budget: { maxToolCalls: 4 } })], models: [model] })
    one.work()
    const { runId, status } = await one.run('clerks', 'go')
    expect(status).toBe('completed')
    expect(asked).toHaveLength(4)
    const refused = toolResults(seen.at(-1)).filter((text) => text.includes('BUDGET_EXHAUSTED'))
    expect(refused).toHaveLength(2)
    expect((await spent(one, runId)).calls).toBe(4)
  })

  it('ENG-112: the output limit of a model call is lowered to the tokens and the cost that are left', async () => {
    const byTokens = clerkModel([])
    const one = box({
      workflows: [clerkFlow([], { budget: { maxTokens: 400 }, maxOutputTokens: 5_000 })],
      models: [byTokens.model],
    })
    one.work()
    await one.run('clerks', 'go')
    expect(byTokens.seen[0]?.maxOutputTokens).toBeLessThan(400)
    const byCost = clerkModel([])
    const two = box({
      workflows: [clerkFlow([], { budget: { maxCostUsd: '0.01' }, maxOutputTokens: 500_000 })],
      models: [byCost.model],
    })
    two.work()
    const { runId } = await two.run('clerks', 'go')
    expect(byCost.seen[0]?.maxOutputTokens).toBeLessThan(500_000)
    const [intent] = await two.of(runId, 'activity.intent')
    expect(BigInt(intent?.reserved.cost_nano_usd ?? '0')).toBeLessThanOrEqual(10_000_000n)
  })

  it('ENG-113: pause, approval, another worker and a restore refill nothing', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const turns = Array.from({ length: 9 }, (_, n) => [{ tool: 'pay.send', args: { to: `n${n}`, amount: 1 } }])
    const { model, seen } = clerkModel(turns)
    const one = box({
      workflows: [clerkFlow([pay], { budget: { maxTurns: 4, maxToolCalls: 3 } })],
      models: [model],
      policy: approvalPolicy(),
    })
    one.work()
    const runId = await one.start('clerks', 'go')
    await one.decide('approved')
    await one.asked()
    await one.killAndExpire()
    one.work()
    await one.decide('approved')
    await one.asked()
    await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a wait')
    const point = (await one.sb.runs.restorePoints('acme', runId)).find((each) => each.kind === 'save_point')
    await one.sb.runs.restore({ runId, seq: point?.seq ?? 0, by: PAUL, reason: 'again' })
    await one.settle(async () => {
      if ((await one.open('question')).length > 0) await one.answer('happened')
      if ((await one.open('approval')).length > 0) await one.decide('approved')
      return (await one.row(runId)).status === 'stopped' ? true : null
    }, 'the end')
    expect(seen.length).toBeLessThanOrEqual(4)
    const used = await spent(one, runId)
    expect(used.turns).toBeLessThanOrEqual(4)
    expect(outside.booked.length).toBeLessThanOrEqual(3)
    const totals = (await one.of(runId, 'branch.started')).map((branch) => branch.spent.turns)
    expect(totals).toEqual([3])
  })

  it('ENG-114: a model call whose worker died is charged in full and counts against the limit', async () => {
    const { model } = clerkModel(reads(1))
    let hang = true
    const calls: number[] = []
    const slow = {
      ...model,
      call: async (...args: Parameters<typeof model.call>) => {
        calls.push(args[0].maxOutputTokens)
        if (hang) await new Promise(() => undefined)
        return model.call(...args)
      },
    }
    const one = box({ workflows: [clerkFlow([read()], { budget: { maxTurns: 2 } })], models: [slow] })
    one.work()
    const runId = await one.start('clerks', 'go')
    await one.until(() => (calls.length === 1 ? true : null), 'the call')
    await one.killAndExpire()
    hang = false
    one.work()
    // Two turns are needed and the lost one has used one of two.
    expect(await one.ended(runId)).toMatchObject({ status: 'stopped', reason: { code: 'BUDGET_EXHAUSTED' } })
    expect(calls).toHaveLength(2)
  })

  it('ENG-115: runtime is active time: waiting does not count, being active does', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    let work = 0
    const tool = readTool(async (n) => {
      await one.host.advance(work)
      return n
    })
    const flow = oneNode(
      async (_input, ctx) => {
        await ctx.call(tool, { n: 1 })
        await ctx.call(pay, { to: 'bob', amount: 1 })
        await ctx.call(tool, { n: 2 })
        return 'done'
      },
      { tools: [pay, tool], budget: { maxRuntimeSeconds: 10 } },
    )
    const one = box({ workflows: [flow], policy: approvalPolicy() })
    one.work()
    work = 4_000
    const first = await one.start('one', null)
    await one.until(async () => ((await one.row(first)).status === 'waiting' ? true : null), 'a wait')
    await one.host.advance(3_600_000)
    await one.decide('approved')
    expect((await one.ended(first)).output).toBe('done')
    const last = (await one.records(first)).at(-1)
    expect(last?.active_ms).toBe(8_000)
    work = 6_000
    const second = await one.start('one', null)
    await one.until(async () => ((await one.row(second)).status === 'waiting' ? true : null), 'a wait')
    await one.decide('approved')
    expect(await one.ended(second)).toMatchObject({ status: 'stopped', reason: { kind: 'budget', subject: 'runtime' } })
    expect(outside.booked).toHaveLength(2)
  })
})
