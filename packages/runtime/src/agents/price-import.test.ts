import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { scaledExactly, scaledUp } from '../base/decimal.ts'
import { loadPrices } from '../price-file.ts'
import { importPrices, type PriceImport } from './price-import.ts'
import { readPrices } from './prices.ts'

const LITE: PriceImport = { format: 'litellm', date: '2026-11-22', version: 'v1', readOn: '2026-11-22' }
const lite = (rows: string, more: Partial<PriceImport> = {}) => importPrices(rows, { ...LITE, ...more })
const model = (fields: string) => `{"m": {"litellm_provider": "openai", "mode": "chat", ${fields}}}`
const BOTH = '"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06'

describe('import of prices', () => {
  it('CST-030: a price a token as a float becomes its exact decimal a million tokens', () => {
    const rate = (text: string) =>
      lite(model(`"input_cost_per_token": ${text}, "output_cost_per_token": 2e-06`)).models['openai/m']?.input
    expect(['1.25e-07', '0.00018', '5.46875e-07', '3e-05', '1.0000000000E-6'].map(rate)).toEqual([
      '0.125',
      '180',
      '0.546875',
      '30',
      '1',
    ])
    expect([scaledExactly('1.5', 0), scaledExactly('-1', 0), scaledExactly('x', 0)]).toEqual([null, null, null])
    expect([scaledUp(1.5e-9, 9), scaledUp(0.1 + 0.2, 9), scaledUp(-1, 9)]).toEqual([2n, 300_000_001n, null])
  })

  it('CST-031: what a table cannot hold is listed with its field and reason, and never rounded away', () => {
    const odd = lite(model(`${BOTH}, "cache_read_input_token_cost": 1.00000000000000001e-07, "fast_multiplier": 6.0`))
    expect(odd.not_carried).toEqual([
      'openai/m: cache_read_input_token_cost 1.00000000000000001e-07 has more decimals than a table can hold',
      'openai/m: fast_multiplier is not carried over',
    ])
    expect(odd.models['openai/m']?.cache_read).toBe('1')
    const half = lite(model(`${BOTH}, "input_cost_per_token_priority": 2e-06`))
    expect(half.models['openai/m']?.levels).toBeUndefined()
    expect(half.not_carried).toEqual(['openai/m: service level priority has no price of both input and output'])
    const sizes = '"search_context_cost_per_query": {"low": 0.01, "high": 0.02}'
    expect(lite(model(`${BOTH}, ${sizes}`)).not_carried).toEqual([
      'openai/m: search_context_cost_per_query differs by the size of the search',
    ])
    const speech = `${model(BOTH).slice(0, -1)}, "s": {"litellm_provider": "openai", "mode": "audio_speech"}}`
    expect(lite(speech).not_carried).toEqual(['openai/s: mode audio_speech is not a conversation'])
  })

  it('CST-032: tiers, service levels, cache writes by their time, sound, reasoning and fees are carried over', () => {
    const { models } = lite(
      model(`${BOTH}, "input_cost_per_token_above_128k_tokens": 4e-06, "output_cost_per_token_above_128k_tokens": 5e-06,
        "cache_creation_input_token_cost": 3e-06, "cache_creation_input_token_cost_above_1hr": 6e-06,
        "input_cost_per_token_flex": 5e-07, "output_cost_per_token_flex": 1e-06, "output_cost_per_reasoning_token": 7e-06,
        "input_cost_per_audio_token": 8e-06, "input_cost_per_request": 0.5,
        "search_context_cost_per_query": {"low": 0.01, "high": 0.01}`),
    )
    expect(models['openai/m']).toEqual({
      input: '1',
      output: '2',
      cache_read: '1',
      cache_write: '3',
      cache_write_1h: '6',
      reasoning: '7',
      audio_input: '8',
      per_request: '0.5',
      per_web_search: '0.01',
      tiers: [{ above_input_tokens: 128_000, input: '4', output: '5', cache_read: '4', cache_write: '4' }],
      levels: { flex: { input: '0.5', output: '1', cache_read: '0.5', cache_write: '0.5' } },
    })
  })

  it('CST-033: the bundled table is what its committed excerpt of the source converts to', () => {
    const excerpt = readFileSync(new URL('../../prices/sources/litellm-excerpt.json', import.meta.url), 'utf8')
    const { file } = loadPrices().table('2026-11-22')
    const converted = importPrices(excerpt, LITE)
    expect(file.models).toMatchObject(converted.models)
    expect(file.not_carried).toEqual(converted.not_carried)
    const byHand = Object.keys(file.models).filter((name) => !(name in converted.models))
    expect(byHand.every((name) => /^(scripted|azure|openai-compatible)\//.test(name))).toBe(true)
    for (const provider of ['openai/', 'anthropic/', 'google/'])
      expect(Object.keys(converted.models).filter((name) => name.startsWith(provider)).length).toBeGreaterThanOrEqual(4)
  })

  it('CST-034: the catalogue of models.dev is read by the million tokens, with its tier above 200,000', () => {
    const cost = `{"input": 1.25, "output": 10, "cache_read": 0.125, "reasoning": 12, "input_audio": 2, "video": 3,
      "context_over_200k": {"input": 2.5, "output": 15, "cache_read": 0.25}}`
    const text = `{"google": {"models": {"g": {"cost": ${cost}}, "free": {"cost": {"input": 1}}}}, "nobody": {"models": {}}}`
    const file = importPrices(text, { ...LITE, format: 'models.dev', only: ['google/*'] })
    expect(file.models).toEqual({
      'google/g': {
        input: '1.25',
        output: '10',
        cache_read: '0.125',
        cache_write: '1.25',
        reasoning: '12',
        audio_input: '2',
        tiers: [{ above_input_tokens: 200_000, input: '2.5', output: '15', cache_read: '0.25', cache_write: '2.5' }],
      },
    })
    expect(file.not_carried).toEqual([
      'google/g: video is not carried over',
      'google/free: it has no price of both input and output',
    ])
    expect(readPrices(JSON.stringify(file)).lookup('google/g').inputPerMillion).toBe(1_250_000_000n)
    expect(() => importPrices('{}', LITE)).toThrow('no model')
    expect(() => importPrices('nonsense', LITE)).toThrow('not valid JSON')
  })
})
