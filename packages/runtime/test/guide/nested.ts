/** The nested workflows that docs/guide/nested.md shows. */
import { z } from 'zod'
import { agent, agentTool, appended, asAgent, port, tool, workflow } from '../../src/index.ts'

const Ticket = z.object({ orderId: z.string(), amount: z.int() })
const Order = z.object({ id: z.string(), amount: z.int() })
const Review = z.object({ ok: z.boolean() })
const Receipt = z.string()
const budget = { maxTurns: 10, maxToolCalls: 10, maxRuntimeSeconds: 60, maxTokens: 10_000, maxCostUsd: '0.10' } as const

const pay = tool({
  name: 'payments.pay',
  class: 'payments.write',
  effect: 'irreversible',
  input: Order,
  output: Receipt,
  execute: ({ id }) => Promise.resolve(`paid ${id}`),
})

/** Asks a person, then pays. */
export const payout = workflow({
  name: 'payout',
  version: '1.0.0',
  input: Order,
  output: Receipt,
  budget,
  tools: [pay],
})
  .port('review', port({ name: 'review', request: Order, response: Review, deadlineSeconds: 86_400 }))
  .node('decide', {
    input: Review,
    output: Receipt,
    run: async ({ ok }, ctx) => {
      if (!ok) return 'not paid'
      const end = await ctx.call(pay, { id: 'order', amount: 1 })
      return end.status === 'succeeded' ? end.output : `not paid: ${end.reason}`
    },
  })
  .start('review')
  .edge('review', 'decide')
  .output('decide')
  .build()

// #region desk
export const desk = workflow({
  name: 'desk',
  version: '1.0.0',
  input: Ticket,
  output: Receipt,
  budget,
  state: { paid: appended(Receipt) },
})
  .workflow('pay', payout, {
    // What the node takes, where that is not what the workflow takes, and the workflow's input made of it.
    takes: Ticket,
    input: (ticket) => ({ id: ticket.orderId, amount: ticket.amount }),
    done: (receipt, ctx) => ctx.write({ paid: receipt }),
    retry: { attempts: 2 },
    // Small amounts are answered here; undefined passes the request up to people.
    answers: { review: (order: z.output<typeof Order>) => (order.amount < 100 ? { ok: true } : undefined) },
  })
  .start('pay')
  .output('pay')
  .build()
// #endregion desk

const researcher = agent({
  name: 'researcher',
  model: 'scripted/researcher',
  instructions: 'Find out what a customer is owed.',
  maxOutputTokens: 100,
  tools: [],
  input: z.string(),
  output: z.string(),
})

// #region agent
export const lookUp = agentTool(researcher, {
  name: 'agents.researcher',
  class: 'agents.call',
  description: 'Finds out what a customer is owed',
  input: z.object({ customer: z.string() }),
  prompt: ({ customer }) => `What is ${customer} owed?`,
})

export const clerk = agent({
  name: 'clerk',
  model: 'scripted/clerk',
  instructions: 'Answer the customer.',
  maxOutputTokens: 100,
  tools: [lookUp],
  input: z.string(),
  output: z.string(),
})
// #endregion agent

// #region worker
export const worker = asAgent(payout, { name: 'payer', input: (prompt) => ({ id: prompt, amount: 1 }) })
// #endregion worker
