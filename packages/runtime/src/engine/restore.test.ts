import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { agent } from '../agents/index.ts'
import { appended, owned, workflow } from '../orchestration/index.ts'
import { clerkModel } from '../testing/agent-kit.ts'
import { benchSet, PAUL, WIDE_BUDGET } from '../testing/bench-box.ts'
import { approvalPolicy, oneNode, payTool, type PayTool } from '../testing/engine-kit.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

/** Three steps, the middle one an agent that pays in two turns. */
function steps(pay: PayTool, version = '1.0.0') {
  const clerk = agent({
    name: 'clerk',
    model: 'scripted/clerk',
    instructions: 'pay',
    maxOutputTokens: 50,
    tools: [pay],
    input: z.number(),
    output: z.string(),
  })
  return workflow({
    name: 'steps',
    version,
    input: z.number(),
    output: z.string(),
    budget: WIDE_BUDGET,
    state: { notes: appended(z.string()), last: owned('close', z.string()) },
  })
    .node('open', {
      input: z.number(),
      output: z.number(),
      run: (n, ctx) => {
        ctx.write({ notes: `opened ${n}` })
        return n
      },
    })
    .agent('clerk', clerk, { prompt: (n) => `pay ${n}` })
    .node('close', {
      input: z.string(),
      output: z.string(),
      run: (text, ctx) => {
        ctx.write({ notes: 'closed', last: text })
        return `${ctx.state.notes.join(', ')}; ${text}`
      },
    })
    .start('open')
    .edge('open', 'clerk')
    .edge('clerk', 'close')
    .output('close')
    .build()
}
const turns = [
  [{ tool: 'pay.send', args: { to: 'bob', amount: 1 } }],
  [{ tool: 'pay.send', args: { to: 'eve', amount: 2 } }],
]

describe('a restore', () => {
  it('ENG-120, ENG-121: to every checkpoint and save point in a fresh process ends the same, books nothing again and keeps the totals', async () => {
    const outside = await bank()
    const flow = steps(payTool(outside))
    const one = box({ workflows: [flow], models: [clerkModel(turns).model] })
    one.work()
    const { runId, output } = await one.run('steps', 3)
    expect(output).toBe('opened 3, closed; done')
    const points = await one.sb.runs.restorePoints('acme', runId)
    expect(points.map((point) => point.kind)).toEqual([
      'entry',
      'superstep',
      'save_point',
      'save_point',
      'save_point',
      'superstep',
      'superstep',
    ])
    await one.kill()
    let before = 0
    for (const [i, point] of points.entries()) {
      const fresh = one.another({ models: [clerkModel(turns).model] })
      await fresh.sb.runs.restore({ runId, seq: point.seq, by: PAUL, reason: `to ${point.kind} ${i}` })
      const branch = (await fresh.of(runId, 'branch.started')).at(-1)
      expect(branch).toMatchObject({ from: point.seq, branch: i + 1 })
      expect(branch?.spent.turns ?? 0).toBeGreaterThanOrEqual(before)
      before = branch?.spent.turns ?? 0
      fresh.work()
      expect((await fresh.ended(runId)).output).toBe(output)
      await fresh.kill()
      expect(outside.booked.map((booking) => booking.to)).toEqual(['bob', 'eve'])
    }
    // Every branch that asked a model again has paid for it beside what was paid before.
    const models = (await one.of(runId, 'activity.outcome')).filter((outcome) => outcome.kind === 'model')
    const last = (await one.of(runId, 'superstep.completed')).at(-1)
    expect(last?.checkpoint.spent.turns).toBe(models.length)
  })

  it('ENG-122: to a record that does not exist is refused, and so is one of a workflow that changed, with the difference', async () => {
    const outside = await bank()
    const one = box({ workflows: [steps(payTool(outside))], models: [clerkModel(turns).model] })
    one.work()
    const { runId } = await one.run('steps', 3)
    await expect(one.sb.runs.restore({ runId, seq: 999, by: PAUL, reason: 'nowhere' })).rejects.toMatchObject({
      code: 'CHECKPOINT_NOT_FOUND',
    })
    await one.kill()
    const changed = one.another({ workflows: [steps(payTool(outside, { name: 'pay.other' }))] })
    await expect(changed.sb.runs.restore({ runId, seq: 1, by: PAUL, reason: 'changed' })).rejects.toMatchObject({
      code: 'WORKFLOW_CHANGED',
      message: expect.stringContaining('pay.other'),
    })
  })

  it('ENG-123: takes back approvals asked after the point and opens again those that were open at it', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const one = box({
      workflows: [
        oneNode(async (_input, ctx) => (await ctx.call(pay, { to: 'bob', amount: 1 })).status, { tools: [pay] }),
      ],
      policy: approvalPolicy(),
    })
    one.work()
    const runId = await one.start('one', null)
    const first = await one.asked()
    await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a wait')
    await one.sb.runs.restore({ runId, seq: 1, by: PAUL, reason: 'from the start' })
    const second = await one.until(
      async () => (await one.open()).find((row) => row.id !== first.id) ?? null,
      'another request',
    )
    expect((await one.store.request('acme', first.id))?.state).not.toBe('open')
    await expect(
      one.sb.runs.decide({ approvalId: first.id, answer: 'approved', by: PAUL, reason: 'the old one', seen: null }),
    ).rejects.toMatchObject({ code: 'APPROVAL_DECIDED' })
    await one.sb.runs.decide({ approvalId: second.id, answer: 'approved', by: PAUL, reason: 'the new one', seen: null })
    expect((await one.ended(runId)).output).toBe('succeeded')
    expect(outside.booked).toHaveLength(1)
  })

  it('ENG-124: happens although answers to the branch that is left are still in the inbox', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const flow = oneNode(async (_input, ctx) => (await ctx.call(pay, { to: 'bob', amount: 1 })).status, {
      tools: [pay],
    })
    const one = box({ workflows: [flow], policy: approvalPolicy() })
    one.work()
    const runId = await one.start('one', null)
    const { id } = await one.asked()
    await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a wait')
    await one.kill()
    await one.sb.runs.decide({
      approvalId: id,
      answer: 'rejected',
      by: PAUL,
      reason: 'not read by anybody',
      seen: null,
    })
    await one.sb.runs.restore({ runId, seq: 1, by: PAUL, reason: 'from the start' })
    expect(await one.row(runId)).toMatchObject({ branch: 1 })
    one.work()
    const again = await one.until(
      async () => (await one.open()).find((row) => row.id !== id) ?? null,
      'another request',
    )
    await one.sb.runs.decide({ approvalId: again.id, answer: 'approved', by: PAUL, reason: 'now', seen: null })
    expect((await one.ended(runId)).output).toBe('succeeded')
  })
})
