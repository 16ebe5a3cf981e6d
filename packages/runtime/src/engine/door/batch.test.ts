import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { appended, workflow } from '../../orchestration/index.ts'
import { clerkFlow, clerkModel, toolResults } from '../../testing/agent-kit.ts'
import { benchSet, WIDE_BUDGET } from '../../testing/bench-box.ts'
import { approvalPolicy, KIT_TOOLS, payTool, readTool } from '../../testing/engine-kit.ts'
import { needsApproval, scriptedPolicy } from '../../testing/scripted-policy.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const pays = (to: string, amount = 1) => ({ tool: 'pay.send', args: { to, amount } })

describe('a batch of parallel calls', () => {
  it('ENG-060, ENG-061: reads run at once, effects wait for every approval and then run in call order', async () => {
    const outside = await bank()
    const reads: number[] = []
    const pay = payTool(outside)
    const other = payTool(outside, { name: 'pay.other' })
    const read = readTool((n) => {
      reads.push(n)
      return n
    })
    const { model, seen } = clerkModel([
      [
        { tool: 'pay.other', args: { to: 'first', amount: 1 } },
        { tool: 'get.one', args: { n: 4 } },
        pays('second'),
        { tool: 'pay.other', args: { to: 'third', amount: 3 } },
      ],
    ])
    const policy = scriptedPolicy({
      tools: KIT_TOOLS,
      decide: (request) => (request.action.name === 'pay.send' ? needsApproval(request, 'approver') : undefined),
    })
    const one = box({ workflows: [clerkFlow([pay, other, read])], models: [model], policy })
    one.work()
    const runId = await one.start('clerks', 'go')
    await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a wait')
    expect(reads).toEqual([4])
    expect(outside.requests).toEqual([])
    await one.decide('approved')
    expect((await one.ended(runId)).status).toBe('completed')
    expect(outside.booked.map((booking) => booking.to)).toEqual(['first', 'second', 'third'])
    expect(reads).toEqual([4])
    expect(toolResults(seen.at(-1))).toHaveLength(4)
  })

  it('ENG-061: a rejected call of a batch lets the others go on, in order', async () => {
    const outside = await bank()
    const { model, seen } = clerkModel([[pays('a'), pays('b'), pays('c')]])
    const one = box({ workflows: [clerkFlow([payTool(outside)])], models: [model], policy: approvalPolicy() })
    one.work()
    const runId = await one.start('clerks', 'go')
    await one.until(async () => ((await one.open()).length === 3 ? true : null), 'three requests')
    const open = [...(await one.open())].sort((a, b) => a.seq - b.seq)
    expect(outside.requests).toEqual([])
    for (const [i, row] of open.entries()) {
      expect(outside.requests).toEqual([])
      const answer = i === 1 ? ('rejected' as const) : ('approved' as const)
      await one.sb.runs.decide({
        approvalId: row.id,
        answer,
        by: { id: 'user:paul', kind: 'user', tenant: 'acme', roles: ['approver'] },
        reason: 'weighed',
        seen: null,
      })
    }
    expect((await one.ended(runId)).status).toBe('completed')
    expect(outside.booked.map((booking) => booking.to)).toEqual(['a', 'c'])
    const [first, second, third] = toolResults(seen.at(-1))
    expect([first, third].every((text) => text?.includes('receipt'))).toBe(true)
    expect(second).toContain('APPROVAL_REJECTED')
  })

  it('ENG-062: equal calls of one batch are two effects', async () => {
    const outside = await bank()
    const { model } = clerkModel([[pays('a'), pays('a')]])
    const one = box({ workflows: [clerkFlow([payTool(outside)])], models: [model] })
    one.work()
    const { runId, status } = await one.run('clerks', 'go')
    expect(status).toBe('completed')
    expect(outside.booked).toHaveLength(2)
    expect((await one.row(runId)).epoch).toBe(1)
  })

  it('ENG-063: a batch whose worker died goes on in order, and what had ended does not run again', async () => {
    const outside = await bank()
    const { model } = clerkModel([[pays('a'), pays('b'), pays('c')]])
    const one = box({ workflows: [clerkFlow([payTool(outside)])], models: [model], policy: approvalPolicy() })
    one.work()
    const runId = await one.start('clerks', 'go')
    await one.until(async () => ((await one.open()).length === 3 ? true : null), 'three requests')
    let arrived = 0
    const second = new Promise<void>((resolve) => {
      outside.onPayment(() => {
        arrived += 1
        if (arrived === 2) resolve()
      })
    })
    outside.next('book', 'book_and_hang_up')
    const rows = [...(await one.open())]
    for (const row of rows)
      await one.sb.runs.decide({
        approvalId: row.id,
        answer: 'approved',
        by: { id: 'user:vera', kind: 'user', tenant: 'acme', roles: ['approver'] },
        reason: 'weighed',
        seen: null,
      })
    await second
    await one.killAndExpire()
    one.work()
    await one.settle(async () => {
      if ((await one.open('question')).length > 0) await one.answer('happened')
      return (await one.row(runId)).status === 'completed' ? true : null
    }, 'the end')
    expect(outside.booked.map((booking) => booking.to)).toEqual(['a', 'b', 'c'])
  })
})

describe('nodes of one superstep', () => {
  function two(started: string[], b: { fail: () => boolean }, pay: ReturnType<typeof payTool>) {
    return workflow({
      name: 'two',
      version: '1.0.0',
      input: z.number(),
      output: z.number(),
      budget: WIDE_BUDGET,
      state: { notes: appended(z.string()) },
      tools: [pay],
    })
      .node('start', { input: z.number(), output: z.number(), run: (n) => n })
      .node('a', {
        input: z.number(),
        output: z.number(),
        run: (n, ctx) => {
          started.push('a')
          ctx.write({ notes: 'a was here' })
          return n
        },
      })
      .node('b', {
        input: z.number(),
        output: z.number(),
        run: async (n, ctx) => {
          started.push('b')
          await ctx.call(pay, { to: 'bob', amount: n })
          if (b.fail()) throw new Error('b failed')
          return n
        },
      })
      .node('last', { input: z.number(), output: z.number(), run: (n, ctx) => n + ctx.state.notes.length })
      .start('start')
      .fanOut('start', ['a', 'b'])
      .edge('b', 'last')
      .output('a')
      .output('last')
      .build()
  }

  it('ENG-064: one that finished while its sibling waits does not run again after a crash', async () => {
    const outside = await bank()
    const started: string[] = []
    const flow = two(started, { fail: () => false }, payTool(outside))
    const one = box({ workflows: [flow], policy: approvalPolicy() })
    one.work()
    const runId = await one.start('two', 5)
    await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a wait')
    await one.kill()
    const other = one.another()
    other.work()
    await one.decide('approved')
    expect((await one.ended(runId)).output).toBe(6)
    expect(started.filter((name) => name === 'a')).toHaveLength(1)
    expect(outside.booked).toHaveLength(1)
  })

  it('ENG-065: a failed one fails the superstep after its sibling has settled, and nothing of it reaches the state', async () => {
    const outside = await bank()
    const flow = two([], { fail: () => true }, payTool(outside))
    const one = box({ workflows: [flow] })
    one.work()
    const result = await one.run('two', 5)
    expect(result).toMatchObject({ status: 'stopped', reason: { kind: 'failed', code: 'NODE_FAILED', subject: 'b' } })
    expect(outside.booked).toHaveLength(1)
    const barriers = await one.of(result.runId, 'superstep.completed')
    expect(barriers.map((barrier) => barrier.checkpoint.state.notes ?? null)).toEqual([null])
    expect(await one.of(result.runId, 'activation.completed')).toMatchObject([{ result: { node: 'a' } }])
  })
})
