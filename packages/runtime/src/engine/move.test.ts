import { afterEach, describe, expect, it } from 'vitest'
import { lineageGaps } from '../observability/index.ts'
import { clerkModel } from '../testing/agent-kit.ts'
import { benchSet } from '../testing/bench-box.ts'
import { approvalPolicy, oneNode, payTool, readTool } from '../testing/engine-kit.ts'
import { lastSeq, MOVES, recordOf, settled, steps, turns } from '../testing/move-kit.ts'
import { PAUL } from '../testing/bench-box.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

describe.each(MOVES)('a %s at any record', (name, move) => {
  it('FRK-001, FRK-002, FRK-003: of a run with an agent ends as the run did, books nothing again and refills nothing', async () => {
    const outside = await bank()
    const one = box({ workflows: [steps(payTool(outside))], models: [clerkModel(turns).model] })
    one.work()
    const { runId, output } = await one.run('steps', 3)
    const booked = outside.booked.map((booking) => booking.to)
    expect(booked).toEqual(['bob', 'eve', 'fee'])
    await one.kill()
    const head = await lastSeq(one, runId)
    const original = JSON.stringify(await one.records(runId))
    for (let seq = 1; seq <= head; seq++) {
      const fresh = one.another({ models: [clerkModel(turns).model] })
      const before = await fresh.of(runId, 'branch.started')
      const went = await move(fresh, runId, seq)
      fresh.work()
      expect([seq, (await fresh.ended(went)).output]).toEqual([seq, output])
      expect([seq, lineageGaps(await one.records(went))]).toEqual([seq, []])
      await fresh.kill()
      expect([seq, outside.booked.map((booking) => booking.to)]).toEqual([seq, booked])
      if (name === 'restore') {
        const spent = (await fresh.of(runId, 'branch.started')).at(-1)?.spent.turns ?? 0
        expect(spent).toBeGreaterThanOrEqual(before.at(-1)?.spent.turns ?? 0)
      } else {
        expect(JSON.stringify(await one.records(runId))).toBe(original)
        expect(await one.of(runId, 'branch.started')).toEqual([])
      }
    }
  })

  it('FRK-004: in the middle of calls under way at once replays what was there and asks for the rest', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const get = readTool((n) => n + 1)
    const flow = oneNode(
      async (_input, ctx) => {
        const ends = await Promise.all([
          ctx.call(pay, { to: 'bob', amount: 1 }),
          ctx.call(get, { n: 4 }),
          ctx.call(pay, { to: 'bob', amount: 1 }),
        ])
        const at = ctx.now().toISOString()
        const last = await ctx.call(pay, { to: `eve ${at}`, amount: Math.floor(ctx.random() * 1_000) })
        return [...ends.map((end) => end.status), last.status]
      },
      { tools: [pay, get] },
    )
    const one = box({ workflows: [flow] })
    one.work()
    const { runId, output } = await one.run('one', null)
    const head = await lastSeq(one, runId)
    expect(outside.booked).toHaveLength(3)
    for (let seq = 1; seq <= head; seq++) {
      await one.host.advance(1_000)
      const went = await move(one, runId, seq)
      // Times that a handler took from answers which it got again are other times: a person is asked about that call.
      for (;;) {
        if ((await settled(one, went)) === 'completed') break
        await one.answer('happened')
      }
      const result = await one.ended(went)
      expect([seq, outside.booked.length]).toEqual([seq, 3])
      expect([output, ['succeeded', 'succeeded', 'succeeded', 'rejected']]).toContainEqual(result.output)
    }
  })

  it.each([
    [
      'the amount',
      [
        { to: 'bob', amount: 9 },
        { to: 'eve', amount: 2 },
      ],
      'asked',
    ],
    [
      'the order of calls',
      [
        { to: 'eve', amount: 2 },
        { to: 'bob', amount: 1 },
      ],
      'completed',
    ],
    [
      'nothing but the call ids',
      [
        { to: 'bob', amount: 1 },
        { to: 'eve', amount: 2 },
      ],
      'completed',
    ],
    ['the payee', [{ to: 'mallory', amount: 1 }], 'asked'],
  ])(
    'FRK-010: to before a payment, after which the model changes %s, makes no second booking',
    async (_what, then, end) => {
      const outside = await bank()
      const flow = steps(payTool(outside))
      const one = box({ workflows: [flow], models: [clerkModel(turns).model] })
      one.work()
      const { runId } = await one.run('steps', 3)
      await one.kill()
      const seq = await recordOf(one, runId, (record) => record.type === 'superstep.completed')
      const changed = [then.map((args) => ({ tool: 'pay.send', args }))]
      const fresh = one.another({ models: [clerkModel(changed).model] })
      const went = await move(fresh, runId, seq)
      fresh.work()
      expect(await settled(fresh, went)).toBe(end)
      expect(outside.booked.map((booking) => booking.to)).toEqual(['bob', 'eve', 'fee'])
    },
  )

  it.each([
    ['the amount', { to: 'bob', amount: 9 }, 'asked'],
    ['nothing', { to: 'bob', amount: 1 }, 'completed'],
  ])(
    'FRK-010: with a business identity, after which %s is changed, makes no second booking',
    async (_what, then, end) => {
      const outside = await bank()
      const pay = payTool(outside, { effectKey: ({ to }) => ({ scope: 'tenant', key: to }) })
      let args = { to: 'bob', amount: 1 }
      const flow = oneNode(async (_input, ctx) => (await ctx.call(pay, args)).status, { tools: [pay] })
      const one = box({ workflows: [flow] })
      one.work()
      const { runId } = await one.run('one', null)
      args = then
      const went = await move(one, runId, 1)
      expect(await settled(one, went)).toBe(end)
      expect(outside.booked).toHaveLength(1)
    },
  )

  it('FRK-005: between the intent of an effect and its answer takes the end that it had, and sends nothing', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const flow = oneNode(
      async (_input, ctx) => {
        const first = await ctx.call(pay, { to: 'bob', amount: 1 })
        const second = await ctx.call(pay, { to: 'eve', amount: 2 })
        return [first.status, first.status === 'succeeded' ? first.output.receipt : null, second.status]
      },
      { tools: [pay] },
    )
    const one = box({ workflows: [flow] })
    one.work()
    outside.next('book', 'refuse')
    const { runId, output } = await one.run('one', null)
    expect(output).toEqual(['succeeded', 1, 'failed'])
    const intents = (await one.of(runId, 'activity.intent')).map((record) => record.seq)
    const [first = 0, second = 0] = intents
    const went = await move(one, runId, second)
    expect((await one.ended(went)).output).toEqual(['succeeded', 1, 'failed'])
    const sent = outside.requests.length
    expect(sent).toBe(2)
    const again = await move(one, runId, first)
    outside.next('refuse')
    expect((await one.ended(again)).output).toEqual(['succeeded', 1, 'failed'])
    expect(outside.booked).toHaveLength(1)
    const taken = (await one.of(again, 'activity.outcome')).filter((record) => record.ledger?.run === runId)
    expect(taken.map((record) => record.status)).toContain('succeeded')
  })

  it('FRK-011: asks equal calls made at once for one effect each', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const both = { to: 'bob', amount: 1 }
    const flow = oneNode(
      async (_input, ctx) => {
        const ends = await Promise.all([ctx.call(pay, both), ctx.call(pay, both)])
        return ends.map((end) => (end.status === 'succeeded' ? end.output.receipt : 0)).sort()
      },
      { tools: [pay] },
    )
    const one = box({ workflows: [flow] })
    one.work()
    const { runId, output } = await one.run('one', null)
    expect(output).toEqual([1, 2])
    const went = await move(one, runId, 1)
    await settled(one, went)
    expect((await one.ended(went)).output).toEqual([1, 2])
    expect(outside.booked).toHaveLength(2)
  })

  it('FRK-006: to where an approval was given and not used yet asks for it anew, and the old one lets nothing happen', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const flow = oneNode(async (_input, ctx) => (await ctx.call(pay, { to: 'bob', amount: 1 })).status, {
      tools: [pay],
    })
    const one = box({ workflows: [flow], policy: approvalPolicy() })
    one.work()
    outside.next('refuse')
    const runId = await one.start('one', null)
    await one.decide('approved')
    expect((await one.ended(runId)).output).toBe('failed')
    const seq = await recordOf(one, runId, (record) => record.type === 'approval.decided')
    expect(await one.sb.runs.movePlan('acme', runId, { kind: name, seq })).toMatchObject({ askedAnew: ['pay.send'] })
    const went = await move(one, runId, seq)
    expect(await settled(one, went)).toBe('asked')
    expect(outside.booked).toEqual([])
    await one.decide('rejected')
    expect((await one.ended(went)).output).toBe('rejected')
    expect(outside.booked).toEqual([])
  })

  it('FRK-012: is refused for a record that is not there, for a changed workflow with the difference, and when content was erased', async () => {
    const outside = await bank()
    const one = box({ workflows: [steps(payTool(outside))], models: [clerkModel(turns).model] })
    one.work()
    const { runId } = await one.run('steps', 3)
    await one.kill()
    await expect(move(one, runId, 9_999)).rejects.toMatchObject({ code: 'CHECKPOINT_NOT_FOUND' })
    const changed = one.another({ workflows: [steps(payTool(outside, { name: 'pay.other' }))] })
    await expect(move(changed, runId, 5)).rejects.toMatchObject({
      code: 'WORKFLOW_CHANGED',
      message: expect.stringContaining('pay.other'),
    })
    const runs = (await one.sb.runs.list({ tenant: 'acme', limit: 10 })).length
    const key = await one.store.key('acme', (await one.row(runId)).subject)
    expect(key?.wrapped).not.toBeNull()
    await one.store.destroyKey('acme', (await one.row(runId)).subject, one.host.now())
    const fresh = one.another({ models: [clerkModel(turns).model] })
    await expect(move(fresh, runId, 5)).rejects.toMatchObject({ code: 'CONTENT_ERASED' })
    expect(await fresh.sb.runs.movePlan('acme', runId, { kind: name, seq: 5 })).toMatchObject({
      refused: { code: 'CONTENT_ERASED' },
    })
    expect(await one.sb.runs.list({ tenant: 'acme', limit: 10 })).toHaveLength(runs)
    expect(await one.row(runId)).toMatchObject({ branch: 0, status: 'completed' })
  })

  it('FRK-013: tells before what will happen to each later effect', async () => {
    const outside = await bank()
    const one = box({ workflows: [steps(payTool(outside))], models: [clerkModel(turns).model] })
    one.work()
    outside.next('book', 'refuse')
    const { runId } = await one.run('steps', 3)
    const before = JSON.stringify(await one.records(runId))
    const seq = await recordOf(one, runId, (record) => record.type === 'superstep.completed')
    const plan = await one.sb.runs.movePlan('acme', runId, { kind: name, seq })
    expect(plan).toMatchObject({ kind: name, seq, type: 'superstep.completed', superstep: 1, refused: null })
    expect(plan.effects.map(({ tool, handling }) => [tool, handling])).toEqual([
      ['pay.send', 'ledger'],
      ['pay.send', 'again'],
      ['pay.send', 'ledger'],
    ])
    expect(plan.again.modelCalls).toBe(3)
    const [intent = 0] = (await one.of(runId, 'activity.intent')).filter((r) => r.effect_id).map((r) => r.seq)
    const within = await one.sb.runs.movePlan('acme', runId, { kind: name, seq: intent })
    expect(within.effects[0]).toMatchObject({ seq: intent, handling: 'kept' })
    expect(JSON.stringify(await one.records(runId))).toBe(before)
  })
})

describe.each(MOVES)('a %s of a run that people approved', (_name, move) => {
  it('FRK-007: at any record books nothing again, uses no approval twice and has no gap in its lineage', async () => {
    const outside = await bank()
    const one = box({
      workflows: [steps(payTool(outside))],
      models: [clerkModel(turns).model],
      policy: approvalPolicy(),
    })
    one.work()
    const through = async (runId: string): Promise<void> => {
      for (;;) {
        const state = await settled(one, runId)
        if (state !== 'asked') return
        for (const row of (await one.open()).filter((each) => each.runId === runId)) {
          const seen = (await one.sb.runs.request('acme', row.id)).packetHash
          await one.sb.runs.decide({ approvalId: row.id, answer: 'approved', by: PAUL, reason: 'seen', seen })
          await one.closed(row.id)
        }
      }
    }
    const runId = await one.start('steps', 3)
    await through(runId)
    const booked = outside.booked.map((booking) => booking.to)
    expect(booked).toEqual(['bob', 'eve', 'fee'])
    const head = await lastSeq(one, runId)
    const { output } = await one.ended(runId)
    for (let seq = 1; seq <= head; seq++) {
      const went = await move(one, runId, seq)
      await through(went)
      expect([seq, (await one.ended(went)).output]).toEqual([seq, output])
      expect([seq, outside.booked.map((booking) => booking.to)]).toEqual([seq, booked])
      expect([seq, lineageGaps(await one.records(went))]).toEqual([seq, []])
    }
  })
})
