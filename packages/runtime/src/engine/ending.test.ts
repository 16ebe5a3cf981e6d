import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { port, workflow } from '../orchestration/index.ts'
import type { TerminationDef } from '../orchestration/index.ts'
import { ANA, benchSet, PAUL, WIDE_BUDGET } from '../testing/bench-box.ts'
import { clerkFlow, clerkModel } from '../testing/agent-kit.ts'
import { approvalPolicy, oneNode, payTool, readTool } from '../testing/engine-kit.ts'
import { type DraftState, drafting } from '../testing/ending-kit.ts'
import { scriptedPolicy } from '../testing/scripted-policy.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

describe('the ending of a run', () => {
  it('END-001: tells what ended it, in the record and in the result', async () => {
    const one = box({ workflows: [drafting({})] })
    one.work()
    const { runId, ending, output } = await one.run('drafting', 2)
    expect(output).toBe('draft 1')
    const told = { by: 'completed', code: null, subject: null, turns: 0 }
    expect(ending).toEqual({ ...told, partial: null, leftUndone: [], costNanoUsd: '0', cycle: [] })
    expect(await one.of(runId, 'run.completed')).toMatchObject([
      { ending: { ...told, left_undone: [], cost_nano_usd: '0' } },
    ])
  })

  it('END-001, END-003: a run that a person cancels tells what was open', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const flow = oneNode(async (_input, ctx) => (await ctx.call(pay, { to: 'bob', amount: 5 })).status, {
      tools: [pay],
    })
    const one = box({ workflows: [flow], policy: approvalPolicy() })
    one.work()
    const runId = await one.start('one', null)
    await one.asked()
    await one.sb.runs.cancel({ runId, by: PAUL, reason: 'not needed' })
    expect((await one.ended(runId)).ending).toMatchObject({
      by: 'person',
      code: 'CANCELLED',
      leftUndone: [
        { what: 'only', why: 'unfinished' },
        { what: 'pay.send', why: 'approval_open' },
      ],
    })
    expect(outside.requests).toEqual([])
  })

  it.each([
    ['max_turns', 'turns', { maxTurns: 2 }],
    ['budget', 'tokens', { maxTokens: 1 }],
  ])('END-002: a limit of the budget is told as %s', async (by, subject, budget) => {
    const { model } = clerkModel([[{ tool: 'get.one', args: { n: 1 } }], [{ tool: 'get.one', args: { n: 2 } }]])
    const one = box({ workflows: [clerkFlow([readTool((n) => n)], { budget })], models: [model] })
    one.work()
    const { ending, reason } = await one.run('clerks', 'go')
    expect(ending).toMatchObject({ by, code: 'BUDGET_EXHAUSTED', subject })
    expect(ending?.leftUndone).toEqual([{ what: 'clerk', why: 'unfinished' }])
    expect(ending?.turns).toBe(by === 'max_turns' ? 2 : 0)
    expect(reason?.kind).toBe('budget')
  })

  it('END-003: an effect whose end a person leaves unknown is named', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const flow = oneNode(async (_input, ctx) => (await ctx.call(pay, { to: 'bob', amount: 5 })).status, {
      tools: [pay],
    })
    const one = box({ workflows: [flow] })
    one.work()
    outside.next('hang_up')
    const runId = await one.start('one', null)
    await one.settle(async () => (await one.open('question'))[0] ?? null, 'a question')
    await one.answer('stop')
    const { ending } = await one.ended(runId)
    expect(ending?.leftUndone).toContainEqual({ what: 'pay.send', why: 'effect_unknown' })
  })

  it('END-003: an open port and a waiting fan-in are named, and the request is taken back', async () => {
    const flow = workflow({
      name: 'fans',
      version: '1.0.0',
      input: z.number(),
      output: z.number(),
      budget: WIDE_BUDGET,
      termination: { leftUndone: (view) => [`the answer after ${view.superstep} supersteps`] },
    })
      .node('split', { input: z.number(), output: z.number(), run: (n) => n })
      .port('ask', port({ name: 'ask', request: z.number(), response: z.number(), deadlineSeconds: 600 }))
      .node('side', { input: z.number(), output: z.number(), run: (n) => n })
      .node('join', { input: z.array(z.number()), output: z.number(), run: (list) => list.length })
      .start('split')
      .fanOut('split', ['ask', 'side'])
      .fanIn(['ask', 'side'], 'join')
      .output('join')
      .build()
    const one = box({ workflows: [flow] })
    one.work()
    const { runId } = await one.run('fans', 1)
    const [request] = await one.open('request')
    await one.sb.runs.cancel({ runId, by: PAUL, reason: 'not needed' })
    expect((await one.ended(runId)).ending?.leftUndone).toEqual([
      { what: 'join', why: 'fan_in_incomplete' },
      { what: 'ask', why: 'request_open' },
      { what: 'the answer after 2 supersteps', why: 'declared' },
    ])
    expect((await one.store.request(ANA.tenant, request?.id ?? ''))?.state).toBe('cancelled')
  })

  it('END-004: the partial result is made from the state of the last barrier', async () => {
    const flow = drafting({
      until: ({ superstep }) => superstep === 5,
      partial: ({ draft, rounds }) => ({ draft, rounds: [...rounds] }),
    })
    const one = box({ workflows: [flow] })
    one.work()
    const { status, ending, output } = await one.run('drafting', 9)
    expect([status, ending?.by, ending?.code]).toEqual(['stopped', 'completion_event', 'NO_OUTPUT'])
    expect(ending?.partial).toEqual({ draft: 'draft 7', rounds: [9, 8, 7] })
    expect(output).toEqual(ending?.partial)
  })

  it('END-004: a partial result that a rule at the output denies is seen by nobody', async () => {
    const policy = scriptedPolicy({
      tools: {},
      points: ['output'],
      decide: ({ point, action }) =>
        point === 'output' && action.name === 'partial' ? { verdict: 'deny', reason_code: 'SECRET' } : undefined,
    })
    const flow = drafting({
      until: ({ superstep }) => superstep === 1,
      partial: ({ draft }) => draft ?? '',
      loop: false,
    })
    const one = box({ workflows: [flow], policy })
    one.work()
    const { runId, ending, output } = await one.run('drafting', 9)
    expect([ending?.code, ending?.partial, output]).toEqual(['NO_OUTPUT', null, null])
    expect(await one.of(runId, 'decision.recorded')).toMatchObject([{ decision: { verdict: 'deny' } }])
  })

  it('END-005: what cannot be told does not keep a run from ending', async () => {
    const broken = (): never => {
      throw new Error('no')
    }
    const flow = drafting({
      timeoutSeconds: 60,
      partial: broken,
      leftUndone: broken,
      loop: { repeats: 2, of: () => null },
    })
    const one = box({ workflows: [flow] })
    one.work()
    const { status, ending } = await one.run('drafting', 9)
    expect([status, ending?.by, ending?.partial]).toEqual(['stopped', 'loop', null])
    expect(ending?.leftUndone).toEqual([
      { what: 'review', why: 'message_waiting' },
      { what: 'partial', why: 'not_told' },
      { what: 'leftUndone', why: 'not_told' },
    ])
  })
})

describe('the termination contract', () => {
  it('END-010: a completion event completes the run with its partial result, when that is an output', async () => {
    const flow = drafting({
      until: ({ state }) => state.rounds.length === 2,
      partial: ({ draft }) => draft,
    })
    const one = box({ workflows: [flow] })
    one.work()
    const { status, output, ending, undone } = await one.run('drafting', 9)
    expect([status, output, ending?.by, ending?.code, undone]).toEqual([
      'completed',
      'draft 8',
      'completion_event',
      null,
      [],
    ])
    expect(ending?.leftUndone).toEqual([{ what: 'review', why: 'message_waiting' }])
  })

  it('END-011: without any output it stops, and says so', async () => {
    const flow = drafting({ until: () => true })
    const one = box({ workflows: [flow] })
    one.work()
    expect(await one.run('drafting', 9)).toMatchObject({
      status: 'stopped',
      reason: { kind: 'completion_event', code: 'NO_OUTPUT' },
      ending: { by: 'completion_event', code: 'NO_OUTPUT', partial: null },
    })
  })

  it.each(['waiting', 'queued'])('END-013: the time of a run ends it although it is %s', async (how) => {
    const outside = await bank()
    const pay = payTool(outside)
    const flow = workflow({
      name: 'timed',
      version: '1.0.0',
      input: z.number(),
      output: z.string(),
      budget: WIDE_BUDGET,
      termination: { timeoutSeconds: 60 },
    })
      .node('pay', {
        input: z.number(),
        output: z.string(),
        run: async (n, ctx) => (await ctx.call(pay, { to: 'bob', amount: n })).status,
        tools: [pay],
      })
      .start('pay')
      .output('pay')
      .build()
    const one = box({ workflows: [flow], policy: approvalPolicy() })
    if (how === 'waiting') one.work()
    const runId = await one.start('timed', 1)
    if (how === 'waiting') {
      await one.asked()
      await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a wait')
    }
    await one.host.advance(61_000)
    if (how === 'queued') one.work()
    expect(await one.ended(runId)).toMatchObject({
      status: 'stopped',
      reason: { kind: 'timeout', code: 'RUN_TIMEOUT', subject: '60 s' },
      ending: { by: 'timeout' },
    })
    expect(outside.requests).toEqual([])
    expect(await one.open()).toEqual([])
    // A person who restores it gives it its time anew.
    await one.sb.runs.restore({ runId, seq: 1, by: PAUL, reason: 'once more' })
    await one.decide('approved')
    expect((await one.ended(runId)).output).toBe('succeeded')
    expect(outside.booked).toHaveLength(1)
  })

  it('END-014: a check that fails so often in a row stops the run, and null counts neither way', async () => {
    const verdicts = ['fail', null, 'pass', 'fail', null, 'fail', 'pass'] as const
    const flow = drafting({
      quality: {
        name: 'tone',
        failures: 2,
        check: ({ superstep }) => verdicts[superstep - 1] ?? null,
      },
    })
    const one = box({ workflows: [flow] })
    one.work()
    const { runId, ending, reason } = await one.run('drafting', 9)
    expect(reason).toEqual({ kind: 'quality', code: 'QUALITY_FAILED', subject: 'tone' })
    expect(ending).toMatchObject({ by: 'quality', subject: 'tone' })
    expect(await one.of(runId, 'superstep.completed')).toHaveLength(6)
  })

  it.each([
    ['until', { until: () => 1 }],
    [
      'quality.check',
      {
        quality: {
          name: 'x',
          failures: 1,
          check: () => {
            throw new Error('secret text')
          },
        },
      },
    ],
    ['quality.check', { quality: { name: 'x', failures: 1, check: () => 'maybe' } }],
    ['loop.of', { loop: { repeats: 2, of: () => 1n } }],
  ])(
    'END-015: a contract whose `%s` is broken parks the run, and it is judged again after that',
    async (name, given) => {
      // Wrong on purpose.
      const broken = drafting({
        ...given,
      } as unknown as TerminationDef<DraftState>)
      const whole = drafting({})
      const mended = { ...broken, spec: { ...broken.spec, termination: whole.spec.termination } }
      const one = box({ workflows: [broken] })
      one.work()
      const runId = await one.start('drafting', 2)
      await one.until(async () => ((await one.row(runId)).status === 'parked' ? true : null), 'a park')
      const [parked] = await one.of(runId, 'run.parked')
      expect(parked?.code).toBe('TERMINATION_FAILED')
      const said = parked?.detail && (await (await one.sb.runs.contents(ANA.tenant, runId)).read(parked.detail))
      expect(said).toContain(`termination.${name}`)
      expect(said).not.toContain('secret')
      expect(await one.of(runId, 'superstep.completed')).toEqual([])
      await one.kill()
      const fresh = one.another({ workflows: [mended] })
      fresh.work()
      await fresh.sb.runs.resume({ runId, by: PAUL, reason: 'mended' })
      expect((await fresh.ended(runId)).output).toBe('draft 1')
    },
  )

  it('END-016: an escalation goes to its node once, with the state and what waited; the second time the run ends', async () => {
    const flow = drafting({
      quality: { name: 'tone', failures: 2, check: () => 'fail', escalateTo: 'help' },
      loop: false,
    })
    const one = box({ workflows: [flow] })
    one.work()
    const { runId } = await one.run('drafting', 9)
    const [row] = await one.open('request')
    const asked = await one.sb.runs.request(ANA.tenant, row?.id ?? '')
    expect(asked.port?.payload).toEqual({
      cause: 'quality',
      name: 'tone',
      reason: 'the check `tone` failed 2 times in a row',
      superstep: 2,
      turns: 0,
      cycle: [],
      state: { draft: 'draft 9', rounds: [9] },
      waiting: [{ to: 'write', message: 8 }],
    })
    expect(await one.of(runId, 'message.dropped')).toMatchObject([{ from: 'review', reason: 'escalated' }])
    await one.killAndExpire()
    const fresh = one.another()
    fresh.work()
    await fresh.sb.runs.respond({ requestId: row?.id ?? '', by: PAUL, value: 5 })
    const { ending } = await fresh.ended(runId)
    expect(ending).toMatchObject({ by: 'quality', leftUndone: [{ what: 'review', why: 'message_waiting' }] })
  })
})
