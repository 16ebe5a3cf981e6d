import { describe, expect, it } from 'vitest'
import { checkGraphs, type GraphReport } from './graphs/check.ts'

const told = ({ failure }: GraphReport): string => (failure === null ? '' : JSON.stringify(failure, null, 1))

describe('random graphs', () => {
  it('GRA-090, GRA-091: come to the same in any order of completions and after a crash', {
    timeout: 180_000,
  }, async () => {
    const report = await checkGraphs({ graphs: 40, seed: 1, orders: 2, crashes: 3 })
    expect(told(report)).toBe('')
    expect(report).toMatchObject({ graphs: 40, orders: 80 })
    expect(report.crashes).toBeGreaterThan(80)
    const kinds = ['direct', 'conditional', 'switch', 'fan_out', 'multi_selection', 'fan_in', 'loop']
    const work = ['pay', 'read', 'both', 'owned', 'appended', 'reduced']
    for (const kind of [...kinds, ...work]) expect(report.kinds[kind], kind).toBeGreaterThan(3)
  })
})
