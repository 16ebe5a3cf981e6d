import { afterEach, describe, expect, it } from 'vitest'
import { benchSet, type BenchBox } from '../../testing/bench-box.ts'
import { oneNode, payTool, type Payment } from '../../testing/engine-kit.ts'
import type { OutsideBank } from '../../testing/outside-bank.ts'
import { overrideStore } from '../../testing/planted-faults.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const bob = { to: 'bob', amount: 5 }

/** A bank that holds its first answers until it is told, and a workflow that pays bob once. */
async function heldBank() {
  const outside = await bank()
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  outside.onPayment(() => held)
  const pay = payTool(outside, { effectKey: ({ to }: Payment) => ({ scope: 'tenant', key: to }) })
  const flow = oneNode(async (_input, ctx) => (await ctx.call(pay, bob)).status, { tools: [pay] })
  return { outside, flow, release: () => release() }
}

const sent = (one: BenchBox, outside: OutsideBank) =>
  one.until(() => (outside.requests.length === 1 ? true : null), 'the send')
const waits = (one: BenchBox, runId: string) =>
  one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'the run to wait')

// The clock of these boxes is never put forward, and a run that nobody wakes looks again after a minute at the earliest.
describe('an effect that another run holds open', () => {
  it('DEP-030: its end wakes the run that waits for it, without a clock', async () => {
    const { outside, flow, release } = await heldBank()
    const one = box({ workflows: [flow] })
    one.work()
    const first = await one.start('one', null)
    await sent(one, outside)
    const second = await one.start('one', null)
    await waits(one, second)
    release()
    expect((await one.ended(first)).output).toBe('succeeded')
    expect((await one.ended(second)).output).toBe('succeeded')
    expect(outside.booked).toHaveLength(1)
    const [outcome] = await one.of(second, 'activity.outcome')
    expect(outcome).toMatchObject({ code: 'ANSWERED_FROM_LEDGER', ledger: { run: first } })
  })

  it('DEP-030: an end that was no success frees it, and the run that waited does it itself', async () => {
    const { outside, flow, release } = await heldBank()
    outside.next('refuse')
    const one = box({ workflows: [flow] })
    one.work()
    const first = await one.start('one', null)
    await sent(one, outside)
    const second = await one.start('one', null)
    await waits(one, second)
    release()
    expect((await one.ended(first)).output).toBe('failed')
    expect((await one.ended(second)).output).toBe('succeeded')
    expect(outside.booked).toHaveLength(1)
  })

  it('DEP-031: a run whose claim of it came second is given back at once, waits for the end, and is not held to account', async () => {
    const { outside, flow, release } = await heldBank()
    const one = box({ workflows: [flow] })
    let blind = 0
    // The second process finds the identity free once, when it no longer is.
    const store = overrideStore(one.store, {
      effect: async (...at) => (blind++ === 0 ? null : one.store.effect(...at)),
    })
    one.work()
    const first = await one.start('one', null)
    await sent(one, outside)
    await one.kill()
    const two = one.another({ store })
    const second = await one.start('one', null)
    two.work()
    await waits(two, second)
    expect(blind).toBeGreaterThan(1)
    expect(await one.row(second)).toMatchObject({ attempts: 0 })
    expect(outside.requests).toHaveLength(1)
    release()
    // The first process is gone: another one finds out what became of its payment, once its lease has run out.
    await one.settle(async () => ((await one.row(first)).status === 'waiting' ? true : null), 'the question')
    await one.answer('happened')
    expect((await one.ended(second)).output).toBe('succeeded')
    expect(outside.booked).toHaveLength(1)
  })
})
