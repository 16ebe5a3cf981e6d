import { readFile } from 'node:fs/promises'
import { agent, handoff, tool } from 'signalbox'
import { z } from 'zod'
import { posts } from 'signalbox/testing'
import { contract } from './contract.ts'

const Order = z.object({ order: z.string().regex(/^\d+$/) })
const Refund = z.object({ order: z.string(), cents: z.int().positive() })

/** What the payment service accepts: one refund an order. */
export const REFUNDS = { tool: 'payments.refund', body: Refund, subject: ({ order }: z.infer<typeof Refund>) => order }

const findOrder = tool({
  name: 'orders.find',
  class: 'records.read',
  effect: 'none',
  input: Order,
  output: z.string(),
  execute: async ({ order }) => {
    const lines = (await readFile(new URL('../data/orders.csv', import.meta.url), 'utf8')).split('\n')
    return lines.find((line) => line.startsWith(`${order},`)) ?? 'no such order'
  },
})

const refund = tool({
  name: 'payments.refund',
  class: 'payments.write', // a lead approves each, says the policy
  effect: 'irreversible',
  input: Refund,
  output: Refund,
  effectKey: ({ order }) => ({ scope: 'tenant', key: order }),
  preview: async ({ order, cents }) => ({
    summary: `Refund order ${order}`,
    target: { type: 'order', id: order, version: '1' },
    impact: { money: { minor: cents, currency: 'EUR' } },
    rollback: 'Charge the order again.',
  }),
  ...posts(REFUNDS),
})

const helper = (name: string, description: string, tools: Parameters<typeof agent>[0]['tools']) => ({
  description, // what the others choose by
  does: agent({
    name,
    model: process.env.SIGNALBOX_MODEL ?? `scripted/${name}`,
    instructions: `You are ${name} of a shop's support desk. Hand over what is not yours; ask when you are not sure.`,
    maxOutputTokens: 400,
    tools,
    input: z.string(),
    output: z.string(), // a turn gets its schema from the routes
  }),
})

// #region handoff
export const desk = handoff({
  name: 'support-desk',
  version: '1.0.0',
  input: z.string(),
  participants: [
    helper('reception', 'finds out what it is about', []),
    helper('delivery', 'knows where parcels are', [findOrder]),
    helper('billing', 'knows payments and makes refunds', [findOrder, refund]),
  ],
  routes: {
    reception: ['delivery', 'billing'],
    delivery: ['billing', 'reception'],
    billing: ['delivery', 'reception'],
  },
  user: { deadlineSeconds: 86_400 },
  escalation: { deadlineSeconds: 86_400 },
  contract,
  budget: { maxTurns: 30, maxToolCalls: 12, maxRuntimeSeconds: 60, maxTokens: 200_000, maxCostUsd: '0.50' },
})
// #endregion handoff
