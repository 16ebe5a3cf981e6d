import { afterEach, expect, it } from 'vitest'
import { createModels, readPrices } from '../agents/index.ts'
import type { UnknownPrice } from '../agents/prices.ts'
import { clerkFlow } from '../testing/agent-kit.ts'
import { benchSet } from '../testing/bench-box.ts'

const set = benchSet()
afterEach(() => set.close())

const row = (output: string) => ({ input: '3', cache_read: '1', cache_write: '4', output })
const PRICES = readPrices(
  JSON.stringify({ date: '2026-01-01', note: 'for tests', models: { 'a/*': row('5'), 'b/*': row('9') } }),
)

function models(unknownPrice: UnknownPrice | undefined, calls: string[]) {
  const clerk = () => {
    calls.push('called')
    return 'done'
  }
  return createModels({ env: {}, prices: PRICES, scripted: { clerk }, ...(unknownPrice ? { unknownPrice } : {}) })
}

it('BUD-044: a model without a price is refused before it is called, unless the dearest price may be assumed', async () => {
  const calls: string[] = []
  expect(() => models(undefined, calls).resolve('scripted/clerk').price).toThrow(
    expect.objectContaining({ code: 'PRICE_UNKNOWN' }),
  )
  expect(calls).toEqual([])
  const handle = models('assume_max', calls).resolve('scripted/clerk')
  expect(handle.price).toMatchObject({ inputPerMillion: 3_000_000_000n, outputPerMillion: 9_000_000_000n })
  const one = set.box({ workflows: [clerkFlow([])], models: [handle] })
  one.work()
  const { runId, output } = await one.run('clerks', 'go')
  expect([output, calls]).toEqual(['done', ['called']])
  const [outcome] = await one.of(runId, 'activity.outcome')
  expect(outcome?.price).toBe(`${PRICES.id}#assumed_max`)
  expect(BigInt(outcome?.settled.cost_nano_usd ?? '0')).toBeGreaterThan(0n)
})
