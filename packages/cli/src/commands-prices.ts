import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import {
  importPrices,
  isoTime,
  loadPriceBook,
  loadPrices,
  type PriceFormat,
  type PriceRow,
  type PriceTable,
  SignalboxError,
  savePrices,
  systemHost,
} from 'signalbox'
import type { Shell } from './context.ts'
import { type Column, type Output, outputOf, printable, table } from './output.ts'

interface Common {
  readonly prices?: string
  readonly overlays?: string
  readonly json?: boolean
}

interface ImportOptions extends Common {
  readonly format: string
  readonly to: string
  readonly sourceVersion: string
  readonly date?: string
  readonly validFrom?: string
  readonly only?: string
}

/** Adds the commands about price tables. They read files alone and need no server. */
export function addPriceCommands(program: Command, shell: Shell): void {
  const prices = program.command('prices').description('tables of what models cost')
  const add = (command: Command): Command =>
    command
      .option('--prices <folder>', 'folder of price files beside those that come along')
      .option('--overlays <folder>', "folder of tenants' own prices")
      .option('--json', 'write one JSON value to stdout and nothing else')
  const run =
    (body: (out: Output, options: Common, args: readonly string[]) => void) =>
    (...given: unknown[]): void => {
      // Commander hands over the arguments, then the options, then the command.
      const command = given.at(-1) as Command
      const options = command.opts<Common>()
      body(outputOf(shell.terminal, options.json === true), options, command.args)
    }
  add(prices.command('list'))
    .description('the tables that are there, which one counts now, and what to know before relying on them')
    .action(run((out, options) => list(out, options)))
  add(prices.command('show').argument('<table>', 'id of a table or the beginning of it').argument('[model]', 'a model'))
    .description('the rates of a table, or the row of one model')
    .action(run((out, options, [id = '', model]) => show(out, options, { id, model })))
  add(prices.command('diff').argument('<from>', 'a table').argument('<to>', 'another'))
    .description('what differs between two tables')
    .action(run((out, options, [from = '', to = '']) => diff(out, options, { from, to })))
  add(prices.command('check').argument('[file]', 'a price file; without it every table and overlay is read'))
    .description('whether price files can be read and were not changed')
    .action(run((out, options, [file]) => check(out, options, file)))
  add(prices.command('import').argument('<file>', 'the file of the source'))
    .description('convert a public price file exactly, and list what a table cannot hold')
    .requiredOption('--source-version <text>', 'version or commit of the source file')
    .option('--format <name>', 'litellm or models.dev', 'litellm')
    .option('--to <folder>', 'folder to write the table to', 'prices')
    .option('--date <day>', 'date of the table; default: today')
    .option('--valid-from <time>', 'ISO time from which it counts; default: the beginning of its date in UTC')
    .option('--only <models>', 'models to take, separated by commas; `*` at the end for all that begin so')
    .action(run((out, options, [file = '']) => doImport(out, options as ImportOptions, file))) // has the options above
}

function list(out: Output, options: Common): void {
  const { tables, overlays } = loadPriceBook(options)
  const now = systemHost.now()
  const counting = tables.findLast((each) => each.validFromMs <= now) ?? tables[0]
  const rows = tables.map((each) => ({
    id: each.id,
    valid_from: isoTime(each.validFromMs),
    counts_now: each === counting,
    models: Object.keys(each.file.models).length,
    source: each.file.source ? `${each.file.source.name} ${each.file.source.version}` : 'by hand',
    note: each.note,
    not_carried: each.file.not_carried?.length ?? 0,
  }))
  const own = overlays.map(({ id, tenant, validFromMs, note }) => ({
    id,
    tenant,
    valid_from: isoTime(validFromMs),
    note,
  }))
  out.data({ tables: rows, overlays: own })
  const text = table(
    rows,
    [
      { title: 'table', of: (row) => row.id },
      { title: 'counts from', of: (row) => row.valid_from },
      { title: 'now', of: (row) => (row.counts_now ? 'yes' : '') },
      { title: 'models', of: (row) => String(row.models), right: true },
      { title: 'left out', of: (row) => String(row.not_carried), right: true },
      { title: 'source', of: (row) => row.source, grow: true },
    ],
    out.width,
  )
  const ofTenants = own.map((each) => `overlay ${each.id} of tenant ${printable(each.tenant)} from ${each.valid_from}`)
  out.text([text, ...ofTenants, ...(counting ? [`note: ${printable(counting.note)}`] : [])].join('\n'))
}

interface Shown {
  readonly id: string
  readonly model: string | undefined
}

function show(out: Output, options: Common, { id, model }: Shown): void {
  const found = loadPriceBook(options).table(id)
  const rows = Object.entries(found.file.models).filter(
    ([name]) => model === undefined || name === rowName(found, model),
  )
  out.data({ id: found.id, ...found.file, models: Object.fromEntries(rows) })
  const left = model === undefined ? (found.file.not_carried ?? []) : []
  const head = `${out.color.bold(found.id)}  US dollars per million tokens`
  const lines = rows.flatMap(([name, row]) => ratesOf(name, row))
  const text = table(lines, RATE_COLUMNS, out.width)
  out.text(
    [head, text, ...left.map((each) => `left out: ${printable(each)}`), `note: ${printable(found.note)}`].join('\n'),
  )
}

/** The row that a model is priced by. Throws PRICE_UNKNOWN. */
function rowName(of: PriceTable, model: string): string {
  const { id } = of.lookup(model)
  return id.slice(id.indexOf('#') + 1)
}

interface RateLine extends Pick<PriceRow, 'input' | 'cache_read' | 'cache_write' | 'output'> {
  readonly name: string
  readonly more: string
}

const RATE_COLUMNS: readonly Column<RateLine>[] = [
  { title: 'model', of: (row) => row.name },
  { title: 'input', of: (row) => row.input, right: true },
  { title: 'cache read', of: (row) => row.cache_read, right: true },
  { title: 'cache write', of: (row) => row.cache_write, right: true },
  { title: 'output', of: (row) => row.output, right: true },
  { title: 'more', of: (row) => row.more },
]

/** A line for the row, and one for each of its tiers and levels. */
function ratesOf(name: string, { tiers = [], levels = {}, ...row }: PriceRow): RateLine[] {
  const line = (label: string, { input, cache_read, cache_write, output, ...rest }: PriceRow): RateLine => ({
    name: label,
    input,
    cache_read,
    cache_write,
    output,
    more: Object.entries(rest)
      .flatMap(([key, value]) => (typeof value === 'string' ? [`${key.replaceAll('_', ' ')} ${value}`] : []))
      .join(', '),
  })
  const ofTiers = (label: string, all: NonNullable<PriceRow['tiers']>): RateLine[] =>
    all.map(({ above_input_tokens: above, ...rates }) => line(`${label} above ${above}`, rates))
  const ofLevels = Object.entries(levels).flatMap(([level, { tiers: own = [], ...rates }]) => [
    line(`  ${level}`, rates),
    ...ofTiers(`  ${level}`, own),
  ])
  return [line(name, row), ...ofTiers(' ', tiers), ...ofLevels]
}

interface Compared {
  readonly from: string
  readonly to: string
}

function diff(out: Output, options: Common, given: Compared): void {
  const book = loadPriceBook(options)
  const [from, to] = [book.table(given.from), book.table(given.to)]
  const names = [...new Set([...Object.keys(from.file.models), ...Object.keys(to.file.models)])].sort()
  const changes = names.flatMap((model) => {
    const [before, after] = [flat(from.file.models[model]), flat(to.file.models[model])]
    const fields = [...new Set([...before.keys(), ...after.keys()])]
    return fields
      .map((field) => ({ model, field, before: before.get(field) ?? '', after: after.get(field) ?? '' }))
      .filter((each) => Number(each.before || 'NaN') !== Number(each.after || 'NaN'))
  })
  out.data({ from: from.id, to: to.id, changes })
  if (changes.length === 0) {
    out.text('the tables hold the same prices')
    return
  }
  const columns: readonly Column<(typeof changes)[number]>[] = [
    { title: 'model', of: (row) => row.model },
    { title: 'price', of: (row) => row.field.replaceAll('_', ' ') },
    { title: from.file.date, of: (row) => row.before || '-', right: true },
    { title: to.file.date, of: (row) => row.after || '-', right: true },
  ]
  out.text(table(changes, columns, out.width))
}

/** Every figure of a row by the way to it. */
function flat(value: unknown, path = ''): Map<string, string> {
  if (typeof value === 'string' || typeof value === 'number') return new Map([[path, String(value)]])
  const found = new Map<string, string>()
  for (const [key, inner] of Object.entries(value ?? {}))
    for (const [way, figure] of flat(inner, path === '' ? key : `${path} ${key}`)) found.set(way, figure)
  return found
}

function check(out: Output, options: Common, file: string | undefined): void {
  if (file !== undefined) {
    const found = loadPrices(file)
    out.data({ ok: true, tables: [found.id] })
    out.text(`${printable(file)}: table ${found.id}, ${Object.keys(found.file.models).length} models`)
    return
  }
  const { tables, overlays } = loadPriceBook(options)
  out.data({ ok: true, tables: tables.map(({ id }) => id), overlays: overlays.map(({ id }) => id) })
  out.text(`${tables.length} tables and ${overlays.length} overlays can be read and are as they were written`)
}

function doImport(out: Output, options: ImportOptions, file: string): void {
  const today = isoTime(systemHost.now()).slice(0, 10)
  const imported = importPrices(readSource(file), {
    format: formatOf(options.format),
    date: options.date ?? today,
    readOn: today,
    version: options.sourceVersion,
    ...(options.validFrom === undefined ? {} : { validFrom: options.validFrom }),
    ...(options.only === undefined ? {} : { only: options.only.split(',') }),
  })
  const { path, table: made } = savePrices(options.to, imported)
  const left = imported.not_carried ?? []
  const models = Object.keys(imported.models).length
  out.data({ path, id: made.id, models, not_carried: left })
  const notes = left.map((each) => `left out: ${printable(each)}`)
  out.text([`${path}: ${models} models`, ...notes, `note: ${printable(imported.note)}`].join('\n'))
}

function readSource(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new SignalboxError('USAGE', `\`${file}\` cannot be read`, { cause })
  }
}

function formatOf(text: string): PriceFormat {
  if (text === 'litellm' || text === 'models.dev') return text
  throw new SignalboxError('USAGE', `\`${text}\` is no known format: use litellm or models.dev`)
}
