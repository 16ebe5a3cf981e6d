import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Harness, startHarness } from './harness.ts'

let h: Harness
beforeEach(async () => {
  h = await startHarness()
})
afterEach(() => h.server.close())

describe('status', () => {
  it('TRB-007: trouble is told to whoever may read, and to nobody else', async () => {
    await expect(h.as('nobody').status()).rejects.toMatchObject({ code: 'FORBIDDEN' })
    const told = await h.as('vera').status()
    expect(told).toMatchObject({
      ok: false,
      mode: 'development',
      troubles: [{ code: 'STORE_FULL', told_by: ['worker-1'] }],
    })
    expect(Object.keys(told.troubles[0] ?? {}).sort()).toEqual([
      'advice',
      'code',
      'detail',
      'last_at',
      'since',
      'title',
      'told_by',
    ])
  })
})

describe('schedules', () => {
  it('SCH-030: an operator of another tenant sees and changes only its own', async () => {
    await h.as('olga').pauseSchedule({ params: { id: 'nightly' }, body: { reason: 'books are audited' } })
    const own = await h.as('vera').schedule({ params: { id: 'nightly' } })
    expect([own.paused, own.firings[0]?.detail]).toEqual([true, 'paused: books are audited'])
    const foreign = await h.as('stranger').schedule({ params: { id: 'nightly' } })
    expect([foreign.paused, foreign.firings]).toEqual([false, []])
  })
})
