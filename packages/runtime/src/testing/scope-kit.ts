import { z } from 'zod'
import { appended, port, type Workflow, workflow } from '../orchestration/index.ts'
import { WIDE_BUDGET } from './bench-box.ts'
import type { PayTool } from './engine-kit.ts'

/** What the innermost workflow is given and gives. */
export const ORDER = z.object({ to: z.string(), amount: z.int() })
const ANSWER = z.object({ ok: z.boolean() })

/** Pays twice in parallel, joins, and in between asks whether it may, where it is told to. */
export function payDesk(pay: PayTool, asks = false): Workflow<z.output<typeof ORDER>, string> {
  const paid = (to: string) =>
    ({
      input: ORDER,
      output: z.string(),
      run: async (order: z.output<typeof ORDER>, ctx: { call: (tool: PayTool, args: typeof order) => unknown }) => {
        // The context of a node: only its `call` is used here.
        const end = (await ctx.call(pay, { to, amount: order.amount })) as { status: string }
        return `${to} ${end.status}`
      },
    }) as const
  const base = workflow({
    name: 'pay-desk',
    version: '1.0.0',
    input: ORDER,
    output: z.string(),
    budget: WIDE_BUDGET,
    state: { notes: appended(z.string()) },
    tools: [pay],
  })
    .node('split', {
      input: ORDER,
      output: ORDER,
      run: (order, ctx) => {
        ctx.write({ notes: 'split' })
        return order
      },
    })
    .node('left', paid('left'))
    .node('right', paid('right'))
    .node('join', {
      input: z.array(z.string()),
      output: z.string(),
      run: (parts, ctx) => `${[...ctx.state.notes].join(' ')}: ${parts.join(', ')}`,
    })
    .start('split')
    .fanOut('split', ['left', 'right'])
    .fanIn(['left', 'right'], 'join')
  if (!asks) return base.output('join').build()
  const review = port({ name: 'review', request: z.string(), response: ANSWER, deadlineSeconds: 3_600 })
  return base
    .port('review', review)
    .node('answered', { input: ANSWER, output: z.string(), run: ({ ok }) => (ok ? 'granted' : 'refused') })
    .edge('join', 'review')
    .edge('review', 'answered')
    .output('answered')
    .build()
}

/** Three levels: `desk` holds `middle`, which holds the pay desk. Each has a state of its own. */
export function threeLevels(desk: Workflow<z.output<typeof ORDER>, string>): Workflow<number, string> {
  const middle = workflow({
    name: 'middle',
    version: '1.0.0',
    input: z.number(),
    output: z.string(),
    budget: WIDE_BUDGET,
    state: { notes: appended(z.string()) },
  })
    .node('first', {
      input: z.number(),
      output: ORDER,
      run: (amount, ctx) => {
        ctx.write({ notes: `first ${amount}` })
        return { to: 'x', amount }
      },
    })
    .workflow('inner', desk, { done: (text, ctx) => ctx.write({ notes: text }) })
    .node('last', { input: z.string(), output: z.string(), run: (_text, ctx) => ctx.state.notes.join('; ') })
    .start('first')
    .edge('first', 'inner')
    .edge('inner', 'last')
    .output('last')
    .build()
  return workflow({ name: 'desk', version: '1.0.0', input: z.number(), output: z.string(), budget: WIDE_BUDGET })
    .node('open', { input: z.number(), output: z.number(), run: (n) => n + 1 })
    .workflow('nested', middle)
    .node('close', { input: z.string(), output: z.string(), run: (text) => `[${text}]` })
    .start('open')
    .edge('open', 'nested')
    .edge('nested', 'close')
    .output('close')
    .build()
}

/** What `threeLevels` gives for 3 where nobody is asked. */
export const THREE_LEVELS_OUTPUT = '[first 4; split: left succeeded, right succeeded]'
