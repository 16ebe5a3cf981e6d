/** What becomes of runs while the store refuses writes, and when the clock is set back. */
import { afterEach, describe, expect, it } from 'vitest'
import { SignalboxError } from '../src/base/errors.ts'
import type { ErrorCode } from '../src/base/errors.ts'
import { memoryStore } from '../src/stores/index.ts'
import { type BenchBox, benchSet } from '../src/testing/bench-box.ts'
import { approvalPolicy, oneNode, payTool, lookUp } from '../src/testing/engine-kit.ts'
import { storeWith } from '../src/testing/store-with.ts'

const HOUR_MS = 3_600_000
const { box, bank, close } = benchSet()
afterEach(close)

/** A store that refuses every write with a code while `refuse` holds one. */
function refusing(state: { refuse: ErrorCode | null }) {
  const inner = memoryStore()
  const guard =
    <A extends unknown[], T>(call: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      if (state.refuse) throw new SignalboxError(state.refuse, 'planned trouble')
      return call(...args)
    }
  return storeWith(inner, {
    create: guard((run) => inner.create(run)),
    commit: guard((commits) => inner.commit(commits)),
    claim: guard((request) => inner.claim(request)),
    heartbeat: guard((...args) => inner.heartbeat(...args)),
    post: guard((item) => inner.post(item)),
  })
}

async function settled(one: BenchBox, runId: string): Promise<string> {
  return one.settle(async () => {
    const { status } = await one.row(runId)
    return status === 'completed' || status === 'stopped' ? status : null
  }, 'the end')
}

describe('a store that takes no writes', () => {
  it('TRB-005: full, read-only or away: runs stand, nothing is sent, and each goes on by itself to its end', async () => {
    for (const code of ['STORE_FULL', 'STORE_READ_ONLY', 'STORE_UNAVAILABLE'] as const) {
      const state: { refuse: ErrorCode | null } = { refuse: null }
      const outside = await bank()
      const pay = payTool(outside, { found: lookUp(outside), lookup: 'authoritative' })
      let begun = 0
      const flow = oneNode(
        async (_input, ctx) => {
          await ctx.call(pay, { to: 'bob', amount: 1 })
          if (begun++ === 0) state.refuse = code
          return (await ctx.call(pay, { to: 'eve', amount: 2 })).status
        },
        { tools: [pay] },
      )
      const one = box({ workflows: [flow], store: refusing(state) })
      const told: string[] = []
      one.work({ onTrouble: (error) => told.push(error instanceof SignalboxError ? error.code : error.name) })
      const runId = await one.start('one', null)
      await one.until(() => (told.includes(code) ? true : null), `${code} to be told`)
      const { seq } = await one.row(runId)
      await expect(one.start('one', null)).rejects.toMatchObject({ code })
      expect(outside.booked.map((booking) => booking.to)).toEqual(['bob'])
      expect((await one.row(runId)).seq).toBe(seq)
      state.refuse = null
      expect(await settled(one, runId)).toBe('completed')
      expect(outside.booked.map((booking) => booking.to)).toEqual(['bob', 'eve'])
    }
  })
})

describe('a clock that is set back an hour', () => {
  it('TRB-006: a run under way ends as it would have, and each effect happens once', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const flow = oneNode(
      async (_input, ctx) => {
        await ctx.call(pay, { to: 'bob', amount: 1 })
        one.host.setBack(HOUR_MS)
        return (await ctx.call(pay, { to: 'eve', amount: 2 })).status
      },
      { tools: [pay] },
    )
    const one = box({ workflows: [flow] })
    one.work()
    const runId = await one.start('one', null)
    expect(await one.ended(runId)).toMatchObject({ status: 'completed', output: 'succeeded' })
    expect(outside.booked.map((booking) => booking.to)).toEqual(['bob', 'eve'])
    const records = await one.records(runId)
    expect(records.map((record) => record.seq)).toEqual(records.map((_, n) => n + 1))
    expect(records.some((record, n) => n > 0 && record.at < (records[n - 1]?.at ?? ''))).toBe(true)
  })

  it('TRB-006: an approval is given after it, and the payment is made once', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const flow = oneNode(async (_input, ctx) => (await ctx.call(pay, { to: 'bob', amount: 5 })).status, {
      tools: [pay],
    })
    const one = box({ workflows: [flow], policy: approvalPolicy() })
    one.work()
    const runId = await one.start('one', null)
    await one.asked()
    one.host.setBack(HOUR_MS)
    await one.decide('approved')
    expect(await one.ended(runId)).toMatchObject({ status: 'completed', output: 'succeeded' })
    expect(outside.booked).toHaveLength(1)
  })

  it('TRB-006: the run of a worker that was killed goes on when its lease has run out on that clock', async () => {
    const outside = await bank()
    const pay = payTool(outside, { found: lookUp(outside), lookup: 'authoritative' })
    let entered = 0
    const flow = oneNode(
      async (_input, ctx) => {
        entered += 1
        const end = await ctx.call(pay, { to: 'bob', amount: 5 })
        if (entered === 1) await new Promise(() => undefined)
        return end.status
      },
      { tools: [pay] },
    )
    const one = box({ workflows: [flow] })
    one.work()
    const runId = await one.start('one', null)
    await one.until(() => (outside.booked.length > 0 ? true : null), 'the payment')
    await one.kill()
    one.host.setBack(HOUR_MS)
    const next = one.another()
    next.work()
    await one.host.advance(20_000)
    expect((await one.row(runId)).status).toBe('running')
    await one.host.advance(HOUR_MS)
    expect(await settled(next, runId)).toBe('completed')
    expect(outside.booked).toHaveLength(1)
  })
})
