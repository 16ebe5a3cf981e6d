import { describe, expect, it } from 'vitest'
import { honestStore } from './box.ts'
import { canTrace, OURS_TRACED } from './flushes.ts'
import { ALL_SMALL, failedChecks, flushChecks, PLANTED } from './self-check.ts'

describe('self-check of the benchmark', () => {
  it('BEN-001: on the honest store no check fails', async () => {
    expect(await failedChecks(honestStore, ALL_SMALL)).toEqual([])
  })

  it.each(PLANTED)('BEN-002, BEN-003, BEN-008: it is found when $fault', async ({ open, plan, check }) => {
    expect(await failedChecks(open, plan)).toContainEqual(expect.stringMatching(`^${check}`))
  })

  it.skipIf(!canTrace())('BEN-004: each step is flushed, and a product that does not flush is found', async () => {
    expect((await flushChecks(OURS_TRACED)).filter(({ ok }) => !ok)).toEqual([])
  })
})
