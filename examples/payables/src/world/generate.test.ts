import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { WORLD_FOLDER } from './folder.ts'
import { COUNT, differences, makeWorld } from './generate.ts'
import { INJECTION_KINDS } from './injections.ts'
import { MATCH_STATUSES } from './match.ts'
import { makeInvoices, type Truth } from './scenarios.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

describe('the committed world', () => {
  it('PAY-001: equals what the seed makes', () => {
    expect(differences(WORLD_FOLDER)).toEqual([])
  })

  it('PAY-001: a changed, missing and added file is named', () => {
    const folder = mkdtempSync(join(tmpdir(), 'payables-'))
    folders.push(folder)
    cpSync(WORLD_FOLDER, folder, { recursive: true })
    const [changed, missing] = [...makeWorld().keys()]
    writeFileSync(join(folder, String(changed)), '{}')
    rmSync(join(folder, String(missing)))
    writeFileSync(join(folder, 'inbox', 'extra.json'), '{}')
    expect(differences(folder)).toEqual([
      `${changed} differs`,
      `${missing} is missing`,
      'inbox/extra.json is not made by the seed',
    ])
  })

  it('PAY-002: has at least 200 invoices with every fault and every kind of injection', () => {
    const truth: Truth[] = JSON.parse(readFileSync(join(WORLD_FOLDER, 'truth.json'), 'utf8'))
    expect(truth.length).toBe(COUNT)
    expect(COUNT).toBeGreaterThanOrEqual(200)
    const csv = truth.filter((each) => each.file.endsWith('.csv')).length
    expect(Math.min(csv, COUNT - csv)).toBeGreaterThan(COUNT * 0.4)
    expect(new Set(truth.map((each) => each.status))).toEqual(new Set(MATCH_STATUSES))
    expect(new Set(truth.map((each) => each.injection))).toEqual(new Set([null, ...INJECTION_KINDS]))
    const payments = truth.flatMap((each) => each.payment ?? [])
    expect(new Set(payments.map((each) => each.invoice_key)).size).toBe(payments.length)
    const legacy = payments.filter((each) => each.bank_endpoint === 'legacy').length
    expect(Math.min(legacy, payments.length - legacy)).toBeGreaterThan(payments.length * 0.35)
  })

  it('PAY-003: the same seed makes the same, another seed shares nothing', () => {
    const one = makeInvoices('one', 30)
    expect(makeInvoices('one', 30)).toEqual(one)
    const two = makeInvoices('two', 30)
    const names = (made: typeof one) => [
      ...made.files.map((each) => each.file),
      ...made.purchase_orders.map((each) => each.po_number),
      ...made.truth.flatMap((each) => each.payment?.invoice_key ?? []),
    ]
    expect(names(one).filter((name) => names(two).includes(name))).toEqual([])
  })
})
