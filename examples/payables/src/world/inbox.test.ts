import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatCsv, parseCsv } from './csv.ts'
import { WorldError } from './errors.ts'
import { isIban, makeIban } from './iban.ts'
import { CSV_COLUMNS, dropInvoices, listInbox, MAX_FILE_BYTES, parseInvoice, readInboxFile } from './inbox.ts'

const JSON_INVOICE = {
  invoice_number: 'INV-2026-0042',
  vendor_id: 'V1001',
  vendor_name: 'Nordlicht Bürobedarf GmbH',
  vendor_iban: 'DE89370400440532013000',
  po_number: 'PO-2026-0042',
  currency: 'EUR',
  issue_date: '2026-08-01',
  due_date: '2026-08-31',
  lines: [
    { description: 'Paper, "A4"', quantity: 2, unit_price_minor: 500, total_minor: 1000 },
    { description: 'Lamp\nblack', quantity: 1, unit_price_minor: 2500, total_minor: 2500 },
  ],
  tax_minor: 665,
  total_minor: 4165,
  note: 'Thanks; see you',
}

function csvOf(separator: ',' | ';', change: Record<string, string> = {}): string {
  const rows = JSON_INVOICE.lines.map((line) => {
    const cells: Record<string, string | number> = {
      ...JSON_INVOICE,
      lines: '',
      line_description: line.description,
      line_quantity: line.quantity,
      line_unit_price_minor: line.unit_price_minor,
      line_total_minor: line.total_minor,
      vendor_iban: 'de89 3704 0044 0532 0130 00',
      ...change,
    }
    return CSV_COLUMNS.map((column) => cells[column] ?? '')
  })
  return formatCsv([CSV_COLUMNS, ...rows], separator)
}

/** The field and file that a refusal names. */
function refused(file: string, content: string): { code: string; field: string | undefined; file: string | undefined } {
  try {
    parseInvoice(file, content)
  } catch (error) {
    if (error instanceof WorldError) return { code: error.code, field: error.field, file: error.file }
    throw error
  }
  throw new Error('the file was read')
}

describe('parseInvoice', () => {
  it('PAY-004: JSON and CSV of one invoice give the same invoice', () => {
    const fromJson = parseInvoice('a.json', `\ufeff${JSON.stringify(JSON_INVOICE)}`)
    expect(fromJson).toEqual({ ...JSON_INVOICE, source: 'a.json' })
    expect(parseInvoice('a.csv', csvOf(','))).toEqual({ ...fromJson, source: 'a.csv' })
    expect(parseInvoice('a.csv', csvOf(';').replaceAll('\n', '\r\n'))).toMatchObject({ total_minor: 4165 })
  })

  it('PAY-004: any table survives being written and read', () => {
    const value = fc.stringMatching(/^[ab,;"\n ]{0,6}$/)
    const table = fc.array(fc.array(value, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(table, fc.constantFrom(',' as const, ';' as const), (rows, separator) => {
        const head = ['x', 'y', 'z']
        expect(parseCsv(formatCsv([head, ...rows], separator))).toEqual([head, ...rows])
      }),
    )
  })

  it.each([
    ['b.json', JSON.stringify(JSON_INVOICE).slice(0, 100), 'file'],
    ['b.json', '[]', 'file'],
    ['b.json', JSON.stringify({ ...JSON_INVOICE, total_minor: '4165' }), 'total_minor'],
    ['b.json', JSON.stringify({ ...JSON_INVOICE, total_minor: 41.65 }), 'total_minor'],
    ['b.json', JSON.stringify({ ...JSON_INVOICE, total_minor: -1 }), 'total_minor'],
    ['b.json', JSON.stringify({ ...JSON_INVOICE, approved: true }), 'approved'],
    ['b.json', JSON.stringify({ ...JSON_INVOICE, source: 'x.json' }), 'source'],
    ['b.json', JSON.stringify({ ...JSON_INVOICE, lines: [] }), 'lines'],
    ['b.json', JSON.stringify({ ...JSON_INVOICE, invoice_number: 'ΙΝV-1' }), 'invoice_number'],
    ['b.json', JSON.stringify({ ...JSON_INVOICE, due_date: '2026-02-30' }), 'due_date'],
    ['b.json', `{"__proto__": {"total_minor": 1}, ${JSON.stringify(JSON_INVOICE).slice(1)}`, '__proto__'],
    ['b.csv', csvOf(',', { total_minor: '4.165,00' }), 'total_minor'],
    ['b.csv', csvOf(',', { line_quantity: '0x10' }), 'lines.0.quantity'],
    ['b.csv', csvOf(',').replace('tax_minor', 'tax'), 'tax'],
    ['b.csv', csvOf(',').replace('2026-08-31', '2026-09-01'), 'due_date'],
    ['b.csv', `${csvOf(',')}"open`, 'file'],
    ['b.csv', `${csvOf(',')}one,two\n`, 'file'],
    ['b.csv', '', 'file'],
  ])('PAY-005: %s with a wrong content names the field (case %#)', (file, content, field) => {
    expect(refused(file, content)).toEqual({ code: 'invoice_unreadable', field, file })
  })

  it('PAY-006: folders, huge files and control characters are refused', () => {
    expect(refused('../a.json', '{}').field).toBe('file')
    expect(refused('a.exe', '{}').field).toBe('file')
    expect(refused('a.json', ' '.repeat(MAX_FILE_BYTES + 1)).field).toBe('file')
    expect(refused('a.json', JSON.stringify({ ...JSON_INVOICE, note: 'a\u0000b' })).field).toBe('note')
    expect(refused('a.json', JSON.stringify({ ...JSON_INVOICE, note: 'a\u001b[31mb' })).field).toBe('note')
  })

  it('PAY-006: the inbox folder gives plain invoice files only', () => {
    const folder = mkdtempSync(join(tmpdir(), 'payables-'))
    try {
      expect(listInbox(join(folder, 'none'))).toEqual([])
      dropInvoices(folder, [
        { file: 'b.json', content: JSON.stringify(JSON_INVOICE) },
        { file: 'a.csv', content: csvOf(',') },
      ])
      expect(listInbox(folder)).toEqual(['a.csv', 'b.json'])
      expect(readInboxFile(folder, 'b.json').invoice.total_minor).toBe(4165)
      expect(() => readInboxFile(folder, '../b.json')).toThrow(WorldError)
      expect(() => readInboxFile(folder, 'c.json')).toThrow('not in the inbox')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe('IBAN', () => {
  it('PAY-033: check digits are made and found right, and a changed digit is found wrong', () => {
    expect(makeIban('DE', '370400440532013000')).toBe('DE89370400440532013000')
    expect(isIban('GB82WEST12345698765432')).toBe(true)
    expect(isIban('GB82WEST12345698765433')).toBe(false)
    expect(isIban('XX')).toBe(false)
  })
})
