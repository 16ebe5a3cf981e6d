import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Amounts, type BudgetLimits, NO_AMOUNTS } from '../contracts/common.ts'
import type { ModelPrice } from '../contracts/model.ts'
import type { RunRecord } from '../contracts/records.ts'
import { affordableOutputTokens, BudgetLedger, foldBudget, settleUsage } from './budgets.ts'

const LIMITS: BudgetLimits = {
  max_turns: 10,
  max_tool_calls: 5,
  max_runtime_seconds: 60,
  max_tokens: 1_000,
  max_cost_nano_usd: '1000',
}

const amounts = (over: Partial<Amounts> = {}): Amounts => ({ ...NO_AMOUNTS, ...over })

const PRICE: ModelPrice = {
  id: 'table#m',
  inputPerMillion: 1_000_000n,
  cacheReadPerMillion: 100_000n,
  cacheWritePerMillion: 2_000_000n,
  outputPerMillion: 5_000_000n,
}

// The ledger reads these fields of a record and no others.
const intent = (key: string, reserved: Amounts) =>
  ({ type: 'activity.intent', ask: { key }, reserved }) as unknown as RunRecord
const outcome = (key: string, settled: Amounts, status = 'succeeded') =>
  ({ type: 'activity.outcome', ask: { key }, settled, status }) as unknown as RunRecord
const branch = { type: 'branch.started' } as unknown as RunRecord

describe('a budget', () => {
  it('BUD-001: refuses what would pass a limit, and holds nothing of it', () => {
    const ledger = new BudgetLedger(LIMITS)
    expect(ledger.reserve('a', amounts({ turns: 1, tokens: 900 })).status).toBe('reserved')
    const refused = ledger.reserve('b', amounts({ turns: 10, tokens: 101, cost_nano_usd: '1000' }))
    expect(refused).toEqual({ status: 'refused', limits: ['turns', 'tokens'] })
    expect(ledger.refuses(amounts({ tokens: 101 }), 0)).toBe('tokens')
    expect(ledger.held).toEqual(amounts({ turns: 1, tokens: 900 }))
    expect(ledger.remaining()).toEqual({ turns: 9, tool_calls: 5, tokens: 100, cost_nano_usd: '1000' })
    expect(ledger.reserve('c', amounts({ tokens: 100 })).status).toBe('reserved')
    expect(() => ledger.reserve('c', NO_AMOUNTS)).toThrow('open reservation')
  })

  it('BUD-001: gives back what was not sent', () => {
    const ledger = new BudgetLedger(LIMITS)
    ledger.reserve('a', amounts({ tokens: 1_000 }))
    ledger.release('a')
    expect([ledger.held, ledger.spent, ledger.open]).toEqual([NO_AMOUNTS, NO_AMOUNTS, []])
  })

  const step = fc.record({
    kind: fc.constantFrom('reserve', 'settle', 'release', 'charge'),
    key: fc.nat(8).map(String),
    turns: fc.nat(4),
    tokens: fc.nat(600),
    cost: fc.nat(600),
    share: fc.nat(100),
  })

  it('BUD-002, BUD-004: never passes a limit under any interleaving, and its records rebuild it', () => {
    let refusals = 0
    const property = fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
      const ledger = new BudgetLedger(LIMITS)
      const records: RunRecord[] = []
      const worsts = new Map<string, Amounts>()
      for (const { kind, key, turns, tokens, cost, share } of steps) {
        const held = worsts.get(key)
        if (kind === 'reserve' && held === undefined) {
          const worst = amounts({ turns, tokens, cost_nano_usd: String(cost) })
          if (ledger.reserve(key, worst).status === 'refused') refusals += 1
          else {
            records.push(intent(key, worst))
            ledger.apply(intent(key, worst))
            worsts.set(key, worst)
          }
        } else if (held !== undefined && kind !== 'reserve') {
          const used = kind === 'charge' ? held : kind === 'release' ? NO_AMOUNTS : part(held, share)
          records.push(outcome(key, used))
          expect(ledger.apply(outcome(key, used)).passed).toEqual([])
          worsts.delete(key)
        }
        const { spent, held: holds } = ledger
        expect(spent.tokens + holds.tokens).toBeLessThanOrEqual(LIMITS.max_tokens)
        expect(spent.turns + holds.turns).toBeLessThanOrEqual(LIMITS.max_turns)
        expect(BigInt(spent.cost_nano_usd) + BigInt(holds.cost_nano_usd)).toBeLessThanOrEqual(1000n)
      }
      const folded = foldBudget(LIMITS, records)
      expect([folded.spent, folded.held, folded.open]).toEqual([ledger.spent, ledger.held, ledger.open])
    })
    fc.assert(property, { numRuns: 200 })
    expect(refusals).toBeGreaterThan(0)
  })

  it('BUD-003: charges what was used beyond the reservation', () => {
    const ledger = new BudgetLedger(LIMITS)
    ledger.reserve('a', amounts({ tokens: 100, cost_nano_usd: '900' }))
    const notice = ledger.settle('a', amounts({ tokens: 150, cost_nano_usd: '1001' }))
    expect(notice.passed).toEqual(['cost'])
    expect(notice.overspent).toEqual(amounts({ tokens: 50, cost_nano_usd: '101' }))
    expect(ledger.spent).toEqual(amounts({ tokens: 150, cost_nano_usd: '1001' }))
    expect(ledger.remaining().cost_nano_usd).toBe('0')
    expect(ledger.reserve('b', amounts({ cost_nano_usd: '1' })).status).toBe('refused')
    expect(ledger.reserve('c', amounts({ tokens: 1 })).status).toBe('reserved')
  })

  it('BUD-005: charges in full what a crash or a branch left open', () => {
    const worst = amounts({ turns: 1, tokens: 300 })
    const again = foldBudget(LIMITS, [intent('a', worst), intent('a', worst)])
    expect([again.spent, again.held]).toEqual([worst, worst])
    const branched = foldBudget(LIMITS, [intent('a', worst), branch])
    expect([branched.spent, branched.held]).toEqual([worst, NO_AMOUNTS])
    const live = new BudgetLedger(LIMITS)
    live.reserve('a', worst)
    live.apply(intent('a', worst))
    expect(live.held).toEqual(worst)
    live.chargeOpen()
    expect([live.spent, live.held]).toEqual([worst, NO_AMOUNTS])
  })

  it('BUD-006: keeps the reservation of an unknown outcome, and never lowers what is spent', () => {
    const worst = amounts({ tool_calls: 1 })
    const records = [intent('a', worst), outcome('a', NO_AMOUNTS, 'unknown')]
    expect(foldBudget(LIMITS, records).held).toEqual(worst)
    expect(foldBudget(LIMITS, [...records, branch]).spent).toEqual(worst)
    expect(foldBudget(LIMITS, [...records, outcome('a', worst), branch, branch]).spent).toEqual(worst)
    expect(foldBudget(LIMITS, [], worst).spent).toEqual(worst)
    expect(foldBudget(LIMITS, [outcome('other', NO_AMOUNTS, 'denied')]).spent).toEqual(NO_AMOUNTS)
  })

  it('BUD-007: warns once near a limit', () => {
    const ledger = new BudgetLedger(LIMITS)
    expect(ledger.reserve('a', amounts({ tokens: 799 }))).toEqual({ status: 'reserved', nearing: [] })
    expect(ledger.reserve('b', amounts({ tokens: 1 }))).toEqual({ status: 'reserved', nearing: ['tokens'] })
    expect(ledger.reserve('c', amounts({ tokens: 1, turns: 8 }))).toEqual({ status: 'reserved', nearing: ['turns'] })
    expect(ledger.settle('c', amounts({ tokens: 1, turns: 8 })).nearing).toEqual([])
  })

  it('BUD-010: refuses amounts that could refill it', () => {
    const ledger = new BudgetLedger(LIMITS)
    for (const bad of [
      { tokens: -1 },
      { turns: 0.5 },
      { tokens: Number.NaN },
      { cost_nano_usd: '-5' },
      { cost_nano_usd: '1.5' },
    ]) {
      expect(() => ledger.reserve('a', amounts(bad))).toThrow()
      expect(() => ledger.settle('a', amounts(bad))).toThrow()
    }
    expect(ledger.spent).toEqual(NO_AMOUNTS)
  })

  it('BUD-011: counts active runtime', () => {
    const ledger = new BudgetLedger(LIMITS)
    expect(ledger.runtime(10_000)).toEqual({ leftMs: 50_000, passed: false, nearing: false })
    expect(ledger.runtime(48_000)).toEqual({ leftMs: 12_000, passed: false, nearing: true })
    expect(ledger.runtime(60_000)).toEqual({ leftMs: 0, passed: true, nearing: true })
    expect([ledger.refuses(NO_AMOUNTS, 59_999), ledger.refuses(NO_AMOUNTS, 60_000)]).toEqual([null, 'runtime'])
  })
})

describe('a model call', () => {
  const left = (over: Partial<Amounts>) => ({
    turns: 5,
    tool_calls: 5,
    tokens: 1_000_000,
    cost_nano_usd: '1000000',
    ...over,
  })

  it('BUD-008: asks for what is left and no more', () => {
    expect(affordableOutputTokens(left({}), 100, 500, PRICE)).toEqual({
      status: 'ok',
      maxOutputTokens: 500,
      lowered: false,
      worst: amounts({ turns: 1, tokens: 600, cost_nano_usd: '2700' }),
    })
    expect(affordableOutputTokens(left({ tokens: 150 }), 100, 500, PRICE)).toMatchObject({
      maxOutputTokens: 50,
      lowered: true,
    })
    expect(affordableOutputTokens(left({ cost_nano_usd: '300' }), 100, 500, PRICE)).toMatchObject({
      maxOutputTokens: 20,
    })
    expect(affordableOutputTokens(left({ tokens: 115, cost_nano_usd: '279', turns: 0 }), 100, 500, PRICE)).toEqual({
      status: 'refused',
      limits: ['turns', 'tokens', 'cost'],
    })
    expect(affordableOutputTokens(left({ tokens: 116 }), 100, 500, PRICE).status).toBe('ok')
    expect(affordableOutputTokens(left({ tokens: 104 }), 100, 4, PRICE)).toMatchObject({
      maxOutputTokens: 4,
      lowered: false,
    })
    const free = {
      ...PRICE,
      inputPerMillion: 0n,
      cacheReadPerMillion: 0n,
      cacheWritePerMillion: 0n,
      outputPerMillion: 0n,
    }
    expect(affordableOutputTokens(left({ cost_nano_usd: '0' }), 100, 500, free)).toMatchObject({ maxOutputTokens: 500 })
  })

  it('BUD-008: always fits the budget that it was lowered to', () => {
    const any = fc.record({
      tokens: fc.nat(5_000),
      cost: fc.nat(20_000),
      input: fc.nat(3_000),
      wanted: fc.integer({ min: 1, max: 4_000 }),
      rate: fc.nat(9_000_000),
    })
    let lowered = 0
    const property = fc.property(any, ({ tokens, cost, input, wanted, rate }) => {
      const ledger = new BudgetLedger({ ...LIMITS, max_tokens: tokens, max_cost_nano_usd: String(cost) })
      const price = { ...PRICE, outputPerMillion: BigInt(rate) }
      const answer = affordableOutputTokens(ledger.remaining(), input, wanted, price)
      if (answer.status === 'refused') return
      if (answer.lowered) lowered += 1
      expect(ledger.reserve('a', answer.worst).status).toBe('reserved')
    })
    fc.assert(property, { numRuns: 500 })
    expect(lowered).toBeGreaterThan(0)
  })

  it('BUD-009: is charged its reservation when the provider does not tell', () => {
    const usage = {
      input_tokens: 10,
      cache_read_tokens: null,
      cache_write_tokens: null,
      output_tokens: 20,
      reasoning_tokens: null,
    }
    const worst = amounts({ turns: 1, tokens: 600, cost_nano_usd: '2700' })
    expect(settleUsage(PRICE, usage, worst)).toEqual({ tokens: 30, cost: 110n })
    expect(settleUsage(PRICE, { ...usage, output_tokens: null }, worst)).toEqual({ tokens: 600, cost: 2700n })
    expect(settleUsage(PRICE, { ...usage, input_tokens: null }, worst)).toEqual({ tokens: 600, cost: 2700n })
  })
})

function part(worst: Amounts, percent: number): Amounts {
  return amounts({
    turns: Math.floor((worst.turns * percent) / 100),
    tokens: Math.floor((worst.tokens * percent) / 100),
    cost_nano_usd: ((BigInt(worst.cost_nano_usd) * BigInt(percent)) / 100n).toString(),
  })
}
