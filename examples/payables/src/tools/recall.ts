/** How a payment is undone: the bank recalls its booking, once, on either endpoint. */
import { type Found, type Preview, type ReadCtx, tool, ToolFailure } from 'signalbox'
import { z } from 'zod'
import { money } from '../case.ts'
import { RecallReceipt } from '../world/client.ts'
import { certain, clientOf, common, keyed, options, type WorldAccess } from './world.ts'

const Recalled = z.object({ booking_id: z.int(), invoice_key: z.string() })
type Recalled = z.infer<typeof Recalled>

/**
 * Recalls one booking over the world that `access` names. It needs nothing of a run of the desk: a compensation is a run
 * of its own.
 */
export function recallTool(access: WorldAccess) {
  return tool({
    name: 'payments.recall',
    class: 'payments.write',
    effect: 'irreversible',
    description: 'Takes a booked payment back, whichever endpoint booked it.',
    ...common(access),
    settleAfterSeconds: access.settleAfterSeconds,
    repeat: 'same_key_is_harmless',
    labels: { integrity: 2, marks: [] },
    input: Recalled,
    output: RecallReceipt,
    effectKey: ({ booking_id }) => ({ scope: 'tenant', key: `booking ${booking_id}` }),
    touches: ({ booking_id, invoice_key }) => [`invoice:${invoice_key}`, `ref:${booking_id}`],
    preview: (args, ctx) => previewOf(access, args, ctx),
    execute: ({ booking_id }, ctx) =>
      certain(async () => (await clientOf(access, ctx).recall(booking_id, keyed(ctx))).recall),
    reconcile: async (_args, ctx): Promise<Found<RecallReceipt>> => {
      const recall = await clientOf(access, ctx).findRecallByKey(ctx.idempotencyKey, options(ctx))
      return recall ? { answer: 'happened', output: recall } : { answer: 'did_not' }
    },
  })
}

/** Shows the bank's own booking, and not what the run took it to be. */
async function previewOf(access: WorldAccess, { booking_id, invoice_key }: Recalled, ctx: ReadCtx): Promise<Preview> {
  const client = clientOf(access, ctx)
  const booking = (await client.bookings(options(ctx), invoice_key)).find((each) => each.booking_id === booking_id)
  if (!booking) throw new ToolFailure(`the bank has no booking \`${booking_id}\` for invoice \`${invoice_key}\``)
  const isRecalled = (await client.recalls(options(ctx))).some((each) => each.booking_id === booking_id)
  const { amount_minor, currency, payee_name, payee_iban } = booking
  const amount = money(amount_minor, currency)
  return {
    summary: `Recall ${amount} paid to ${payee_name} for invoice ${invoice_key}`,
    target: { type: 'booking', id: String(booking_id), version: isRecalled ? 'recalled' : 'booked' },
    impact: {
      money: { minor: amount_minor, currency },
      text: `${amount} comes back from ${payee_iban} to the ${currency} account; the vendor is unpaid`,
    },
    rollback: 'None: pay the invoice again, which a person has to order.',
  }
}
