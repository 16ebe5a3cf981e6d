import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type PriceBook, priceBook } from './agents/price-book.ts'
import { type PriceOverlay, readOverlay } from './agents/price-overlay.ts'
import { type PriceFile, type PriceTable, priceTable, readPrices } from './agents/prices.ts'
import { SignalboxError } from './base/errors.ts'

/** The price files that come with this version. Their figures are to be checked before they are relied on. */
const BUNDLED = fileURLToPath(new URL('../prices/', import.meta.url))

/** Where prices are beside those that come with this version. */
export interface PriceFolders {
  /** Price files, each named by its table's id. */
  readonly prices?: string
  /** Files of tenants' own prices. */
  readonly overlays?: string
}

/**
 * Reads a price file, by default all that come with this version. Throws CONFIG_INVALID naming the file, also when the
 * name of a file holds the hash of another content: a table is never changed, a new one is written.
 */
export function loadPrices(): PriceBook
export function loadPrices(file: string | URL): PriceTable
export function loadPrices(file?: string | URL): PriceTable {
  if (file === undefined) return loadPriceBook({})
  const path = typeof file === 'string' ? file : fileURLToPath(file)
  const what = `price file \`${path}\``
  const table = readPrices(textOf(path, what), what)
  const name = basename(path, '.json')
  if (name.includes('@') && name !== table.id)
    throw new SignalboxError(
      'CONFIG_INVALID',
      `${what} was changed: its content is that of \`${table.id}\`; put it back, and write new prices to a new file`,
    )
  return table
}

/** The tables that come with this version and those of the folders, with the overlays. Throws CONFIG_INVALID. */
export function loadPriceBook({ prices, overlays }: PriceFolders): PriceBook {
  const files = [...filesOf(BUNDLED), ...(prices === undefined ? [] : filesOf(prices))]
  const tables = new Map(files.map((file) => loadPrices(file)).map((table) => [table.id, table]))
  return priceBook([...tables.values()], overlays === undefined ? [] : filesOf(overlays).map(loadOverlay))
}

/** Reads one tenant's own prices. Throws CONFIG_INVALID naming the file. */
export function loadOverlay(file: string): PriceOverlay {
  const what = `overlay \`${file}\``
  return readOverlay(textOf(file, what), what)
}

/**
 * Writes a table to the folder under its id. A table that is there already is left as it is. Throws CONFIG_INVALID when
 * the table would count from the same moment as another one of the folder; nothing is written then.
 */
export function savePrices(folder: string, file: PriceFile): { readonly path: string; readonly table: PriceTable } {
  const table = priceTable(file)
  const path = join(folder, `${table.id}.json`)
  if (existsSync(path)) return { path, table: loadPrices(path) }
  priceBook([...(existsSync(folder) ? filesOf(folder).map((each) => loadPrices(each)) : []), table])
  mkdirSync(folder, { recursive: true })
  writeFileSync(path, `${JSON.stringify(file, null, 2)}\n`, { flag: 'wx' })
  return { path, table }
}

function filesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .toSorted()
      .map((name) => join(folder, name))
  } catch (cause) {
    throw new SignalboxError('CONFIG_INVALID', `folder of prices \`${folder}\` cannot be read`, { cause })
  }
}

function textOf(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new SignalboxError('CONFIG_INVALID', `${what} cannot be read`, { cause })
  }
}
