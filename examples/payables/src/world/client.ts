/**
 * Typed calls to the outside world over a `fetch` that the caller brings, so that a tool can pass its own. A refusal
 * is a `WorldError` with the service's code and HTTP status. A lost connection, a time limit or an abort is whatever
 * fetch throws: then nobody knows whether the request took effect, and the caller has to ask.
 */
import { z } from 'zod'
import { PaymentRequest } from './bank-schema.ts'
import type { Account, Booking, LoggedRequest, Notification, Recall } from './bank-store.ts'
import { isWorldErrorCode, WorldError } from './errors.ts'
import type { FaultOrder, Hit, HitStage } from './faults.ts'
import type { Hold, HoldRequest } from './holds.ts'
import { Invoice } from './inbox.ts'
import type { ArchiveRecord, LedgerSeed } from './ledger.ts'
import { type BankEndpoint, MATCH_REASONS, MATCH_STATUSES } from './match.ts'

/** The part of fetch that is used: a URL as text, a method, headers, a text body and a signal. */
export type WorldFetch = (url: string, init?: WorldRequest) => Promise<Response>

/** One request as this client makes it. */
export interface WorldRequest {
  method?: string
  headers?: Record<string, string>
  body?: string
  signal?: AbortSignal
}

/** What a caller may add to one call. A `fetch` that sets the key by itself needs no `idempotencyKey`. */
export interface CallOptions {
  readonly idempotencyKey?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly signal?: AbortSignal | undefined
}

const endpoint = z.enum(['modern', 'legacy'])

/** A booked payment as the bank answers it. Money in minor units of `currency`. */
export const PaymentReceipt = z.object({
  booking_id: z.int(),
  endpoint,
  payee_iban: z.string(),
  payee_name: z.string(),
  amount_minor: z.int(),
  currency: z.string(),
  reference: z.string(),
  idempotency_key: z.string().nullable(),
  run_id: z.string().nullable(),
  booked_at: z.string(),
}) satisfies z.ZodType<Booking>
/** A booked payment as the bank answers it. */
export type PaymentReceipt = z.infer<typeof PaymentReceipt>

/** A payment that came back, as the bank answers it. */
export const RecallReceipt = z.object({
  recall_id: z.int(),
  booking_id: z.int(),
  amount_minor: z.int(),
  currency: z.string(),
  reference: z.string(),
  idempotency_key: z.string(),
  run_id: z.string().nullable(),
  recalled_at: z.string(),
}) satisfies z.ZodType<Recall>
/** A payment that came back. */
export type RecallReceipt = z.infer<typeof RecallReceipt>

/** A vendor as the records service answers it. */
export const VendorRecord = z.object({
  vendor_id: z.string(),
  name: z.string(),
  iban: z.string(),
  currency: z.string(),
  email: z.string(),
  bank_endpoint: endpoint,
})
/** A vendor as the records service answers it. */
export type VendorRecord = z.infer<typeof VendorRecord>

/** A purchase order as the records service answers it. */
export const PurchaseOrderRecord = z.object({
  po_number: z.string(),
  vendor_id: z.string(),
  currency: z.string(),
  total_minor: z.int(),
  status: z.enum(['open', 'closed']),
})
/** A purchase order as the records service answers it. */
export type PurchaseOrderRecord = z.infer<typeof PurchaseOrderRecord>

/** A match as the records service answers it; `expected` is the one right payment of a matched invoice, else null. */
export const Match = z.object({
  source: z.string(),
  status: z.enum(MATCH_STATUSES),
  invoice_key: z.string().nullable(),
  expected: z
    .object({
      payee_iban: z.string(),
      payee_name: z.string(),
      amount_minor: z.int(),
      currency: z.string(),
      invoice_key: z.string(),
      reference: z.string(),
      bank_endpoint: endpoint,
    })
    .nullable(),
  reasons: z.array(z.object({ code: z.enum(MATCH_REASONS), message: z.string() })),
})
/** A match as the records service answers it. */
export type Match = z.infer<typeof Match>

/** A record of the archive as the records service answers it. */
export const ArchivedRecord = z.object({
  record_id: z.string(),
  title: z.string(),
  vendor_id: z.string(),
  deleted_at: z.string().nullable(),
  deleted_by_key: z.string().nullable(),
}) satisfies z.ZodType<ArchiveRecord>

/** A notice that was sent. */
export const Notice = z.object({
  notification_id: z.int(),
  to: z.string(),
  subject: z.string(),
  body: z.string(),
  idempotency_key: z.string(),
  run_id: z.string().nullable(),
  sent_at: z.string(),
}) satisfies z.ZodType<Notification>

/** A hold as the records service answers it. */
export const HoldRecord = z.object({
  hold_id: z.int(),
  subject: z.string(),
  reason_code: z.string(),
  idempotency_key: z.string(),
  run_id: z.string().nullable(),
  placed_at: z.string(),
}) satisfies z.ZodType<Hold>

type Call = <T>(schema: z.ZodType<T>, method: string, path: string, options: CallOptions, body?: unknown) => Promise<T>

/** The calls of a client. */
export type WorldClient = ReturnType<typeof makeWorldClient>

/** Makes a client of the world at `baseUrl` (no slash at the end). */
export function makeWorldClient(fetch: WorldFetch, baseUrl: string) {
  const call = makeCall(fetch, baseUrl.replace(/\/+$/, ''))
  return { ...bankCalls(call), ...recordsCalls(call) }
}

function bankCalls(call: Call) {
  const paths: Record<BankEndpoint, string> = { modern: '/v1/payments', legacy: '/v1/legacy-payments' }
  const Payments = z.object({ payments: z.array(PaymentReceipt) })
  const Statement = z.object({ payments: z.array(PaymentReceipt), next: z.string().nullable() })
  const recallsAt = async (path: string, options: CallOptions) =>
    (await call(z.object({ recalls: z.array(RecallReceipt) }), 'GET', path, options)).recalls
  return {
    /** Books a payment on one of the two endpoints; `replayed` when the key had booked it before. */
    pay: (to: BankEndpoint, payment: PaymentRequest, options: CallOptions = {}) => {
      const Answer = z.object({ payment: PaymentReceipt, replayed: z.boolean() })
      return call(Answer, 'POST', paths[to], options, PaymentRequest.parse(payment))
    },
    /** The payment that the modern endpoint booked under the key, or undefined. */
    findPaymentByKey: async (key: string, options: CallOptions = {}) =>
      (await call(Payments, 'GET', `/v1/payments?idempotency_key=${encodeURIComponent(key)}`, options)).payments[0],
    /** Every payment that the legacy endpoint booked with the reference: more than one was paid more than once. */
    findLegacyPayments: async (reference: string, options: CallOptions = {}) =>
      (await call(Payments, 'GET', `/v1/legacy-payments?reference=${encodeURIComponent(reference)}`, options)).payments,
    /** Every booking of both endpoints, oldest first; with a reference, those that carry it. */
    bookings: async (options: CallOptions = {}, reference?: string) => {
      const query = reference === undefined ? '' : `?reference=${encodeURIComponent(reference)}`
      return (await call(Payments, 'GET', `/v1/bookings${query}`, options)).payments
    },
    /** A page of the bookings of a time by the bank's clock, oldest first. */
    statement: (asked: { from: string; to: string; cursor: string | null }, options: CallOptions = {}) => {
      const query = new URLSearchParams({ from: asked.from, to: asked.to, after: asked.cursor ?? '0' })
      return call(Statement, 'GET', `/v1/statement?${query}`, options)
    },
    /** Takes a payment back; `replayed` when the key had done so before. @throws WorldError `not_found` | `already_recalled` */
    recall: (bookingId: number, options: CallOptions = {}) => {
      const Answer = z.object({ recall: RecallReceipt, replayed: z.boolean() })
      return call(Answer, 'POST', '/v1/recalls', options, { booking_id: bookingId })
    },
    /** Every recall, oldest first. */
    recalls: (options: CallOptions = {}) => recallsAt('/v1/recalls', options),
    /** The recall that was made under the key, or undefined. */
    findRecallByKey: async (key: string, options: CallOptions = {}) =>
      (await recallsAt(`/v1/recalls?idempotency_key=${encodeURIComponent(key)}`, options))[0],
    /** The company's accounts. */
    accounts: async (options: CallOptions = {}): Promise<Account[]> => {
      const Answer = z.object({
        accounts: z.array(z.object({ currency: z.string(), name: z.string(), balance_minor: z.int() })),
      })
      return (await call(Answer, 'GET', '/v1/accounts', options)).accounts
    },
    /** Sends a notice; `replayed` when the key had sent it before. */
    notify: (notice: { to: string; subject: string; body: string }, options: CallOptions = {}) =>
      call(z.object({ notification: Notice, replayed: z.boolean() }), 'POST', '/v1/notifications', options, notice),
    /** The notice that was sent under the key, or undefined. */
    findNotificationByKey: async (key: string, options: CallOptions = {}) => {
      const Answer = z.object({ notifications: z.array(Notice) })
      const path = `/v1/notifications?idempotency_key=${encodeURIComponent(key)}`
      return (await call(Answer, 'GET', path, options)).notifications[0]
    },
  }
}

function recordsCalls(call: Call) {
  return {
    /** @throws WorldError `not_found` */
    vendor: async (vendorId: string, options: CallOptions = {}) => {
      const path = `/vendors/${encodeURIComponent(vendorId)}`
      return (await call(z.object({ vendor: VendorRecord }), 'GET', path, options)).vendor
    },
    /** All vendors of the ledger. */
    vendors: async (options: CallOptions = {}) =>
      (await call(z.object({ vendors: z.array(VendorRecord) }), 'GET', '/vendors', options)).vendors,
    /** @throws WorldError `not_found` */
    purchaseOrder: async (number: string, options: CallOptions = {}) => {
      const path = `/purchase-orders/${encodeURIComponent(number)}`
      return (await call(z.object({ purchase_order: PurchaseOrderRecord }), 'GET', path, options)).purchase_order
    },
    /** The names of the files in the inbox. */
    invoices: async (options: CallOptions = {}) =>
      (await call(z.object({ files: z.array(z.string()) }), 'GET', '/invoices', options)).files,
    /** One parsed invoice. @throws WorldError `not_found` | `invoice_unreadable` with the field */
    invoice: async (file: string, options: CallOptions = {}) =>
      (await call(z.object({ invoice: Invoice }), 'GET', `/invoices/${encodeURIComponent(file)}`, options)).invoice,
    /** The match of a file; a file that holds no invoice is `unreadable`. @throws WorldError `not_found` */
    match: async (file: string, options: CallOptions = {}) =>
      (await call(z.object({ match: Match }), 'GET', `/match?file=${encodeURIComponent(file)}`, options)).match,
    /** The match of an invoice that the caller holds; it must be what the inbox holds under its `source`. */
    matchInvoice: async (invoice: Invoice, options: CallOptions = {}) => {
      const path = `/match?invoice=${encodeURIComponent(JSON.stringify(invoice))}`
      return (await call(z.object({ match: Match }), 'GET', path, options)).match
    },
    /** An archive record, deleted or not. @throws WorldError `not_found` */
    record: async (recordId: string, options: CallOptions = {}) => {
      const path = `/records/${encodeURIComponent(recordId)}`
      return (await call(z.object({ record: ArchivedRecord }), 'GET', path, options)).record
    },
    /** Places a hold on an invoice; `replayed` when the key had placed it before. */
    hold: (request: HoldRequest, options: CallOptions = {}) =>
      call(z.object({ hold: HoldRecord, replayed: z.boolean() }), 'POST', '/holds', options, request),
    /** The hold that was placed under the key, or undefined. */
    findHoldByKey: async (key: string, options: CallOptions = {}) => {
      const path = `/holds?idempotency_key=${encodeURIComponent(key)}`
      return (await call(z.object({ holds: z.array(HoldRecord) }), 'GET', path, options)).holds[0]
    },
    /** Deletes an archive record. @throws WorldError `not_found` | `already_deleted` */
    deleteRecord: (recordId: string, options: CallOptions = {}) => {
      const Answer = z.object({ record: ArchivedRecord, replayed: z.boolean() })
      return call(Answer, 'DELETE', `/records/${encodeURIComponent(recordId)}`, options)
    },
  }
}

function makeCall(fetch: WorldFetch, baseUrl: string): Call {
  return async (schema, method, path, options, body) => {
    const headers: Record<string, string> = { accept: 'application/json', ...options.headers }
    if (body !== undefined) headers['content-type'] = 'application/json'
    if (options.idempotencyKey !== undefined) headers['idempotency-key'] = options.idempotencyKey
    const request: WorldRequest = { method, headers }
    if (body !== undefined) request.body = JSON.stringify(body)
    if (options.signal !== undefined) request.signal = options.signal
    const response = await fetch(`${baseUrl}${path}`, request)
    const text = await response.text()
    if (!response.ok) throw refusal(response.status, text)
    return readAnswer(schema, text, response.status)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function readAnswer<T>(schema: z.ZodType<T>, text: string, status: number): T {
  const parsed = schema.safeParse(parseJson(text))
  if (parsed.success) return parsed.data
  throw new WorldError('bad_answer', 'the service answered with a body of another shape', { status })
}

const Refusal = z.object({ code: z.string(), message: z.string(), field: z.string().optional() })

/** An answer above 299. A body that is not ours keeps the status, so that 4xx and 5xx can be told apart. */
function refusal(status: number, text: string): WorldError {
  const parsed = Refusal.safeParse(parseJson(text))
  const code = parsed.data?.code
  if (!parsed.success || !isWorldErrorCode(code)) {
    return new WorldError('bad_answer', `the service answered with status ${status}`, { status })
  }
  const { message, field } = parsed.data
  return new WorldError(code, message, field === undefined ? { status } : { status, field })
}

/** The calls of the tests' own door; the world must have been started with `--test-faults`. */
export function makeWorldTestClient(fetch: WorldFetch, baseUrl: string) {
  const call = makeCall(fetch, baseUrl.replace(/\/+$/, ''))
  const HitList = z.object({ hits: z.array(z.custom<Hit>((value) => typeof value === 'object' && value !== null)) })
  return {
    /** Orders faults for the next requests of a path. */
    order: (order: FaultOrder) => call(z.unknown(), 'POST', '/test/faults', {}, order),
    /** Forgets orders that were not used. */
    clear: () => call(z.unknown(), 'DELETE', '/test/faults', {}),
    /** Lets every held request go on; gives how many there were. */
    release: async () => (await call(z.object({ released: z.int() }), 'POST', '/test/faults/release', {})).released,
    /** Waits until `count` requests (default 1) of the path came as far as `stage`; gives the hits that fit. */
    waitForHits: async (path: string, stage: HitStage, count = 1, timeoutMs = 10_000): Promise<Hit[]> => {
      const query = new URLSearchParams({ path, stage, count: String(count), timeout_ms: String(timeoutMs) })
      const { hits } = await call(HitList, 'GET', `/test/faults/hits?${query}`, {})
      if (hits.length < count)
        throw new Error(`waited ${timeoutMs} ms for ${count} requests of ${path}, saw ${hits.length}`)
      return hits
    },
    /** Adds vendors and purchase orders to the ledger, before invoices for them are dropped. */
    addToLedger: (more: Partial<Pick<LedgerSeed, 'vendors' | 'purchase_orders'>>) =>
      call(z.unknown(), 'POST', '/test/ledger', {}, { vendors: [], purchase_orders: [], ...more }),
    /** The bank's own log of requests, of one run or of all. */
    requests: async (runId?: string): Promise<LoggedRequest[]> => {
      const Answer = z.object({
        requests: z.array(z.custom<LoggedRequest>((value) => typeof value === 'object' && value !== null)),
      })
      const path = runId === undefined ? '/v1/requests' : `/v1/requests?run_id=${encodeURIComponent(runId)}`
      return (await call(Answer, 'GET', path, {})).requests
    },
  }
}
