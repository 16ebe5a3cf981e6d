/** The tools that docs/guide/compensation.md shows. */
import { z } from 'zod'
import { tool } from '../../src/index.ts'

const Payment = z.object({ invoice: z.string(), amountMinor: z.int().positive() })
const Receipt = z.object({ bookingId: z.int() })

/** A payment that can be recalled within an hour. `bank` is an address such as `http://127.0.0.1:8700`. */
export function paymentTools(bank: string) {
  const hosts = [new URL(bank).host]
  // #region recall
  const recall = tool({
    name: 'payments.recall',
    class: 'payments.recall',
    effect: 'irreversible',
    input: Receipt,
    output: z.object({ recalled: z.boolean() }),
    hosts,
    execute: async ({ bookingId }, ctx) => {
      await ctx.fetch(`${bank}/bookings/${bookingId}/recall`, { method: 'POST' })
      return { recalled: true }
    },
  })

  const pay = tool({
    name: 'payments.pay',
    class: 'payments.write',
    effect: 'irreversible',
    input: Payment,
    output: Receipt,
    hosts,
    // Undone by recalling the booking that the receipt names.
    undo: { tool: recall, args: (_payment, { bookingId }) => ({ bookingId }), withinSeconds: 3_600 },
    execute: async (payment, ctx) => {
      const answer = await ctx.fetch(`${bank}/payments`, { method: 'POST', body: JSON.stringify(payment) })
      return Receipt.parse(await answer.json())
    },
  })
  // #endregion recall
  return { recall, pay }
}
