import { afterEach, describe, expect, it } from 'vitest'
import { memoryStore } from '../../stores/index.ts'
import { ANA, PAUL, benchSet, type BenchBox } from '../../testing/bench-box.ts'
import { lookUp, oneNode, type PayOptions, type PayTool, payTool } from '../../testing/engine-kit.ts'
import { faultStore } from '../../testing/fault-store.ts'
import { skewedHost } from '../../testing/skewed-host.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const flow = (pay: PayTool) =>
  oneNode(async (_input, ctx) => (await ctx.call(pay, { to: 'bob', amount: 5 })).status, { tools: [pay] })

async function paying(options: (host: string) => PayOptions = () => ({})) {
  const outside = await bank()
  const pay = payTool(outside, options(outside.host))
  const one = box({ workflows: [flow(pay)] })
  one.work()
  return { outside, one, pay }
}

const isOver = (one: BenchBox, runId: string) => async () => {
  const { status } = await one.row(runId)
  return ['completed', 'stopped', 'cancelled'].includes(status) ? status : null
}

describe('an effect whose answer was lost', () => {
  it('ENG-020: that the look-up finds to have happened is taken as done and not sent again', async () => {
    const outside = await bank()
    const pay = payTool(outside, { found: lookUp(outside) })
    const one = box({ workflows: [flow(pay)] })
    one.work()
    outside.next('book_and_hang_up')
    const runId = await one.start('one', null)
    await one.settle(isOver(one, runId), 'the end')
    expect((await one.ended(runId)).output).toBe('succeeded')
    expect(outside.booked).toHaveLength(1)
    const statuses = (await one.of(runId, 'activity.outcome')).map((record) => [record.status, record.resolved_by])
    expect(statuses).toEqual([
      ['unknown', null],
      ['succeeded', null],
      ['succeeded', 'lookup'],
    ])
  })

  it('ENG-021: that an authoritative look-up finds not to have happened is sent again under the same key', async () => {
    const outside = await bank()
    const pay = payTool(outside, { found: lookUp(outside), lookup: 'authoritative' })
    const one = box({ workflows: [flow(pay)] })
    one.work()
    outside.next('hang_up')
    const runId = await one.start('one', null)
    await one.settle(isOver(one, runId), 'the end')
    expect((await one.ended(runId)).output).toBe('succeeded')
    expect(outside.booked).toHaveLength(1)
    const sent = outside.requests.filter((request) => request.method === 'POST')
    expect(sent).toHaveLength(2)
    expect(new Set(sent.map((request) => request.key)).size).toBe(1)
  })

  it.each(['no look-up', 'an advisory look-up that finds nothing', 'a look-up that fails'])(
    'ENG-022: with %s a person is asked, and nothing is sent meanwhile',
    async (what) => {
      const outside = await bank()
      const found: PayOptions =
        what === 'no look-up'
          ? {}
          : what === 'a look-up that fails'
            ? { found: () => Promise.reject(new Error('no')) }
            : { found: lookUp(outside) }
      const pay = payTool(outside, found)
      const one = box({ workflows: [flow(pay)] })
      one.work()
      outside.next('hang_up')
      const runId = await one.start('one', null)
      await one.settle(async () => (await one.open('question'))[0] ?? null, 'a question')
      await one.host.advance(3_600_000)
      expect(outside.requests.filter((request) => request.method === 'POST')).toHaveLength(1)
      await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a run that waits')
      await one.answer('happened')
      expect((await one.ended(runId)).output).toBe('succeeded')
      expect(outside.booked).toEqual([])
    },
  )

  it('ENG-023: nothing is looked up or asked before the last moment of sending and the settling time have passed', async () => {
    const { outside, one } = await paying(() => ({ settleAfterSeconds: 60 }))
    outside.next('hang_up')
    const runId = await one.start('one', null)
    await one.settle(async () => (await one.open('question'))[0] ?? null, 'a question')
    const [intent] = await one.of(runId, 'activity.intent')
    const [question] = await one.of(runId, 'question.asked')
    expect(Date.parse(question?.at ?? '')).toBeGreaterThanOrEqual(Date.parse(intent?.not_after ?? '') + 60_000)
    await one.answer('happened')
    await one.ended(runId)
  })

  it('ENG-024: that a person says did not happen is sent again on that order, once, under a key of its own', async () => {
    const { outside, one } = await paying()
    outside.next('hang_up')
    const runId = await one.start('one', null)
    await one.settle(async () => (await one.open('question'))[0] ?? null, 'a question')
    await one.answer('did_not')
    expect((await one.ended(runId)).output).toBe('succeeded')
    expect(outside.booked).toHaveLength(1)
    const keys = outside.requests.map((request) => request.key)
    expect(new Set(keys).size).toBe(2)
  })

  it('ENG-024: an answer of a person orders one send: when that is lost too, they are asked again', async () => {
    const { outside, one } = await paying()
    outside.next('hang_up', 'book_and_hang_up')
    const runId = await one.start('one', null)
    const first = await one.settle(async () => (await one.open('question'))[0] ?? null, 'a question')
    await one.answer('did_not')
    await one.until(() => (outside.booked.length === 1 ? true : null), 'the second send')
    await one.killAndExpire()
    one.work()
    const second = await one.settle(async () => (await one.open('question'))[0] ?? null, 'another question')
    expect(second.id).not.toBe(first.id)
    expect(outside.booked).toHaveLength(1)
    await one.answer('happened')
    expect((await one.ended(runId)).output).toBe('succeeded')
    expect(outside.booked).toHaveLength(1)
  })

  it('ENG-025: that a person stops over ends the run, and stays unknown: nobody may do it', async () => {
    const outside = await bank()
    const pay = payTool(outside, { effectKey: ({ to }) => ({ scope: 'tenant', key: to }) })
    const one = box({ workflows: [flow(pay)] })
    one.work()
    outside.next('hang_up')
    const runId = await one.start('one', null)
    await one.settle(async () => (await one.open('question'))[0] ?? null, 'a question')
    await one.answer('stop')
    expect(await one.ended(runId)).toMatchObject({
      status: 'stopped',
      reason: { kind: 'person', code: 'EFFECT_UNKNOWN' },
    })
    expect((await one.store.effects('acme', runId)).map((effect) => effect.state)).toEqual(['unknown'])
    expect(outside.booked).toEqual([])
  })

  it('ENG-026: of a tool whose key makes repeats harmless is sent again under the same key', async () => {
    const { outside, one } = await paying(() => ({ repeat: 'same_key_is_harmless' }))
    outside.next('book_and_hang_up')
    const runId = await one.start('one', null)
    await one.settle(isOver(one, runId), 'the end')
    const keys = outside.requests.map((request) => request.key)
    expect(keys).toHaveLength(2)
    expect(new Set(keys).size).toBe(1)
  })

  it('ENG-027: because its worker died is resolved by the next worker and not sent again', async () => {
    const outside = await bank()
    const pay = payTool(outside, { found: lookUp(outside) })
    const one = box({ workflows: [flow(pay)] })
    one.work()
    const arrived = new Promise<void>((resolve) => {
      outside.onPayment(async () => {
        resolve()
        await new Promise((later) => setTimeout(later, 30))
      })
    })
    const runId = await one.start('one', null)
    await arrived
    await one.kill()
    await one.until(() => (outside.booked.length === 1 ? true : null), 'the booking')
    await one.host.advance(16_000)
    const two = one.another()
    two.work()
    await one.settle(isOver(one, runId), 'the end')
    expect(outside.booked).toHaveLength(1)
    expect((await one.ended(runId)).output).toBe('succeeded')
  })
})

describe('what is unknown', () => {
  it.each<[string, PayOptions]>([
    ['runs out of time', { execute: () => new Promise(() => undefined), timeoutSeconds: 1 }],
    ['throws', { execute: () => Promise.reject(new Error('broken pipe')) }],
    // The tool is untyped at its edge: what it answers is checked when it comes.
    [
      'answers with another shape',
      { execute: () => Promise.resolve({ receipt: 'x' } as unknown as { receipt: number }) },
    ],
  ])(
    'ENG-028: an effect through a client of its own that %s is unknown, never free to be done again',
    async (_what, options) => {
      const { one } = await paying(() => options)
      const runId = await one.start('one', null)
      await one.settle(async () => (await one.open('question'))[0] ?? null, 'a question')
      expect((await one.store.effects('acme', runId)).map((effect) => effect.state)).toEqual(['unknown'])
      await one.answer('happened')
      await one.ended(runId)
    },
  )

  it('ENG-029: a definite failure is failed and leaves the identity free', async () => {
    const { outside, one } = await paying()
    outside.next('refuse')
    const runId = await one.start('one', null)
    expect((await one.ended(runId)).output).toBe('failed')
    expect((await one.store.effects('acme', runId)).map((effect) => effect.state)).toEqual(['failed'])
  })

  it('ENG-030: a connection that was never made is not sent', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    await outside.close()
    const one = box({ workflows: [flow(pay)] })
    one.work()
    const { runId, output } = await one.run('one', null)
    expect(output).toBe('not_sent')
    expect((await one.store.effects('acme', runId)).map((effect) => effect.state)).toEqual(['not_sent'])
  })
})

describe('between the intent and the send', () => {
  it.each(['tenant', 'workflow', 'tool', 'class'] as const)(
    'ENG-031: a kill switch on the %s that is engaged there lets nothing out',
    async (scope) => {
      const outside = await bank()
      const pay = payTool(outside)
      const target = { tenant: '*', workflow: 'one', tool: 'pay.send', class: 'payments.write' }[scope]
      const one: BenchBox = box({
        workflows: [flow(pay)],
        fault: async (point) => {
          if (point !== 'intent_durable') return
          await one.sb.runs.engageKillSwitch({ by: PAUL, scope, target, mode: 'stop_now', reason: 'drill' })
        },
      })
      one.work()
      const { runId, output } = await one.run('one', null)
      expect(output).toBe('not_sent')
      expect(outside.requests).toEqual([])
      expect(await one.of(runId, 'activity.outcome')).toMatchObject([{ status: 'not_sent', code: 'KILL_SWITCH' }])
    },
  )

  it('ENG-032: a kill switch is checked at each send of a tool', async () => {
    const outside = await bank()
    const pay = payTool(outside, {
      execute: async (args, ctx) => {
        await one.sb.runs.engageKillSwitch({
          by: PAUL,
          scope: 'tool',
          target: 'pay.send',
          mode: 'stop_now',
          reason: 'drill',
        })
        await ctx.fetch(`http://${outside.host}/pay`, { method: 'POST', body: JSON.stringify(args) })
        return { receipt: 1 }
      },
    })
    const one: BenchBox = box({ workflows: [flow(pay)] })
    one.work()
    expect((await one.run('one', null)).output).toBe('not_sent')
    expect(outside.requests).toEqual([])
  })

  it('ENG-033: a lease that ran out lets nothing out', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    let silent = false
    const store = faultStore(memoryStore(), (call) =>
      silent && call.op === 'heartbeat' ? { point: 'before_commit' } : null,
    )
    const one: BenchBox = box({
      workflows: [flow(pay)],
      store,
      fault: async (point) => {
        if (point !== 'intent_durable' || silent) return
        silent = true
        await one.host.advance(16_000)
      },
    })
    // No room for a second run: this worker cannot take the run over from itself.
    one.work({ concurrency: 1 })
    const runId = await one.start('one', null)
    await one.until(async () => ((await one.of(runId, 'activity.outcome')).length > 0 ? true : null), 'an outcome')
    expect(outside.requests).toEqual([])
  })

  it('ENG-037: a worker that slept through its lease and has not noticed sends nothing', async () => {
    const outside = await bank()
    let slept = 0
    const real = skewedHost()
    // The clock goes on and no timer has run yet: what a process sees that was stopped and is let go.
    const host = { ...real, now: () => real.now() + slept }
    const pay = payTool(outside, {
      execute: async (args, ctx) => {
        slept = 16_000
        await ctx.fetch(`http://${outside.host}/pay`, { method: 'POST', body: JSON.stringify(args) })
        return { receipt: 1 }
      },
    })
    const one = box({ workflows: [flow(pay)], host })
    one.work({ concurrency: 1 })
    const runId = await one.start('one', null)
    await one.until(async () => ((await one.of(runId, 'activity.outcome')).length > 0 ? true : null), 'an outcome')
    expect(outside.requests).toEqual([])
    expect(await one.of(runId, 'activity.outcome')).toMatchObject([{ status: 'not_sent', code: 'FENCED' }])
  })

  it('ENG-034: after the last moment of sending nothing goes out', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const one: BenchBox = box({
      workflows: [flow(pay)],
      fault: async (point) => {
        if (point === 'intent_durable') await one.host.advance(10_001)
      },
    })
    one.work({ leaseMs: 60_000 })
    expect((await one.run('one', null)).output).toBe('not_sent')
    expect(outside.requests).toEqual([])
  })

  it('ENG-035: a kill switch that stops new runs refuses a start', async () => {
    const { one } = await paying()
    await one.sb.runs.engageKillSwitch({
      by: PAUL,
      scope: 'workflow',
      target: 'one',
      mode: 'stop_new',
      reason: 'drill',
    })
    await expect(one.sb.runs.start({ workflow: 'one', input: 1, principal: ANA })).rejects.toMatchObject({
      code: 'KILL_SWITCH',
    })
  })
})
