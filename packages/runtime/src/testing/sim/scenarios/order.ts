import { z } from 'zod'
import { appended, owned, workflow } from '../../../orchestration/index.ts'
import { simBank } from '../bank.ts'
import type { SimScenario } from '../scenario.ts'
import { AGAIN, done, WIDE } from './common.ts'
import { payHarmless, payLookedUp, payOnce, rate } from './tools.ts'

const STEP = z.object({ id: z.string(), n: z.int(), last: z.int() })

const loopFlow = workflow({
  name: 'loop',
  version: '1.0.0',
  input: STEP,
  output: z.string(),
  budget: WIDE,
  state: { notes: appended(z.string()) },
  tools: [payLookedUp],
})
  .node('step', {
    input: STEP,
    output: STEP,
    retry: AGAIN,
    run: async ({ id, n, last }, ctx) => {
      done(await ctx.call(payLookedUp, { to: `${id}-${n}`, amount: n }))
      ctx.write({ notes: `${id} ${n}` })
      return { id, n: n + 1, last }
    },
  })
  .node('end', { input: STEP, output: z.string(), run: (_, ctx) => (ctx.state.notes ?? []).join(', ') })
  .start('step')
  .edge('step', 'step', ({ n, last }) => n <= last)
  .edge('step', 'end', ({ n, last }) => n > last)
  .output('end')
  .build()

/** Two runs of a loop with an effect in each round. */
export const loop: SimScenario = {
  name: 'loop',
  workflows: [loopFlow],
  outside: simBank,
  runs: () => [
    { workflow: 'loop', input: { id: 'a', n: 1, last: 3 } },
    { workflow: 'loop', input: { id: 'b', n: 1, last: 2 }, atMs: 40 },
  ],
}

const raceFlow = workflow({
  name: 'race',
  version: '1.0.0',
  input: z.string(),
  output: z.string(),
  budget: WIDE,
  state: { first: owned('race', z.string()) },
  tools: [rate, payHarmless],
})
  .node('race', {
    input: z.string(),
    output: z.string(),
    retry: AGAIN,
    run: async (id, ctx) => {
      const named = async (n: number): Promise<number> =>
        (await ctx.call(rate, { n })).status === 'succeeded' ? n : -n
      const all = [named(1), named(2), ctx.call(payHarmless, { to: `${id}-race`, amount: 1 }).then(() => 3)]
      const first = await Promise.race(all)
      const drawn = await named(10 + Math.floor(ctx.random() * 50))
      const order: number[] = []
      await Promise.all([...all, named(first + 4)].map((one) => one.then((n) => order.push(n))))
      done(await ctx.call(payHarmless, { to: `${id}-after`, amount: 2 }))
      ctx.write({ first: `${first} ${drawn} ${order.join(' ')} ${ctx.now().toISOString()}` })
      return `${first}`
    },
  })
  .start('race')
  .output('race')
  .build()

/** A handler that goes on with whatever answers first, draws numbers and looks at the time: a replay does the same. */
export const race: SimScenario = {
  name: 'race',
  workflows: [raceFlow],
  outside: simBank,
  compare: 'none',
  runs: () => [{ workflow: 'race', input: 'x' }],
}

const onceFlow = workflow({
  name: 'once',
  version: '1.0.0',
  input: z.string(),
  output: z.string(),
  budget: WIDE,
  state: {},
  tools: [payOnce],
})
  .node('pay', {
    input: z.string(),
    output: z.string(),
    retry: AGAIN,
    run: async (to, ctx) => `receipt ${done(await ctx.call(payOnce, { to, amount: 9 })).receipt}`,
  })
  .start('pay')
  .output('pay')
  .build()

/** Two runs that pay the same invoice at the same time: one payment, and both are told of it. */
export const once: SimScenario = {
  name: 'once',
  workflows: [onceFlow],
  outside: simBank,
  runs: (random) => [
    { workflow: 'once', input: 'invoice-1' },
    { workflow: 'once', input: 'invoice-1', atMs: random.pick([0, 5, 200]) },
  ],
}

const gatherFlow = workflow({
  name: 'gathered',
  version: '1.0.0',
  input: z.string(),
  output: z.string(),
  budget: WIDE,
  state: { notes: appended(z.string()) },
  tools: [payHarmless, payLookedUp],
})
  .node('split', { input: z.string(), output: z.string(), run: (id) => id })
  .node('short', {
    input: z.string(),
    output: z.string(),
    retry: AGAIN,
    run: async (id, ctx) => {
      done(await ctx.call(payHarmless, { to: `${id}-short`, amount: 1 }))
      ctx.write({ notes: 'short' })
      return 'short'
    },
  })
  .node('long', { input: z.string(), output: z.string(), run: (id) => id })
  .node('longer', {
    input: z.string(),
    output: z.string(),
    retry: AGAIN,
    run: async (id, ctx) => {
      done(await ctx.call(payLookedUp, { to: `${id}-longer`, amount: 2 }))
      ctx.write({ notes: 'longer' })
      return 'longer'
    },
  })
  .node('join', { input: z.array(z.string()), output: z.string(), run: (parts) => parts.join(' and ') })
  .start('split')
  .fanOut('split', ['short', 'long'])
  .edge('long', 'longer')
  .fanIn(['longer', 'short'], 'join')
  .output('join')
  .build()

/** A fan-in that holds one message over a barrier, restored to any of its records. */
export const gathered: SimScenario = {
  name: 'gathered',
  workflows: [gatherFlow],
  outside: simBank,
  runs: () => [{ workflow: 'gathered', input: 'g' }],
  operator: (random) => [{ act: 'restore_at', atMs: 2_000, where: random.pick([0.2, 0.4, 0.6, 0.8, 0.9]) }],
}
