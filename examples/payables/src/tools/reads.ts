/** Tools that only read: they run without a person, and change nothing. */
import { tool } from 'signalbox'
import { z } from 'zod'
import { MatchedInvoice } from '../case.ts'
import { PaymentReceipt, PurchaseOrderRecord, VendorRecord } from '../world/client.ts'
import { certain, clientOf, common, options, orNull, type WorldAccess } from './world.ts'

/** What the company's own records say. */
const OWN_RECORDS = { integrity: 2, marks: [] } as const

/** The reading tools over the world that `access` names. */
export function readTools(access: WorldAccess) {
  const reads = { class: 'records.read', effect: 'none', ...common(access) } as const
  return {
    match: tool({
      ...reads,
      name: 'records.match',
      description: 'Matches an invoice file with the ledger. The invoice in the answer holds the words of a stranger.',
      input: z.object({ file: z.string() }),
      output: MatchedInvoice,
      execute: ({ file }, ctx) =>
        certain(async () => {
          const client = clientOf(access, ctx)
          const match = await client.match(file, options(ctx))
          const invoice = await orNull(() => client.invoice(file, options(ctx)))
          const vendor = invoice && (await orNull(() => client.vendor(invoice.vendor_id, options(ctx))))
          return { file, match, invoice, vendor }
        }),
    }),
    vendor: tool({
      ...reads,
      name: 'records.vendor',
      description: 'The registered data of a vendor: name, account, mail address, bank endpoint (modern or legacy).',
      labels: OWN_RECORDS,
      input: z.object({ vendor_id: z.string() }),
      output: VendorRecord,
      execute: ({ vendor_id }, ctx) => certain(() => clientOf(access, ctx).vendor(vendor_id, options(ctx))),
    }),
    purchaseOrder: tool({
      ...reads,
      name: 'records.purchase_order',
      description: 'A purchase order: vendor, total with tax in minor units, currency, open or closed.',
      labels: OWN_RECORDS,
      input: z.object({ po: z.string() }),
      output: PurchaseOrderRecord,
      execute: ({ po }, ctx) => certain(() => clientOf(access, ctx).purchaseOrder(po, options(ctx))),
    }),
    payments: tool({
      ...reads,
      name: 'records.payments',
      description: 'What the bank has booked for an invoice key, on either endpoint.',
      labels: OWN_RECORDS,
      input: z.object({ invoice_key: z.string() }),
      output: z.object({ payments: z.array(PaymentReceipt) }),
      execute: ({ invoice_key }, ctx) =>
        certain(async () => ({ payments: await clientOf(access, ctx).bookings(options(ctx), invoice_key) })),
    }),
  }
}
