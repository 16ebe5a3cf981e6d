import { describe, expect, it } from 'vitest'
import { honestStore } from './box.ts'
import { canTrace } from './flushes.ts'
import { acknowledgesOnly, historySized } from './plants.ts'
import { failedChecks, flushChecks } from './self-check.ts'

describe('self-check of the benchmark', () => {
  it('BEN-001: on the honest store no check fails', async () => {
    expect(await failedChecks(honestStore)).toEqual([])
  })

  it('BEN-002: a commit that is acknowledged and not stored is found', async () => {
    expect(await failedChecks(acknowledgesOnly)).toContain('every superstep that was reported is in the file')
  })

  it('BEN-003: a checkpoint that holds its history is found', async () => {
    expect(await failedChecks(historySized)).toEqual(['bytes a turn do not grow with the conversation'])
  })

  it.skipIf(!canTrace())('BEN-004: each superstep is flushed, and a store that does not flush is found', async () => {
    expect((await flushChecks()).filter(({ ok }) => !ok)).toEqual([])
  })
})
