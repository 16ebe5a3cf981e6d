/** Which prices count for a call: the table in force when it is made, and what its tenant agreed with the provider. */
import { SignalboxError } from '../base/errors.ts'
import type { ModelPrice, PriceMoment } from '../contracts/model.ts'
import type { PriceOverlay } from './price-overlay.ts'
import type { PriceTable } from './prices.ts'

/** Several tables and overlays; read as one table, it is the newest table without overlays. */
export interface PriceBook extends PriceTable {
  /** By the time from which they count, oldest first. */
  readonly tables: readonly PriceTable[]
  readonly overlays: readonly PriceOverlay[]
  /** The prices of calls of that tenant at that time. */
  at(moment: PriceMoment): Pick<PriceTable, 'lookup' | 'dearest'>
  /** The price of a model for that tenant at that time, over other listed prices than those of the book. */
  own(model: string, moment: PriceMoment, listed: (model: string) => ModelPrice): ModelPrice
  /** The table of an id, or of the beginning of one. Throws CONFIG_INVALID naming those that are there. */
  table(id: string): PriceTable
}

/**
 * A book of prices. The order is total. Tables: the one that counts latest at the time of the call; before the first, the
 * first; for a model that it does not have, the next older one that has it, then the next newer. Overlays: of those of the
 * tenant that count at the time, the latest, alone. Throws CONFIG_INVALID when there is no table, or when two tables, or
 * two overlays of one tenant, count from the same moment.
 */
export function priceBook(tables: readonly PriceTable[], overlays: readonly PriceOverlay[] = []): PriceBook {
  const sorted = tables.toSorted(byTime)
  const newest = sorted.at(-1)
  if (!newest) throw new SignalboxError('CONFIG_INVALID', 'a book of prices needs a table')
  refuseTwins(sorted, (table) => table.id)
  for (const own of Map.groupBy(overlays, (overlay) => overlay.tenant).values())
    refuseTwins(own.toSorted(byTime), (overlay) => `${overlay.id} of tenant ${overlay.tenant}`)
  return {
    ...newest,
    tables: sorted,
    overlays,
    own: (model, { atMs, tenant }, listed) =>
      inForce(own(overlays, tenant), atMs)?.apply(model, listed) ?? listed(model),
    at: ({ atMs, tenant }) => pricesAt(sorted, inForce(own(overlays, tenant), atMs), atMs),
    table: (id) => {
      const found = sorted.filter((table) => table.id === id || table.id.startsWith(id))
      const [one] = found
      if (one && found.length === 1) return one
      const all = sorted.map((table) => `\`${table.id}\``).join(', ')
      throw new SignalboxError('CONFIG_INVALID', `there is no one price table \`${id}\`: there are ${all}`)
    },
  }
}

/** True for a book. */
export function isPriceBook(prices: PriceTable): prices is PriceBook {
  return 'at' in prices
}

function own(overlays: readonly PriceOverlay[], tenant: string): readonly PriceOverlay[] {
  return overlays.filter((overlay) => overlay.tenant === tenant).toSorted(byTime)
}

function pricesAt(
  tables: readonly PriceTable[],
  overlay: PriceOverlay | null,
  atMs: number,
): Pick<PriceTable, 'lookup' | 'dearest'> {
  const counting = inForce(tables, atMs) ?? tables[0]
  if (!counting) throw new SignalboxError('INTERNAL', 'a book of prices needs a table')
  const place = tables.indexOf(counting)
  const order = [...tables.slice(0, place + 1).toReversed(), ...tables.slice(place + 1)]
  const base = (model: string): ModelPrice => {
    for (const table of order) {
      const found = priceIn(table, model)
      if (found) return found
    }
    return counting.lookup(model)
  }
  return {
    lookup: (model) => (overlay ? overlay.apply(model, base) : base(model)),
    dearest: counting.dearest,
  }
}

function priceIn(table: PriceTable, model: string): ModelPrice | null {
  try {
    return table.lookup(model)
  } catch (thrown) {
    if (thrown instanceof SignalboxError && thrown.code === 'PRICE_UNKNOWN') return null
    throw thrown
  }
}

interface Dated {
  readonly validFromMs: number
  readonly id: string
}

function byTime(a: Dated, b: Dated): number {
  return a.validFromMs - b.validFromMs || (a.id < b.id ? -1 : 1)
}

function inForce<T extends Dated>(sorted: readonly T[], atMs: number): T | null {
  return sorted.findLast((each) => each.validFromMs <= atMs) ?? null
}

function refuseTwins<T extends Dated>(sorted: readonly T[], name: (each: T) => string): void {
  for (const [place, each] of sorted.entries()) {
    const next = sorted[place + 1]
    if (next && next.validFromMs === each.validFromMs)
      throw new SignalboxError(
        'CONFIG_INVALID',
        `\`${name(each)}\` and \`${name(next)}\` count from the same moment: give one of them another \`valid_from\``,
      )
  }
}
