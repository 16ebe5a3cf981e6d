import { afterEach, describe, expect, it } from 'vitest'
import { clerkFlow, clerkModel } from '../testing/agent-kit.ts'
import { ANA, benchSet, type BenchBox, PAUL } from '../testing/bench-box.ts'
import { approvalPolicy, oneNode, payTool, type Payment, type PayTool, readTool } from '../testing/engine-kit.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const bob = { to: 'bob', amount: 5 }
const eve = { to: 'eve', amount: 7 }
const tom = { to: 'tom', amount: 9 }

/** A workflow that makes the payments that its input lists, reading before each, and gives their ends. */
const payments = (pay: PayTool) => {
  const read = readTool((n) => n)
  return oneNode(
    async (input, ctx) => {
      const ends: string[] = []
      for (const one of input as unknown as readonly Payment[]) {
        ends.push((await ctx.call(read, { n: one.amount })).status, (await ctx.call(pay, one)).status)
      }
      return ends
    },
    { tools: [pay, read] },
  )
}

const effectsADay = (most: number) => [{ scope: 'tenant', per: 'day', maxEffects: most } as const]

async function given(one: BenchBox) {
  const [state] = await one.sb.runs.outerBudgets('acme')
  return state?.granted
}

describe('a budget over many runs', () => {
  it.each([false, true])(
    'BUD-021: refuses the call that it does not cover, naming itself, and lets go on what needs nothing of it (streamed: %s)',
    async (streamed) => {
      const outside = await bank()
      const one = box({ workflows: [payments(payTool(outside))], budgets: effectsADay(3) })
      one.work()
      expect((await one.run('one', [bob, eve])).output).toEqual(Array(4).fill('succeeded'))
      const runId = await one.start('one', [tom, bob])
      if (streamed) for await (const _ of one.sb.runs.stream('acme', runId));
      expect((await one.ended(runId)).output).toEqual(['succeeded', 'succeeded', 'succeeded', 'refused'])
      expect(outside.requests).toHaveLength(3)
      const refused = (await one.of(runId, 'activity.outcome')).find(({ status }) => status === 'refused')
      expect(refused?.code).toBe('BUDGET_EXHAUSTED')
      const reader = await one.sb.runs.contents('acme', runId)
      expect(refused?.result && (await reader.read(refused.result))).toMatch(/effects of tenant:acme\/\d{4}-\d\d-\d\d/)
      expect(await given(one)).toMatchObject({ effects: 3, runs: 2 })
    },
  )

  it('BUD-021: counts tokens and cost of model calls over runs', async () => {
    const { model, seen } = clerkModel([[{ tool: 'get.one', args: { n: 1 } }]])
    const budgets = [{ scope: 'workflow', per: 'always', maxTokens: 2_000 } as const]
    const one = box({ workflows: [clerkFlow([readTool((n) => n)])], models: [model], budgets })
    one.work()
    const ends: string[] = []
    while (ends.at(-1) !== 'stopped' && ends.length < 50) ends.push((await one.run('clerks', 'go')).status)
    expect(ends[0]).toBe('completed')
    expect(ends.at(-1)).toBe('stopped')
    const [state] = await one.sb.runs.outerBudgets('acme')
    expect(state).toMatchObject({ scope: 'workflow:clerks/always', limits: { tokens: 2_000 }, current: true })
    expect(state?.granted.tokens).toBeLessThanOrEqual(2_000)
    expect(seen.length).toBeGreaterThan(2)
  })

  it('BUD-023: a run that waits for approval holds nothing; it reserves after it, and is refused when others were faster', async () => {
    const outside = await bank()
    const policy = approvalPolicy()
    const one = box({ workflows: [payments(payTool(outside))], policy, budgets: effectsADay(2) })
    one.work()
    const first = await one.run('one', [bob, eve])
    expect(first.status).toBe('waiting')
    await one.decide('approved')
    await one.until(async () => ((await one.open())[0] && outside.booked.length === 1 ? true : null), 'the second wait')
    await one.until(async () => ((await one.row(first.runId)).status === 'waiting' ? true : null), 'to wait')
    expect(await one.store.slices('acme', first.runId)).toEqual([])
    expect(await given(one)).toMatchObject({ effects: 1 })
    const [open] = await one.open()
    const second = await one.run('one', [tom])
    const other = (await one.open()).find(({ id }) => id !== open?.id)
    for (const { id = '' } of [other ?? {}, open ?? {}]) {
      await one.sb.runs.decide({ approvalId: id, answer: 'approved', by: PAUL, reason: 'seen', seen: null })
      await one.closed(id)
      if (id === other?.id) await one.ended(second.runId)
    }
    expect((await one.ended(first.runId)).output).toEqual(['succeeded', 'succeeded', 'succeeded', 'refused'])
    expect(outside.booked.map(({ to }) => to)).toEqual(['bob', 'tom'])
    expect(await given(one)).toMatchObject({ effects: 2 })
  })

  it.each(['reserved', 'intent_durable', 'answered'] as const)(
    'BUD-024: a worker that dies at `%s` keeps its slice, and the run that goes on gives back what it did not use',
    async (at) => {
      const outside = await bank()
      let armed = true
      let died = false
      const one: BenchBox = box({
        workflows: [payments(payTool(outside))],
        budgets: effectsADay(64),
        fault: async (point, { name }) => {
          if (!armed || point !== at || name !== 'pay.send') return
          armed = false
          died = true
          await new Promise(() => undefined)
        },
      })
      one.work()
      const runId = await one.start('one', [bob, eve])
      await one.until(() => (died ? true : null), `the fault at ${at}`)
      await one.kill()
      const held = (await given(one))?.effects ?? 0
      expect(held).toBeGreaterThanOrEqual(1)
      expect(await one.store.slices('acme', runId)).toHaveLength(1)
      await one.host.advance(16_000)
      one.work()
      await one.settle(async () => {
        const [question] = await one.open('question')
        if (question) await one.answer(outside.booked.length === 0 ? 'did_not' : 'happened')
        return (await one.row(runId)).status === 'completed' ? true : null
      }, 'its end')
      expect(outside.booked.map(({ to }) => to)).toEqual(['bob', 'eve'])
      expect((await given(one))?.effects).toBeLessThanOrEqual(3)
      expect(await one.store.slices('acme', runId)).toEqual([])
      const slices = await one.of(runId, 'budget.slice')
      // What was granted and not used before the crash may have no record; the store's row has it.
      if (at !== 'reserved') expect(slices.length).toBeGreaterThan(0)
      expect(slices.every(({ what }) => what === 'granted')).toBe(true)
    },
  )

  it('BUD-026: a restore and an equal request give nothing back', async () => {
    const outside = await bank()
    const one = box({ workflows: [payments(payTool(outside))], budgets: effectsADay(1) })
    one.work()
    const request = { workflow: 'one', input: [bob], principal: ANA, requestId: 'once' }
    const { runId } = await one.sb.run(request)
    expect(await one.sb.runs.start(request)).toEqual({ runId, existed: true })
    await one.sb.runs.restore({ runId, seq: 1, by: PAUL, reason: 'look again' })
    await one.until(async () => ((await one.of(runId, 'run.completed')).length === 2 ? true : null), 'the second end')
    expect(outside.booked).toHaveLength(1)
    expect((await one.run('one', [eve])).output).toEqual(['succeeded', 'refused'])
    expect(outside.booked).toHaveLength(1)
    expect(await given(one)).toMatchObject({ effects: 1, runs: 2 })
  })

  it('BUD-026: a fork is a start, and what it does anew is charged', async () => {
    const outside = await bank()
    const budgets = [{ scope: 'tenant', per: 'day', maxEffects: 1, maxRuns: 2 } as const]
    const one = box({ workflows: [payments(payTool(outside))], budgets })
    one.work()
    const runId = await one.start('one', [bob])
    await one.ended(runId)
    const fork = { runId, seq: 1, by: PAUL, reason: 'try another way' }
    const { runId: forked } = await one.sb.runs.fork(fork)
    expect((await one.ended(forked)).output).toEqual(['succeeded', 'succeeded'])
    expect(await given(one)).toMatchObject({ effects: 1, runs: 2 })
    await expect(one.sb.runs.fork(fork)).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' })
    expect(outside.booked).toHaveLength(1)
  })

  it('BUD-027: the next day has a budget of its own', async () => {
    const outside = await bank()
    const one = box({ workflows: [payments(payTool(outside))], budgets: effectsADay(1) })
    one.work()
    expect((await one.run('one', [bob, eve])).output).toEqual(['succeeded', 'succeeded', 'succeeded', 'refused'])
    await one.host.advance(86_400_000)
    expect((await one.run('one', [eve])).output).toEqual(['succeeded', 'succeeded'])
    const states = await one.sb.runs.outerBudgets('acme')
    expect(states.map(({ current, granted }) => [current, granted.effects])).toEqual([
      [false, 1],
      [true, 1],
    ])
  })

  it('BUD-028: a start beyond the limit of runs is refused, and nothing of it is stored', async () => {
    const outside = await bank()
    const budgets = [{ scope: 'principal', per: 'month', maxRuns: 1 } as const]
    const one = box({ workflows: [payments(payTool(outside))], budgets })
    await one.start('one', [])
    await expect(one.start('one', [bob])).rejects.toMatchObject({
      code: 'BUDGET_EXHAUSTED',
      message: expect.stringContaining('principal:user:ana/'),
    })
    await one.sb.runs.start({ workflow: 'one', input: [], principal: PAUL })
    expect(await one.store.runs({ tenant: 'acme', limit: 10 })).toHaveLength(2)
  })

  it('BUD-029: what is limited, given out and over can be listed, also before anything was used', async () => {
    const outside = await bank()
    const one = box({ workflows: [payments(payTool(outside))], budgets: effectsADay(9) })
    const nothing = { cost_nano_usd: '0', tokens: 0, effects: 0, runs: 0 }
    expect(await one.sb.runs.outerBudgets('acme')).toEqual([
      { scope: expect.stringMatching(/^tenant:acme\//), limits: { effects: 9 }, granted: nothing, current: true },
    ])
  })
})
