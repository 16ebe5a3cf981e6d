import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { workflow } from '../../orchestration/index.ts'
import { benchSet, type BenchBox, PAUL, WIDE_BUDGET } from '../../testing/bench-box.ts'
import { approvalPolicy, oneNode, type OnlyCtx, payTool, type Payment, type PayTool } from '../../testing/engine-kit.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const byPayee = ({ to }: Payment) => ({ scope: 'tenant' as const, key: to })

/** A workflow that makes the payments that its input lists, one after another, and gives their ends. */
const list = (pay: PayTool) =>
  oneNode(
    async (input, ctx) => {
      const ends: string[] = []
      for (const one of input as unknown as readonly Payment[]) ends.push((await ctx.call(pay, one)).status)
      return ends
    },
    { tools: [pay] },
  )
const bob = { to: 'bob', amount: 5 }
const eve = { to: 'eve', amount: 7 }

async function question(one: BenchBox) {
  return one.settle(async () => (await one.open('question'))[0] ?? null, 'a question')
}

describe('the ledger of a tool with a business identity', () => {
  it('ENG-040: answers the same identity with equal arguments in another run of the tenant, without a send', async () => {
    const outside = await bank()
    const one = box({ workflows: [list(payTool(outside, { effectKey: byPayee }))] })
    one.work()
    const first = await one.run('one', [bob])
    const second = await one.run('one', [bob])
    expect(second.output).toEqual(['succeeded'])
    expect(outside.booked).toHaveLength(1)
    const [outcome] = await one.of(second.runId, 'activity.outcome')
    expect(outcome).toMatchObject({ code: 'ANSWERED_FROM_LEDGER', ledger: { run: first.runId } })
  })

  it.each([
    ['happened', ['rejected'], 1, 'completed'],
    ['did_not', ['succeeded'], 2, 'completed'],
    ['stop', null, 1, 'stopped'],
  ] as const)(
    'ENG-041: the same identity with other arguments goes to a person, whose answer `%s` counts',
    async (answer, output, booked, status) => {
      const outside = await bank()
      const one = box({ workflows: [list(payTool(outside, { effectKey: byPayee }))] })
      one.work()
      await one.run('one', [bob])
      const runId = await one.start('one', [{ to: 'bob', amount: 9 }])
      await question(one)
      expect(outside.booked).toHaveLength(1)
      await one.answer(answer)
      expect(await one.ended(runId)).toMatchObject({ status, output })
      expect(outside.booked).toHaveLength(booked)
      expect(new Set(outside.booked.map((booking) => booking.key)).size).toBe(booked)
    },
  )

  it('ENG-042: an identity that is open in another run is waited for, and then answered from the ledger', async () => {
    const outside = await bank()
    const pay = payTool(outside, { effectKey: byPayee })
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    outside.onPayment(() => held)
    const one = box({ workflows: [list(pay)] })
    one.work()
    const first = await one.start('one', [bob])
    await one.until(() => (outside.requests.length === 1 ? true : null), 'the first send')
    const second = await one.start('one', [bob])
    await one.until(async () => ((await one.row(second)).status === 'waiting' ? true : null), 'the second to wait')
    release()
    expect((await one.ended(first)).output).toEqual(['succeeded'])
    await one.settle(async () => ((await one.row(second)).status === 'completed' ? true : null), 'the second')
    expect(outside.booked).toHaveLength(1)
  })

  it('ENG-043: two calls at once with one identity make one effect, and both are answered', async () => {
    const outside = await bank()
    const pay = payTool(outside, { effectKey: byPayee })
    const flow = oneNode(
      async (_input, ctx) => (await Promise.all([ctx.call(pay, bob), ctx.call(pay, bob)])).map((end) => end.status),
      { tools: [pay] },
    )
    const one = box({ workflows: [flow] })
    one.work()
    const runId = await one.start('one', null)
    await one.settle(async () => ((await one.row(runId)).status === 'completed' ? true : null), 'the end')
    expect((await one.ended(runId)).output).toEqual(['succeeded', 'succeeded'])
    expect(outside.booked).toHaveLength(1)
    expect((await one.row(runId)).epoch).toBeLessThan(4)
  })

  it('ENG-043: two runs that start the same identity at the same moment make one effect', async () => {
    const outside = await bank()
    const flow = list(payTool(outside, { effectKey: byPayee }))
    const one = box({ workflows: [flow] })
    const two = one.another()
    const runs = await Promise.all([one.start('one', [bob]), one.start('one', [bob]), one.start('one', [bob])])
    one.work({ concurrency: 2 })
    two.work({ concurrency: 2 })
    for (const runId of runs)
      await one.settle(async () => ((await one.row(runId)).status === 'completed' ? true : null), 'the end')
    expect(outside.booked).toHaveLength(1)
  })
})

describe('the ledger of a tool without one', () => {
  it.each([
    ['one after another', async (ctx: OnlyCtx, pay: PayTool) => [await ctx.call(pay, bob), await ctx.call(pay, bob)]],
    ['at once', (ctx: OnlyCtx, pay: PayTool) => Promise.all([ctx.call(pay, bob), ctx.call(pay, bob)])],
  ])('ENG-044: equal calls of one run made %s are different effects, told apart by occurrence', async (_how, calls) => {
    const outside = await bank()
    const pay = payTool(outside)
    const one = box({
      workflows: [oneNode(async (_input, ctx) => (await calls(ctx, pay)).map((end) => end.status), { tools: [pay] })],
    })
    one.work()
    const result = await one.run('one', null)
    expect(result.output).toEqual(['succeeded', 'succeeded'])
    expect(outside.booked).toHaveLength(2)
    expect((await one.row(result.runId)).epoch).toBe(1)
  })

  it('ENG-045: equal calls in two runs are two effects', async () => {
    const outside = await bank()
    const one = box({ workflows: [list(payTool(outside))] })
    one.work()
    await one.run('one', [bob])
    await one.run('one', [bob])
    expect(outside.booked).toHaveLength(2)
  })
})

class NotYet extends Error {}

describe('a node that is tried again', () => {
  function retrying(pay: PayTool, body: (ctx: OnlyCtx, attempt: number) => Promise<unknown>) {
    // A call that waits may have the body begun anew within an attempt: only what was thrown ends one.
    let failed = 0
    return oneNode(
      async (_input, ctx) => {
        try {
          await body(ctx, failed + 1)
        } catch (thrown) {
          if (thrown instanceof NotYet) failed += 1
          throw thrown
        }
        return failed
      },
      { tools: [pay], retry: { attempts: 3, backoffSeconds: 1 } },
    )
  }

  it('ENG-046: keeps its effects: what was done is answered from the ledger', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const flow = retrying(pay, async (ctx, attempt) => {
      await ctx.call(pay, bob)
      await ctx.call(pay, eve)
      if (attempt < 3) throw new NotYet()
    })
    const one = box({ workflows: [flow] })
    one.work()
    const runId = await one.start('one', null)
    await one.settle(async () => ((await one.row(runId)).status === 'completed' ? true : null), 'the end')
    expect(outside.booked.map((booking) => booking.to)).toEqual(['bob', 'eve'])
    expect(await one.of(runId, 'activation.failed')).toHaveLength(2)
  })

  it('ENG-047: that asks with other arguments puts the effect to a person', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const flow = retrying(pay, async (ctx, attempt) => {
      await ctx.call(pay, { to: 'bob', amount: attempt })
      if (attempt === 1) throw new NotYet()
    })
    const one = box({ workflows: [flow] })
    one.work()
    const runId = await one.start('one', null)
    await question(one)
    expect(outside.booked).toHaveLength(1)
    await one.answer('happened')
    await one.ended(runId)
    expect(outside.booked).toHaveLength(1)
  })

  it('ENG-048: keeps an approval that it did not use, for one use', async () => {
    const outside = await bank()
    const pay = payTool(outside, { name: 'pay.send' })
    // Approved, then refused by the bank: the approval is used up, and the next attempt asks again.
    outside.next('refuse')
    const flow = retrying(pay, async (ctx) => {
      const end = await ctx.call(pay, bob)
      if (end.status !== 'succeeded') throw new NotYet()
    })
    const one = box({ workflows: [flow], policy: approvalPolicy() })
    one.work()
    const runId = await one.start('one', null)
    await one.decide('approved')
    const again = await one.settle(async () => (await one.open())[0] ?? null, 'another request')
    expect(outside.booked).toEqual([])
    await one.sb.runs.decide({ approvalId: again.id, answer: 'approved', by: PAUL, reason: 'again', seen: null })
    await one.ended(runId)
    expect(outside.booked).toHaveLength(1)
    const approvals = (await one.of(runId, 'activity.intent')).map((intent) => intent.approval_id)
    expect(new Set(approvals).size).toBe(approvals.length)
  })
})

describe('a restore', () => {
  /** Two supersteps: the first notes, the second pays what the function says at that moment. */
  function twoSteps(pay: PayTool, wanted: () => readonly Payment[], fail: () => boolean = () => false) {
    return workflow({
      name: 'steps',
      version: '1.0.0',
      input: z.number(),
      output: z.number(),
      budget: WIDE_BUDGET,
      state: {},
      tools: [pay],
    })
      .node('note', { input: z.number(), output: z.number(), run: (n) => n })
      .node('pay', {
        input: z.number(),
        output: z.number(),
        retry: { attempts: 2, backoffSeconds: 1 },
        run: async (n, ctx) => {
          for (const one of wanted()) await ctx.call(pay, one)
          if (fail()) throw new NotYet()
          return n
        },
      })
      .node('again', {
        input: z.number(),
        output: z.number(),
        run: async (n, ctx) => {
          await ctx.call(pay, { to: 'zoe', amount: 1 })
          return n
        },
      })
      .start('note')
      .edge('note', 'pay')
      .edge('pay', 'again')
      .output('again')
      .build()
  }

  async function restored(wanted: readonly Payment[], then: readonly Payment[], fail?: () => boolean) {
    const outside = await bank()
    let asks = wanted
    const pay = payTool(outside)
    const one = box({ workflows: [twoSteps(pay, () => asks, fail)] })
    one.work()
    const { runId } = await one.run('steps', 1)
    asks = then
    const point = (await one.sb.runs.restorePoints('acme', runId)).find((each) => each.superstep === 1)
    await one.sb.runs.restore({ runId, seq: point?.seq ?? 0, by: PAUL, reason: 'do it again' })
    const settled = () =>
      one.settle(async () => {
        const { status } = await one.row(runId)
        return status === 'completed' || (await one.open('question')).length > 0 ? status : null
      }, 'the end or a question')
    return { outside, one, runId, settled }
  }

  it.each([
    ['the same call', [bob], [bob]],
    ['equal calls', [bob, bob], [bob, bob]],
    ['the calls in another order', [bob, eve], [eve, bob]],
  ])(
    'ENG-049: before an effect and %s is answered from the ledger and books nothing again',
    async (_what, wanted, then) => {
      const { outside, settled } = await restored(wanted, then)
      const before = outside.booked.length
      expect(await settled()).toBe('completed')
      expect(outside.booked).toHaveLength(before)
      expect(before).toBe(wanted.length + 1)
    },
  )

  it.each([
    ['another amount', [bob], [{ to: 'bob', amount: 6 }]],
    ['another amount after an equal call', [bob, eve], [bob, { to: 'eve', amount: 8 }]],
  ])(
    'ENG-050: before an effect and %s is a question to a person, never a second booking',
    async (_what, wanted, then) => {
      const { outside, one, runId, settled } = await restored(wanted, then)
      const before = outside.booked.length
      expect(await settled()).not.toBe('completed')
      expect(outside.booked).toHaveLength(before)
      await one.answer('happened')
      await settled()
      while ((await one.row(runId)).status !== 'completed') {
        await one.answer('happened')
        await settled()
      }
      expect(outside.booked).toHaveLength(before)
    },
  )

  it('ENG-051: what a branch was answered with stays answered after a crash and after another attempt of the node', async () => {
    let attempts = 0
    const { outside, one, settled } = await restored([bob], [bob], () => {
      attempts += 1
      // Attempt 1 is that of the first branch; the second branch fails once.
      return attempts === 2
    })
    await one.killAndExpire()
    one.work()
    expect(await settled()).toBe('completed')
    expect(outside.booked.map((booking) => booking.to)).toEqual(['bob', 'zoe'])
  })

  it('ENG-052: while an effect is open is refused', async () => {
    const outside = await bank()
    const one = box({ workflows: [list(payTool(outside))] })
    one.work()
    outside.next('hang_up')
    const runId = await one.start('one', [bob])
    await question(one)
    await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a wait')
    await expect(one.sb.runs.restore({ runId, seq: 1, by: PAUL, reason: 'too early' })).rejects.toMatchObject({
      code: 'RUN_STATE',
    })
    await one.answer('happened')
    await one.ended(runId)
  })

  it('ENG-053: leaves an equal call of a later superstep an effect of its own, though an earlier one was answered from the ledger', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    let later: readonly Payment[] = []
    const pays = (calls: () => readonly Payment[]) => ({
      input: z.number(),
      output: z.number(),
      run: async (n: number, ctx: { call: (tool: PayTool, args: Payment) => Promise<unknown> }) => {
        for (const each of calls()) await ctx.call(pay, each)
        return n
      },
    })
    const flow = workflow({
      name: 'later',
      version: '1.0.0',
      input: z.number(),
      output: z.number(),
      budget: WIDE_BUDGET,
      state: {},
      tools: [pay],
    })
      .node(
        'first',
        pays(() => [bob]),
      )
      .node(
        'second',
        pays(() => later),
      )
      .start('first')
      .edge('first', 'second')
      .output('second')
      .build()
    const one = box({ workflows: [flow] })
    one.work()
    const { runId } = await one.run('later', 1)
    expect(outside.booked).toHaveLength(1)
    later = [bob]
    await one.sb.runs.restore({ runId, seq: 1, by: PAUL, reason: 'with a second payment' })
    await one.settle(async () => ((await one.row(runId)).status === 'completed' ? true : null), 'the end')
    expect(outside.booked.map((booking) => booking.to)).toEqual(['bob', 'bob'])
  })
})
