import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { PolicyRequest } from '../contracts/policy.ts'
import { lineageGaps } from '../observability/index.ts'
import { workflow, workflowTool } from '../orchestration/index.ts'
import { benchSet, PAUL, WIDE_BUDGET } from '../testing/bench-box.ts'
import { KIT_TOOLS, oneNode, payTool, type PayTool, readTool } from '../testing/engine-kit.ts'
import { needsApproval, scriptedPolicy } from '../testing/scripted-policy.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const TOOLS = { ...KIT_TOOLS, 'workflows.twice': { class: 'workflows.enter', effect: 'none' as const } }
const asksForPayments = (request: PolicyRequest) =>
  request.action.class === 'payments.write' ? needsApproval(request, 'approver') : undefined

/** A workflow that pays, then fails as often as it is told to. */
function failing(pay: PayTool, failures: { left: number }, tries: { n: number } = { n: 0 }) {
  return workflow({
    name: 'failing',
    version: '1.0.0',
    input: z.int(),
    output: z.string(),
    budget: WIDE_BUDGET,
    tools: [pay],
  })
    .node('pay', {
      input: z.int(),
      output: z.string(),
      run: async (amount, ctx) => (await ctx.call(pay, { to: 'bob', amount })).status,
    })
    .node('then', {
      input: z.string(),
      output: z.string(),
      run: (text) => {
        tries.n += 1
        if (failures.left > 0) {
          failures.left -= 1
          throw new Error('not this time')
        }
        return text
      },
    })
    .start('pay')
    .edge('pay', 'then')
    .output('then')
    .build()
}

const around = (nested: ReturnType<typeof failing>, attempts = 1) =>
  workflow({ name: 'around', version: '1.0.0', input: z.int(), output: z.string(), budget: WIDE_BUDGET })
    .workflow('nested', nested, { retry: { attempts, backoffSeconds: 0 } })
    .start('nested')
    .output('nested')
    .build()

describe('how a nested workflow ends', () => {
  it('SCP-040: a node of it that fails for good fails it, and the node around it, with the same code', async () => {
    const outside = await bank()
    const one = box({ workflows: [around(failing(payTool(outside), { left: 1 }))] })
    one.work()
    const { runId, status, reason } = await one.run('around', 5)
    expect({ status, reason }).toMatchObject({
      status: 'stopped',
      reason: { kind: 'failed', code: 'NODE_FAILED', subject: 'nested' },
    })
    const scope = (await one.of(runId, 'activity.outcome')).find((record) => record.kind === 'scope')
    expect(scope).toMatchObject({ status: 'failed', code: 'NODE_FAILED' })
  })

  it('SCP-041: a new attempt of the node enters it anew: reads again, keeps its effects and numbers no attempt twice', async () => {
    const outside = await bank()
    const tries = { n: 0 }
    const one = box({ workflows: [around(failing(payTool(outside), { left: 2 }, tries), 3)] })
    one.work()
    const { runId, output } = await one.run('around', 5)
    expect(output).toBe('succeeded')
    expect([outside.booked.length, tries.n]).toEqual([1, 3])
    const pays = (await one.of(runId, 'activity.outcome')).filter((record) => record.name === 'pay.send')
    expect(pays.map(({ ask, code }) => [ask.attempt, code])).toEqual([
      [1, null],
      [2, 'ANSWERED_FROM_LEDGER'],
      [3, 'ANSWERED_FROM_LEDGER'],
    ])
    expect(lineageGaps(await one.records(runId))).toEqual([])
  })

  it('SCP-042: equal calls in two of its supersteps are two effects, also when a crash lies between them', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const order = { to: 'bob', amount: 5 }
    const step = {
      input: z.int(),
      output: z.int(),
      run: async (n: number, ctx: { call: (tool: PayTool, args: typeof order) => Promise<unknown> }) => {
        await ctx.call(pay, order)
        return n
      },
    }
    const twice = workflow({
      name: 'twice',
      version: '1.0.0',
      input: z.int(),
      output: z.int(),
      budget: WIDE_BUDGET,
      tools: [pay],
    })
      .node('one', step)
      .node('two', step)
      .start('one')
      .edge('one', 'two')
      .output('two')
      .build()
    const flow = workflow({ name: 'around', version: '1.0.0', input: z.int(), output: z.int(), budget: WIDE_BUDGET })
      .workflow('nested', twice)
      .start('nested')
      .output('nested')
      .build()
    const one = box({ workflows: [flow], policy: scriptedPolicy({ tools: TOOLS, decide: asksForPayments }) })
    one.work()
    const runId = await one.start('around', 5)
    await one.decide('approved')
    await one.until(async () => ((await one.of(runId, 'approval.requested')).length === 2 ? true : null), 'the second')
    await one.killAndExpire()
    one.work()
    await one.decide('approved')
    expect((await one.ended(runId)).status).toBe('completed')
    expect(outside.booked.length).toBe(2)
  })

  it('SCP-047: an equal call of the node that entered it, after it ended, is another effect, also after a crash', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const order = { to: 'bob', amount: 5 }
    const once = workflow({
      name: 'twice',
      version: '1.0.0',
      input: z.int(),
      output: z.int(),
      budget: WIDE_BUDGET,
      tools: [pay],
    })
      .node('one', {
        input: z.int(),
        output: z.int(),
        run: async (n, ctx) => {
          await ctx.call(pay, order)
          return n
        },
      })
      .start('one')
      .output('one')
      .build()
    const nested = workflowTool(once)
    const flow = oneNode(
      async (_input, ctx) => {
        await ctx.call(nested, 1)
        return (await ctx.call(pay, order)).status
      },
      { tools: [nested, pay] },
    )
    const one = box({ workflows: [flow], policy: scriptedPolicy({ tools: TOOLS, decide: asksForPayments }) })
    one.work()
    const runId = await one.start('one', null)
    await one.decide('approved')
    await one.until(async () => ((await one.of(runId, 'approval.requested')).length === 2 ? true : null), 'the second')
    await one.killAndExpire()
    one.work()
    await one.decide('approved')
    expect((await one.ended(runId)).output).toBe('succeeded')
    expect(outside.booked.length).toBe(2)
  })

  it('SCP-043: a run that is cancelled while an effect of it is open is stopping until that is known', async () => {
    const outside = await bank()
    const one = box({ workflows: [around(failing(payTool(outside), { left: 0 }))] })
    one.work()
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    outside.onPayment(() => held)
    const runId = await one.start('around', 5)
    await one.until(() => (outside.requests.length === 1 ? true : null), 'a send')
    await one.sb.runs.cancel({ runId, by: PAUL, reason: 'not needed' })
    release()
    expect((await one.ended(runId)).status).toBe('cancelled')
    const ends = (await one.of(runId, 'activity.outcome')).map(({ kind, status }) => [kind, status])
    expect(ends).toEqual([
      ['tool', 'succeeded'],
      ['scope', 'cancelled'],
    ])
    expect(lineageGaps(await one.records(runId))).toEqual([])
  })

  it('SCP-044: a kill switch on its workflow lets nobody enter it, wherever it is nested', async () => {
    const outside = await bank()
    const one = box({ workflows: [around(failing(payTool(outside), { left: 0 }))] })
    await one.sb.runs.engageKillSwitch({
      scope: 'workflow',
      target: 'failing',
      mode: 'stop_new',
      reason: 'it is broken',
      by: PAUL,
    })
    one.work()
    const { runId, status } = await one.run('around', 5)
    expect(status).toBe('stopped')
    expect(outside.requests).toEqual([])
    const [scope] = await one.of(runId, 'activity.outcome')
    expect(scope).toMatchObject({ kind: 'scope', status: 'not_sent', code: 'KILL_SWITCH' })
  })

  it('SCP-045: a loop in it ends at its own limit of supersteps', async () => {
    const get = readTool((n) => n)
    const loop = workflow({
      name: 'loop',
      version: '1.0.0',
      input: z.int(),
      output: z.int(),
      budget: WIDE_BUDGET,
      maxSupersteps: 3,
      tools: [get],
    })
      .node('spin', { input: z.int(), output: z.int(), run: (n) => n + 1 })
      .node('end', { input: z.int(), output: z.int(), run: (n) => n })
      .start('spin')
      .edge('spin', 'spin', (n) => n < 1_000)
      .edge('spin', 'end', (n) => n >= 1_000)
      .output('end')
      .build()
    const flow = workflow({ name: 'around', version: '1.0.0', input: z.int(), output: z.int(), budget: WIDE_BUDGET })
      .workflow('nested', loop)
      .start('nested')
      .output('nested')
      .build()
    const one = box({ workflows: [flow] })
    one.work()
    expect(await one.run('around', 1)).toMatchObject({
      status: 'stopped',
      reason: { code: 'SUPERSTEP_LIMIT', subject: 'nested' },
    })
  })

  it('SCP-046: a node of plain code calls it as a tool and sees how it ended', async () => {
    const outside = await bank()
    const nested = workflowTool(failing(payTool(outside), { left: 1 }), {
      name: 'workflows.payout',
      description: 'pays',
    })
    const flow = workflow({
      name: 'caller',
      version: '1.0.0',
      input: z.int(),
      output: z.array(z.string()),
      budget: WIDE_BUDGET,
      tools: [nested],
    })
      .node('only', {
        input: z.int(),
        output: z.array(z.string()),
        run: async (n, ctx) => {
          const first = await ctx.call(nested, n)
          const second = await ctx.call(nested, n)
          return [first.status, second.status]
        },
      })
      .start('only')
      .output('only')
      .build()
    const one = box({ workflows: [flow] })
    one.work()
    expect((await one.run('caller', 5)).output).toEqual(['failed', 'succeeded'])
    expect(outside.booked.length).toBe(2)
  })
})
