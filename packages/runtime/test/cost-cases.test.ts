import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { priceTable } from '../src/agents/prices.ts'
import { scaledExactly } from '../src/base/decimal.ts'
import {
  agent,
  createModels,
  lineageGaps,
  loadPrices,
  type ModelHandle,
  type PriceRow,
  workflow,
} from '../src/index.ts'
import { benchSet, WIDE_BUDGET } from '../src/testing/bench-box.ts'
import { startWire, type WireProvider } from './provider-wire.ts'

const CASE = z.object({
  name: z.string(),
  model: z.string(),
  usage: z.record(z.string(), z.unknown()).optional(),
  tier: z.string().optional(),
  answer: z.string().optional(),
  searches: z.array(z.string()).optional(),
  only: z.literal('streamed').optional(),
  source: z.enum(['provider', 'estimated']).optional(),
  why: z.string().optional(),
  least_nano_usd: z.string().optional(),
  least_arithmetic: z.string().optional(),
  arithmetic: z.string(),
  nano_usd: z.string(),
})
type Case = z.output<typeof CASE>

const FILES = ['openai', 'anthropic', 'google', 'openai-compatible'].map((name) => {
  const file: unknown = JSON.parse(readFileSync(new URL(`./cost-cases/${name}.json`, import.meta.url), 'utf8'))
  return z.object({ provider: z.literal(name), cases: z.array(CASE) }).parse(file)
})

const BUNDLED = new URL('../prices/2026-11-22@b53a161189a5.json', import.meta.url)
const router = { input: '1', cache_read: '1', cache_write: '1', output: '2', provider_tells: true }
const { file } = loadPrices(BUNDLED)
const PRICES = priceTable({ ...file, models: { ...file.models, 'openai-compatible/router': router } })

const keyOf = (provider: string, place: number): string => `${provider}-${place}`
const set = benchSet()
let wire: WireProvider

beforeAll(async () => {
  const cases = FILES.flatMap(({ provider, cases }) =>
    cases.map((each, place) => [keyOf(provider, place), each] as const),
  )
  wire = await startWire(new Map(cases))
})
afterAll(async () => {
  await set.close()
  await wire.stop()
})

/** The sum that a case writes out, in nano-dollars rounded up once. */
function written(arithmetic: string): string {
  const TENTHS = 10n
  const sum = arithmetic
    .split(' + ')
    .map((product) => product.split(' × ').map((factor) => scaledExactly(factor, 1) ?? 0n))
    .map(([tokens = 0n, rate = TENTHS]) => (tokens * rate) / TENTHS)
    .reduce((a, b) => a + b, 0n)
  return ((sum + TENTHS - 1n) / TENTHS).toString()
}

function modelOf(key: string, { model }: Case, streaming: boolean, prices = PRICES): ModelHandle {
  const base = wire.url(key)
  const env = {
    OPENAI_API_KEY: 'k',
    OPENAI_BASE_URL: base,
    ANTHROPIC_API_KEY: 'k',
    ANTHROPIC_BASE_URL: base,
    GOOGLE_GENERATIVE_AI_API_KEY: 'k',
    GOOGLE_GENERATIVE_AI_BASE_URL: base,
    OPENAI_COMPATIBLE_BASE_URL: base,
  }
  const providers = Object.fromEntries(FILES.map(({ provider: name }) => [name, { attempts: 1 }]))
  return createModels({ env, prices, streaming, providers }).resolve(model)
}

/** One model call of a run, as it is on record. */
async function settled(key: string, each: Case, streaming: boolean, prices = PRICES) {
  const clerk = agent({
    name: 'clerk',
    model: each.model,
    instructions: 'answer',
    maxOutputTokens: 200,
    tools: [],
    input: z.string(),
    output: z.string(),
  })
  const flow = workflow({
    name: 'priced',
    version: '1.0.0',
    input: z.string(),
    output: z.string(),
    budget: WIDE_BUDGET,
    state: {},
  })
    .agent('clerk', clerk, { prompt: (text) => text })
    .start('clerk')
    .output('clerk')
    .build()
  const box = set.box({ workflows: [flow], models: [modelOf(key, each, streaming, prices)] })
  box.work()
  const { runId } = await box.run('priced', 'go')
  const [intent] = await box.of(runId, 'activity.intent')
  const outcomes = await box.of(runId, 'activity.outcome')
  expect(outcomes).toHaveLength(1)
  expect(lineageGaps(await box.sb.runs.records('acme', runId))).toEqual([])
  return { reserved: intent?.reserved.cost_nano_usd, outcome: outcomes[0] }
}

describe.each(FILES)('cost of a call: $provider', ({ provider, cases }) => {
  it('CST-001: each written sum is what it says, and there are at least twelve', () => {
    expect(cases.length).toBeGreaterThanOrEqual(12)
    for (const each of cases) {
      if (each.nano_usd !== 'reserved')
        expect([each.name, written(each.arithmetic)]).toEqual([each.name, each.nano_usd])
      if (each.least_arithmetic) expect(written(each.least_arithmetic)).toBe(each.least_nano_usd)
    }
  })

  it.each(cases.map((each, place) => ({ ...each, key: keyOf(provider, place) })))(
    'CST-002, CST-003, CST-005: $name',
    async ({ key, ...each }) => {
      for (const streaming of each.only ? [true] : [true, false]) {
        const before = wire.reached.get(key) ?? 0
        const { reserved, outcome } = await settled(key, each, streaming)
        expect(wire.reached.get(key)).toBe(before + 1)
        expect(outcome?.settled.cost_nano_usd).toBe(each.nano_usd === 'reserved' ? reserved : each.nano_usd)
        expect(outcome?.price).toMatch(new RegExp(`^${PRICES.id}#`))
        const note = { why: each.why, least_nano_usd: each.least_nano_usd }
        expect(outcome?.cost).toEqual({ source: each.source ?? 'local', ...JSON.parse(JSON.stringify(note)) })
      }
    },
  )
})

/** Rows with something wrong, and the words of the cases that must notice it. */
const PLANTED: readonly [string, (row: PriceRow) => PriceRow, RegExp][] = [
  ['tiers left out', ({ tiers: _, ...row }) => row, /whole request at the higher price/],
  [
    'cached input at the full rate',
    (row) => ({ ...row, cache_read: row.input }),
    /^cached tokens are part|^cache reads are not/,
  ],
  ['writes for an hour as others', ({ cache_write_1h: _, ...row }) => row, /^cache write for an hour|both kinds/],
  ['service levels left out', ({ levels: _, ...row }) => row, /(priority|flex) tier/],
  ['the fee of searches left out', ({ per_web_search: _, ...row }) => row, /searches/],
]

it.each(PLANTED)('CST-004: the cases notice a planted fault: %s', async (_name, plant, words) => {
  const broken = Object.entries(PRICES.file.models).map(([name, row]) => [name, plant(row)] as const)
  const prices = priceTable({ ...PRICES.file, models: Object.fromEntries(broken) })
  const all = FILES.flatMap(({ provider, cases }) =>
    cases.map((each, place) => ({ each, key: keyOf(provider, place) })),
  )
  const noticing = all.filter(({ each }) => words.test(each.name) && !each.answer)
  expect(noticing.length).toBeGreaterThan(0)
  for (const { each, key } of noticing) {
    const { outcome } = await settled(key, each, false, prices)
    expect([each.name, outcome?.settled.cost_nano_usd]).not.toEqual([each.name, each.nano_usd])
  }
})
