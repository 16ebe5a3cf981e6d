import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { agent } from '../agents/index.ts'
import { workflow } from '../orchestration/index.ts'
import { clerkFlow, clerkModel } from '../testing/agent-kit.ts'
import { benchSet, WIDE_BUDGET } from '../testing/bench-box.ts'
import { lookUp, oneNode, payTool, readTool } from '../testing/engine-kit.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

function latch() {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open: () => open(), opened }
}

describe('a worker that is stopped', () => {
  it('TIM-060: leaves a run at its next barrier; another worker goes on at once, without repeating anything', async () => {
    const hold = latch()
    const ran: string[] = []
    const read = readTool(async (n) => {
      ran.push(`read ${n}`)
      if (n === 1) await hold.opened
      return n
    })
    const number = z.number()
    const flow = workflow({
      name: 'two',
      version: '1.0.0',
      input: number,
      output: number,
      budget: WIDE_BUDGET,
      state: {},
    })
      .node('first', {
        input: number,
        output: number,
        tools: [read],
        run: async (_n, ctx) => {
          await ctx.call(read, { n: 1 })
          return 2
        },
      })
      .node('second', {
        input: number,
        output: number,
        tools: [read],
        run: async (n, ctx) => {
          await ctx.call(read, { n })
          return n
        },
      })
      .start('first')
      .edge('first', 'second')
      .output('second')
      .build()
    const one = box({ workflows: [flow] })
    const worker = one.work({ worker: 'first-worker' })
    const runId = await one.start('two', 0)
    await one.until(() => (ran.length === 1 ? true : null), 'the first read')
    const stopped = worker.stop(100_000)
    hold.open()
    await stopped
    const left = await one.row(runId)
    expect([left.status, left.superstep, left.leaseOwner]).toEqual(['running', 1, null])
    const two = one.another()
    two.work({ worker: 'second-worker' })
    expect((await two.ended(runId)).output).toBe(2)
    expect(ran).toEqual(['read 1', 'read 2'])
    expect((await one.of(runId, 'segment.started')).map((segment) => segment.worker)).toEqual([
      'first-worker',
      'second-worker',
    ])
  })

  it('TIM-060: leaves an agent at the end of its turn; no call of it is made again', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const hold = latch()
    outside.onPayment(async ({ amount }) => {
      if (amount === 1) await hold.opened
    })
    const turn = (amount: number) => [{ tool: 'pay.send', args: { to: 'bob', amount } }]
    const { model, seen } = clerkModel([turn(1), turn(2), turn(3)])
    const one = box({ workflows: [clerkFlow([pay])], models: [model] })
    const worker = one.work()
    const runId = await one.start('clerks', 'pay')
    await one.until(() => (outside.requests.length === 1 ? true : null), 'the first payment')
    const stopped = worker.stop(100_000)
    hold.open()
    await stopped
    expect(outside.booked.map(({ amount }) => amount)).toEqual([1])
    const left = await one.row(runId)
    expect([left.status, left.leaseOwner]).toEqual(['running', null])
    expect((await one.records(runId)).at(-1)?.type).toBe('position.saved')
    const two = one.another()
    two.work()
    expect((await two.ended(runId)).output).toBe('done')
    expect(outside.booked.map(({ amount }) => amount)).toEqual([1, 2, 3])
    expect(seen).toHaveLength(4)
  })

  it('TIM-060: leaves an agent at its turn while another node of the superstep waits for a person', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const hold = latch()
    let reads = 0
    const read = readTool(async (n) => {
      reads += 1
      if (n === 1) await hold.opened
      return n
    })
    const { model } = clerkModel([[{ tool: 'get.one', args: { n: 1 } }], [{ tool: 'get.one', args: { n: 2 } }]])
    const text = z.string()
    const two = workflow({ name: 'both', version: '1.0.0', input: text, output: text, budget: WIDE_BUDGET, state: {} })
      .node('begin', { input: text, output: text, run: (message) => message })
      .node('wait', {
        input: text,
        output: text,
        tools: [pay],
        run: async (_message, ctx) => {
          await ctx.sleep(3_600)
          return 'slept'
        },
      })
      .agent(
        'clerk',
        agent({
          name: 'clerk',
          model: 'scripted/clerk',
          instructions: 'read',
          maxOutputTokens: 100,
          tools: [read],
          input: text,
          output: text,
        }),
        { prompt: (message) => message },
      )
      .start('begin')
      .fanOut('begin', ['wait', 'clerk'])
      .output('wait')
      .output('clerk')
      .build()
    const one = box({ workflows: [two], models: [model] })
    const worker = one.work()
    const runId = await one.start('both', 'x')
    await one.until(() => (reads === 1 ? true : null), 'the read of the first turn')
    const stopped = worker.stop(100_000)
    hold.open()
    await stopped
    const left = await one.row(runId)
    expect([left.status, left.leaseOwner]).toEqual(['running', null])
    const other = one.another()
    other.work()
    await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'the timer alone')
    await one.host.advance(3_600_000)
    expect((await other.ended(runId)).status).toBe('completed')
    expect(await one.of(runId, 'timer.set')).toHaveLength(1)
  })

  it('TIM-061: drops what takes too long and gives its lease up; the effect under way is resolved and not repeated', async () => {
    const outside = await bank()
    const pay = payTool(outside, { found: lookUp(outside) })
    const never = latch()
    outside.onPayment(() => never.opened)
    const flow = oneNode(async (_input, ctx) => (await ctx.call(pay, { to: 'bob', amount: 5 })).status, {
      tools: [pay],
    })
    const one = box({ workflows: [flow] })
    const worker = one.work({ leaseMs: 10_000_000 })
    const runId = await one.start('one', null)
    await one.until(() => (outside.requests.length === 1 ? true : null), 'the send')
    await worker.stop(1)
    expect((await one.row(runId)).leaseUntil).toBeLessThanOrEqual(one.host.now())
    const two = one.another()
    two.work({ leaseMs: 10_000_000 })
    await one.until(
      async () => ((await one.of(runId, 'segment.started')).some(({ why }) => why === 'takeover') ? true : null),
      'another worker',
    )
    never.open()
    await one.until(() => (outside.booked.length === 1 ? true : null), 'the booking')
    await one.settle(async () => ((await one.row(runId)).status === 'completed' ? true : null), 'the end')
    expect((await two.ended(runId)).output).toBe('succeeded')
    expect(outside.booked).toHaveLength(1)
  })
})
