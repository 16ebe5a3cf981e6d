import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { JsonValue } from '../base/json.ts'
import type { Tool } from '../contracts/tool.ts'
import { BenchBox, benchSet } from '../testing/bench-box.ts'
import { storePrefix } from '../testing/store-prefix.ts'
import { clerkFlow, clerkModel } from '../testing/agent-kit.ts'
import { approvalPolicy, lookUp, oneNode, type OnlyCtx, payTool, readTool } from '../testing/engine-kit.ts'

const set = benchSet()
const { box } = set
afterEach(() => set.close())

/** A program over reads: sequences, all, race. What it asks depends on the order in which answers come. */
type Program =
  | { readonly kind: 'ask' }
  | { readonly kind: 'sequence' | 'all' | 'race'; readonly parts: readonly Program[] }

const program = fc.letrec<{ any: Program }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constant<Program>({ kind: 'ask' }),
    fc.record({
      kind: fc.constantFrom('sequence' as const, 'all' as const, 'race' as const),
      parts: fc.array(tie('any'), { minLength: 2, maxLength: 3 }),
    }),
  ),
})).any

interface Shared {
  n: number
}

async function play(part: Program, ctx: OnlyCtx, read: Tool<{ n: number }, number>, shared: Shared): Promise<number> {
  if (part.kind === 'ask') {
    const end = await ctx.call(read, { n: shared.n })
    const value = end.status === 'succeeded' ? end.output : 0
    for (let i = 0; i < value % 4; i++) await null
    // The next question depends on everything that was answered before, in its order.
    shared.n = shared.n * 31 + value + (ctx.now().getTime() % 7) + Math.floor(ctx.random() * 5)
    shared.n %= 100_003
    return value
  }
  if (part.kind === 'sequence') {
    let sum = 0
    for (const one of part.parts) sum += await play(one, ctx, read, shared)
    return sum
  }
  const all = part.parts.map((one) => play(one, ctx, read, shared))
  return part.kind === 'race' ? Promise.race(all) : (await Promise.all(all)).reduce((a, b) => a + b, 0)
}

/** Answers after a number of macrotasks that the draw decides: every order of answers is possible. */
function slowRead(draw: (n: number) => number): { tool: Tool<{ n: number }, number>; asked: number[] } {
  const asked: number[] = []
  const tool = readTool(async (n) => {
    asked.push(n)
    for (let i = draw(asked.length); i > 0; i--) await new Promise((resolve) => setImmediate(resolve))
    return (n % 13) + 1
  })
  return { tool, asked }
}

describe('replay', () => {
  it('ENG-001, ENG-002: from every prefix of the records the same program ends the same, nothing diverges', async () => {
    await fc.assert(
      fc.asyncProperty(program, fc.array(fc.nat(4), { minLength: 1, maxLength: 7 }), async (one, delays) => {
        const live = slowRead((k) => delays[k % delays.length] ?? 0)
        const flow = (read: Tool<{ n: number }, number>) =>
          oneNode(
            async (_input, ctx) => {
              const shared = { n: 1 }
              const value = await play(one, ctx, read, shared)
              return { value, n: shared.n }
            },
            { tools: [read] },
          )
        const first = new BenchBox({ workflows: [flow(live.tool)] })
        first.work()
        const result = await first.run('one', null)
        expect(result.status).toBe('completed')
        const records = await first.records(result.runId)
        const outcomes = records.filter((record) => record.type === 'activity.outcome').length
        for (let k = 1; k <= records.length; k++) {
          const again = slowRead((n) => delays[(n * 3 + k) % delays.length] ?? 0)
          const store = await storePrefix(first.store, result.runId, k)
          const taken = new BenchBox({ workflows: [flow(again.tool)], store })
          taken.work()
          const resumed = await taken.settled(result.runId)
          expect(resumed.status).toBe('completed')
          const before = records.slice(0, k).filter((record) => record.type === 'activity.outcome').length
          // With all answers on record the replay is the same run; with fewer, the rest may come in another order.
          if (before === outcomes) {
            expect(resumed.output).toEqual(result.output)
            expect(again.asked).toEqual([])
          }
          await taken.close()
        }
        await first.close()
      }),
      { numRuns: 25 },
    )
  }, 60_000)

  it('ENG-002: with answers that do not depend on their order every prefix gives the same output', async () => {
    const flow = (read: Tool<{ n: number }, number>) =>
      oneNode(
        async (_input, ctx) => {
          const ends = await Promise.all([1, 2, 3].map((n) => ctx.call(read, { n })))
          const last = await ctx.call(read, { n: 4 })
          return [...ends, last].map((end) => (end.status === 'succeeded' ? end.output : null))
        },
        { tools: [read] },
      )
    const first = box({ workflows: [flow(readTool((n) => n * 2))] })
    first.work()
    const result = await first.run('one', null)
    const { length } = await first.records(result.runId)
    for (let k = 1; k <= length; k++) {
      const taken = box({
        workflows: [flow(readTool((n) => n * 2))],
        store: await storePrefix(first.store, result.runId, k),
      })
      taken.work()
      expect((await taken.ended(result.runId)).output).toEqual([2, 4, 6, 8])
    }
  })

  it('ENG-006: an agent with an approval and effects ends the same from every prefix; what has an intent is not sent again', async () => {
    const turns = [
      [
        { tool: 'get.one', args: { n: 1 } },
        { tool: 'pay.send', args: { to: 'bob', amount: 1 } },
      ],
      [{ tool: 'pay.send', args: { to: 'eve', amount: 2 } }],
    ]
    const outside = await set.bank()
    const flow = clerkFlow([payTool(outside, { found: lookUp(outside) }), readTool((n) => n)])
    const first = box({ workflows: [flow], models: [clerkModel(turns).model], policy: approvalPolicy() })
    first.work()
    const runId = await first.start('clerks', 'go')
    const finish = (one: BenchBox) =>
      one.settle(async () => {
        if ((await one.open()).length > 0) await one.decide('approved')
        return (await one.row(runId)).status === 'completed' ? true : null
      }, 'the end')
    await finish(first)
    const { output } = await first.ended(runId)
    const records = await first.records(runId)
    for (let k = 1; k <= records.length; k++) {
      const intents = records.slice(0, k).filter((record) => record.type === 'activity.intent')
      const sent = intents.filter((intent) => intent.proposal.effect !== 'none').length
      const before = outside.booked.length
      const taken = box({
        workflows: [flow],
        models: [clerkModel(turns).model],
        policy: approvalPolicy(),
        store: await storePrefix(first.store, runId, k),
      })
      taken.work()
      await finish(taken)
      expect((await taken.ended(runId)).output).toEqual(output)
      expect(outside.booked.length - before).toBe(2 - sent)
      await taken.family()
    }
  }, 120_000)

  it.each([
    ['asks with another argument', async (ctx: OnlyCtx, read: Tool<{ n: number }, number>) => ctx.call(read, { n: 9 })],
    ['asks nothing', async () => null],
    [
      'asks with another argument and does not wait for it',
      async (ctx: OnlyCtx, read: Tool<{ n: number }, number>) => {
        ctx.call(read, { n: 9 }).catch(() => undefined)
        return null
      },
    ],
    [
      'asks something else first',
      async (ctx: OnlyCtx, read: Tool<{ n: number }, number>) => {
        await ctx.call(read, { n: 7 })
        return ctx.call(read, { n: 1 })
      },
    ],
  ])('ENG-003: changed code that %s parks the run with REPLAY_DIVERGED, at every prefix', async (_what, changed) => {
    const asked: number[] = []
    const read = readTool((n) => {
      asked.push(n)
      return n
    })
    let calls = (ctx: OnlyCtx): Promise<unknown> => ctx.call(read, { n: 1 })
    const flow = oneNode(
      async (_input, ctx) => {
        await calls(ctx)
        return 'done'
      },
      { tools: [read] },
    )
    const first = box({ workflows: [flow] })
    first.work()
    const { runId } = await first.run('one', null)
    const records = await first.records(runId)
    const intent = records.findIndex((record) => record.type === 'activity.intent') + 1
    const outcome = records.findIndex((record) => record.type === 'activity.outcome') + 1
    calls = (ctx) => changed(ctx, read)
    for (const length of [intent, outcome]) {
      const again = box({ workflows: [flow], store: await storePrefix(first.store, runId, length) })
      again.work()
      const result = await again.settled(runId)
      expect(result).toMatchObject({ status: 'parked', reason: { code: 'REPLAY_DIVERGED' } })
      expect(asked).toEqual([1])
    }
  })

  it.each([
    ['a timer', () => new Promise((resolve) => setTimeout(resolve, 5_000).unref())],
    ['nothing that ends', () => new Promise(() => undefined)],
  ])('ENG-004: a handler that awaits %s is parked with NONDETERMINISTIC_WAIT', async (_what, wait) => {
    const one = box({
      workflows: [
        oneNode(async () => {
          await wait()
          return null
        }),
      ],
    })
    one.work()
    expect(await one.run('one', null)).toMatchObject({ status: 'parked', reason: { code: 'NONDETERMINISTIC_WAIT' } })
  })

  it('ENG-005: time and random numbers are the same on replay', async () => {
    const seen: JsonValue[] = []
    const flow = (read: Tool<{ n: number }, number>) =>
      oneNode(
        async (_input, ctx) => {
          const drawn: JsonValue[] = [ctx.now().toISOString(), ctx.random(), ctx.random()]
          await ctx.call(read, { n: 1 })
          drawn.push(ctx.now().toISOString(), ctx.random())
          await ctx.call(read, { n: 2 })
          drawn.push(ctx.now().toISOString(), ctx.random())
          seen.push(drawn)
          return drawn
        },
        { tools: [read] },
      )
    const first = box({ workflows: [flow(readTool((n) => n))] })
    first.work()
    const result = await first.run('one', null)
    const records = await first.records(result.runId)
    const all = records.findIndex((record) => record.type === 'superstep.completed')
    await first.host.advance(5_000)
    const taken = box({
      workflows: [flow(readTool((n) => n))],
      store: await storePrefix(first.store, result.runId, all),
    })
    taken.work()
    expect((await taken.ended(result.runId)).output).toEqual(result.output)
    expect(seen).toHaveLength(2)
    expect(new Set((result.output as JsonValue[]).filter((one) => typeof one === 'number')).size).toBe(4)
  })
})
