import { z } from 'zod'
import { owned, Rejection, workflow } from '../../../orchestration/index.ts'
import { simBank } from '../bank.ts'
import type { SimScenario } from '../scenario.ts'
import { AGAIN, done, WIDE } from './common.ts'
import { pay, payLookedUp, rate } from './tools.ts'

const text = z.string()
const def = { version: '1.0.0', input: text, output: text, budget: WIDE }

const timerFlow = workflow({
  name: 'timers',
  ...def,
  state: { paid: owned('sleeps', z.array(z.number())) },
  tools: [pay, payLookedUp, rate],
})
  .node('open', { input: text, output: text, run: (id) => id })
  .timer('soon', { message: text, seconds: 3 })
  .timer('later', { message: text, seconds: 40 })
  .node('sleeps', {
    input: text,
    output: text,
    retry: AGAIN,
    run: async (id, ctx) => {
      const nap = async (seconds: number): Promise<number> => {
        await ctx.sleep(seconds)
        return done(await ctx.call(payLookedUp, { to: `${id}-after-${seconds}`, amount: seconds })).receipt
      }
      ctx.write({ paid: await Promise.all([nap(20), nap(5), nap(1)]) })
      await ctx.sleep(2)
      return 'slept'
    },
  })
  .node('after', {
    input: text,
    output: text,
    retry: AGAIN,
    run: async (id, ctx) => {
      done(await ctx.call(payLookedUp, { to: `${id}-timer-${ctx.state.paid === undefined}`, amount: 1 }))
      return 'after'
    },
  })
  .node('end', { input: text, output: text, run: (message) => message })
  .start('open')
  .fanOut('open', ['soon', 'later', 'sleeps'])
  .edge('soon', 'end')
  .edge('later', 'after')
  .edge('after', 'end')
  .edge('sleeps', 'end')
  .output('end')
  .build()

/** Timers of handlers and of nodes, several at once, with effects after them. */
export const timers: SimScenario = {
  name: 'timers',
  workflows: [timerFlow],
  outside: simBank,
  runs: () => [{ workflow: 'timers', input: 't' }],
}

const hurriedFlow = workflow({ name: 'hurried', ...def, tools: [pay, payLookedUp, rate] })
  .node('quick', {
    input: text,
    output: text,
    timeoutSeconds: 4,
    idleTimeoutSeconds: 2,
    retry: { attempts: 3, backoffSeconds: 1, factor: 3, on: ['NODE_TIMEOUT', 'NODE_IDLE'] },
    run: async (id, ctx) => {
      const calls = [ctx.call(payLookedUp, { to: `${id}-a`, amount: 1 }), ctx.call(rate, { n: 1 })]
      await Promise.all(calls)
      await ctx.sleep(30)
      const { status } = await ctx.call(pay, { to: `${id}-b`, amount: 2 })
      return status
    },
  })
  .node('instead', { input: Rejection, output: text, run: ({ code }) => code })
  .start('quick')
  .onFailed('quick', 'instead')
  .output('quick')
  .output('instead')
  .build()

/** Time limits that faults make too short, and a run that is cancelled or terminated while it sleeps or sends. */
export const hurried: SimScenario = {
  name: 'hurried',
  workflows: [hurriedFlow],
  outside: simBank,
  // Where time decides, faults decide too: only the promises are checked.
  compare: 'none',
  runs: () => [
    { workflow: 'hurried', input: 'h' },
    { workflow: 'hurried', input: 'i' },
  ],
  operator: (random) => [
    { run: 1, act: random.pick(['cancel', 'terminate'] as const), atMs: random.pick([5, 40, 800, 20_000]) },
  ],
}
