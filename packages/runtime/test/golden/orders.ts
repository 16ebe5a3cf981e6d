/**
 * The workflow of the golden database of version 0.2.0: what came after the first one, in one graph. A nested scope, a
 * port, a timer, fan-out and fan-in, an agent that keeps its session, a reducer, a payment that can be undone. Frozen as
 * the first one is: another format gets another file.
 */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import {
  agent,
  appended,
  createSignalbox,
  type Host,
  keyVault,
  loadBundle,
  type ModelRequest,
  openSqliteStore,
  owned,
  type Principal,
  port,
  reduced,
  type Signalbox,
  type Store,
  tool,
  type Vault,
  workflow,
} from '../../src/index.ts'
import { scriptedModel } from '../../src/testing/index.ts'
import { REVIEWED } from '../../src/testing/reviewed.ts'

/** What a run is asked to do. */
export interface GoldenOrder {
  readonly id: string
  readonly amount_minor: number
  /** True: a person is asked at a port before anything is paid. */
  readonly ask: boolean
}

/** The tenant of every run. */
export const TENANT = 'golden'
/** Who asks. */
export const ANA: Principal = { id: 'user:ana', kind: 'user', tenant: TENANT, roles: ['requester'] }
/** Who approves. */
export const PAUL: Principal = { id: 'user:paul', kind: 'user', tenant: TENANT, roles: ['approver'] }
/** Who operates. */
export const OLGA: Principal = { id: 'user:olga', kind: 'user', tenant: TENANT, roles: ['operator'] }

const Order = z.object({ id: z.string(), amount_minor: z.int(), ask: z.boolean() })
const Paid = z.object({ id: z.string(), receipt: z.string() })
const BUDGET = { maxTurns: 12, maxToolCalls: 20, maxRuntimeSeconds: 60, maxTokens: 60_000, maxCostUsd: '1' }

/** What the tools did, in order: `pay <id>` and `refund <id>`. */
export type Booked = string[]

function toolsOf(booked: Booked) {
  const get = tool({
    name: 'orders.get',
    class: 'records.read',
    effect: 'none',
    input: z.object({ id: z.string() }),
    output: z.object({ id: z.string(), lines: z.int() }),
    execute: async ({ id }) => ({ id, lines: id.length }),
  })
  const refund = tool({
    name: 'orders.refund',
    class: 'refunds.write',
    effect: 'irreversible',
    input: z.object({ id: z.string(), receipt: z.string() }),
    output: z.object({ refunded: z.boolean() }),
    preview: async ({ id }) => ({
      summary: `Refund ${id}`,
      target: { type: 'order', id, version: '1' },
      impact: { text: 'the money comes back' },
      rollback: 'Pay it again',
    }),
    execute: async ({ id }) => {
      booked.push(`refund ${id}`)
      return { refunded: true }
    },
  })
  const pay = tool({
    name: 'orders.pay',
    class: 'payments.write',
    effect: 'reversible',
    input: z.object({ id: z.string(), amount_minor: z.int().positive(), currency: z.string().default('EUR') }),
    output: Paid,
    effectKey: ({ id }) => ({ scope: 'tenant', key: id }),
    undo: { tool: refund, args: ({ id }, { receipt }) => ({ id, receipt }) },
    preview: async ({ id, amount_minor }) => ({
      summary: `Pay ${id}`,
      target: { type: 'order', id, version: '1' },
      impact: { money: { minor: amount_minor, currency: 'EUR' } },
      rollback: 'Refund it',
    }),
    execute: async ({ id }) => {
      booked.push(`pay ${id}`)
      return { id, receipt: `receipt of ${id}` }
    },
  })
  return { get, pay, refund }
}

/** The nested workflow: an agent that pays. */
function payment(pay: ReturnType<typeof toolsOf>['pay']) {
  const clerk = agent({
    name: 'payer',
    model: 'scripted/golden-payer',
    instructions: 'Pay the order and say what the receipt is.',
    maxOutputTokens: 200,
    tools: [pay],
    input: Order,
    output: Paid,
  })
  return workflow({
    name: 'golden-payment',
    version: '1.0.0',
    contract: REVIEWED,
    input: Order,
    output: Paid,
    budget: BUDGET,
    state: { paid: owned('note', z.string()) },
  })
    .agent('payer', clerk, { prompt: (order) => JSON.stringify(order), session: 'kept' })
    .node('note', {
      input: Paid,
      output: Paid,
      run: (paid, ctx) => {
        ctx.write({ paid: paid.receipt })
        return paid
      },
    })
    .start('payer')
    .edge('payer', 'note')
    .output('note')
    .build()
}

/** The frozen workflow; its tools write what they did to `booked`. */
export function goldenOrders(booked: Booked) {
  const { get, pay } = toolsOf(booked)
  return workflow({
    name: 'golden-orders',
    version: '1.0.0',
    contract: REVIEWED,
    input: Order,
    output: z.string(),
    budget: BUDGET,
    state: {
      lines: reduced(z.int(), (now, more) => (now ?? 0) + more),
      notes: appended(z.string()),
    },
    tools: [get],
  })
    .node('intake', {
      input: Order,
      output: Order,
      run: async (order, ctx) => {
        const found = await ctx.call(get, { id: order.id })
        ctx.write({ lines: found.status === 'succeeded' ? found.output.lines : 0, notes: `look-up ${found.status}` })
        return order
      },
    })
    .port('ask', port({ name: 'ask', request: Order, response: Order, deadlineSeconds: 86_400 }))
    .timer('pause', { message: Order, seconds: 0.01 })
    .node('check', {
      input: Order,
      output: z.string(),
      run: (order, ctx) => {
        ctx.write({ notes: `checked ${order.id}` })
        return `checked ${order.id}`
      },
    })
    .workflow('payment', payment(pay))
    .node('receipt', { input: Paid, output: z.string(), run: ({ receipt }) => receipt })
    .node('close', { input: z.array(z.string()), output: z.string(), run: (parts) => parts.join(', ') })
    .start('intake')
    .edge('intake', 'ask', ({ ask }) => ask)
    .edge('intake', 'pause', ({ ask }) => !ask)
    .edge('ask', 'pause')
    .fanOut('pause', ['check', 'payment'])
    .edge('payment', 'receipt')
    .fanIn(['check', 'receipt'], 'close')
    .output('close')
    .build()
}

/** Pays, then answers with the receipt. */
function payerScript({ messages }: ModelRequest) {
  const text = JSON.stringify(messages)
  const id = /\\"id\\":\\"([^\\"]+)\\"/.exec(text)?.[1] ?? '?'
  const amount = Number(/\\"amount_minor\\":(\d+)/.exec(text)?.[1] ?? 0)
  if (messages.some((message) => message.role === 'tool')) return JSON.stringify({ id, receipt: `receipt of ${id}` })
  return { calls: [{ tool: 'orders.pay', args: { id, amount_minor: amount } }] }
}

/** Orders over one database file. */
export interface GoldenBox {
  readonly box: Signalbox
  readonly store: Store
  readonly vault: Vault
  readonly booked: Booked
  readonly definition: string
}

/** Opens a database file with the real store, policy and engine. */
export async function openOrders(path: string, host: Host, masterKey: Uint8Array): Promise<GoldenBox> {
  const booked: Booked = []
  const store = await openSqliteStore({ path, host })
  const vault = keyVault({ store, host, masterKey })
  const payer = scriptedModel('golden-payer', payerScript)
  const orders = goldenOrders(booked)
  const box = createSignalbox({
    ...{ store, vault, host },
    policy: loadBundle(ordersPolicy()),
    models: { resolve: () => payer },
    workflows: [orders],
    budgets: [{ scope: 'tenant', per: 'day', maxEffects: 100, maxRuns: 100 }],
    mode: 'production',
  })
  return { box, store, vault, booked, definition: orders.spec.definition }
}

/** The policy of the golden orders. */
export function ordersPolicy(): Readonly<Record<string, string>> {
  const names = ['bundle.json', 'catalogue.json', 'core.cedar']
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(new URL(`./policy-orders/${name}`, import.meta.url), 'utf8')]),
  )
}
