import { z } from 'zod'
import { appended, owned, reduced, workflow } from '../../../orchestration/index.ts'
import { simBank } from '../bank.ts'
import type { SimScenario } from '../scenario.ts'
import { AGAIN, done, WIDE } from './common.ts'
import { pay, payHarmless, payLookedUp, rate } from './tools.ts'

const JOB = z.object({ id: z.string(), n: z.int() })
const add = (current: number | undefined, write: number): number => (current ?? 0) + write

/** Three branches at once, each with a read and a payment of another kind, joined in one node that is reached three times. */
const fanFlow = workflow({
  name: 'fan',
  version: '1.0.0',
  input: JOB,
  output: z.string(),
  budget: WIDE,
  state: { first: owned('one', z.number()), notes: appended(z.string()), sum: reduced(z.number(), add) },
  tools: [pay, payHarmless, payLookedUp, rate],
})
  .node('split', { input: JOB, output: JOB, run: (job) => job })
  .node('one', {
    input: JOB,
    output: z.string(),
    retry: AGAIN,
    run: async ({ id, n }, ctx) => {
      const value = done(await ctx.call(rate, { n }))
      done(await ctx.call(pay, { to: `${id}-one`, amount: value }))
      ctx.write({ first: value, notes: 'one', sum: value })
      return 'one'
    },
  })
  .node('two', {
    input: JOB,
    output: z.string(),
    retry: AGAIN,
    run: async ({ id, n }, ctx) => {
      done(await ctx.call(payHarmless, { to: `${id}-two`, amount: n }))
      ctx.write({ notes: 'two', sum: n })
      return 'two'
    },
  })
  .node('three', {
    input: JOB,
    output: z.string(),
    retry: AGAIN,
    run: async ({ id, n }, ctx) => {
      done(await ctx.call(payLookedUp, { to: `${id}-three`, amount: n }))
      const value = done(await ctx.call(rate, { n: n + 1 }))
      ctx.write({ notes: 'three', sum: value })
      return 'three'
    },
  })
  .node('join', {
    input: z.string(),
    output: z.string(),
    run: (from, ctx) => {
      ctx.write({ notes: `joined ${from}` })
      return (ctx.state.notes ?? []).join(' ')
    },
  })
  .start('split')
  .fanOut('split', ['one', 'two', 'three'])
  .edge('one', 'join')
  .edge('two', 'join')
  .edge('three', 'join')
  .output('join')
  .build()

/** Fan-out and fan-in with effects of every kind. */
export const fan: SimScenario = {
  name: 'fan',
  workflows: [fanFlow],
  outside: simBank,
  runs: (random) => [{ workflow: 'fan', input: { id: 'f', n: random.between(5, 8) } }],
}

/** The same, restored by a person to any of its checkpoints once it waits or has ended. */
export const restored: SimScenario = {
  name: 'restored',
  workflows: [fanFlow],
  outside: simBank,
  runs: () => [{ workflow: 'fan', input: { id: 'r', n: 5 } }],
  operator: (random) => [
    { act: 'restore', atMs: random.pick([200, 1_500, 4_000]), where: random.pick([0, 0.4, 0.7, 1]) },
  ],
}

/** The same, restored to any of its records. */
export const branched: SimScenario = {
  ...restored,
  name: 'branched',
  operator: (random) => [
    {
      act: 'restore_at',
      atMs: random.pick([200, 1_500, 4_000]),
      where: random.pick([0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9]),
    },
  ],
}

/** The same, forked at any of its records once it waits or has ended: the fork does nothing twice, and ends alike. */
export const forked: SimScenario = {
  ...restored,
  name: 'forked',
  operator: (random) => [
    { act: 'fork_at', atMs: random.pick([200, 1_500, 4_000]), where: random.pick([0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9]) },
  ],
}

/** The same under a kill switch that is lifted again. */
export const switchedOff: SimScenario = {
  name: 'switched-off',
  workflows: [fanFlow],
  outside: simBank,
  runs: () => [{ workflow: 'fan', input: { id: 'k', n: 5 } }],
  operator: (random) => [
    {
      act: 'kill',
      atMs: random.pick([0, 10, 30, 300]),
      toolClass: 'payments.write',
      forMs: random.pick([2_000, 9_000]),
    },
  ],
}

/** The same, cancelled or broken off on the way. */
export const cancelled: SimScenario = {
  name: 'cancelled',
  workflows: [fanFlow],
  outside: simBank,
  compare: 'none',
  runs: () => [{ workflow: 'fan', input: { id: 'c', n: 7 } }],
  operator: (random) => [
    { act: random.pick(['cancel', 'terminate']), atMs: random.pick([1, 15, 100, 600, 1_200, 3_000]) },
  ],
}
