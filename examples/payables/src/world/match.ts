/**
 * The match: what a deterministic reader of the ledger says about one invoice. Pure: it reads a view of the ledger and
 * the invoice's typed fields, and never the note or the descriptions.
 */
import type { Invoice } from './inbox.ts'

/** Which of the bank's two payment endpoints a vendor is paid by. */
export type BankEndpoint = 'modern' | 'legacy'

/** A vendor of the master data. `iban` is normalised; it is the only account that may be paid. */
export interface Vendor {
  readonly vendor_id: string
  readonly name: string
  readonly iban: string
  readonly currency: string
  readonly email: string
  readonly bank_endpoint: BankEndpoint
}

/** A purchase order. One invoice bills it whole: `total_minor` includes tax, in minor units of `currency`. */
export interface PurchaseOrder {
  readonly po_number: string
  readonly vendor_id: string
  readonly currency: string
  readonly total_minor: number
  readonly status: 'open' | 'closed'
}

/** How a match can end, first reason first. `unreadable` comes from the records service, for a file without an invoice. */
export const MATCH_STATUSES = [
  'matched',
  'mismatch',
  'duplicate',
  'unknown_vendor',
  'unknown_po',
  'po_closed',
  'wrong_total',
  'iban_changed',
  'currency_mismatch',
  'unreadable',
] as const
/** How a match ended. */
export type MatchStatus = (typeof MATCH_STATUSES)[number]

/** The closed reasons of a match that is not `matched`. */
export const MATCH_REASONS = [
  'vendor_not_in_ledger',
  'vendor_name_differs',
  'invoice_number_seen',
  'purchase_order_already_invoiced',
  'purchase_order_not_in_ledger',
  'purchase_order_of_other_vendor',
  'purchase_order_closed',
  'iban_differs_from_ledger',
  'currency_differs_from_order',
  'line_total_wrong',
  'sum_of_lines_wrong',
  'total_differs_from_order',
  'file_changed_after_arrival',
  'file_unreadable',
] as const
/** A closed reason. */
export type MatchReasonCode = (typeof MATCH_REASONS)[number]

/** One finding; `message` holds no text of the invoice other than names that the ledger knows. */
export interface MatchReason {
  readonly code: MatchReasonCode
  readonly message: string
}

/** The one right payment of a matched invoice. `reference` is the invoice key, so that the bank can be asked for it. */
export interface ExpectedPayment {
  readonly payee_iban: string
  readonly payee_name: string
  readonly amount_minor: number
  readonly currency: string
  readonly invoice_key: string
  readonly reference: string
  readonly bank_endpoint: BankEndpoint
}

/** The result of a match. `expected` is there exactly when `status` is `matched`: nothing else may be paid. */
export interface MatchResult {
  readonly source: string
  readonly status: MatchStatus
  readonly invoice_key: string | null
  readonly expected: ExpectedPayment | null
  readonly reasons: readonly MatchReason[]
}

/** An earlier arrival that matched, or an invoice paid before. */
export interface EarlierInvoice {
  readonly source: string
  readonly by: 'invoice_key' | 'po_number'
}

/** What the match reads. All look-ups are synchronous and free of effects. */
export interface LedgerView {
  vendor(vendorId: string): Vendor | undefined
  purchaseOrder(poNumber: string): PurchaseOrder | undefined
  /** Invoices that matched and arrived before `source`, with the same key or the same purchase order. */
  earlier(source: string, invoiceKey: string, poNumber: string): readonly EarlierInvoice[]
}

/** Spelling differences that do not make another invoice: case, spaces and separators. */
export function normaliseNumber(number: string): string {
  return number
    .normalize('NFKC')
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, '')
}

/** The business identity of an invoice: who bills, and under which number. Safe as a payment reference. */
export function invoiceKey(vendorId: string, invoiceNumber: string): string {
  return `${normaliseNumber(vendorId)}:${normaliseNumber(invoiceNumber)}`
}

interface Finding {
  readonly status: MatchStatus
  readonly reason: MatchReason
}

function finding(status: MatchStatus, code: MatchReasonCode, message: string): Finding {
  return { status, reason: { code, message } }
}

/**
 * Matches one invoice against the ledger. All findings are given; the first one in the fixed order decides the status.
 * An invoice without a finding is `matched` and carries the right payment, taken from the ledger and not from the file.
 */
export function matchInvoice(invoice: Invoice, ledger: LedgerView): MatchResult {
  const key = invoiceKey(invoice.vendor_id, invoice.invoice_number)
  const vendor = ledger.vendor(invoice.vendor_id)
  if (vendor === undefined) {
    return result(invoice, key, [finding('unknown_vendor', 'vendor_not_in_ledger', 'the ledger has no such vendor')])
  }
  const order = ledger.purchaseOrder(invoice.po_number)
  const findings = [
    ...duplicates(invoice, key, order, vendor, ledger),
    ...orderFindings(invoice, order, vendor),
    ...arithmetic(invoice),
    ...amounts(invoice, order, vendor),
  ]
  if (findings.length > 0 || order === undefined) return result(invoice, key, findings)
  const expected: ExpectedPayment = {
    payee_iban: vendor.iban,
    payee_name: vendor.name,
    amount_minor: order.total_minor,
    currency: order.currency,
    invoice_key: key,
    reference: key,
    bank_endpoint: vendor.bank_endpoint,
  }
  return { source: invoice.source, status: 'matched', invoice_key: key, expected, reasons: [] }
}

function result(invoice: Invoice, key: string, findings: readonly Finding[]): MatchResult {
  const reasons = findings.map((each) => each.reason)
  return {
    source: invoice.source,
    status: findings[0]?.status ?? 'mismatch',
    invoice_key: key,
    expected: null,
    reasons,
  }
}

function duplicates(
  invoice: Invoice,
  key: string,
  order: PurchaseOrder | undefined,
  vendor: Vendor,
  ledger: LedgerView,
): Finding[] {
  const earlier = ledger.earlier(invoice.source, key, invoice.po_number)
  const same = earlier.find((each) => each.by === 'invoice_key')
  if (same)
    return [finding('duplicate', 'invoice_number_seen', `this number of this vendor arrived before (${same.source})`)]
  const ofOrder = earlier.find((each) => each.by === 'po_number')
  if (ofOrder && order?.vendor_id === vendor.vendor_id) {
    const said = `purchase order ${order.po_number} was already invoiced (${ofOrder.source})`
    return [finding('duplicate', 'purchase_order_already_invoiced', said)]
  }
  return []
}

function orderFindings(invoice: Invoice, order: PurchaseOrder | undefined, vendor: Vendor): Finding[] {
  const found: Finding[] = []
  if (order === undefined) {
    found.push(finding('unknown_po', 'purchase_order_not_in_ledger', 'the ledger has no such purchase order'))
  } else if (order.vendor_id !== vendor.vendor_id) {
    const said = `purchase order ${order.po_number} belongs to another vendor`
    found.push(finding('mismatch', 'purchase_order_of_other_vendor', said))
  } else if (order.status === 'closed') {
    found.push(finding('po_closed', 'purchase_order_closed', `purchase order ${order.po_number} is closed`))
  }
  if (invoice.vendor_iban !== vendor.iban) {
    const said = `the invoice names another account than the ledger has for ${vendor.vendor_id}`
    found.push(finding('iban_changed', 'iban_differs_from_ledger', said))
  }
  if (invoice.currency !== (order?.currency ?? vendor.currency)) {
    found.push(
      finding('currency_mismatch', 'currency_differs_from_order', 'the invoice is in another currency than the order'),
    )
  }
  return found
}

function arithmetic(invoice: Invoice): Finding[] {
  const wrong = invoice.lines.findIndex((line) => line.quantity * line.unit_price_minor !== line.total_minor)
  if (wrong >= 0) {
    return [finding('wrong_total', 'line_total_wrong', `line ${wrong + 1} is not quantity times unit price`)]
  }
  const sum = invoice.lines.reduce((total, line) => total + line.total_minor, 0) + invoice.tax_minor
  if (sum === invoice.total_minor) return []
  return [
    finding('wrong_total', 'sum_of_lines_wrong', `lines and tax make ${sum}, the invoice asks ${invoice.total_minor}`),
  ]
}

function amounts(invoice: Invoice, order: PurchaseOrder | undefined, vendor: Vendor): Finding[] {
  const found: Finding[] = []
  if (order && order.total_minor !== invoice.total_minor) {
    const said = `the order is for ${order.total_minor}, the invoice asks ${invoice.total_minor}`
    found.push(finding('mismatch', 'total_differs_from_order', said))
  }
  if (plainName(invoice.vendor_name) !== plainName(vendor.name)) {
    found.push(finding('mismatch', 'vendor_name_differs', `the invoice does not name ${vendor.name}`))
  }
  return found
}

function plainName(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '')
}
