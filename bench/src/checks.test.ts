import { describe, expect, it } from 'vitest'
import { aimsOf, checksOf, ratiosOf } from './checks.ts'
import type { Measured } from './measure.ts'

const step = (rate: number) => ({ supersteps: 100, rate, commits: 102 })
const GOOD: Measured = {
  plan: { rounds: 3, steps: 100, runs: 64, stepsEach: 5, turnPairs: 1 },
  rounds: [1_000, 2_000, 100].map((raw) => ({
    rawSingle: raw,
    one: step(raw * 0.6),
    rawShared: raw * 5,
    many: step(raw * 3),
  })),
  acknowledged: 600,
  onRecord: { supersteps: 600, bytesEach: 6_000 },
  turns: [{ early: 1, late: 1.1 }],
  turnBytes: { early: 1_000, late: 1_010 },
}
const missed = (measured: Measured): readonly string[] =>
  [...checksOf(measured), ...aimsOf(measured)].filter(({ ok }) => !ok).map(({ name }) => name)

describe('verdict of the benchmark', () => {
  it('BEN-005: each round is divided by its own raw rate before the middle is taken', () => {
    expect(ratiosOf(GOOD)).toMatchObject({ oneToRaw: { median: 0.6, min: 0.6, max: 0.6 }, manyToRaw: { median: 3 } })
    expect(missed(GOOD)).toEqual([])
  })

  it.each([
    ['one run: at least', { rounds: GOOD.rounds.map((round) => ({ ...round, one: step(round.rawSingle * 0.4) })) }],
    ['64 runs: at least', { rounds: GOOD.rounds.map((round) => ({ ...round, many: step(round.rawSingle * 1.9) })) }],
    ['turn 500 takes', { turns: [{ early: 1, late: 1.3 }] }],
    ['bytes a turn', { turnBytes: { early: 1_000, late: 1_300 } }],
    ['every superstep', { onRecord: { supersteps: 599, bytesEach: 6_000 } }],
    ['one run commits', { rounds: GOOD.rounds.map((round) => ({ ...round, one: { ...step(900), commits: 50 } })) }],
  ])('BEN-006: %s is told when it is not so', (name, change) => {
    expect(missed({ ...GOOD, ...change }).some((each) => each.startsWith(name))).toBe(true)
  })
})
