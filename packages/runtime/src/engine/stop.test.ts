import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { workflow } from '../orchestration/index.ts'
import { benchSet, type BenchBox, PAUL, WIDE_BUDGET } from '../testing/bench-box.ts'
import { approvalPolicy, oneNode, payTool, type PayTool, readTool } from '../testing/engine-kit.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const flow = (pay: PayTool) =>
  oneNode(
    async (_input, ctx) => [
      (await ctx.call(pay, { to: 'bob', amount: 5 })).status,
      (await ctx.call(pay, { to: 'eve', amount: 7 })).status,
    ],
    { tools: [pay] },
  )
const statusIs =
  (one: BenchBox, runId: string, ...wanted: string[]) =>
  async () =>
    wanted.includes((await one.row(runId)).status) ? true : null

describe('a run that is stopped', () => {
  it('ENG-170: while it waits for an approval ends at once; the request is taken back and nothing is sent', async () => {
    const outside = await bank()
    const one = box({ workflows: [flow(payTool(outside))], policy: approvalPolicy() })
    one.work()
    const runId = await one.start('one', null)
    const { id } = await one.asked()
    await one.sb.runs.cancel({ runId, by: PAUL, reason: 'not needed' })
    expect(await one.ended(runId)).toMatchObject({ status: 'cancelled', reason: { kind: 'person', code: 'CANCELLED' } })
    expect((await one.store.request('acme', id))?.state).toBe('cancelled')
    expect(outside.requests).toEqual([])
  })

  it.each(['in memory', 'with its worker dead'])(
    'ENG-171: is stopping, not ended, while an effect is open (%s), and starts nothing new',
    async (how) => {
      const outside = await bank()
      const one = box({ workflows: [flow(payTool(outside))] })
      one.work()
      let release: () => void = () => undefined
      const held = new Promise<void>((resolve) => {
        release = resolve
      })
      outside.onPayment(() => held)
      const runId = await one.start('one', null)
      await one.until(() => (outside.requests.length === 1 ? true : null), 'a send')
      if (how !== 'in memory') await one.killAndExpire()
      await one.sb.runs.cancel({ runId, by: PAUL, reason: 'not needed' })
      if (how === 'in memory') {
        await one.until(
          async () =>
            (await one.of(runId, 'override.recorded')).length > 0 || (await one.row(runId)).epoch === 1 ? true : null,
          'a worker that knows',
        )
        release()
      } else {
        release()
        one.work()
        await one.until(statusIs(one, runId, 'stopping'), 'stopping')
        expect((await one.of(runId, 'run.cancelled')).length).toBe(0)
        await one.settle(async () => (await one.open('question'))[0] ?? null, 'a question')
        expect((await one.row(runId)).status).toBe('stopping')
        await one.answer('happened')
      }
      expect((await one.ended(runId)).status).toBe('cancelled')
      expect(outside.booked.map((booking) => booking.to)).toEqual(['bob'])
    },
  )

  it.each(['same key', 'authoritative look-up', 'person'] as const)(
    'ENG-172: does not send an effect again, however its unknown end is resolved (%s)',
    async (how) => {
      const outside = await bank()
      const pay = payTool(outside, {
        ...(how === 'same key' ? { repeat: 'same_key_is_harmless' as const } : {}),
        ...(how === 'authoritative look-up'
          ? { lookup: 'authoritative' as const, found: async () => ({ answer: 'did_not' as const }) }
          : {}),
      })
      const one = box({ workflows: [flow(pay)] })
      one.work()
      outside.next('hang_up')
      const runId = await one.start('one', null)
      await one.until(
        async () => ((await one.of(runId, 'activity.outcome')).length > 0 ? true : null),
        'an unknown end',
      )
      await one.sb.runs.cancel({ runId, by: PAUL, reason: 'not needed' })
      await one.settle(async () => {
        if ((await one.open('question')).length > 0) await one.answer('did_not')
        return statusIs(one, runId, 'cancelled')()
      }, 'the end')
      expect(outside.requests.filter((request) => request.method === 'POST')).toHaveLength(1)
      expect((await one.store.effects('acme', runId)).map((effect) => effect.state)).toEqual(['not_sent'])
    },
  )

  it('ENG-173: over a question about other arguments ends, and the question is taken back', async () => {
    const outside = await bank()
    const pay = payTool(outside, { effectKey: () => ({ scope: 'tenant', key: 'one' }) })
    const read = readTool(() => 1)
    const flows = workflow({
      name: 'two',
      version: '1.0.0',
      input: z.number(),
      output: z.string(),
      budget: WIDE_BUDGET,
      state: {},
      tools: [pay, read],
    })
      .node('pay', {
        input: z.number(),
        output: z.string(),
        run: async (n, ctx) => (await ctx.call(pay, { to: 'bob', amount: n })).status,
      })
      .start('pay')
      .output('pay')
      .build()
    const one = box({ workflows: [flows] })
    one.work()
    await one.run('two', 1)
    const runId = await one.start('two', 2)
    const { id } = await one.asked('question')
    await one.sb.runs.cancel({ runId, by: PAUL, reason: 'not needed' })
    await one.until(statusIs(one, runId, 'cancelled'), 'the end')
    expect((await one.store.request('acme', id))?.state).toBe('cancelled')
    expect(outside.booked).toHaveLength(1)
  })

  it('ENG-174: a terminated run breaks calls off and cannot be restored; a cancelled one can', async () => {
    const outside = await bank()
    const one = box({ workflows: [flow(payTool(outside))], policy: approvalPolicy() })
    one.work()
    const ends: string[] = []
    for (const terminate of [true, false]) {
      const runId = await one.start('one', null)
      const open = await one.until(
        async () => (await one.open()).find((row) => row.runId === runId) ?? null,
        'a request',
      )
      await one.sb.runs.cancel({ runId, by: PAUL, reason: 'not needed', terminate })
      ends.push((await one.ended(runId)).status)
      expect((await one.store.request('acme', open.id))?.state).toBe('cancelled')
      const restore = one.sb.runs.restore({ runId, seq: 1, by: PAUL, reason: 'after all' })
      if (terminate) await expect(restore).rejects.toMatchObject({ code: 'RUN_STATE' })
      else await expect(restore).resolves.toBeUndefined()
    }
    expect(ends).toEqual(['terminated', 'cancelled'])
  })
})

describe('a worker that stops', () => {
  it('ENG-175: hands its runs back at the next barrier, and another goes on with them at once', async () => {
    let passed = 0
    const many = workflow({
      name: 'loop',
      version: '1.0.0',
      input: z.number(),
      output: z.number(),
      budget: WIDE_BUDGET,
      state: {},
      maxSupersteps: 1_000,
    })
      .node('step', {
        input: z.number(),
        output: z.number(),
        run: (n) => {
          passed += 1
          return n - 1
        },
      })
      .node('end', { input: z.number(), output: z.number(), run: (n) => n })
      .start('step')
      .switch('step', [{ when: (n) => n > 0, to: 'step' }], 'end')
      .output('end')
      .build()
    const one = box({ workflows: [many] })
    const first = one.work()
    const runId = await one.start('loop', 400)
    await one.until(() => (passed > 5 ? true : null), 'some steps')
    await first.stop()
    expect((await one.row(runId)).leaseOwner).toBe(null)
    const done = passed
    expect(done).toBeLessThan(400)
    one.work()
    expect((await one.ended(runId)).output).toBe(0)
    // No step ran twice.
    expect(passed).toBe(400)
  })
})
