/** The tool that docs/guide/tools.md shows. */
import { z } from 'zod'
import { tool, ToolFailure } from '../../src/index.ts'

// #region refund
const Refund = z.object({ refundId: z.string() })

/** A refund over a bank's HTTP API. `bank` is its address, such as `http://127.0.0.1:8700`. */
export const refundTool = (bank: string) =>
  tool({
    name: 'payments.refund',
    class: 'payments.write',
    effect: 'irreversible',
    description: 'Refund an order in full.',
    input: z.object({ orderId: z.string(), amountMinor: z.int().positive() }),
    output: Refund,
    hosts: [new URL(bank).host],
    timeoutSeconds: 10,

    // One refund of an order in the whole tenant, whoever asks and however often.
    effectKey: ({ orderId }) => ({ scope: 'tenant', key: orderId }),
    // The bank books one idempotency key once, so a repeat under the same key is harmless.
    repeat: 'same_key_is_harmless',
    settleAfterSeconds: 5,

    // What policy compares the proposal with.
    facts: {
      schema: z.object({ paid_minor: z.int() }),
      read: async ({ orderId }, ctx) => {
        const answer = await ctx.fetch(`${bank}/orders/${orderId}`)
        return z.object({ paid_minor: z.int() }).parse(await answer.json())
      },
    },
    // What the reviewer sees. It can only read.
    preview: async ({ orderId, amountMinor }) => ({
      summary: `Refund order ${orderId}`,
      target: { type: 'order', id: orderId, version: '1' },
      impact: { money: { minor: amountMinor, currency: 'EUR' } },
      rollback: 'Charge the customer again',
    }),
    execute: async (args, ctx) => {
      const answer = await ctx.fetch(`${bank}/refunds`, { method: 'POST', body: JSON.stringify(args) })
      if (answer.status === 422) throw new ToolFailure('the bank refuses this refund')
      return Refund.parse(await answer.json())
    },
    // Asked after a crash or a lost answer: did the bank book it?
    reconcile: async (_args, ctx) => {
      const answer = await ctx.fetch(`${bank}/refunds/${ctx.idempotencyKey}`)
      if (answer.status === 404) return { answer: 'did_not' }
      return answer.ok ? { answer: 'happened', output: Refund.parse(await answer.json()) } : { answer: 'cannot_tell' }
    },
  })
// #endregion refund
