/** What the bank says it booked, so that the ledger of effects can be compared with it. */
import { listingPageSchema, listingRequestSchema, tool } from 'signalbox'
import { clientOf, common, options, type WorldAccess } from './world.ts'

/** Lists the bookings of both endpoints. The legacy one keeps no key: its bookings are found by their number or invoice. */
export function statementTool(access: WorldAccess) {
  return tool({
    name: 'payments.statement',
    class: 'payments.read',
    effect: 'none',
    description: 'Lists what the bank booked in a time.',
    ...common(access),
    input: listingRequestSchema,
    output: listingPageSchema,
    execute: async (asked, ctx) => {
      const { payments, next } = await clientOf(access, ctx).statement(asked, options(ctx))
      const entries = payments.map((each) => ({
        key: each.idempotency_key,
        ref: String(each.booking_id),
        object: `invoice:${each.reference}`,
        at: each.booked_at,
        what: { payee_iban: each.payee_iban, amount_minor: each.amount_minor, currency: each.currency },
      }))
      return { entries, next }
    },
  })
}
