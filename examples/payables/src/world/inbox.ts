/**
 * The inbox: one file is one invoice, JSON or CSV. What a file says is a claim of a stranger: this module turns it into
 * a typed value or refuses it, and gives no meaning to any of its text.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { parseCsv } from './csv.ts'
import { WorldError } from './errors.ts'
import { looksLikeIban, normaliseIban } from './iban.ts'

/** The largest invoice file that is read, in bytes. */
export const MAX_FILE_BYTES = 262_144

const MAX_MINOR = 1_000_000_000_000

/** Line breaks and tabs are text; every other control character is refused. */
function isPrintable(value: string): boolean {
  return !/\p{Cc}/u.test(value.replace(/[\t\r\n]/g, ''))
}

const text = (max: number) => z.string().max(max).refine(isPrintable, 'holds control characters')
/** Plain letters, digits and usual separators only: two numbers that look alike are then alike. */
const number = z
  .string()
  .trim()
  .regex(/^[A-Za-z0-9][A-Za-z0-9 ./_#-]{0,39}$/, 'must be plain letters, digits and separators')
const name = (max: number) =>
  text(max)
    .transform((value) => value.trim())
    .pipe(z.string().min(1, 'is empty'))
const minor = z.int().min(0).max(MAX_MINOR)
const day = z.iso.date()

/** One line of an invoice. Money in minor units of the invoice's currency. */
export const InvoiceLine = z.strictObject({
  description: text(500),
  quantity: z.int().min(1).max(1_000_000),
  unit_price_minor: minor,
  total_minor: minor,
})
/** One line of an invoice. */
export type InvoiceLine = z.infer<typeof InvoiceLine>

/**
 * One invoice as its file tells it. Money in integer minor units; `vendor_iban` without spaces, in capitals, its check
 * digits not yet judged. `note` and `description` are untrusted text. `source` is the file name.
 */
export const Invoice = z.strictObject({
  source: z.string().min(1).max(120),
  invoice_number: number,
  vendor_id: z
    .string()
    .trim()
    .regex(/^[A-Za-z0-9-]{1,20}$/, 'must be plain letters and digits'),
  vendor_name: name(140),
  vendor_iban: text(60).transform(normaliseIban).refine(looksLikeIban, 'does not look like an IBAN'),
  po_number: number,
  currency: z.string().regex(/^[A-Z]{3}$/, 'must be three capital letters'),
  issue_date: day,
  due_date: day,
  lines: z.array(InvoiceLine).min(1).max(200),
  tax_minor: minor,
  total_minor: minor,
  note: text(4_000),
})
/** One invoice as its file tells it. */
export type Invoice = z.infer<typeof Invoice>

/** True for a plain file name (no folder) that the inbox reads. */
export function isInboxFile(file: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.(json|csv)$/.test(file)
}

/**
 * Turns the text of one file into an invoice.
 *
 * @throws WorldError `invoice_unreadable` with the file and the first field that is wrong
 */
export function parseInvoice(file: string, content: string): Invoice {
  if (!isInboxFile(file)) throw unreadable(file, 'file', 'is not a plain name that ends with .json or .csv')
  if (Buffer.byteLength(content) > MAX_FILE_BYTES)
    throw unreadable(file, 'file', `is larger than ${MAX_FILE_BYTES} bytes`)
  const body = content.startsWith('\ufeff') ? content.slice(1) : content
  const raw = file.endsWith('.json') ? readJson(file, body) : readCsv(file, body)
  const parsed = Invoice.safeParse({ ...raw, source: file })
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const field = issue?.code === 'unrecognized_keys' ? String(issue.keys[0]) : (issue?.path.join('.') ?? 'file')
  throw unreadable(
    file,
    field.slice(0, 60),
    issue?.code === 'unrecognized_keys' ? 'is not a known field' : message(issue),
  )
}

/** Zod's message without the capital letter, so that it reads on behind the field's name. */
function message(issue: z.core.$ZodIssue | undefined): string {
  const said = issue?.message ?? 'is wrong'
  return said.charAt(0).toLowerCase() + said.slice(1)
}

function unreadable(file: string, field: string, why: string): WorldError {
  const said = `invoice file \`${file}\` cannot be read: \`${field}\` ${why}; ask the vendor for a corrected invoice`
  return new WorldError('invoice_unreadable', said, { file, field })
}

function readJson(file: string, body: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    throw unreadable(file, 'file', 'is not complete JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw unreadable(file, 'file', 'is not a JSON object')
  if (Object.hasOwn(value, 'source')) throw unreadable(file, 'source', 'is not a known field')
  return { ...value }
}

const HEAD = [
  'invoice_number',
  'vendor_id',
  'vendor_name',
  'vendor_iban',
  'po_number',
  'currency',
  'issue_date',
  'due_date',
  'tax_minor',
  'total_minor',
  'note',
] as const
const LINE = ['line_description', 'line_quantity', 'line_unit_price_minor', 'line_total_minor'] as const

/** The columns of a CSV invoice, in the order in which they are written; they are read in any order. */
export const CSV_COLUMNS: readonly string[] = [...HEAD, ...LINE]

/** Reads a table with one row a line; the fields of the invoice are repeated and must be equal in each row. */
function readCsv(file: string, body: string): Record<string, unknown> {
  const rows = parseCsv(body)
  if (rows === undefined) throw unreadable(file, 'file', 'has a quoted value that does not end')
  const [columns, ...records] = rows
  const first = records[0]
  if (columns === undefined || first === undefined) throw unreadable(file, 'file', 'has no line')
  const unknown = columns.find((column) => !CSV_COLUMNS.includes(column))
  if (unknown !== undefined) throw unreadable(file, unknown.slice(0, 60), 'is not a known column')
  const missing = CSV_COLUMNS.find((column) => columns.filter((each) => each === column).length !== 1)
  if (missing !== undefined) throw unreadable(file, missing, 'must be a column exactly once')
  for (const record of records) {
    if (record.length !== columns.length) throw unreadable(file, 'file', 'has a row with a wrong number of values')
    const differs = HEAD.find((column) => cell(columns, record, column) !== cell(columns, first, column))
    if (differs !== undefined) throw unreadable(file, differs, 'differs between rows')
  }
  const head = Object.fromEntries(HEAD.map((column) => [column, cell(columns, first, column)]))
  return {
    ...head,
    tax_minor: whole(head.tax_minor),
    total_minor: whole(head.total_minor),
    lines: records.map((record) => ({
      description: cell(columns, record, 'line_description'),
      quantity: whole(cell(columns, record, 'line_quantity')),
      unit_price_minor: whole(cell(columns, record, 'line_unit_price_minor')),
      total_minor: whole(cell(columns, record, 'line_total_minor')),
    })),
  }
}

function cell(columns: readonly string[], record: readonly string[], column: string): string {
  return record[columns.indexOf(column)] ?? ''
}

/** A plain decimal integer becomes a number; anything else stays text and fails the schema under its own field name. */
function whole(value: string | undefined): unknown {
  return value !== undefined && /^(0|[1-9][0-9]{0,15})$/.test(value) ? Number(value) : value
}

/**
 * Reads one file of the inbox folder.
 *
 * @throws WorldError `not_found` when there is no such file, `invoice_unreadable` when it holds no invoice
 */
export function readInboxFile(folder: string, file: string): { readonly content: string; readonly invoice: Invoice } {
  const content = readInboxText(folder, file)
  return { content, invoice: parseInvoice(file, content) }
}

/** The text of one inbox file, cut off behind `MAX_FILE_BYTES` so that a huge file costs no memory. */
export function readInboxText(folder: string, file: string): string {
  const absent = new WorldError('not_found', `invoice file \`${file.slice(0, 100)}\` is not in the inbox`, { file })
  if (!isInboxFile(file)) throw absent
  const path = join(folder, file)
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat?.isFile()) throw absent
  if (stat.size > MAX_FILE_BYTES) return ' '.repeat(MAX_FILE_BYTES + 1)
  return readFileSync(path, 'utf8')
}

/** The names of all invoice files in the folder, sorted. A missing folder is an empty inbox. */
export function listInbox(folder: string): string[] {
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) return []
  return readdirSync(folder).filter(isInboxFile).sort()
}

/** Puts files into the inbox in the given order; each appears whole or not at all. */
export function dropInvoices(
  folder: string,
  files: readonly { readonly file: string; readonly content: string }[],
): void {
  mkdirSync(folder, { recursive: true })
  for (const { file, content } of files) {
    const partial = join(folder, `.${file}.part`)
    writeFileSync(partial, content)
    renameSync(partial, join(folder, file))
  }
}
