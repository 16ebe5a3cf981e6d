import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { ActCtx } from '../contracts/tool.ts'
import { type BenchBox, benchSet } from '../testing/bench-box.ts'
import { lookUp, oneNode, payTool, readTool } from '../testing/engine-kit.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const LONG_LEASE = { leaseMs: 10_000_000 }
const RECEIPT = z.object({ receipt: z.number() })

/** Lets the clock go on until something is there. */
async function tick<T>(one: BenchBox, look: () => Promise<T | null>, what: string): Promise<T> {
  return one.until(async () => {
    await one.host.advance(1_000)
    return look()
  }, what)
}

function latch() {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open: () => open(), opened }
}

describe('a call that ignores its abort signal', () => {
  it('TIM-040, TIM-041: a read has failed a second after its time, the run goes on, and its late answer is only told', async () => {
    const late = latch()
    const hold = latch()
    let calls = 0
    const read = readTool(async (n) => {
      calls += 1
      if (n === 1) await late.opened
      else await hold.opened
      return n
    })
    const flow = oneNode(
      async (_input, ctx) => {
        const first = await ctx.call(read, { n: 1 })
        const second = await ctx.call(read, { n: 2 })
        return [first.status, second.status]
      },
      { tools: [read] },
    )
    const one = box({ workflows: [flow] })
    one.work(LONG_LEASE)
    const runId = await one.start('one', null)
    await one.until(() => (calls === 1 ? true : null), 'the first read')
    await tick(one, async () => (calls === 2 ? true : null), 'the second read')
    late.open()
    for (let n = 0; n < 20; n++) await one.host.macrotask()
    hold.open()
    expect((await one.ended(runId)).output).toEqual(['failed', 'succeeded'])
    const outcomes = await one.of(runId, 'activity.outcome')
    expect(outcomes.map(({ status, code }) => [status, code])).toEqual([
      ['failed', 'NODE_TIMEOUT'],
      ['succeeded', null],
    ])
    const told = await one.of(runId, 'activity.late')
    expect(told).toMatchObject([{ name: 'get.one', how: 'answered', ask: { key: outcomes[0]?.ask.key } }])
    expect(outcomes[0]?.latency_ms).toBeGreaterThanOrEqual(31_000)
  })

  it('TIM-040, TIM-041: an effect is unknown and looked up, and its handle sends nothing any more', async () => {
    const outside = await bank()
    const late = latch()
    const refusals: string[] = []
    let tries = 0
    const send = (ctx: ActCtx) =>
      ctx.fetch(`http://${outside.host}/pay`, { method: 'POST', body: JSON.stringify({ to: 'bob', amount: 5 }) })
    const pay = payTool(outside, {
      timeoutSeconds: 10,
      found: lookUp(outside),
      execute: async (_args, ctx) => {
        tries += 1
        const answer = await send(ctx)
        await late.opened
        await send(ctx).catch((error: unknown) => refusals.push(String(error)))
        return RECEIPT.parse(await answer.json())
      },
    })
    const hold = latch()
    const read = readTool(async (n) => {
      await hold.opened
      return n
    })
    const flow = oneNode(
      async (_input, ctx) => {
        const paid = await ctx.call(pay, { to: 'bob', amount: 5 })
        await ctx.call(read, { n: 1 })
        return paid.status
      },
      { tools: [pay, read] },
    )
    const one = box({ workflows: [flow] })
    one.work(LONG_LEASE)
    const runId = await one.start('one', null)
    await one.until(() => (outside.booked.length === 1 ? true : null), 'the booking')
    await tick(
      one,
      async () => (await one.of(runId, 'activity.outcome')).find(({ resolved_by }) => resolved_by === 'lookup') ?? null,
      'the look-up',
    )
    late.open()
    await one.until(() => (refusals.length === 1 ? true : null), 'a refusal')
    hold.open()
    expect((await one.ended(runId)).output).toBe('succeeded')
    expect(outside.booked).toHaveLength(1)
    expect(tries).toBe(1)
    const own = (await one.of(runId, 'activity.outcome')).filter(({ ask, name }) => !ask.parent && name === 'pay.send')
    expect(own.map(({ status }) => status)).toEqual(['unknown', 'succeeded'])
  })

  it('TIM-042: what ends by itself within its grace tells its own end', async () => {
    const outside = await bank()
    const pay = payTool(outside, {
      timeoutSeconds: 10,
      execute: (_args, ctx) =>
        new Promise((_resolve, reject) => {
          const fail = (): void => reject(Object.assign(new Error('nothing was sent'), { definite: true }))
          ctx.signal.addEventListener('abort', fail)
        }),
    })
    const flow = oneNode(async (_input, ctx) => (await ctx.call(pay, { to: 'bob', amount: 5 })).status, {
      tools: [pay],
    })
    const one = box({ workflows: [flow] })
    one.work(LONG_LEASE)
    const runId = await one.start('one', null)
    await one.until(async () => ((await one.of(runId, 'activity.intent')).length === 1 ? true : null), 'the intent')
    await tick(one, async () => ((await one.row(runId)).status === 'completed' ? true : null), 'the end')
    expect((await one.ended(runId)).output).toBe('failed')
    expect(await one.of(runId, 'activity.late')).toEqual([])
    expect(outside.requests).toEqual([])
  })

  it('TIM-040: a termination does not wait for it', async () => {
    const never = latch()
    let calls = 0
    const read = readTool(async (n) => {
      calls += 1
      await never.opened
      return n
    })
    const flow = oneNode(async (_input, ctx) => (await ctx.call(read, { n: 1 })).status, { tools: [read] })
    const one = box({ workflows: [flow] })
    one.work(LONG_LEASE)
    const runId = await one.start('one', null)
    await one.until(() => (calls === 1 ? true : null), 'the read')
    const by = { id: 'user:paul', kind: 'user', tenant: 'acme', roles: ['operator'] } as const
    await one.sb.runs.cancel({ runId, by, reason: 'at once', terminate: true })
    await one.until(async () => {
      await one.host.advance(500)
      return (await one.row(runId)).status === 'terminated' ? true : null
    }, 'the end')
    const [read1] = await one.of(runId, 'activity.outcome')
    expect(read1).toMatchObject({ status: 'failed', code: 'CANCELLED' })
    expect(read1?.latency_ms).toBeLessThan(10_000)
    never.open()
  })
})
