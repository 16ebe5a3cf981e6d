import { z } from 'zod'
import { appended, port, workflow } from '../../../orchestration/index.ts'
import { simBank } from '../bank.ts'
import type { SimScenario } from '../scenario.ts'
import { AGAIN, done, WIDE } from './common.ts'
import { pay, payHarmless, payLookedUp, rate } from './tools.ts'

const JOB = z.object({ id: z.string(), n: z.int() })
const review = port({ name: 'review', request: z.string(), response: z.boolean(), deadlineSeconds: 600 })

/** Two payments at once, joined, then a question to a person. */
const innermost = workflow({
  name: 'paying',
  version: '1.0.0',
  input: JOB,
  output: z.string(),
  budget: WIDE,
  state: { notes: appended(z.string()) },
  tools: [pay, payHarmless, payLookedUp, rate],
})
  .node('split', { input: JOB, output: JOB, run: (job) => job })
  .node('left', {
    input: JOB,
    output: z.string(),
    retry: AGAIN,
    run: async ({ id, n }, ctx) => {
      const value = done(await ctx.call(rate, { n }))
      done(await ctx.call(pay, { to: `${id}-left`, amount: value }))
      ctx.write({ notes: 'left' })
      return 'left'
    },
  })
  .node('right', {
    input: JOB,
    output: z.string(),
    retry: AGAIN,
    run: async ({ id, n }, ctx) => {
      done(await ctx.call(payLookedUp, { to: `${id}-right`, amount: n }))
      ctx.write({ notes: 'right' })
      return 'right'
    },
  })
  .node('join', {
    input: z.array(z.string()),
    output: z.string(),
    run: (_parts, ctx) => [...ctx.state.notes].join(' '),
  })
  .port('review', review)
  .node('end', { input: z.boolean(), output: z.string(), run: (ok, ctx) => `${ctx.state.notes.join(' ')} ${ok}` })
  .start('split')
  .fanOut('split', ['left', 'right'])
  .fanIn(['left', 'right'], 'join')
  .edge('join', 'review')
  .edge('review', 'end')
  .output('end')
  .build()

const middle = workflow({
  name: 'middle',
  version: '1.0.0',
  input: JOB,
  output: z.string(),
  budget: WIDE,
  tools: [payHarmless],
})
  .node('first', {
    input: JOB,
    output: JOB,
    retry: AGAIN,
    run: async (job, ctx) => {
      done(await ctx.call(payHarmless, { to: `${job.id}-first`, amount: 1 }))
      return job
    },
  })
  .workflow('inner', innermost, { retry: AGAIN })
  .start('first')
  .edge('first', 'inner')
  .output('inner')
  .build()

const outermost = workflow({
  name: 'nested',
  version: '1.0.0',
  input: z.array(JOB),
  output: z.string(),
  budget: WIDE,
  state: { ends: appended(z.string()) },
})
  .node('open', { input: z.array(JOB), output: z.array(JOB), run: (jobs) => jobs })
  .workflow('a', middle, {
    takes: z.array(JOB),
    input: (jobs) => ({ id: `${jobs[0]?.id}a`, n: jobs[0]?.n ?? 1 }),
    done: (text, ctx) => ctx.write({ ends: text }),
    retry: AGAIN,
  })
  .workflow('b', middle, {
    takes: z.array(JOB),
    input: (jobs) => ({ id: `${jobs[0]?.id}b`, n: jobs[0]?.n ?? 1 }),
    done: (text, ctx) => ctx.write({ ends: text }),
    retry: AGAIN,
  })
  .node('close', { input: z.array(z.string()), output: z.string(), run: (parts) => parts.join('; ') })
  .start('open')
  .fanOut('open', ['a', 'b'])
  .fanIn(['a', 'b'], 'close')
  .output('close')
  .build()

/** Two nested workflows at once, each with one nested in it that pays, joins and asks a person. */
export const nested: SimScenario = {
  name: 'nested',
  workflows: [outermost],
  outside: simBank,
  people: ({ row }) => (row.kind === 'request' ? { kind: 'request', value: true } : undefined),
  runs: (random) => [{ workflow: 'nested', input: [{ id: 'n', n: random.between(5, 8) }] }],
}

/** The same, restored to any of its records, or forked there. */
export const nestedMoved: SimScenario = {
  ...nested,
  name: 'nested-moved',
  operator: (random) => [
    {
      act: random.pick(['restore_at', 'fork_at'] as const),
      atMs: random.pick([200, 1_500, 4_000]),
      where: random.pick([0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9]),
    },
  ],
}
