import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { workflow } from '../orchestration/index.ts'
import { lineageGaps } from '../observability/index.ts'
import { type BenchBox, benchSet, WIDE_BUDGET } from '../testing/bench-box.ts'
import { approvalPolicy, lookUp, oneNode, payTool, readTool } from '../testing/engine-kit.ts'
import { tool } from '../tools/index.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

/** Tests put the clock forward by minutes; no lease runs out over that. */
const LONG_LEASE = { leaseMs: 10_000_000 }

/** A read that answers when it is let go; it does not listen to its signal. */
function slowRead(name?: string) {
  let calls = 0
  let letGo: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  const read = readTool(async (n) => {
    calls += 1
    await held
    return n
  }, name)
  return { read, letGo: () => letGo(), calls: () => calls }
}

async function waits(one: BenchBox, runId: string): Promise<void> {
  await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a run that waits')
}

/** Lets the clock go on until the run has ended. */
async function tick(one: BenchBox, runId: string, stepMs: number) {
  await one.until(async () => {
    await one.host.advance(stepMs)
    return ['completed', 'stopped', 'cancelled'].includes((await one.row(runId)).status) ? true : null
  }, 'the end')
  return one.ended(runId)
}

describe('a time limit of a node', () => {
  it('TIM-020: ends a node that takes too long; a read under way is broken off', async () => {
    const slow = slowRead()
    const flow = oneNode(async (_input, ctx) => (await ctx.call(slow.read, { n: 1 })).status, {
      tools: [slow.read],
      limits: { timeoutSeconds: 20 },
    })
    const one = box({ workflows: [flow] })
    one.work(LONG_LEASE)
    const runId = await one.start('one', null)
    await one.until(() => (slow.calls() === 1 ? true : null), 'the read')
    await one.host.advance(19_000)
    for (let n = 0; n < 20; n++) await one.host.macrotask()
    expect((await one.row(runId)).status).toBe('queued')
    const { status, reason } = await tick(one, runId, 1_000)
    expect([status, reason?.code, reason?.subject]).toEqual(['stopped', 'NODE_TIMEOUT', 'only'])
    const [failed] = await one.of(runId, 'activation.failed')
    expect(failed).toMatchObject({ code: 'NODE_TIMEOUT', attempt: 1, retry_at: null })
    const [read] = await one.of(runId, 'activity.outcome')
    expect(read).toMatchObject({ status: 'failed', code: 'NODE_TIMEOUT' })
    slow.letGo()
  })

  it('TIM-020, TIM-023: a retry has its whole time, and a fallback for failures takes the code', async () => {
    const slow = slowRead()
    const text = z.string()
    const rejection = z.object({ code: z.string(), reason: z.string(), leftUndone: z.array(z.string()) })
    const flow = workflow({ name: 'slow', version: '1.0.0', input: text, output: text, budget: WIDE_BUDGET, state: {} })
      .node('try', {
        input: text,
        output: text,
        tools: [slow.read],
        timeoutSeconds: 20,
        retry: { attempts: 2, backoffSeconds: 0, on: ['NODE_TIMEOUT'] },
        run: async (_message, ctx) => (await ctx.call(slow.read, { n: 1 })).status,
      })
      .node('instead', { input: rejection, output: text, run: ({ code }) => `instead: ${code}` })
      .start('try')
      .onFailed('try', 'instead')
      .output('try')
      .output('instead')
      .build()
    const one = box({ workflows: [flow] })
    one.work(LONG_LEASE)
    const runId = await one.start('slow', 'x')
    await one.until(() => (slow.calls() === 1 ? true : null), 'the read')
    await one.host.advance(15_000)
    expect((await tick(one, runId, 2_000)).output).toBe('instead: NODE_TIMEOUT')
    expect(slow.calls()).toBe(2)
    const failures = await one.of(runId, 'activation.failed')
    expect(failures.map(({ attempt, code }) => `${attempt} ${code}`)).toEqual(['1 NODE_TIMEOUT', '2 NODE_TIMEOUT'])
    expect(failures[0]?.retry_at).not.toBeNull()
    const [first, second] = failures
    expect((second?.active_ms ?? 0) - (first?.active_ms ?? 0)).toBeGreaterThanOrEqual(20_000)
    slow.letGo()
  })

  it('TIM-021: waiting for a person and a timer does not count, also beside a node at work', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const slow = slowRead()
    const text = z.string()
    const flow = workflow({ name: 'two', version: '1.0.0', input: text, output: text, budget: WIDE_BUDGET, state: {} })
      .node('begin', { input: text, output: text, run: (message) => message })
      .node('patient', {
        input: text,
        output: text,
        tools: [pay],
        timeoutSeconds: 30,
        run: async (_message, ctx) => {
          await ctx.sleep(100)
          return (await ctx.call(pay, { to: 'bob', amount: 5 })).status
        },
      })
      .node('busy', {
        input: text,
        output: text,
        tools: [slow.read],
        run: async (_message, ctx) => (await ctx.call(slow.read, { n: 1 })).status,
      })
      .start('begin')
      .fanOut('begin', ['patient', 'busy'])
      .output('patient')
      .output('busy')
      .build()
    const one = box({ workflows: [flow], policy: approvalPolicy(), limits: { approvalSeconds: 100_000 } })
    one.work(LONG_LEASE)
    const runId = await one.start('two', 'x')
    await one.until(() => (slow.calls() === 1 ? true : null), 'the read')
    // The read has its own limit of 30 s; the timer beside it runs 100 s.
    for (let n = 0; n < 4; n++) await one.host.advance(25_000)
    await one.asked()
    await one.host.advance(60_000)
    await one.decide('approved')
    slow.letGo()
    await one.ended(runId)
    expect(outside.booked).toHaveLength(1)
    expect(await one.of(runId, 'activation.failed')).toEqual([])
  })

  it('TIM-022: an effect that was sent comes to its end before the node ends, and none is sent after', async () => {
    const outside = await bank()
    const pay = payTool(outside, { timeoutSeconds: 100 })
    let answer: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      answer = resolve
    })
    outside.onPayment(() => held)
    const flow = oneNode(
      async (_input, ctx) => {
        const first = await ctx.call(pay, { to: 'bob', amount: 5 })
        await ctx.call(pay, { to: 'eve', amount: 7 })
        return first.status
      },
      { tools: [pay], limits: { timeoutSeconds: 20 } },
    )
    const one = box({ workflows: [flow] })
    one.work(LONG_LEASE)
    const runId = await one.start('one', null)
    await one.until(() => (outside.requests.length === 1 ? true : null), 'the send')
    await one.host.advance(25_000)
    expect((await one.row(runId)).status).toBe('running')
    expect(await one.of(runId, 'activation.failed')).toEqual([])
    answer()
    expect((await one.ended(runId)).reason?.code).toBe('NODE_TIMEOUT')
    expect(outside.booked.map(({ to }) => to)).toEqual(['bob'])
    const [outcome] = await one.of(runId, 'activity.outcome')
    expect(outcome).toMatchObject({ status: 'succeeded', name: 'pay.send' })
    const [failed] = await one.of(runId, 'activation.failed')
    expect(failed?.seq).toBeGreaterThan(outcome?.seq ?? 0)
    expect(lineageGaps(await one.records(runId))).toEqual([])
  })

  it('TIM-022: one whose answer was lost is looked up before the node ends', async () => {
    const outside = await bank()
    const pay = payTool(outside, { timeoutSeconds: 10, found: lookUp(outside) })
    outside.next('book_and_hang_up')
    const slow = slowRead()
    const flow = oneNode(
      async (_input, ctx) => {
        await Promise.all([ctx.call(pay, { to: 'bob', amount: 5 }), ctx.call(slow.read, { n: 1 })])
        return 'late'
      },
      { tools: [pay, slow.read], limits: { timeoutSeconds: 5 } },
    )
    const one = box({ workflows: [flow] })
    one.work(LONG_LEASE)
    const runId = await one.start('one', null)
    await one.until(
      async () => ((await one.of(runId, 'activity.outcome')).some(({ status }) => status === 'unknown') ? true : null),
      'a lost answer',
    )
    const { reason } = await tick(one, runId, 3_000)
    expect(reason?.code).toBe('NODE_TIMEOUT')
    expect(outside.booked).toHaveLength(1)
    const ends = (await one.of(runId, 'activity.outcome')).filter(({ name, ask }) => name === 'pay.send' && !ask.parent)
    expect(ends.map(({ status, resolved_by }) => [status, resolved_by])).toEqual([
      ['unknown', null],
      ['succeeded', 'lookup'],
    ])
    slow.letGo()
  })

  it('TIM-023: neither a crash nor a wait gives the time back', async () => {
    const first = slowRead()
    const second = slowRead('get.other')
    const flow = oneNode(
      async (_input, ctx) => {
        await ctx.call(first.read, { n: 1 })
        await ctx.sleep(1)
        await ctx.call(second.read, { n: 2 })
        return 'late'
      },
      { tools: [first.read, second.read], limits: { timeoutSeconds: 30 } },
    )
    const one = box({ workflows: [flow] })
    one.work(LONG_LEASE)
    const runId = await one.start('one', null)
    await one.until(() => (first.calls() === 1 ? true : null), 'the first read')
    await one.host.advance(20_000)
    first.letGo()
    await waits(one, runId)
    await one.kill()
    await one.host.advance(10_000_000)
    one.work(LONG_LEASE)
    await one.until(() => (second.calls() === 1 ? true : null), 'the second read')
    expect((await tick(one, runId, 1_000)).reason?.code).toBe('NODE_TIMEOUT')
    const [failed] = await one.of(runId, 'activation.failed')
    expect(failed?.active_ms).toBeGreaterThanOrEqual(30_000)
    // The read has a limit of 30 s of its own: with its time anew, the node would end 20 s later.
    expect(failed?.active_ms).toBeLessThan(45_000)
    second.letGo()
  })

  it('TIM-024: silence ends a node, and a heartbeat of handler or tool keeps it alive', async () => {
    let beat: (() => void) | null = null
    let done: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      done = resolve
    })
    const long = tool({
      name: 'get.long',
      class: 'records.read',
      effect: 'none',
      input: z.object({}),
      output: z.string(),
      timeoutSeconds: 1_000,
      execute: async (_args, ctx) => {
        beat = ctx.heartbeat
        await held
        return 'done'
      },
    })
    const flow = oneNode(async (_input, ctx) => (await ctx.call(long, {})).status, {
      tools: [long],
      limits: { idleTimeoutSeconds: 10 },
    })
    const one = box({ workflows: [flow] })
    one.work(LONG_LEASE)
    const alive = await one.start('one', null)
    const pulse = await one.until((): (() => void) | null => beat, 'the call')
    for (let n = 0; n < 10; n++) {
      await one.host.advance(8_000)
      pulse()
    }
    done()
    expect((await one.ended(alive)).output).toBe('succeeded')
    const never = slowRead()
    const silent = oneNode(
      async (_input, ctx) => {
        ctx.heartbeat()
        return (await ctx.call(never.read, { n: 1 })).status
      },
      { tools: [never.read], limits: { idleTimeoutSeconds: 10 }, name: 'silent' },
    )
    const two = box({ workflows: [silent] })
    two.work(LONG_LEASE)
    const runId = await two.start('silent', null)
    await two.until(() => (never.calls() === 1 ? true : null), 'the read')
    expect((await tick(two, runId, 2_000)).reason).toMatchObject({ kind: 'failed', code: 'NODE_IDLE', subject: 'only' })
    never.letGo()
  })

  it('TIM-025: takes back an approval that is open, and what it was for does not happen', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const slow = slowRead()
    const flow = oneNode(
      async (_input, ctx) => {
        await Promise.all([ctx.call(pay, { to: 'bob', amount: 5 }), ctx.call(slow.read, { n: 1 })])
        return 'late'
      },
      { tools: [pay, slow.read], limits: { timeoutSeconds: 20 } },
    )
    const one = box({ workflows: [flow], policy: approvalPolicy() })
    one.work(LONG_LEASE)
    const runId = await one.start('one', null)
    const { id } = await one.asked()
    const { reason } = await tick(one, runId, 3_000)
    expect(reason?.code).toBe('NODE_TIMEOUT')
    expect((await one.store.request('acme', id))?.state).toBe('cancelled')
    expect(outside.requests).toEqual([])
    expect(lineageGaps(await one.records(runId))).toEqual([])
    slow.letGo()
  })
})
