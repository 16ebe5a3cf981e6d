import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Store } from '../contracts/store.ts'
import type { FlowCtx } from '../orchestration/index.ts'
import { ANA, type BenchBox, benchSet } from '../testing/bench-box.ts'
import { crashSweep } from '../testing/crash-sweep.ts'
import { lookUp, payTool, type PayTool, readTool } from '../testing/engine-kit.ts'
import { job, respond, review } from '../testing/flow-kit.ts'
import { storePrefix } from '../testing/store-prefix.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

/** Answers every review until the run has ended. */
async function finish(one: BenchBox, runId: string): Promise<void> {
  await one.settle(async () => {
    const [asked] = await one.open('request')
    if (asked) await respond(one, true)
    return (await one.row(runId)).status === 'completed' ? true : null
  }, 'the end')
}

/** Parallel steps, one that fails, one that is tried again, a request, an effect, a checkpoint, a sleep. */
const errand = (pay: PayTool) =>
  job<{ rate: number }>(
    async (_input, f) => {
      let rate = f.from?.rate ?? null
      if (rate === null) {
        const [a, b, c] = await Promise.all([
          f.step('one', { n: 1 }, ({ n }) => n),
          f.step('two', { n: 2 }, ({ n }) => n),
          f
            .step('bad', null, (): number => {
              throw new Error('bad')
            })
            .catch(() => 10),
        ])
        rate = (a ?? 0) + (b ?? 0) + (c ?? 0)
        await f.checkpoint({ rate })
      }
      const late = await f.step('flaky', null, late2, { retry: { attempts: 2, backoffSeconds: 1 } })
      const asked = await f.ask(review, { text: `pay ${rate}` })
      const paid = asked.status === 'succeeded' && (await f.call(pay, { to: 'bob', amount: rate }))
      await f.sleep(60)
      return { rate, late, paid: paid !== false && paid.status }
    },
    { tools: [pay], ports: [review], checkpoint: z.object({ rate: z.number() }) },
  )

function late2(_args: null, { attempt }: { readonly attempt: number }): string {
  if (attempt === 1) throw new Error('not yet')
  return 'at last'
}

describe.each([
  ['read afterwards', false],
  ['streamed', true],
])('a durable function, %s', (_how, streamed) => {
  it('FLW-021: broken off after each record and taken up by another process it ends alike, and pays once', async () => {
    const outside = await bank()
    const work = errand(payTool(outside, { found: lookUp(outside) }))
    const first = box({ workflows: [work] })
    first.work()
    const runId = await first.start('job', null)
    const seen: number[] = []
    const watch = async (): Promise<void> => {
      for await (const item of first.sb.runs.stream(ANA.tenant, runId))
        if (item.kind === 'record') seen.push(item.record.seq)
    }
    const watching = streamed ? watch() : Promise.resolve()
    await finish(first, runId)
    await watching
    expect((await first.ended(runId)).output).toEqual({ rate: 13, late: 'at last', paid: 'succeeded' })
    if (streamed) expect(seen).toEqual((await first.records(runId)).map(({ seq }) => seq))
    const make = (store: Store) => box({ workflows: [work], store })
    const found = await crashSweep({ first, runId, make, finish: (one) => finish(one, runId), bank: outside })
    expect(found).toEqual([])
  }, 60_000)
})

/** A small program: leaves ask, the others combine. No value depends on the order in which answers come. */
type Program =
  | { readonly kind: 'step' | 'read' | 'pay' | 'fail' }
  | { readonly kind: 'sequence' | 'all' | 'race' | 'catch'; readonly parts: readonly Program[] }

const program = fc.letrec<{ any: Program }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    fc.record({ kind: fc.constantFrom('step' as const, 'read' as const, 'pay' as const, 'fail' as const) }),
    fc.record({
      kind: fc.constantFrom('sequence' as const, 'all' as const, 'race' as const, 'catch' as const),
      parts: fc.array(tie('any'), { minLength: 1, maxLength: 3 }),
    }),
  ),
})).any

interface Play {
  readonly f: FlowCtx<never>
  readonly pay: PayTool
  readonly read: ReturnType<typeof readTool>
}

/** What a part comes to; its place in the program is its identity. */
async function play(part: Program, at: string, kit: Play): Promise<number> {
  const { f, pay, read } = kit
  switch (part.kind) {
    case 'step':
      return f.step('count', { at }, (args) => args.at.length)
    case 'fail':
      return f.step('fail', { at }, () => Promise.reject(new Error(at)))
    case 'read': {
      const end = await f.call(read, { n: at.length })
      return end.status === 'succeeded' ? end.output : 0
    }
    case 'pay': {
      const end = await f.call(pay, { to: at, amount: at.length })
      return end.status === 'succeeded' ? 100 : 0
    }
    default:
  }
  const parts = part.parts.map((one, i) => () => play(one, `${at}${i}`, kit))
  if (part.kind === 'all') return (await Promise.all(parts.map((run) => run()))).reduce((a, b) => a + b, 0)
  // Who wins a race may be another after a crash; that somebody did is the same.
  if (part.kind === 'race')
    return Promise.race(parts.map((run) => run())).then(
      () => 1,
      () => 1,
    )
  let sum = 0
  try {
    for (const run of parts) sum += await run()
  } catch (thrown) {
    if (part.kind === 'sequence') throw thrown
    sum += 1_000
  }
  return sum
}

describe('random programs', () => {
  it('FLW-021: crashed after any record they give the same result and the same effects', async () => {
    await fc.assert(
      fc.asyncProperty(program, async (one) => {
        const outside = await bank()
        const pay = payTool(outside, { found: lookUp(outside), effectKey: ({ to }) => ({ scope: 'run', key: to }) })
        const read = readTool((n) => n * 2)
        const work = job((_input, f) => play({ kind: 'catch', parts: [one] }, 'p', { f, pay, read }), {
          tools: [pay, read],
        })
        const first = box({ workflows: [work] })
        first.work()
        const { runId, status } = await first.run('job', null)
        expect(status).toBe('completed')
        const make = (store: Store) => box({ workflows: [work], store })
        const found = await crashSweep({ first, runId, make, finish: (next) => finish(next, runId), bank: outside })
        expect(found).toEqual([])
        await set.close()
      }),
      { numRuns: 30 },
    )
  }, 180_000)

  it('FLW-021: the winner of a race that is on record wins again', async () => {
    const work = job(async (_input, f) => {
      const winner = await Promise.race([
        f.sleep(30).then(() => 'slept'),
        f.step('slow', null, () => new Promise<string>((resolve) => setImmediate(() => resolve('computed')))),
      ])
      await f.sleep(60)
      return winner
    })
    const first = box({ workflows: [work] })
    first.work()
    const runId = await first.start('job', null)
    await finish(first, runId)
    const whole = await first.ended(runId)
    const records = await first.records(runId)
    const won = records.find((record) => record.type === 'activity.outcome')?.seq ?? 0
    for (let k = won; k <= records.length; k++) {
      const taken = box({ workflows: [work], store: await storePrefix(first.store, runId, k) })
      taken.work()
      await finish(taken, runId)
      expect((await taken.ended(runId)).output).toBe(whole.output)
      await taken.family()
    }
  })
})

describe('another version of a function', () => {
  const counting = (version: string, more: { readonly upgradesFrom?: readonly string[]; readonly tool?: boolean }) =>
    job<{ n: number }>(
      async (_input, f) => {
        const n = f.from?.n ?? (await f.step('first', null, () => 1))
        if (!f.from) await f.checkpoint({ n })
        await f.sleep(60)
        return { n, version }
      },
      {
        version,
        checkpoint: z.object({ n: z.number() }),
        tools: more.tool ? [readTool((k) => k)] : [],
        ...(more.upgradesFrom ? { upgradesFrom: more.upgradesFrom } : {}),
      },
    )

  it('FLW-024: with the same graph it takes over where the run stands, and replays what is open', async () => {
    const one = box({ workflows: [counting('1.0.0', {})] })
    one.work()
    const { runId } = await one.run('job', null)
    await one.kill()
    const next = one.another({ workflows: [counting('1.1.0', {})] })
    next.work({ adoptAfterMs: 0 })
    const output = await next.settle(async () => {
      const row = await next.row(runId)
      return row.status === 'completed' ? (await next.ended(runId)).output : null
    }, 'the end under the new version')
    expect(output).toEqual({ n: 1, version: '1.1.0' })
  })

  it('FLW-024: with another graph it takes over at a checkpoint when it says so, and nowhere else', async () => {
    const one = box({ workflows: [counting('1.0.0', {})] })
    one.work()
    const { runId } = await one.run('job', null)
    const saved = (await one.of(runId, 'position.saved'))[0]?.seq ?? 0
    const store = await storePrefix(one.store, runId, saved)
    const newer = counting('2.0.0', { upgradesFrom: ['1.0.0'], tool: true })
    const next = box({ workflows: [newer], store })
    expect(await next.sb.runs.definition(ANA.tenant, runId)).toMatchObject({ standing: 'upgrade', stands: 'position' })
    next.work({ adoptAfterMs: 0 })
    await finish(next, runId)
    expect((await next.ended(runId)).output).toEqual({ n: 1, version: '2.0.0' })
    const inside = one.another({ workflows: [newer] })
    expect(await inside.sb.runs.definition(ANA.tenant, runId)).toMatchObject({ standing: 'refused', stands: 'open' })
  })
})

describe('a long function', () => {
  const counted = (steps: number, computed: number[]) =>
    job(async (_input, f) => {
      let sum = 0
      for (let n = 0; n < steps; n++)
        sum += await f.step('add', { n }, (args) => {
          computed.push(args.n)
          return args.n
        })
      await f.sleep(60)
      return sum
    })

  it('FLW-022: writes one record a step of about the same size, and computes none again when it goes on', async () => {
    const computed: number[] = []
    const work = counted(300, computed)
    const one = box({ workflows: [work] })
    one.work()
    const { runId } = await one.run('job', null)
    const stored = await one.store.records(ANA.tenant, runId, { types: ['activity.outcome'] })
    expect(stored).toHaveLength(300)
    expect(await one.records(runId)).toHaveLength(300 + 4)
    const sizes = stored.map(({ body, sealed }) => body.length + (sealed?.length ?? 0))
    expect(Math.max(...sizes.slice(200)) - Math.min(...sizes.slice(10, 100))).toBeLessThan(24)
    await one.kill()
    const next = one.another()
    next.work()
    await next.host.advance(61_000)
    expect((await next.ended(runId)).output).toBe((299 * 300) / 2)
    expect(computed).toHaveLength(300)
  })
})
