/** One workflow for all the ways of running it: a look-up, an agent that refunds and writes, and an output node. */
import { agent, appended, loadBundle, owned, type PolicyBundle, type ScriptedAnswer, tool, workflow } from 'signalbox'
import { z } from 'zod'
import { REVIEWED } from 'signalbox/testing'

const Ticket = z.object({ orderId: z.string() })
const Order = z.object({ id: z.string(), total_cents: z.int(), version: z.string() })
const Receipt = z.object({ receipt: z.string() })
const Resolution = z.object({ refunded: z.boolean(), why: z.string() })
const budget = { maxTurns: 8, maxToolCalls: 8, maxRuntimeSeconds: 60, maxTokens: 200_000, maxCostUsd: '2' }

/** A text that no other part of the test world says. */
export const FINAL_WORDS = 'The grey heron was refunded in full, and the customer knows.'

/** What the model says, from the number of tool results that it has seen. */
export function deskAnswer(toolResults: number, final = FINAL_WORDS): ScriptedAnswer {
  if (toolResults === 0)
    return {
      text: 'I read the order and propose the refund.',
      calls: [
        { id: 'c1', tool: 'orders.get', args: { orderId: 'o-7' } },
        { id: 'c2', tool: 'payments.refund', args: { orderId: 'o-7', amount_cents: 5_000 } },
      ],
    }
  if (toolResults === 2)
    return { text: 'Now the letter.', calls: [{ id: 'c3', tool: 'letters.send', args: { orderId: 'o-7' } }] }
  return { text: JSON.stringify({ refunded: true, why: final }) }
}

/** The tools over a shop. */
export function shopTools(shop: { readonly url: string; readonly port: number }) {
  const hosts = [`127.0.0.1:${shop.port}`]
  const post = async (path: string, body: object, ctx: { fetch: typeof fetch; signal: AbortSignal }) => {
    const headers = { 'content-type': 'application/json' }
    const answer = await ctx.fetch(`${shop.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    return Receipt.parse(await answer.json())
  }
  const getOrder = tool({
    name: 'orders.get',
    class: 'records.read',
    effect: 'none',
    input: z.object({ orderId: z.string() }),
    output: Order,
    hosts,
    execute: async ({ orderId }, ctx) => Order.parse(await (await ctx.fetch(`${shop.url}/orders/${orderId}`)).json()),
  })
  const refund = tool({
    name: 'payments.refund',
    class: 'payments.write',
    effect: 'irreversible',
    input: z.object({ orderId: z.string(), amount_cents: z.int().positive() }),
    output: Receipt,
    hosts,
    effectKey: ({ orderId }) => ({ scope: 'run', key: orderId }),
    preview: async ({ orderId, amount_cents }, ctx) => {
      const order = Order.parse(await (await ctx.fetch(`${shop.url}/orders/${orderId}`)).json())
      return {
        summary: `Refund order ${orderId}`,
        target: { type: 'order', id: orderId, version: order.version },
        impact: { money: { minor: amount_cents, currency: 'EUR' } },
        rollback: 'Charge again',
      }
    },
    execute: async (args, ctx) => post('/refunds', args, ctx),
  })
  const letter = tool({
    name: 'letters.send',
    class: 'external.notification.send',
    effect: 'irreversible',
    input: z.object({ orderId: z.string() }),
    output: Receipt,
    hosts,
    execute: async (args, ctx) => post('/letters', args, ctx),
  })
  return { getOrder, refund, letter }
}

type Tools = ReturnType<typeof shopTools>

const clerkOf = (model: string, tools: Tools) =>
  agent({
    name: 'clerk',
    model,
    instructions: 'Refund what is owed, then write a letter.',
    maxOutputTokens: 400,
    tools: [tools.getOrder, tools.refund, tools.letter],
    input: Ticket,
    output: Resolution,
  })

/** Look-up, agent, output node; state with an owner and a list. */
export function deskWorkflow(model: string, tools: Tools) {
  return workflow({
    name: 'refund-desk',
    version: '1.0.0',
    input: Ticket,
    output: Resolution,
    budget,
    contract: REVIEWED,
    state: { order: owned('lookup', Order), notes: appended(z.string()) },
    tools: [tools.getOrder],
  })
    .node('lookup', {
      input: Ticket,
      output: Ticket,
      run: async (ticket, ctx) => {
        const found = await ctx.call(tools.getOrder, { orderId: ticket.orderId })
        if (found.status === 'succeeded') ctx.write({ order: found.output, notes: 'order found' })
        return ticket
      },
    })
    .agent('clerk', clerkOf(model, tools), { prompt: (ticket) => `Order ${ticket.orderId} arrived broken.` })
    .node('close', {
      input: Resolution,
      output: Resolution,
      run: async (resolution, ctx) => {
        ctx.write({ notes: resolution.refunded ? 'refunded' : 'not refunded' })
        return resolution
      },
    })
    .start('lookup')
    .edge('lookup', 'clerk')
    .edge('clerk', 'close')
    .output('close')
    .build()
}

/** The agent alone: what it answers is the run's output. */
export function answerWorkflow(model: string, tools: Tools) {
  return workflow({
    name: 'answer',
    version: '1.0.0',
    input: Ticket,
    output: Resolution,
    budget,
    contract: REVIEWED,
    state: {},
  })
    .agent('clerk', clerkOf(model, tools), { prompt: (ticket) => `Order ${ticket.orderId} arrived broken.` })
    .start('clerk')
    .output('clerk')
    .build()
}

const action = (name: string): string => `Signalbox::Action::"${name}"`

/** One rule of the test's bundle. */
export function rule(id: string, kind: 'permit' | 'forbid', of: string, when = '', notes = ''): string {
  const reason = kind === 'forbid' ? '@reason("NOT_HERE")\n' : ''
  const head = `@id("${id}")\n@owner("tests")\n${notes || reason}${kind} (\n  principal is Signalbox::Run,\n`
  return `${head}  action in ${action(of)},\n  resource is Signalbox::Target\n)${when ? `\nwhen { ${when} }` : ''};\n`
}

const APPROVAL = `@id("refund.asks")
@owner("tests")
@effect("require_approval")
@approvers("role:approver")
@reason("LARGE_REFUND")
forbid (
  principal is Signalbox::Run,
  action in ${action('class:payments.write')},
  resource is Signalbox::Target
)
when { context.input.amount_cents > 1000 }
unless { context has approval && context.approval.bound && context.approval.fresh };
`

/** The bundle in force; `more` adds rules, `approval` false leaves refunds to the agent. */
export function deskBundle(options: { more?: string; approval?: boolean; reason?: string } = {}): PolicyBundle {
  const { more = '', approval = true, reason = 'LARGE_REFUND' } = options
  const row = { owner: 'tests', blast_radius: 'one order', facts: {} }
  const catalogue = {
    tools: [
      { ...row, name: 'orders.get', class: 'records.read', effect: 'none', input: {} },
      {
        ...row,
        name: 'payments.refund',
        class: 'payments.write',
        effect: 'irreversible',
        input: { amount_cents: 'Long' },
      },
      { ...row, name: 'letters.send', class: 'external.notification.send', effect: 'irreversible', input: {} },
    ],
    models: [
      { name: 'scripted/*', owner: 'tests' },
      { name: 'openai-compatible/*', owner: 'tests' },
    ],
    workflows: ['refund-desk', 'answer'].map((name) => ({ name, owner: 'tests', roles: ['requester'] })),
  }
  const manifest = {
    name: 'desk',
    version: '1.0.0',
    owner: 'tests',
    roles: ['requester', 'approver', 'viewer'],
    reasons: { [reason]: 'a refund of this size needs a person', NOT_HERE: 'not here' },
  }
  const classes = ['records.read', 'payments.write', 'external.notification.send', 'model.call']
  const permits = classes.map((name) => rule(`may.${name.replaceAll('.', '-')}`, 'permit', `class:${name}`))
  return loadBundle({
    'bundle.json': JSON.stringify(manifest),
    'catalogue.json': JSON.stringify(catalogue),
    'core.cedar': `${permits.join('')}${approval ? APPROVAL.replace('LARGE_REFUND', reason) : ''}${more}`,
  })
}
