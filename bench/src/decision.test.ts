import { describe, expect, it } from 'vitest'
import { decisionAims, type DecisionTimes, measureDecisions } from './decision.ts'

const SMALL = { sizes: [12], each: 3 }
const failed = (plan: Parameters<typeof measureDecisions>[0]): readonly string[] =>
  measureDecisions(plan)
    .checks.filter((check) => !check.ok)
    .map((check) => check.name)

describe('benchmark of a decision', () => {
  it('BEN-020: each outcome is measured apart and beside bare Cedar, for each size and spread', () => {
    const { times, checks } = measureDecisions(SMALL)
    expect(checks.every((check) => check.ok)).toBe(true)
    expect(times.map(({ shape, question }) => `${shape}: ${question}`)).toEqual(
      ['as bundles grow', 'all about every tool'].flatMap((shape) =>
        ['allow', 'ask', 'approved', 'bare Cedar'].map((question) => `${shape}: ${question}`),
      ),
    )
  })

  it('BEN-021: questions that are asked twice, and so answered from memory, are found', () => {
    expect(failed({ ...SMALL, sameQuestion: true })).toEqual([
      'no question is asked twice, so that no answer is a remembered one',
    ])
  })

  it('BEN-022: an aim that is missed is told by name', () => {
    const at = (policies: number, p50: number): DecisionTimes => ({
      policies,
      shape: 'as bundles grow',
      question: 'allow',
      p50,
      p99: 1,
      asked: 1,
    })
    const met = (few: number, many: number) => decisionAims([at(50, few), at(500, many)]).map((aim) => aim.ok)
    expect(met(0.4, 0.8)).toEqual([true, true, true])
    expect(met(0.6, 1.3)).toEqual([true, false, false])
    expect(met(0.8, 0.8)).toEqual([false, false, true])
  })
})
