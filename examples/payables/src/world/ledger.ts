/**
 * The ledger of the buying company: vendors, purchase orders, the register of arrived invoices and an archive, in one
 * SQLite file that is built from `ledger.json` at the first start. It owns the order of arrival; the match owns the
 * judgement.
 */
import { createHash } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { WorldError } from './errors.ts'
import { HOLDS_SCHEMA, type Holds, holdsOf } from './holds.ts'
import { type Invoice, listInbox, parseInvoice, readInboxText } from './inbox.ts'
import type {
  EarlierInvoice,
  LedgerView,
  MatchReason,
  MatchResult,
  MatchStatus,
  PurchaseOrder,
  Vendor,
} from './match.ts'
import { invoiceKey, matchInvoice } from './match.ts'

const minor = z.int().min(0)

/** The committed contents of the ledger. `paid_invoices` are those paid before this inbox was opened. */
export const LedgerSeed = z.strictObject({
  vendors: z.array(
    z.strictObject({
      vendor_id: z.string(),
      name: z.string(),
      iban: z.string(),
      currency: z.string(),
      email: z.string(),
      bank_endpoint: z.enum(['modern', 'legacy']),
    }),
  ),
  purchase_orders: z.array(
    z.strictObject({
      po_number: z.string(),
      vendor_id: z.string(),
      currency: z.string(),
      total_minor: minor,
      status: z.enum(['open', 'closed']),
    }),
  ),
  paid_invoices: z.array(z.strictObject({ vendor_id: z.string(), invoice_number: z.string(), po_number: z.string() })),
  archive_records: z.array(z.strictObject({ record_id: z.string(), title: z.string(), vendor_id: z.string() })),
})
/** The committed contents of the ledger. */
export type LedgerSeed = z.infer<typeof LedgerSeed>

/** A record of the archive; `deleted_at` is set once somebody deleted it, with the key and run of that request. */
export interface ArchiveRecord {
  readonly record_id: string
  readonly title: string
  readonly vendor_id: string
  readonly deleted_at: string | null
  readonly deleted_by_key: string | null
}

/** One row of the register. `status` is what the match said when the file arrived. */
export interface SeenInvoice {
  readonly seq: number
  readonly file: string
  readonly invoice_key: string | null
  readonly po_number: string | null
  readonly status: MatchStatus
}

/** The open ledger. */
export interface Ledger extends LedgerView, Holds {
  vendors(): Vendor[]
  purchaseOrders(): PurchaseOrder[]
  /** Registers every file of the folder that is new, sorted by name behind those that are known. */
  registerArrivals(folder: string): void
  seen(): SeenInvoice[]
  /** Matches a file of the inbox. @throws WorldError `not_found` when there is no such file. */
  matchFile(folder: string, file: string): MatchResult
  /** The same for an invoice that the caller holds: it must be what the inbox holds under its `source`. */
  matchInvoice(folder: string, invoice: Invoice): MatchResult
  records(): ArchiveRecord[]
  record(recordId: string): ArchiveRecord | undefined
  /**
   * Deletes an archive record. The same key again is the same deletion (`replayed`).
   *
   * @throws WorldError `not_found`, or `already_deleted` when another request deleted it
   */
  deleteRecord(recordId: string, key: string | null, now: string): { record: ArchiveRecord; replayed: boolean }
  /** Adds vendors and purchase orders; known ids are left as they are. For tests that drop new invoices. */
  add(more: Pick<LedgerSeed, 'vendors' | 'purchase_orders'>): void
  close(): void
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS vendors (vendor_id TEXT PRIMARY KEY, name TEXT NOT NULL, iban TEXT NOT NULL,
    currency TEXT NOT NULL, email TEXT NOT NULL, bank_endpoint TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS purchase_orders (po_number TEXT PRIMARY KEY, vendor_id TEXT NOT NULL,
    currency TEXT NOT NULL, total_minor INTEGER NOT NULL, status TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS invoice_seen (seq INTEGER PRIMARY KEY, file TEXT NOT NULL UNIQUE, content_sha256 TEXT,
    invoice_key TEXT, po_number TEXT, status TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS seen_by_key ON invoice_seen (invoice_key);
  CREATE INDEX IF NOT EXISTS seen_by_order ON invoice_seen (po_number);
  CREATE TABLE IF NOT EXISTS archive_records (record_id TEXT PRIMARY KEY, title TEXT NOT NULL,
    vendor_id TEXT NOT NULL, deleted_at TEXT, deleted_by_key TEXT);
  ${HOLDS_SCHEMA}`

/** Opens the ledger at `path`; builds it from `seed` in one transaction when the file is new. */
export function openLedger(path: string, seed: LedgerSeed): Ledger {
  const db = new DatabaseSync(path)
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000')
  transaction(db, () => {
    const isNew = db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'vendors'").get() === undefined
    db.exec(SCHEMA)
    if (isNew) fill(db, seed)
  })
  return ledgerOf(db)
}

function transaction<T>(db: DatabaseSync, body: () => T): T {
  db.exec('BEGIN IMMEDIATE')
  try {
    const value = body()
    db.exec('COMMIT')
    return value
  } catch (error) {
    db.exec('ROLLBACK')
    throw error
  }
}

function insertMasterData(db: DatabaseSync, seed: Pick<LedgerSeed, 'vendors' | 'purchase_orders'>): void {
  const vendor = db.prepare('INSERT INTO vendors VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING')
  for (const each of seed.vendors) {
    vendor.run(each.vendor_id, each.name, each.iban, each.currency, each.email, each.bank_endpoint)
  }
  const order = db.prepare('INSERT INTO purchase_orders VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING')
  for (const each of seed.purchase_orders) {
    order.run(each.po_number, each.vendor_id, each.currency, each.total_minor, each.status)
  }
}

function fill(db: DatabaseSync, seed: LedgerSeed): void {
  insertMasterData(db, seed)
  const seen = db.prepare("INSERT INTO invoice_seen (file, invoice_key, po_number, status) VALUES (?, ?, ?, 'matched')")
  for (const each of seed.paid_invoices) {
    const key = invoiceKey(each.vendor_id, each.invoice_number)
    seen.run(`paid before: ${key}`, key, each.po_number)
  }
  const record = db.prepare('INSERT INTO archive_records VALUES (?, ?, ?, NULL, NULL)')
  for (const each of seed.archive_records) record.run(each.record_id, each.title, each.vendor_id)
}

/** Rows of node:sqlite have a null prototype and no type; the schema above gives the type that the cast names. */
function rows<T>(values: unknown[]): T[] {
  return values.map((value) => ({ ...(value as object) }) as T)
}

function viewOf(db: DatabaseSync): LedgerView {
  const vendor = db.prepare('SELECT * FROM vendors WHERE vendor_id = ?')
  const order = db.prepare('SELECT * FROM purchase_orders WHERE po_number = ?')
  const earlier = db.prepare(`
    SELECT file AS source, CASE WHEN invoice_key = :key THEN 'invoice_key' ELSE 'po_number' END AS "by"
    FROM invoice_seen
    WHERE status = 'matched' AND (invoice_key = :key OR po_number = :po) AND file <> :file
      AND seq < coalesce((SELECT seq FROM invoice_seen WHERE file = :file), 9223372036854775807)
    ORDER BY seq`)
  return {
    vendor: (vendorId) => rows<Vendor>(vendor.all(vendorId))[0],
    purchaseOrder: (poNumber) => rows<PurchaseOrder>(order.all(poNumber))[0],
    earlier: (file, key, po) => rows<EarlierInvoice>(earlier.all({ file, key, po })),
  }
}

function unreadable(file: string, error: WorldError): MatchResult {
  const said = `the file holds no invoice: field ${error.field ?? 'file'} is wrong`
  return single(file, 'unreadable', { code: 'file_unreadable', message: said })
}

function single(file: string, status: MatchStatus, reason: MatchReason): MatchResult {
  return { source: file, status, invoice_key: null, expected: null, reasons: [reason] }
}

function changed(file: string): MatchResult {
  const message = 'this is not what arrived under the name of the file'
  return single(file, 'mismatch', { code: 'file_changed_after_arrival', message })
}

/** Reads, parses and matches; a file that holds no invoice is a result, not an error. */
function judge(
  view: LedgerView,
  folder: string,
  file: string,
): { sha256: string; invoice?: Invoice; match: MatchResult } {
  const content = readInboxText(folder, file)
  const sha256 = createHash('sha256').update(content).digest('hex')
  try {
    const invoice = parseInvoice(file, content)
    return { sha256, invoice, match: matchInvoice(invoice, view) }
  } catch (error) {
    if (error instanceof WorldError) return { sha256, match: unreadable(file, error) }
    throw error
  }
}

function ledgerOf(db: DatabaseSync): Ledger {
  const view = viewOf(db)
  const known = db.prepare('SELECT content_sha256 FROM invoice_seen WHERE file = ?')
  const register = db.prepare(
    'INSERT INTO invoice_seen (file, content_sha256, invoice_key, po_number, status) VALUES (?, ?, ?, ?, ?)',
  )
  const registerArrivals = (folder: string): void => {
    const fresh = listInbox(folder).filter((file) => known.get(file) === undefined)
    if (fresh.length === 0) return
    transaction(db, () => {
      for (const file of fresh) {
        const { sha256, invoice, match } = judge(view, folder, file)
        register.run(file, sha256, match.invoice_key, invoice?.po_number ?? null, match.status)
      }
    })
  }
  const matchFile = (folder: string, file: string): MatchResult => {
    if (known.get(file) === undefined) registerArrivals(folder)
    const { sha256, match } = judge(view, folder, file)
    if (known.get(file)?.content_sha256 === sha256) return match
    return changed(file)
  }
  return {
    ...view,
    registerArrivals,
    matchFile,
    matchInvoice: (folder, invoice) => {
      const match = matchFile(folder, invoice.source)
      const held = judge(view, folder, invoice.source).invoice
      return held !== undefined && isDeepStrictEqual(held, invoice) ? match : changed(invoice.source)
    },
    vendors: () => rows<Vendor>(db.prepare('SELECT * FROM vendors ORDER BY vendor_id').all()),
    purchaseOrders: () => rows<PurchaseOrder>(db.prepare('SELECT * FROM purchase_orders ORDER BY po_number').all()),
    seen: () =>
      rows<SeenInvoice>(
        db.prepare('SELECT seq, file, invoice_key, po_number, status FROM invoice_seen ORDER BY seq').all(),
      ),
    ...archiveOf(db),
    ...holdsOf(db),
    add: (more) => transaction(db, () => insertMasterData(db, more)),
    close: () => db.close(),
  }
}

function archiveOf(db: DatabaseSync): Pick<Ledger, 'records' | 'record' | 'deleteRecord'> {
  const record = (recordId: string): ArchiveRecord | undefined =>
    rows<ArchiveRecord>(db.prepare('SELECT * FROM archive_records WHERE record_id = ?').all(recordId))[0]
  const deleteRecord = (recordId: string, key: string | null, now: string) =>
    transaction(db, () => {
      const found = record(recordId)
      if (found === undefined) throw new WorldError('not_found', `record \`${recordId}\` is not in the archive`)
      if (found.deleted_at !== null) {
        if (key !== null && found.deleted_by_key === key) return { record: found, replayed: true }
        throw new WorldError('already_deleted', `record \`${recordId}\` was deleted at ${found.deleted_at}`)
      }
      const change = 'UPDATE archive_records SET deleted_at = ?, deleted_by_key = ? WHERE record_id = ?'
      db.prepare(change).run(now, key, recordId)
      return { record: { ...found, deleted_at: now, deleted_by_key: key }, replayed: false }
    })
  return {
    records: () => rows<ArchiveRecord>(db.prepare('SELECT * FROM archive_records ORDER BY record_id').all()),
    record,
    deleteRecord,
  }
}
