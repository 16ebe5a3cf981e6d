// #region refunds
import { agent, tool, workflow } from 'signalbox'
import { z } from 'zod'
import { findAtShop, refundAtShop, shopHosts } from './shop.ts'

const Ticket = z.object({ order: z.string(), cents: z.int().positive() })

const refund = tool({
  name: 'payments.refund',
  class: 'payments.write', // what the policy speaks about
  effect: 'irreversible',
  input: Ticket,
  output: z.object({ refunded: z.int() }),
  effectKey: ({ order }) => ({ scope: 'tenant', key: order }), // once for an order, whoever asks again
  preview: async ({ order, cents }) => ({
    summary: `Refund order ${order}`, // what a reviewer sees, when the policy asks for one
    target: { type: 'order', id: order, version: '1' },
    impact: { money: { minor: cents, currency: 'EUR' } },
    rollback: 'Charge the order again.',
  }),
  hosts: shopHosts, // where ctx.fetch may go
  timeoutSeconds: 3,
  settleAfterSeconds: 1, // later than that the shop books no lost request
  execute: refundAtShop, // calls out with ctx.fetch, under a key that no retry changes
  reconcile: findAtShop, // asks the shop what became of a refund whose answer was lost
})

const instructions = 'Refund what the customer asks for, then answer in one sentence.'
const model = process.env.SIGNALBOX_MODEL ?? 'scripted/clerk' // or openai/…, anthropic/…, google/…, azure/…
const io = { input: Ticket, output: z.string() }
const clerk = agent({ name: 'clerk', model, instructions, maxOutputTokens: 500, tools: [refund], ...io })

const budget = { maxTurns: 4, maxToolCalls: 2, maxRuntimeSeconds: 30, maxTokens: 20_000, maxCostUsd: '0.05' }
export const refunds = workflow({ name: 'refunds', version: '1.0.0', ...io, budget })
  .agent('decide', clerk, { prompt: ({ order, cents }) => `Order ${order}: please refund ${cents} cents.` })
  .start('decide')
  .output('decide')
  .build()
// #endregion refunds
