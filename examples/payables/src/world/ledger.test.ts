import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WorldError } from './errors.ts'
import { WORLD_FOLDER } from './folder.ts'
import { dropInvoices, type Invoice } from './inbox.ts'
import { type Ledger, LedgerSeed, openLedger } from './ledger.ts'
import { masterData } from './master.ts'
import { invoiceKey, type LedgerView, matchInvoice } from './match.ts'
import { type GeneratedInbox, makeInvoices, type Truth } from './scenarios.ts'

let folder = ''
let open: Ledger[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'payables-'))
})
afterEach(() => {
  for (const ledger of open.splice(0)) ledger.close()
  rmSync(folder, { recursive: true, force: true })
})

function ledgerWith(seed: LedgerSeed): Ledger {
  const ledger = openLedger(join(folder, 'ledger.sqlite'), seed)
  open = [...open, ledger]
  return ledger
}

function seedFor(made: GeneratedInbox): LedgerSeed {
  const master = masterData()
  return { ...master, purchase_orders: [...master.purchase_orders, ...made.purchase_orders] }
}

const VENDOR = {
  vendor_id: 'V1',
  name: 'Alba GmbH',
  iban: 'DE89370400440532013000',
  currency: 'EUR',
  email: 'a@v1.example',
  bank_endpoint: 'legacy',
} as const
const ORDER = { po_number: 'PO-1', vendor_id: 'V1', currency: 'EUR', total_minor: 1190, status: 'open' } as const
const RIGHT: Invoice = {
  source: 'a.json',
  invoice_number: 'INV-1',
  vendor_id: 'V1',
  vendor_name: 'ALBA GmbH',
  vendor_iban: 'DE89370400440532013000',
  po_number: 'PO-1',
  currency: 'EUR',
  issue_date: '2026-08-01',
  due_date: '2026-08-31',
  lines: [{ description: 'Paper', quantity: 2, unit_price_minor: 500, total_minor: 1000 }],
  tax_minor: 190,
  total_minor: 1190,
  note: '',
}
const VIEW: LedgerView = {
  vendor: (id) => (id === 'V1' ? VENDOR : undefined),
  purchaseOrder: (number) => (number === 'PO-1' ? ORDER : undefined),
  earlier: () => [],
}

function fileOf({ source, ...rest }: Invoice): { file: string; content: string } {
  return { file: source, content: JSON.stringify(rest) }
}

describe('the match', () => {
  it('PAY-010: equals the truth of every committed invoice', () => {
    const seed = LedgerSeed.parse(JSON.parse(readFileSync(join(WORLD_FOLDER, 'ledger.json'), 'utf8')))
    const truth: Truth[] = JSON.parse(readFileSync(join(WORLD_FOLDER, 'truth.json'), 'utf8'))
    const ledger = ledgerWith(seed)
    const inbox = join(WORLD_FOLDER, 'inbox')
    for (const each of truth) {
      const match = ledger.matchFile(inbox, each.file)
      expect({ file: each.file, status: match.status }).toEqual({ file: each.file, status: each.status })
      expect(match.expected).toEqual(each.payment)
    }
  })

  it.each(['a', 'b', 'c', 'd', 'e', 'f'])('PAY-010: equals the truth of unseen invoices (seed %s)', (seed) => {
    const made = makeInvoices(`unseen ${seed}`, 90)
    const ledger = ledgerWith(seedFor(made))
    dropInvoices(join(folder, 'inbox'), made.files)
    const judged = made.truth.map((each) => ledger.matchFile(join(folder, 'inbox'), each.file))
    expect(judged.map((each) => each.status)).toEqual(made.truth.map((each) => each.status))
    expect(judged.map((each) => each.expected)).toEqual(made.truth.map((each) => each.payment))
  })

  it('PAY-011: only a matched invoice has an expected payment, taken from the ledger', () => {
    expect(matchInvoice(RIGHT, VIEW)).toMatchObject({ status: 'matched', reasons: [] })
    expect(matchInvoice(RIGHT, VIEW).expected).toEqual({
      payee_iban: VENDOR.iban,
      payee_name: 'Alba GmbH',
      amount_minor: 1190,
      currency: 'EUR',
      invoice_key: 'V1:INV1',
      reference: 'V1:INV1',
      bank_endpoint: 'legacy',
    })
    const wrong = matchInvoice({ ...RIGHT, vendor_iban: 'GB82WEST12345698765432' }, VIEW)
    expect(wrong).toMatchObject({ status: 'iban_changed', expected: null, invoice_key: 'V1:INV1' })
  })

  it('PAY-012: text changes nothing', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (note, description) => {
        const lines = RIGHT.lines.map((line) => ({ ...line, description }))
        expect(matchInvoice({ ...RIGHT, note, lines }, VIEW)).toEqual(matchInvoice(RIGHT, VIEW))
      }),
    )
  })

  it('PAY-015: lists every finding and takes the first as status', () => {
    const bad = { ...RIGHT, vendor_iban: 'GB82WEST12345698765432', currency: 'USD', total_minor: 2000 }
    const closed: LedgerView = { ...VIEW, purchaseOrder: () => ({ ...ORDER, status: 'closed' }) }
    const match = matchInvoice(bad, closed)
    expect(match.status).toBe('po_closed')
    expect(match.reasons.map((each) => each.code)).toEqual([
      'purchase_order_closed',
      'iban_differs_from_ledger',
      'currency_differs_from_order',
      'sum_of_lines_wrong',
      'total_differs_from_order',
    ])
  })

  it('PAY-013: spelling makes no other number', () => {
    expect(invoiceKey('V1', 'inv 2026/0042')).toBe(invoiceKey('V1', 'INV-2026-0042'))
    expect(invoiceKey('V1', 'INV-1')).not.toBe(invoiceKey('V2', 'INV-1'))
  })
})

describe('the register', () => {
  const seed: LedgerSeed = { vendors: [VENDOR], purchase_orders: [ORDER], paid_invoices: [], archive_records: [] }

  it('PAY-013: a forged invoice that did not match does not block the right one behind it', () => {
    const ledger = ledgerWith(seed)
    dropInvoices(folder, [
      fileOf({ ...RIGHT, source: 'a.json', vendor_iban: 'GB82WEST12345698765432' }),
      fileOf({ ...RIGHT, source: 'b.json' }),
      fileOf({ ...RIGHT, source: 'c.json', invoice_number: 'inv 1' }),
      fileOf({ ...RIGHT, source: 'd.json', invoice_number: 'INV-2' }),
    ])
    const statuses = ['d.json', 'c.json', 'b.json', 'a.json'].map((file) => ledger.matchFile(folder, file).status)
    expect(statuses).toEqual(['duplicate', 'duplicate', 'matched', 'iban_changed'])
    expect(ledger.matchFile(folder, 'd.json').reasons[0]?.code).toBe('purchase_order_already_invoiced')
  })

  it('PAY-014: the order of arrival is kept over restarts, later files come behind', () => {
    const first = ledgerWith(seed)
    dropInvoices(folder, [fileOf({ ...RIGHT, source: 'm.json' })])
    expect(first.matchFile(folder, 'm.json').status).toBe('matched')
    dropInvoices(folder, [fileOf({ ...RIGHT, source: 'a.json' })])
    const second = ledgerWith(seed)
    expect(second.matchFile(folder, 'a.json').status).toBe('duplicate')
    expect(second.matchFile(folder, 'm.json').status).toBe('matched')
    expect(second.seen().map((each) => each.file)).toEqual(['m.json', 'a.json'])
  })

  it('PAY-014: a file that changed after its arrival no longer matches', () => {
    const ledger = ledgerWith(seed)
    dropInvoices(folder, [fileOf(RIGHT)])
    expect(ledger.matchInvoice(folder, RIGHT).status).toBe('matched')
    expect(ledger.matchInvoice(folder, { ...RIGHT, total_minor: 5 }).status).toBe('mismatch')
    writeFileSync(join(folder, 'a.json'), fileOf({ ...RIGHT, note: 'changed' }).content)
    const match = ledger.matchFile(folder, 'a.json')
    expect(match).toMatchObject({
      status: 'mismatch',
      expected: null,
      reasons: [{ code: 'file_changed_after_arrival' }],
    })
  })

  it('PAY-010: a file without an invoice is unreadable, a missing file is an error', () => {
    const ledger = ledgerWith(seed)
    dropInvoices(folder, [{ file: 'x.json', content: '{' }])
    expect(ledger.matchFile(folder, 'x.json')).toMatchObject({ status: 'unreadable', expected: null })
    expect(() => ledger.matchFile(folder, 'y.json')).toThrow(WorldError)
  })
})
