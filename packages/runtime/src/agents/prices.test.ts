import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Usage } from '../contracts/common.ts'
import { callCost, worstCallCost } from '../contracts/cost.ts'
import { loadPrices } from '../price-file.ts'
import { readPrices } from './prices.ts'

const row = (input: string) => ({ input, cache_read: '0.1', cache_write: '2', output: '4' })

const FILE = {
  date: '2026-11-01',
  note: 'for a test',
  models: { 'a/*': row('1'), 'a/big-*': row('2'), 'a/big-one': row('3') },
}

const USAGE: Usage = {
  input_tokens: 1_000,
  cache_read_tokens: 200,
  cache_write_tokens: 100,
  output_tokens: 50,
  reasoning_tokens: 20,
}

describe('prices', () => {
  it('AGT-072: exact, then the longest prefix, else PRICE_UNKNOWN with the fix', () => {
    const table = readPrices(JSON.stringify(FILE))
    expect(table.lookup('a/big-one').inputPerMillion).toBe(3_000_000_000n)
    expect(table.lookup('a/big-two').inputPerMillion).toBe(2_000_000_000n)
    expect(table.lookup('a/small').id).toBe(`${table.id}#a/*`)
    expect(() => table.lookup('b/one')).toThrow(
      expect.objectContaining({ code: 'PRICE_UNKNOWN', message: expect.stringContaining('add a row') }),
    )
    expect(() => table.lookup('constructor')).toThrow(expect.objectContaining({ code: 'PRICE_UNKNOWN' }))
  })

  it('AGT-073: cache rates, reasoning as output, rounded up; no usage, no cost', () => {
    const price = readPrices(JSON.stringify(FILE)).lookup('a/small')
    expect(callCost(price, USAGE)).toBe(700_000n + 20_000n + 200_000n + 200_000n)
    const odd = { ...price, inputPerMillion: 1n }
    expect(
      callCost(odd, {
        ...USAGE,
        input_tokens: 1,
        cache_read_tokens: null,
        cache_write_tokens: null,
        output_tokens: 0,
        reasoning_tokens: null,
      }),
    ).toBe(1n)
    expect(callCost(price, { ...USAGE, input_tokens: null })).toBeNull()
    expect(callCost(price, { ...USAGE, output_tokens: null })).toBeNull()
    expect(callCost(price, { ...USAGE, input_tokens: 100 })).toBe(20_000n + 200_000n + 200_000n)
  })

  it('AGT-074: the worst cost bounds every cost within its tokens', () => {
    const price = readPrices(JSON.stringify(FILE)).lookup('a/small')
    const count = fc.nat(100_000)
    fc.assert(
      fc.property(count, count, count, count, count, (plain, read, write, output, reasoning) => {
        const input = plain + read + write
        const usage: Usage = {
          input_tokens: input,
          cache_read_tokens: read,
          cache_write_tokens: write,
          output_tokens: output,
          reasoning_tokens: Math.min(reasoning, output),
        }
        expect(callCost(price, usage)).toBeLessThanOrEqual(worstCallCost(price, input, output))
      }),
    )
  })

  it('AGT-075: the bundled file reads, prices scripted models, and asks to be checked', () => {
    const table = loadPrices()
    expect(table.id).toMatch(/^2026-11-22@[0-9a-f]{12}$/)
    expect(table.lookup('scripted/any').outputPerMillion).toBeGreaterThan(0n)
    expect(table.lookup('openai-compatible/llama3').outputPerMillion).toBeGreaterThan(0n)
    expect(table.note).toContain('TO BE CHECKED')
    expect(() => table.lookup('openai/gpt-5-pro')).toThrow(expect.objectContaining({ code: 'PRICE_UNKNOWN' }))
  })

  it('AGT-076: a file that does not fit names every field', () => {
    const broken = { ...FILE, date: 'yesterday', models: { 'a/one': { ...row('1'), output: 4 } } }
    expect(() => readPrices(JSON.stringify(broken))).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(/date.*output/) }),
    )
    expect(() => readPrices('{')).toThrow('is not valid JSON')
    expect(() => loadPrices('no-such-file.json')).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })
})
