import { z } from 'zod'
import type { Agent, Tool } from '../contracts/index.ts'
import { appended, owned, port, Rejection, reduced, type Workflow, workflow } from './index.ts'

/** Wrong uses of the builder that must not compile, and right ones that must. Checked by the compiler, never run. */

const Ticket = z.object({ orderId: z.string(), text: z.string() })
const Order = z.object({ id: z.string(), totalCents: z.int() })
const Resolution = z.object({ refunded: z.boolean(), why: z.string() })
type TicketT = z.output<typeof Ticket>
type ResolutionT = z.output<typeof Resolution>

declare const getOrder: Tool<{ orderId: string }, z.output<typeof Order>>
declare const clerk: Agent<TicketT, ResolutionT>
const review = port({
  name: 'review',
  request: Resolution,
  response: z.object({ ok: z.boolean() }),
  deadlineSeconds: 86_400,
})
const budget = { maxTurns: 12, maxToolCalls: 6, maxRuntimeSeconds: 90, maxTokens: 60_000, maxCostUsd: '0.50' }

const open = workflow({
  name: 'refund-desk',
  version: '1.0.0',
  input: Ticket,
  output: Resolution,
  budget,
  state: {
    order: owned('lookup', Order),
    notes: appended(z.string()),
    total: reduced(z.number(), (a: number | undefined, b) => (a ?? 0) + b),
  },
})

const desk = open
  .node('lookup', {
    input: Ticket,
    output: Ticket,
    run: async (ticket, ctx) => {
      const found = await ctx.call(getOrder, { orderId: ticket.orderId })
      if (found.status === 'succeeded') ctx.write({ order: found.output, notes: 'order found', total: 1 })
      else ctx.write({ notes: found.reason })
      const notes: readonly string[] = ctx.state.notes
      const cents: number | undefined = ctx.state.order?.totalCents
      // @ts-expect-error a call that did not succeed has no output
      void found.output
      // @ts-expect-error the arguments are those of the tool
      await ctx.call(getOrder, { orderId: 1 })
      return { ...ticket, text: `${notes.length} ${cents}` }
    },
  })
  .agent('triage', clerk, {
    retry: { attempts: 3 },
    prompt: (ticket, state) => `${ticket.text} ${state.order?.totalCents}`,
    done: (output, ctx) => ctx.write({ notes: output.why }),
  })
  .port('ask', review)
  .node('close', {
    input: z.object({ ok: z.boolean() }),
    output: Resolution,
    run: ({ ok }) => ({ refunded: ok, why: 'reviewed' }),
  })
  .node('declined', {
    input: Rejection,
    output: Resolution,
    run: async ({ reason }) => ({ refunded: false, why: reason }),
  })
  .start('lookup')
  .edge('lookup', 'triage')
  .edge('triage', 'ask', (message) => message.refunded)
  .edge('ask', 'close')
  .onRejected('triage', 'declined')
  .output('close')
  .output('declined')

const built: Workflow<TicketT, ResolutionT> = desk.build()
void built

const Paid = z.object({ kind: z.literal('paid'), cents: z.int() })
const Refused = z.object({ kind: z.literal('refused') })
const parted = open
  .node('decide', {
    input: Ticket,
    output: z.union([Paid, Refused]),
    run: () => ({ kind: 'refused' as const }),
  })
  .node('paid', { input: Paid, output: Resolution, run: () => ({ refunded: true, why: '' }) })
  .edge('decide', 'paid', (message) => message.kind === 'paid')
void parted

void (() => {
  // @ts-expect-error without a condition the whole union must fit
  parted.edge('decide', 'paid')
  // @ts-expect-error the condition lets the wrong part through
  parted.edge('decide', 'paid', (message) => message.kind === 'refused')
  open.node('close', {
    input: Ticket,
    output: Ticket,
    run: (ticket, ctx) => {
      // @ts-expect-error only the owner writes an owned field
      ctx.write({ order: { id: 'a', totalCents: 1 } })
      // @ts-expect-error no such field
      ctx.write({ nothing: 1 })
      // @ts-expect-error an appended field takes one item
      ctx.write({ notes: ['a'] })
      // @ts-expect-error state is read-only
      ctx.state.notes = []
      return ticket
    },
  })
  // @ts-expect-error the returned message has the declared type
  open.node('wrong', { input: Ticket, output: Ticket, run: () => ({ orderId: 1 }) })
  // @ts-expect-error a node name is used once
  desk.node('lookup', { input: Ticket, output: Ticket, run: (ticket) => ticket })
  // @ts-expect-error the message does not fit
  desk.edge('lookup', 'close')
  // @ts-expect-error no such node
  desk.edge('lookup', 'nowhere')
  // @ts-expect-error a condition sees the source's message
  desk.edge('lookup', 'triage', (message) => message.refunded)
  // @ts-expect-error a condition is not a promise
  desk.edge('lookup', 'triage', async () => true)
  // @ts-expect-error the run's input does not fit the node
  desk.start('close')
  // @ts-expect-error the node's message is not the run's output
  desk.output('lookup')
  // @ts-expect-error the fallback takes a rejection
  desk.onRejected('triage', 'close')
  // @ts-expect-error fan-out targets take the message
  desk.fanOut('lookup', ['triage', 'close'])
  // @ts-expect-error a switch needs its default
  desk.switch('lookup', [{ when: (m) => m.text === '', to: 'triage' }])
  desk.switch('lookup', [{ when: (m) => m.text === '', to: 'triage' }], 'triage')
  // @ts-expect-error the case's target takes the message
  desk.switch('lookup', [{ when: (m) => m.text === '', to: 'close' }], 'triage')
  // @ts-expect-error the port gets what it declares
  desk.edge('lookup', 'ask')
  // @ts-expect-error the agent gets what it declares
  desk.edge('ask', 'triage')
  // @ts-expect-error `lookup` owns a field but is not a node
  open.node('other', { input: Ticket, output: Resolution, run: () => ({ refunded: true, why: '' }) }).build()
  desk.timer('rest', { message: Resolution, until: (message, state) => `${message.why} ${state.order?.id}` })
  // @ts-expect-error a timer sends what it takes
  desk.timer('rest', { message: Ticket, seconds: 1 }).edge('rest', 'close')
  // @ts-expect-error a timer waits for seconds or until a time
  desk.timer('rest', { message: Ticket })
  // @ts-expect-error and not for both
  desk.timer('rest', { message: Ticket, seconds: 1, until: () => '2026-03-01T09:00:00Z' })
  // @ts-expect-error a budget has all limits
  workflow({ name: 'x', version: '1', input: Ticket, output: Ticket, budget: { maxTurns: 1 } })
  // @ts-expect-error a workflow of other types
  const other: Workflow<number, ResolutionT> = built
  void other
})
