import { afterEach, describe, expect, it } from 'vitest'
import type { RunRecord } from '../contracts/records.ts'
import { isoTime, timeOf } from '../base/time.ts'
import { lineageGaps } from '../observability/index.ts'
import { ANA, type BenchBox, benchSet } from '../testing/bench-box.ts'
import { oneNode, payTool, readTool } from '../testing/engine-kit.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const HOUR_MS = 3_600_000

function latch() {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open: () => open(), opened }
}

/** Sleeps an hour, pays, and says when it went on. */
function sleeper(outside: Awaited<ReturnType<typeof bank>>) {
  const pay = payTool(outside)
  return oneNode(
    async (_input, ctx) => {
      await ctx.sleep(3_600)
      const { status } = await ctx.call(pay, { to: 'bob', amount: 5 })
      return status
    },
    { tools: [pay] },
  )
}

async function asleep(one: BenchBox, runId: string): Promise<void> {
  await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a run that waits')
}

describe('a handler that sleeps', () => {
  it('TIM-001: leaves memory, waits for its timer, and spends no active time', async () => {
    const outside = await bank()
    const one = box({ workflows: [sleeper(outside)] })
    const worker = one.work()
    const runId = await one.start('one', null)
    await asleep(one, runId)
    await one.until(() => (worker.inMemory === 0 ? true : null), 'an empty memory')
    const waiting = (await one.of(runId, 'run.waiting')).at(-1)
    const timer = (await one.of(runId, 'timer.set'))[0]
    expect(waiting?.on).toEqual([{ kind: 'timer', id: timer?.ask.key }])
    expect(waiting?.wake_at).toBe(timer?.due)
    expect((await one.row(runId)).wakeAt).toBe(timeOf(timer?.due ?? ''))
    expect(outside.requests).toEqual([])
    await one.host.advance(HOUR_MS)
    const { output } = await one.ended(runId)
    expect(output).toBe('succeeded')
    expect((await one.records(runId)).at(-1)?.active_ms).toBe(0)
    expect((await one.of(runId, 'run.started'))[0]?.budget.max_runtime_seconds).toBeLessThan(3_600)
  })

  it('TIM-002: fires once, also when it was due while no worker was there', async () => {
    const outside = await bank()
    const flow = sleeper(outside)
    const one = box({ workflows: [flow] })
    one.work()
    const runId = await one.start('one', null)
    await asleep(one, runId)
    await one.kill()
    await one.host.advance(3 * HOUR_MS)
    expect(outside.requests).toEqual([])
    const two = one.another()
    two.work()
    one.work()
    await one.ended(runId)
    expect(outside.requests).toHaveLength(1)
    expect(await one.of(runId, 'timer.set')).toHaveLength(1)
    const fired = (await one.of(runId, 'activity.outcome')).filter((outcome) => outcome.kind === 'timer')
    expect(fired).toHaveLength(1)
    expect(fired[0]?.latency_ms).toBeGreaterThanOrEqual(2 * HOUR_MS)
  })

  it('TIM-002: a worker that dies while it sleeps neither lengthens nor doubles it', async () => {
    const outside = await bank()
    const read = readTool((n) => n)
    // The read beside it keeps the run in memory: the crash meets it there.
    const hold = latch()
    let reading = 0
    const slow = readTool(async (n) => {
      reading += 1
      await hold.opened
      return n
    }, 'get.slow')
    const pay = payTool(outside)
    const flow = oneNode(
      async (_input, ctx) => {
        await Promise.all([ctx.sleep(3_600), ctx.call(slow, { n: 1 })])
        return (await ctx.call(pay, { to: 'bob', amount: 5 })).status
      },
      { tools: [read, slow, pay] },
    )
    const one = box({ workflows: [flow] })
    one.work()
    const runId = await one.start('one', null)
    await one.until(() => (reading === 1 ? true : null), 'the read')
    await one.killAndExpire()
    hold.open()
    one.work()
    await asleep(one, runId)
    const [timer] = await one.of(runId, 'timer.set')
    await one.host.advance(HOUR_MS)
    await one.ended(runId)
    const fired = (await one.of(runId, 'activity.outcome')).find((outcome) => outcome.kind === 'timer')
    expect(timeOf(fired?.at ?? '')).toBeGreaterThanOrEqual(timeOf(timer?.due ?? ''))
    expect(outside.requests).toHaveLength(1)
  })

  it('TIM-003: a clock that is set back holds it up and does not lose it; it fires once', async () => {
    const outside = await bank()
    const one = box({ workflows: [sleeper(outside)] })
    one.work()
    const runId = await one.start('one', null)
    await asleep(one, runId)
    one.host.setBack(HOUR_MS)
    await one.host.advance(HOUR_MS)
    for (let n = 0; n < 20; n++) await one.host.macrotask()
    expect(outside.requests).toEqual([])
    expect((await one.row(runId)).status).toBe('waiting')
    await one.host.advance(HOUR_MS)
    expect((await one.ended(runId)).output).toBe('succeeded')
    expect(outside.requests).toHaveLength(1)
    one.host.setBack(2 * HOUR_MS)
    await one.host.advance(4 * HOUR_MS)
    expect(outside.requests).toHaveLength(1)
  })

  it('TIM-003: also while the run stays in memory', async () => {
    const hold = latch()
    const seen: string[] = []
    const read = readTool(async (n) => {
      seen.push('read')
      await hold.opened
      return n
    })
    const flow = oneNode(
      async (_input, ctx) => {
        const nap = async (): Promise<void> => {
          await ctx.sleep(20)
          seen.push('awake')
        }
        await Promise.all([nap(), ctx.call(read, { n: 1 })])
        return seen
      },
      { tools: [read] },
    )
    const one = box({ workflows: [flow] })
    one.work({ leaseMs: 100 * HOUR_MS })
    const runId = await one.start('one', null)
    await one.until(() => (seen.length === 1 ? true : null), 'the read')
    one.host.setBack(HOUR_MS)
    await one.host.advance(20_000)
    for (let n = 0; n < 20; n++) await one.host.macrotask()
    expect(seen).toEqual(['read'])
    hold.open()
    await asleep(one, runId)
    await one.host.advance(HOUR_MS)
    await one.ended(runId)
    expect((await one.of(runId, 'timer.set')).length).toBe(1)
    const fired = (await one.of(runId, 'activity.outcome')).filter(({ kind }) => kind === 'timer')
    const [set] = await one.of(runId, 'timer.set')
    expect(fired.map(({ at }) => timeOf(at) >= timeOf(set?.due ?? ''))).toEqual([true])
  })

  it('TIM-004: a cancelled run does nothing of what would have come after', async () => {
    const outside = await bank()
    const one = box({ workflows: [sleeper(outside)] })
    one.work()
    const runId = await one.start('one', null)
    await asleep(one, runId)
    await one.sb.runs.cancel({ runId, by: ANA, reason: 'no longer wanted' })
    expect((await one.ended(runId)).status).toBe('cancelled')
    await one.host.advance(2 * HOUR_MS)
    expect(outside.requests).toEqual([])
    const [end] = await one.of(runId, 'activity.outcome')
    expect(end).toMatchObject({ kind: 'timer', status: 'cancelled', code: 'CANCELLED' })
    expect(lineageGaps(await one.records(runId))).toEqual([])
  })

  it('TIM-012: a timer that fires early, twice or unset is a gap', async () => {
    const flow = oneNode(async (_input, ctx) => {
      await ctx.sleep(60)
      return null
    })
    const one = box({ workflows: [flow] })
    one.work()
    const runId = await one.start('one', null)
    await asleep(one, runId)
    await one.host.advance(60_000)
    await one.ended(runId)
    const records = await one.records(runId)
    const gapsOf = (changed: readonly RunRecord[]): readonly string[] => lineageGaps(changed).map((gap) => gap.detail)
    expect(gapsOf(records)).toEqual([])
    const early = records.map((record) =>
      record.type === 'activity.outcome' ? { ...record, at: isoTime(timeOf(record.at) - 30_000) } : record,
    )
    expect(gapsOf(early)).toEqual([expect.stringMatching(/^a timer fired before its time/)])
    const twice = records.flatMap((record): readonly RunRecord[] =>
      record.type === 'activity.outcome' ? [record, { ...record, seq: record.seq + 0.5 }] : [record],
    )
    expect(gapsOf(twice)).toEqual(['a timer fired twice'])
    expect(gapsOf(records.filter((record) => record.type !== 'timer.set'))).toEqual([
      'a timer fired that nobody had set',
    ])
  })

  it('TIM-005: a time that is none fails the node', async () => {
    const flow = oneNode(async (input, ctx) => {
      // What a caller without types may give.
      if (typeof input === 'number') await ctx.sleep(input)
      else await ctx.sleepUntil(input as string)
      return 'went on'
    })
    const one = box({ workflows: [flow] })
    one.work()
    for (const input of [-1, 1e10, '2026-03-01T09:00:00', 'soon']) {
      const { status, reason } = await one.run('one', input)
      expect([status, reason?.code]).toEqual(['stopped', 'INPUT_INVALID'])
    }
    expect((await one.run('one', '2020-03-01T09:00:00+01:00')).output).toBe('went on')
    expect((await one.run('one', 0)).output).toBe('went on')
  })

  it('TIM-011: several at the same time replay in the order in which they ended', async () => {
    const order: string[] = []
    const read = readTool((n) => n)
    const flow = oneNode(
      async (_input, ctx) => {
        const seen: string[] = []
        const nap = async (seconds: number): Promise<void> => {
          await ctx.sleep(seconds)
          seen.push(`${seconds} at ${(ctx.now().getTime() - start) / 1_000 >= seconds}`)
        }
        const start = ctx.now().getTime()
        await Promise.all([nap(30), nap(10), ctx.call(read, { n: 1 }), nap(20)])
        await ctx.sleep(5)
        order.push(seen.join())
        return seen
      },
      { tools: [read] },
    )
    const one = box({ workflows: [flow] })
    one.work()
    const runId = await one.start('one', null)
    for (let n = 0; n < 3; n++) {
      await asleep(one, runId)
      await one.kill()
      await one.host.advance(10_000)
      one.work()
      await one.until(
        async () =>
          (await one.of(runId, 'activity.outcome')).filter((o) => o.kind === 'timer').length > n ? true : null,
        'a timer that fired',
      )
    }
    await asleep(one, runId)
    await one.host.advance(6_000)
    expect((await one.ended(runId)).output).toEqual(['10 at true', '20 at true', '30 at true'])
    expect(new Set(order).size).toBe(1)
  })
})
