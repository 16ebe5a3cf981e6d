import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { costOf, explain, forkFindings, forkSources, projectRecords } from '../observability/index.ts'
import { port, workflow } from '../orchestration/index.ts'
import { clerkModel } from '../testing/agent-kit.ts'
import { benchSet, PAUL, WIDE_BUDGET } from '../testing/bench-box.ts'
import { approvalPolicy, oneNode, payTool, type PayTool } from '../testing/engine-kit.ts'
import { fork, lastSeq, recordOf, settled, steps, turns } from '../testing/move-kit.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

describe('a fork', () => {
  async function paid(policy = approvalPolicy(() => undefined)) {
    const outside = await bank()
    const pay = payTool(outside)
    let amount = 1
    const flow = oneNode(async (_input, ctx) => (await ctx.call(pay, { to: 'bob', amount })).status, { tools: [pay] })
    const one = box({ workflows: [flow], policy })
    one.work()
    return {
      outside,
      one,
      ask: (n: number) => {
        amount = n
      },
    }
  }
  const free = () => undefined

  it('FRK-020: starts with the totals at its point, and names the run, record and hash that it comes from', async () => {
    const outside = await bank()
    const one = box({ workflows: [steps(payTool(outside))], models: [clerkModel(turns).model] })
    one.work()
    const { runId } = await one.run('steps', 3)
    const records = await one.records(runId)
    const stored = await one.store.records('acme', runId)
    const point = records.find((record) => record.type === 'position.saved')
    const { runId: made, existed } = await one.sb.runs.fork({
      runId,
      seq: point?.seq ?? 0,
      by: PAUL,
      reason: 'another way',
      requestId: 'fork-1',
    })
    expect(existed).toBe(false)
    const [genesis] = await one.of(made, 'run.started')
    expect(genesis?.parent).toMatchObject({ run: runId, seq: point?.seq, root: runId, by: { id: PAUL.id }, plan: [] })
    expect(genesis?.parent?.head).toBe(stored.find((each) => each.seq === point?.seq)?.hash)
    expect(genesis?.checkpoint.spent).toMatchObject({ turns: 1, tool_calls: 1 })
    expect(genesis?.active_ms).toBe(point?.active_ms)
    const again = await one.sb.runs.fork({
      runId,
      seq: point?.seq ?? 0,
      by: PAUL,
      reason: 'the same request',
      requestId: 'fork-1',
    })
    expect(again).toEqual({ runId: made, existed: true })
    const result = await one.ended(made)
    expect(result.status).toBe('completed')
    const end = (await one.of(made, 'superstep.completed')).at(-1)
    expect(end?.checkpoint.spent.turns).toBe(3)
  })

  it('FRK-021: copies the records of the open superstep alone, each with where and when it was recorded first', async () => {
    const outside = await bank()
    const one = box({ workflows: [steps(payTool(outside))], models: [clerkModel(turns).model] })
    one.work()
    const { runId } = await one.run('steps', 3)
    const records = await one.records(runId)
    const saved = records.filter((record) => record.type === 'position.saved').at(-1)
    const made = await fork(one, runId, saved?.seq ?? 0)
    await one.ended(made)
    const copies = (await one.records(made)).filter((record) => record.origin)
    expect(copies.length).toBeGreaterThan(5)
    for (const copy of copies) {
      const source = records.find((record) => record.seq === copy.origin?.seq)
      expect(copy.origin).toMatchObject({ run: runId, at: source?.at })
      expect(source?.type).toBe(copy.type)
      if ('ask' in copy && source && 'ask' in source) expect(copy.ask.key).toBe(source.ask.key)
    }
    const barrier = records.findLast(
      (record) => record.type === 'superstep.completed' && record.seq < (saved?.seq ?? 0),
    )
    expect(Math.min(...copies.map((copy) => copy.origin?.seq ?? 0))).toBeGreaterThan(barrier?.seq ?? 0)
  })

  it('FRK-022: is refused with FORK_EFFECT_OPEN while an effect that was sent before its point has no known end', async () => {
    const { outside, one } = await paid(approvalPolicy(free))
    outside.next('hang_up')
    const runId = await one.start('one', null)
    await one.decide('approved')
    await one.settle(async () => (await one.open('question'))[0] ?? null, 'a question')
    const seq = await recordOf(one, runId, (record) => record.type === 'activity.intent')
    await expect(fork(one, runId, seq)).rejects.toMatchObject({ code: 'FORK_EFFECT_OPEN' })
    expect(await one.sb.runs.movePlan('acme', runId, { kind: 'fork', seq })).toMatchObject({
      refused: { code: 'FORK_EFFECT_OPEN' },
      effects: [{ handling: 'blocks' }],
    })
    expect(await one.sb.runs.list({ tenant: 'acme', limit: 10 })).toHaveLength(1)
    await one.answer('happened')
    expect((await one.ended(runId)).output).toBe('succeeded')
    const made = await fork(one, runId, seq)
    expect((await one.ended(made)).output).toBe('succeeded')
    expect(outside.booked).toEqual([])
  })

  it('FRK-023: leaves an approval that was open at its point to the original, and asks for one of its own', async () => {
    const { outside, one } = await paid()
    const runId = await one.start('one', null)
    const first = await one.asked()
    await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a wait')
    const made = await fork(one, runId, await lastSeq(one, runId))
    const own = await one.until(async () => (await one.open()).find((row) => row.runId === made) ?? null, 'a request')
    expect(own.id).not.toBe(first.id)
    await one.sb.runs.decide({ approvalId: first.id, answer: 'approved', by: PAUL, reason: 'the first', seen: null })
    expect((await one.ended(runId)).output).toBe('succeeded')
    expect((await one.row(made)).status).toBe('waiting')
    await one.sb.runs.decide({ approvalId: own.id, answer: 'approved', by: PAUL, reason: 'its own', seen: null })
    await one.settle(async () => ((await one.row(made)).status === 'completed' ? true : null), 'the end of the fork')
    expect(outside.booked).toHaveLength(1)
    const [outcome] = await one.of(made, 'activity.outcome')
    expect((await one.of(made, 'activity.outcome')).at(-1)).toMatchObject({ ledger: { run: runId, family: true } })
    expect(outcome).toBeDefined()
  })

  it.each([
    ['happened', 1],
    ['did_not', 2],
  ] as const)(
    'FRK-030: whose plan says `ask` puts an equal effect to a person, whose answer `%s` counts',
    async (answer, booked) => {
      const outside = await bank()
      const pay = payTool(outside)
      const flow = oneNode(async (_input, ctx) => (await ctx.call(pay, { to: 'bob', amount: 1 })).status, {
        tools: [pay],
      })
      const one = box({ workflows: [flow] })
      one.work()
      const { runId } = await one.run('one', null)
      const seq = await recordOf(one, runId, (record) => record.type === 'activity.intent')
      const { runId: made } = await one.sb.runs.fork({
        runId,
        seq: 1,
        by: PAUL,
        reason: 'ask me',
        plan: [{ seq, action: 'ask' }],
      })
      expect(await settled(one, made)).toBe('asked')
      const [asked] = await one.of(made, 'question.asked')
      expect(asked?.about).toBe('asked_again')
      expect(outside.booked).toHaveLength(1)
      await one.answer(answer)
      expect((await one.ended(made)).output).toBe('succeeded')
      expect(outside.booked).toHaveLength(booked)
      expect(new Set(outside.booked.map((booking) => booking.key)).size).toBe(booked)
    },
  )

  it.each([
    ['rejected', 1, ['rejected', 'succeeded']],
    ['approved', 2, ['succeeded', 'succeeded']],
  ] as const)(
    'FRK-031: whose plan says `repeat` does it again only after a new approval (%s), once and under a key of its own',
    async (answer, booked, output) => {
      const outside = await bank()
      const pay = payTool(outside)
      const calls = async (
        _input: unknown,
        ctx: { call: (tool: PayTool, args: { to: string; amount: number }) => Promise<{ status: string }> },
      ) => {
        const first = await ctx.call(pay, { to: 'bob', amount: 1 })
        const second = await ctx.call(pay, { to: 'eve', amount: 2 })
        return [first.status, second.status]
      }
      const one = box({ workflows: [oneNode(calls, { tools: [pay] })] })
      one.work()
      const { runId } = await one.run('one', null)
      expect(outside.booked).toHaveLength(2)
      const seq = await recordOf(one, runId, (record) => record.type === 'activity.intent')
      const plan = [{ seq, action: 'repeat' as const }]
      expect(await one.sb.runs.movePlan('acme', runId, { kind: 'fork', seq: 1, plan })).toMatchObject({
        effects: [{ handling: 'repeated' }, { handling: 'ledger' }],
      })
      const { runId: made } = await one.sb.runs.fork({ runId, seq: 1, by: PAUL, reason: 'pay bob again', plan })
      expect(await settled(one, made)).toBe('asked')
      expect(outside.booked).toHaveLength(2)
      // A worker that dies while the person thinks changes nothing.
      await one.killAndExpire()
      one.work()
      await one.decide(answer)
      expect((await one.ended(made)).output).toEqual(output)
      expect(outside.booked).toHaveLength(booked + 1)
      expect(new Set(outside.booked.map((booking) => booking.key)).size).toBe(booked + 1)
      const approved = (await one.of(made, 'activity.intent')).map((intent) => intent.approval_id)
      expect(approved).toHaveLength(booked - 1)
    },
  )

  it('FRK-032: whose plan names what is no later effect is refused with INPUT_INVALID, and no run is made', async () => {
    const { one, outside } = await paid(approvalPolicy(free))
    const runId = await one.start('one', null)
    await one.decide('approved')
    await one.ended(runId)
    const plan = [{ seq: 2, action: 'repeat' as const }]
    await expect(one.sb.runs.fork({ runId, seq: 1, by: PAUL, reason: 'wrong', plan })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    })
    expect(await one.sb.runs.list({ tenant: 'acme', limit: 10 })).toHaveLength(1)
    expect(outside.booked).toHaveLength(1)
  })

  it('FRK-025: is refused by a kill switch that stops new runs, and for a principal who may not start the workflow any more', async () => {
    const { one } = await paid(approvalPolicy(free))
    const runId = await one.start('one', null)
    await one.decide('approved')
    await one.ended(runId)
    const barred = one.another({ policy: { ...approvalPolicy(free), mayStart: () => false } })
    await expect(fork(barred, runId, 1)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    const stop = { by: PAUL, scope: 'tenant', target: '*', mode: 'stop_new', reason: 'maintenance' } as const
    await one.sb.runs.engageKillSwitch(stop)
    await expect(fork(one, runId, 1)).rejects.toMatchObject({ code: 'KILL_SWITCH' })
    expect(await one.sb.runs.list({ tenant: 'acme', limit: 10 })).toHaveLength(1)
  })

  it('FRK-024: opens the requests of ports anew, with ids of its own', async () => {
    const review = port({
      name: 'review',
      request: z.number(),
      response: z.object({ ok: z.boolean() }),
      deadlineSeconds: 600,
    })
    const flow = workflow({
      name: 'reviewed',
      version: '1.0.0',
      input: z.number(),
      output: z.boolean(),
      budget: WIDE_BUDGET,
      state: {},
    })
      .node('first', { input: z.number(), output: z.number(), run: (n) => n })
      .port('ask', review)
      .node('close', { input: z.object({ ok: z.boolean() }), output: z.boolean(), run: ({ ok }) => ok })
      .start('first')
      .edge('first', 'ask')
      .edge('ask', 'close')
      .output('close')
      .build()
    const one = box({ workflows: [flow] })
    one.work()
    const runId = await one.start('reviewed', 1)
    const { id } = await one.asked('request')
    await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a wait')
    const head = await lastSeq(one, runId)
    for (let seq = 1; seq <= head; seq++) {
      const made = await fork(one, runId, seq)
      const own = await one.until(
        async () => (await one.open('request')).find((row) => row.runId === made) ?? null,
        `a request of the fork at ${seq}`,
      )
      expect(own.id).not.toBe(id)
      await one.sb.runs.respond({ requestId: own.id, value: { ok: true }, by: PAUL })
      expect((await one.ended(made)).output).toBe(true)
    }
    expect((await one.row(runId)).status).toBe('waiting')
    await one.sb.runs.respond({ requestId: id, value: { ok: false }, by: PAUL })
    expect((await one.ended(runId)).output).toBe(false)
  })

  it('FRK-050, FRK-051, FRK-052: is told with where it comes from, measured once, and audited against it', async () => {
    const outside = await bank()
    const one = box({ workflows: [steps(payTool(outside))], models: [clerkModel(turns).model] })
    one.work()
    const { runId } = await one.run('steps', 3)
    const saved = await recordOf(one, runId, (record) => record.type === 'position.saved')
    const made = await fork(one, runId, saved)
    await one.ended(made)
    const records = await one.records(made)
    const { story, effects } = explain(records, { now: one.host.now() })
    expect(story[0]?.text).toContain(`It is a fork of run \`${runId}\` at record ${saved}, made by \`${PAUL.id}\``)
    expect(story.filter(({ text }) => text.startsWith('Taken over from record')).length).toBeGreaterThan(1)
    expect(effects.map(({ text }) => text.includes('before this run was forked from it'))).toEqual([true, false, false])
    const cost = costOf(records)
    expect(cost.byModel.map((line) => line.calls)).toEqual([2])
    expect(cost.spent.turns).toBe(3)
    const { spans } = projectRecords(null, records)
    const copies = records.filter((record) => record.origin)
    const copied = new Set(copies.map((record) => record.seq))
    expect(copies.length).toBeGreaterThan(3)
    expect(spans.some((span) => copied.has(Number(span.attributes['signalbox.record.seq'])))).toBe(false)
    const stored = await one.store.records('acme', runId)
    const source = (change: (body: string, seq: number) => string) => (place: { run: string; seq: number }) => {
      const found = place.run === runId ? stored.find((each) => each.seq === place.seq) : undefined
      return found ? { hash: found.hash, body: change(found.body, found.seq) } : null
    }
    expect(forkSources(records)).toHaveLength(copies.length + 1)
    expect(
      forkFindings(
        records,
        source((body) => body),
      ),
    ).toEqual([])
    // Planted: the record of the point is another one, an original says something else, an original is not there.
    const point = forkFindings(
      records,
      source((body, seq) => (seq === saved ? `${body} ` : body)),
    )
    expect(point).toMatchObject([{ seq: 1 }])
    const paid = copies.find((record) => record.type === 'activity.outcome' && record.effect !== 'none')
    const changed = source((body, seq) => (seq === paid?.origin?.seq ? body.replace('succeeded', 'failed') : body))
    expect(forkFindings(records, changed)).toMatchObject([{ seq: paid?.seq }])
    expect(forkFindings(records, () => null)).toHaveLength(copies.length + 1)
  })
})
