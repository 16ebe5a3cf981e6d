import { afterEach, describe, expect, it } from 'vitest'
import type { FaultHook } from './env.ts'
import { benchSet, type BenchBox, PAUL } from '../testing/bench-box.ts'
import { approvalPolicy, oneNode, payTool, type Payment, type PayTool } from '../testing/engine-kit.ts'
import { checkHistory } from '../testing/check-history.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const bob = { to: 'bob', amount: 1 }
const eve = { to: 'eve', amount: 2 }

/** A workflow that makes the payments of the list that it is given at that moment, one after another. */
function list(pay: PayTool, wanted: (run: string) => readonly Payment[]) {
  return oneNode(
    async (_input, ctx) => {
      const ends: string[] = []
      for (const one of wanted(ctx.runId)) ends.push((await ctx.call(pay, one)).status)
      return ends
    },
    { tools: [pay] },
  )
}

async function forked(one: BenchBox, runId: string, seq = 1): Promise<string> {
  return (await one.sb.runs.fork({ runId, seq, by: PAUL, reason: 'another way' })).runId
}

/** Waits until each run has ended or asks a person; gives how they stand. */
function standing(one: BenchBox, runs: readonly string[]): Promise<readonly string[]> {
  return one.settle(async () => {
    const questions = await one.open('question')
    const states = await Promise.all(
      runs.map(async (runId) => {
        const { status } = await one.row(runId)
        const asked = questions.some((row) => row.runId === runId)
        return status === 'completed' ? status : status === 'waiting' && asked ? 'asked' : null
      }),
    )
    return states.every((state) => state !== null) ? (states as string[]) : null
  }, 'the ends or questions')
}

describe('an effect in a family of runs', () => {
  it('FRK-040: of a fork answers its siblings, a fork of the fork and the parent that goes on', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const one = box({ workflows: [list(pay, () => [bob])], policy: approvalPolicy() })
    one.work()
    const parent = await one.start('one', null)
    const { id } = await one.asked()
    await one.until(async () => ((await one.row(parent)).status === 'waiting' ? true : null), 'a wait')
    const first = await forked(one, parent)
    const own = await one.until(async () => (await one.open()).find((row) => row.runId === first) ?? null, 'a request')
    await one.sb.runs.decide({ approvalId: own.id, answer: 'approved', by: PAUL, reason: 'its own', seen: null })
    expect((await one.ended(first)).output).toEqual(['succeeded'])
    expect(outside.booked).toHaveLength(1)
    const others = [await forked(one, parent), await forked(one, first), await forked(one, first, 3)]
    await one.sb.runs.decide({ approvalId: id, answer: 'approved', by: PAUL, reason: 'the first', seen: null })
    expect(await standing(one, [parent, ...others])).toEqual(['completed', 'completed', 'completed', 'completed'])
    expect(outside.booked).toHaveLength(1)
    const [grandchild] = await one.of(others[1] ?? '', 'run.started')
    expect(grandchild?.parent).toMatchObject({ run: first, root: parent })
    const again = await forked(one, others[2] ?? '')
    expect(await standing(one, [again])).toEqual(['completed'])
    expect(outside.booked).toHaveLength(1)
  })

  it('FRK-041: with other arguments in the parent that goes on, or in a sibling, is a question to a person', async () => {
    const outside = await bank()
    const amounts = new Map<string, number>()
    const pay = payTool(outside)
    const flow = list(pay, (run) => [{ to: 'bob', amount: amounts.get(run) ?? 1 }])
    const one = box({ workflows: [flow] })
    const parent = await one.start('one', null)
    const [fork, sibling] = [await forked(one, parent), await forked(one, parent)]
    amounts.set(sibling, 3).set(parent, 2)
    // The fork runs first, alone.
    const held = await one.store.claim({
      worker: 'nobody',
      now: one.host.now(),
      leaseUntil: one.host.now() + 1_000,
      limit: 10,
      signatures: null,
      only: { tenant: 'acme', runId: parent },
    })
    expect(held).toHaveLength(1)
    await one.store.claim({
      worker: 'nobody',
      now: one.host.now(),
      leaseUntil: one.host.now() + 1_000,
      limit: 10,
      signatures: null,
      only: { tenant: 'acme', runId: sibling },
    })
    one.work()
    expect((await one.ended(fork)).output).toEqual(['succeeded'])
    expect(await standing(one, [parent, sibling])).toEqual(['asked', 'asked'])
    expect(outside.booked.map((booking) => booking.amount)).toEqual([1])
  })

  it.each([
    ['equal arguments', 1, ['completed', 'completed']],
    ['other arguments', 2, ['asked', 'completed']],
  ] as const)(
    'FRK-042: asked for by parent and fork at the same moment with %s is booked once',
    async (_what, amount, ends) => {
      const outside = await bank()
      const pay = payTool(outside)
      const amounts = new Map<string, number>()
      const flow = list(pay, (run) => [{ to: 'bob', amount: amounts.get(run) ?? 1 }])
      // Both have looked up and appended their intents before either is stored.
      const there = new Set<string>()
      let release: () => void = () => undefined
      const both = new Promise<void>((resolve) => {
        release = resolve
      })
      const fault: FaultHook = async (point, { runId }) => {
        if (point !== 'reserved') return
        there.add(runId)
        if (there.size === 2) release()
        await both
      }
      const one = box({ workflows: [flow], fault })
      const two = one.another()
      const parent = await one.start('one', null)
      const made = await forked(one, parent)
      amounts.set(made, amount)
      one.work({ concurrency: 1 })
      two.work({ concurrency: 1 })
      expect([...(await standing(one, [parent, made]))].sort()).toEqual(ends)
      expect(there.size).toBe(2)
      expect(outside.booked).toHaveLength(1)
    },
  )

  it('FRK-043: is matched once: a second equal call of a fork is an effect of its own', async () => {
    const outside = await bank()
    let wanted = [bob]
    const pay = payTool(outside)
    const one = box({ workflows: [list(pay, () => wanted)] })
    one.work()
    const { runId } = await one.run('one', null)
    wanted = [bob, bob]
    const made = await forked(one, runId)
    expect((await one.ended(made)).output).toEqual(['succeeded', 'succeeded'])
    expect(outside.booked.map((booking) => booking.to)).toEqual(['bob', 'bob'])
    const again = await forked(one, runId)
    expect((await one.ended(again)).output).toEqual(['succeeded', 'succeeded'])
    expect(outside.booked).toHaveLength(2)
    // With an effect of the family left over, a call with other arguments could be that one.
    wanted = [bob, eve]
    expect(await standing(one, [await forked(one, runId)])).toEqual(['asked'])
    expect(outside.booked).toHaveLength(2)
  })

  it('FRK-044: is booked once though workers of parent and fork die at every point of the door', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    for (const point of [
      'decided',
      'reserved',
      'intent_durable',
      'sent',
      'answered',
      'outcome_recorded',
      'settled',
    ] as const) {
      const before = outside.booked.length
      const payee = { to: point, amount: 1 }
      let dies = 2
      const one = box({
        workflows: [list(payTool(outside, { settleAfterSeconds: 0 }), () => [payee])],
        fault: async (at) => {
          if (at !== point || dies === 0) return
          dies -= 1
          await one.kill()
        },
      })
      const parent = await one.start('one', null)
      const made = await forked(one, parent)
      for (let n = 0; n < 4; n++) {
        one.work()
        await one
          .until(async () => ((await one.row(made)).status === 'completed' ? true : null), 'the end', 60)
          .catch(() => null)
        for (const row of await one.open('question'))
          await one.sb.runs
            .answer({ questionId: row.id, answer: 'happened', by: PAUL, reason: 'asked the bank' })
            .catch(() => null)
        await one.killAndExpire()
      }
      one.work()
      await standing(one, [parent, made])
      expect([point, outside.booked.length - before <= 1]).toEqual([point, true])
      for (const runId of [parent, made]) await checkHistory(one.store, await one.row(runId))
      await one.kill()
    }
    expect(pay.name).toBe('pay.send')
  })
})
