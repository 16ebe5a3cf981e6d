import { readFileSync } from 'node:fs'
import { type PriceTable, readPrices } from './agents/prices.ts'
import { SignalboxError } from './base/errors.ts'

/** The price file that comes with this version. Its figures are to be checked before they are relied on. */
const BUNDLED = new URL('../prices/2026-11-01.json', import.meta.url)

/** Reads a price file, by default the one that comes with this version. Throws CONFIG_INVALID naming the file. */
export function loadPrices(file: string | URL = BUNDLED): PriceTable {
  const name = String(file)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new SignalboxError('CONFIG_INVALID', `price file \`${name}\` cannot be read`, { cause })
  }
  return readPrices(text, `price file \`${name}\``)
}
