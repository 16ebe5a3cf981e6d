/** The master data of the example: the same on every machine and for every inbox seed. */
import { makeIban } from './iban.ts'
import type { LedgerSeed } from './ledger.ts'
import type { Vendor } from './match.ts'
import { makePrng, type Prng } from './prng.ts'

type Country = 'DE' | 'FR' | 'NL' | 'ES' | 'AT' | 'BE' | 'GB'

/** A vendor with what its invoices look like. `number_style` is how it spells its numbers, tax in percent. */
export interface VendorProfile {
  readonly vendor: Vendor
  readonly number_style: 0 | 1 | 2 | 3
  readonly tax_percent: number
  readonly goods: readonly string[]
}

const OFFICE = [
  'Copier paper A4, 80 g',
  'Toner cartridge, black',
  'Desk lamp',
  'Office chair, adjustable',
  'Whiteboard markers',
]
const PARTS = ['Ball bearing 6204', 'Hex bolt M8 x 40', 'Hydraulic hose 2 m', 'Drive belt A52', 'Sealing ring set']
const SERVICE = [
  'Consulting day',
  'On-site support, hour',
  'Remote maintenance, month',
  'Training seat',
  'Travel, flat rate',
]
const FREIGHT = [
  'Pallet transport, domestic',
  'Container haulage',
  'Customs handling',
  'Storage, pallet and week',
  'Express courier',
]
const FOOD = ['Coffee beans, 1 kg', 'Catering, person', 'Mineral water, crate', 'Fruit basket', 'Lunch menu, person']

const VENDORS: readonly (readonly [string, Country, string, readonly string[]])[] = [
  ['Nordlicht Bürobedarf GmbH', 'DE', 'EUR', OFFICE],
  ['Papeterie Lemoine SARL', 'FR', 'EUR', OFFICE],
  ['Van der Velde Kantoor B.V.', 'NL', 'EUR', OFFICE],
  ['Harcourt Stationers Ltd', 'GB', 'GBP', OFFICE],
  ['Maschinenteile Brandl KG', 'DE', 'EUR', PARTS],
  ['Roulements du Rhône SA', 'FR', 'EUR', PARTS],
  ['Talleres Iriarte S.L.', 'ES', 'EUR', PARTS],
  ['Pennine Hydraulics Ltd', 'GB', 'GBP', PARTS],
  ['Steirische Antriebe GmbH', 'AT', 'EUR', PARTS],
  ['Kessler & Wirth Beratung', 'DE', 'EUR', SERVICE],
  ['Cabinet Oriel', 'FR', 'EUR', SERVICE],
  ['Delft Systems B.V.', 'NL', 'EUR', SERVICE],
  ['Wexcombe Data Ltd', 'GB', 'GBP', SERVICE],
  ['Ibérica Formación S.A.', 'ES', 'EUR', SERVICE],
  ['Donau IT Dienste GmbH', 'AT', 'EUR', SERVICE],
  ['Spedition Hartwig OHG', 'DE', 'EUR', FREIGHT],
  ['Transports Maillard', 'FR', 'EUR', FREIGHT],
  ['Scheldt Logistics NV', 'BE', 'EUR', FREIGHT],
  ['Atlantic Bridge Forwarding', 'GB', 'USD', FREIGHT],
  ['Rijnmond Opslag B.V.', 'NL', 'EUR', FREIGHT],
  ['Rösterei Morgenrot', 'DE', 'EUR', FOOD],
  ['Traiteur Bellerive', 'BE', 'EUR', FOOD],
  ['Comidas Alameda S.L.', 'ES', 'EUR', FOOD],
  ['Lakeside Catering Inc', 'GB', 'USD', FOOD],
]

const ACCOUNT_DIGITS: Record<Country, number> = { DE: 18, FR: 23, NL: 10, ES: 20, AT: 16, BE: 12, GB: 14 }
const TAX: Record<Country, number> = { DE: 19, FR: 20, NL: 21, ES: 21, AT: 20, BE: 21, GB: 20 }

/** A new account with right check digits. */
export function drawIban(
  prng: Prng,
  country: Country = prng.pick(['DE', 'FR', 'NL', 'ES', 'AT', 'BE', 'GB'] as const),
): string {
  let account = country === 'NL' ? 'EXMP' : country === 'GB' ? 'EXMP' : ''
  for (let digit = 0; digit < ACCOUNT_DIGITS[country]; digit++) account += String(prng.int(0, 9))
  return makeIban(country, account)
}

/** The vendors with their habits; every second one is paid by the legacy endpoint. */
export function vendorProfiles(): VendorProfile[] {
  const prng = makePrng('payables master data')
  return VENDORS.map(([name, country, currency, goods], index) => ({
    vendor: {
      vendor_id: `V${1001 + index}`,
      name,
      iban: drawIban(prng, country),
      currency,
      email: `accounts@v${1001 + index}.example`,
      bank_endpoint: index % 2 === 0 ? 'modern' : 'legacy',
    },
    number_style: prng.pick([0, 1, 2, 3] as const),
    tax_percent: currency === 'USD' ? 0 : TAX[country],
    goods,
  }))
}

/** How a vendor spells the `serial`-th number of the year; `tag` keeps the numbers of different seeds apart. */
export function spellNumber(style: VendorProfile['number_style'], serial: number, tag: string): string {
  const padded = String(serial).padStart(4, '0')
  const tail = tag === '' ? '' : `-${tag}`
  if (style === 0) return `INV-2026-${padded}${tail}`
  if (style === 1) return `RE2026/${padded}${tail}`
  if (style === 2) return `F-${padded}-26${tail}`
  return `2026.${padded}${tail}`
}

/** The ledger without the purchase orders of an inbox: vendors, last year's paid invoices and the archive. */
export function masterData(): LedgerSeed {
  const profiles = vendorProfiles()
  const paid = profiles.map((profile, index) => ({
    vendor_id: profile.vendor.vendor_id,
    invoice_number: spellNumber(profile.number_style, 9_001 + index, ''),
    po_number: `PO-2025-${9_001 + index}`,
  }))
  return {
    vendors: profiles.map((profile) => profile.vendor),
    purchase_orders: paid.map((each, index) => {
      const currency = profiles[index]?.vendor.currency ?? 'EUR'
      return {
        po_number: each.po_number,
        vendor_id: each.vendor_id,
        currency,
        total_minor: 100_000 + index * 2_500,
        status: 'closed',
      }
    }),
    paid_invoices: paid,
    archive_records: profiles.map((profile, index) => ({
      record_id: `R-${501 + index}`,
      title: `Contract file of ${profile.vendor.name}`,
      vendor_id: profile.vendor.vendor_id,
    })),
  }
}
