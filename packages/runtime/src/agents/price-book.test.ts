import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { SignalboxError } from '../base/errors.ts'
import { callCost, worstCallCost } from '../contracts/cost.ts'
import { loadPriceBook, loadPrices, savePrices } from '../price-file.ts'
import { clerkFlow } from '../testing/agent-kit.ts'
import { benchSet } from '../testing/bench-box.ts'
import { createModels } from './models.ts'
import { priceBook } from './price-book.ts'
import { readOverlay } from './price-overlay.ts'
import { type PriceFile, priceTable } from './prices.ts'

const set = benchSet()
afterEach(() => set.close())

const row = (input: string) => ({ input, cache_read: '0.1', cache_write: '2', output: '4' })
const file = (date: string, models: PriceFile['models'], more: Partial<PriceFile> = {}): PriceFile => ({
  date,
  note: 'for a test',
  models,
  ...more,
})
const at = (time: string, tenant = 'acme') => ({ atMs: Date.parse(time), tenant })

const OLD = priceTable(file('2026-01-01', { 'a/*': row('1'), 'b/x': row('9') }))
const NEW = priceTable(file('2026-03-01', { 'a/*': row('2'), 'c/x': row('7') }, { valid_from: '2026-03-01T12:00:00Z' }))

const overlay = (more: object) =>
  readOverlay(JSON.stringify({ overlay: 'deal', tenant: 'acme', date: '2026-01-01', note: 'for a test', ...more }))

describe('book of prices', () => {
  it('CST-010: the table that counts at the time of the call is used, before the first one the first', () => {
    const book = priceBook([NEW, OLD])
    const input = (time: string, model = 'a/one') => book.at(at(time)).lookup(model)
    expect(input('2025-12-31T00:00:00Z').id).toBe(`${OLD.id}#a/*`)
    expect(input('2026-03-01T11:59:59.999Z').id).toBe(`${OLD.id}#a/*`)
    expect(input('2026-03-01T12:00:00Z').id).toBe(`${NEW.id}#a/*`)
    expect(book.id).toBe(NEW.id)
    expect(book.table('2026-01').id).toBe(OLD.id)
    expect(() => book.table('2027')).toThrow(`\`${NEW.id}\``)
  })

  it('CST-011: a model that the table in force lacks has the price of the next older one, then of the next newer', () => {
    const book = priceBook([NEW, OLD])
    expect(book.at(at('2026-04-01T00:00:00Z')).lookup('b/x').id).toBe(`${OLD.id}#b/x`)
    expect(book.at(at('2026-02-01T00:00:00Z')).lookup('c/x').id).toBe(`${NEW.id}#c/x`)
    expect(() => book.at(at('2026-04-01T00:00:00Z')).lookup('d/x')).toThrow(
      expect.objectContaining({ code: 'PRICE_UNKNOWN' }),
    )
  })

  it('CST-012: two tables, or two overlays of a tenant, that count from the same moment are refused', () => {
    const twin = priceTable(file('2026-01-01', { 'a/*': row('3') }))
    expect(() => priceBook([OLD, twin])).toThrow('count from the same moment')
    const [one, two] = [overlay({ discount_percent: '1' }), overlay({ discount_percent: '2' })]
    expect(() => priceBook([OLD], [one, two])).toThrow('count from the same moment')
    expect(() => priceBook([])).toThrow('needs a table')
  })

  it('CST-013: a table whose content was changed under its name is refused, and one that is there is never overwritten', () => {
    const folder = mkdtempSync(join(tmpdir(), 'prices-'))
    const first = savePrices(folder, OLD.file)
    const again = savePrices(folder, OLD.file)
    expect([again.path, readdirSync(folder)]).toEqual([first.path, [`${OLD.id}.json`]])
    expect(() => savePrices(folder, file('2026-01-01', { 'a/*': row('3') }))).toThrow('same moment')
    expect(readdirSync(folder)).toHaveLength(1)
    const before = readFileSync(first.path, 'utf8')
    writeFileSync(first.path, before.replace('"1"', '"0.5"'))
    const refused = expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('was changed') })
    expect(() => loadPriceBook({ prices: folder })).toThrow(refused)
    expect(() => savePrices(folder, OLD.file)).toThrow(refused)
  })

  it('CST-014: the tables that come with this version never change, name their source and ask to be checked', () => {
    const hashes = loadPrices().tables.map(({ id, hash }) => [id, hash.slice(0, 12)])
    expect(hashes).toEqual([
      ['2026-11-01@0feec7ec14a8', '0feec7ec14a8'],
      ['2026-11-22@b53a161189a5', 'b53a161189a5'],
    ])
    const seed = loadPrices().table('2026-11-22')
    expect(seed.file.source).toMatchObject({ name: 'litellm', version: expect.stringMatching(/^commit [0-9a-f]{40}$/) })
    for (const { note } of loadPrices().tables) expect(note).toContain('TO BE CHECKED')
    expect(seed.lookup('anthropic/claude-sonnet-4-5').tiers).toHaveLength(1)
  })

  it('CST-015: the price of a call is that of its time and tenant, and both ids are on record', async () => {
    const scripts = { clerk: () => 'done' }
    const acme = overlay({ date: '2001-01-01', models: { 'scripted/*': { discount_percent: '50' } } })
    const one = createModels({ env: {}, prices: priceBook([scriptedTable], [acme]), scripted: scripts })
    const box = set.box({ workflows: [clerkFlow([])], models: [one.resolve('scripted/clerk')] })
    box.work()
    const { runId } = await box.run('clerks', 'go')
    const [intent] = await box.of(runId, 'activity.intent')
    const [outcome] = await box.of(runId, 'activity.outcome')
    expect(outcome?.price).toBe(`${scriptedTable.id}#scripted/*`)
    expect(outcome?.cost).toEqual({ source: 'local', overlay: `${acme.id}#scripted/*` })
    const listed = scriptedTable.lookup('scripted/clerk')
    if (!outcome?.usage) throw new Error('a scripted answer has usage')
    const full = callCost(listed, outcome.usage) ?? 0n
    expect(BigInt(outcome.settled.cost_nano_usd)).toBe((full + 1n) / 2n)
    // The reservation is at the tenant's price too.
    expect(BigInt(intent?.reserved.cost_nano_usd ?? 0)).toBeLessThan(worstCallCost(listed, 10_000, 2_000))
  })
})

const scriptedTable = priceTable(file('2026-01-01', { 'scripted/*': row('1') }))

describe('overlays', () => {
  const book = (more: object) => priceBook([OLD, NEW], [overlay(more)]).at(at('2026-02-01T00:00:00Z'))

  it('CST-020: of the rules for a model the exact name counts, then the longest prefix, then the discount for all', () => {
    const prices = book({
      discount_percent: '10',
      models: { 'a/*': { discount_percent: '20' }, 'a/big*': { discount_percent: '30' }, 'a/big-one': row('5') },
    })
    expect(prices.lookup('b/x').inputPerMillion).toBe(8_100_000_000n)
    expect(prices.lookup('a/small').inputPerMillion).toBe(800_000_000n)
    expect(prices.lookup('a/big-two').inputPerMillion).toBe(700_000_000n)
    expect(prices.lookup('a/big-one')).toMatchObject({ inputPerMillion: 5_000_000_000n, id: `${OLD.id}#a/*` })
    expect(prices.lookup('a/big-one').overlay).toMatch(/^deal@[0-9a-f]{12}#a\/big-one$/)
    expect(prices.lookup('b/x').overlay).toMatch(/#\*$/)
  })

  it('CST-021: a deployment of its own is priced as the model that it names, and needs no listed price of its name', () => {
    const prices = book({ models: { 'azure/our-gpt': { as: 'b/x', discount_percent: '33.3333' }, 'own/y': row('6') } })
    const own = prices.lookup('azure/our-gpt')
    expect(own).toMatchObject({ id: `${OLD.id}#b/x`, inputPerMillion: 6_000_003_000n })
    expect(own.overlay).toContain('#azure/our-gpt')
    expect(prices.lookup('own/y').id).toMatch(/^deal@[0-9a-f]{12}#own\/y$/)
    expect(prices.lookup('a/one').overlay).toBeUndefined()
  })

  it('CST-022: an overlay counts for its tenant alone, from its time on, and the latest alone', () => {
    const early = overlay({ discount_percent: '10' })
    const late = overlay({ discount_percent: '50', valid_from: '2026-02-10T00:00:00Z', models: {} })
    const prices = priceBook([OLD], [late, early])
    const input = (time: string, tenant?: string) => prices.at(at(time, tenant)).lookup('a/one').inputPerMillion
    expect(input('2025-12-01T00:00:00Z')).toBe(1_000_000_000n)
    expect(input('2026-02-09T00:00:00Z')).toBe(900_000_000n)
    expect(input('2026-02-11T00:00:00Z')).toBe(500_000_000n)
    expect(input('2026-02-11T00:00:00Z', 'other')).toBe(1_000_000_000n)
  })

  it('CST-023: a discount counts for every rate, tier, level and fee, rounded up; above 100 per cent it is refused', () => {
    const all = {
      ...row('1'),
      per_request: '0.01',
      per_web_search: '0.01',
      tiers: [{ above_input_tokens: 10, ...row('2') }],
      levels: { flex: { ...row('0.5'), cache_write_1h: '3' } },
    }
    const listed = priceBook([priceTable(file('2026-01-01', { 'a/*': all }))], [overlay({ discount_percent: '50' })])
    expect(listed.at(at('2026-02-01T00:00:00Z')).lookup('a/x')).toMatchObject({
      inputPerMillion: 500_000_000n,
      perRequest: 5_000_000n,
      perWebSearch: 5_000_000n,
      tiers: [{ aboveInputTokens: 10, inputPerMillion: 1_000_000_000n }],
      levels: { flex: { inputPerMillion: 250_000_000n, cacheWrite1hPerMillion: 1_500_000_000n } },
    })
    const refused = (thrown: unknown): boolean => (thrown as SignalboxError).code === 'CONFIG_INVALID' // as it is thrown
    expect(() => overlay({ discount_percent: '100.5' })).toThrow(expect.toSatisfy(refused))
    expect(() => overlay({ models: { 'a/*': { discount: '5' } } })).toThrow(expect.toSatisfy(refused))
  })
})
