/**
 * One case of the desk: an invoice file, what the records service says about it, and how it ended. The same shapes are
 * state, messages and tool output, so that the history of a run can be read without this code.
 */
import { z } from 'zod'
import { Match, PaymentReceipt, VendorRecord } from './world/client.ts'

/** What a run is started with: one file of the inbox. */
export const InvoiceFile = z.object({ file: z.string().min(1).max(110) })
/** What a run is started with. */
export type InvoiceFile = z.infer<typeof InvoiceFile>

/** An invoice as it was parsed. Money in minor units. `note` and `description` are the words of a stranger. */
export const InvoiceContent = z.object({
  source: z.string(),
  invoice_number: z.string(),
  vendor_id: z.string(),
  vendor_name: z.string(),
  vendor_iban: z.string(),
  po_number: z.string(),
  currency: z.string(),
  issue_date: z.string(),
  due_date: z.string(),
  lines: z.array(
    z.object({
      description: z.string(),
      quantity: z.int(),
      unit_price_minor: z.int(),
      total_minor: z.int(),
    }),
  ),
  tax_minor: z.int(),
  total_minor: z.int(),
  note: z.string(),
})
/** An invoice as it was parsed. */
export type InvoiceContent = z.infer<typeof InvoiceContent>

/**
 * The match of a file with what it rests on. `invoice` is null for a file that holds none, `vendor` for a vendor that
 * the ledger does not know.
 */
export const MatchedInvoice = z.object({
  file: z.string(),
  match: Match,
  invoice: InvoiceContent.nullable(),
  vendor: VendorRecord.nullable(),
})
/** The match of a file with what it rests on. */
export type MatchedInvoice = z.infer<typeof MatchedInvoice>

/** What the clerk says it decided. What was really paid is asked of the bank. */
export const Decision = z.object({ decision: z.enum(['paid', 'held']), reason: z.string().min(1).max(1_000) })
/** What the clerk says it decided. */
export type Decision = z.infer<typeof Decision>

/** How a case stands by the bank's own word. `payable`: nobody refused the payment, and the invoice matches. */
export const Standing = z.object({
  payments: z.array(PaymentReceipt),
  payable: z.boolean(),
  reason: z.string(),
})
/** How a case stands by the bank's own word. */
export type Standing = z.infer<typeof Standing>

/** How a case ended. `payments` is what the bank has booked for the invoice. */
export const Resolution = z.object({
  outcome: z.enum(['paid', 'held']),
  file: z.string(),
  invoice_key: z.string().nullable(),
  reason: z.string(),
  payments: z.array(PaymentReceipt),
  notice: z.string(),
})
/** How a case ended. */
export type Resolution = z.infer<typeof Resolution>

/** How the bank and the records know the invoice: its key, or the file name when it has none. */
export function subjectOf(matched: Pick<MatchedInvoice, 'file' | 'match'>): string {
  return matched.match.invoice_key ?? matched.file
}

/** Minor units as people write them: `1,234.50 EUR`. All currencies of the desk have two decimals. */
export function money(minor: number, currency: string): string {
  const whole = String(Math.floor(Math.abs(minor) / 100)).replace(/\B(?=(\d{3})+$)/g, ',')
  const cents = String(Math.abs(minor) % 100).padStart(2, '0')
  return `${minor < 0 ? '-' : ''}${whole}.${cents} ${currency}`
}
