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

describe('notifications', () => {
  it('OUT-030: whoever may read sees channels and messages, an operator changes them, another tenant sees nothing', async () => {
    const { id } = await h.as('olga').testChannel({ body: { channel: 'chat' } })
    const seen = await h.as('vera').outbox()
    expect(seen.channels).toMatchObject([{ name: 'chat', kind: 'slack', disabled_at: null }])
    expect(seen.messages).toMatchObject([{ id, state: 'queued', kinds: ['channel.test'], changed_by: 'user:olga' }])
    expect(JSON.stringify(seen)).not.toContain('x.example')
    const drop = { body: { channel: 'chat', id, reason: 'not needed any more' } }
    await expect(h.as('vera').dropMessage(drop)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(h.as('stranger').dropMessage(drop)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect((await h.as('stranger').outbox()).messages).toEqual([])
    expect((await h.as('vera').status()).notifications).toEqual({ queued: 1, dead: 0, disabled_channels: [] })
    expect(await h.as('olga').dropMessage(drop)).toMatchObject({ state: 'dropped', detail: 'not needed any more' })
    expect(await h.as('olga').retryMessage({ body: { channel: 'chat', id } })).toMatchObject({ state: 'queued' })
    await expect(h.as('olga').enableChannel({ body: { channel: 'chat' } })).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  it('OUT-031: what a chat sends back when somebody presses a button decides nothing', async () => {
    const pressed = new URLSearchParams({ payload: JSON.stringify({ type: 'block_actions', user: { id: 'U1' } }) })
    const approval = '/api/v1/approvals/apr_1'
    const press = async (path: string): Promise<number> => (await h.raw(path, { method: 'POST', body: pressed })).status
    expect([await press(`${approval}/decision`), await press('/approvals/apr_1')]).toEqual([401, 404])
    expect(h.fake.noted).toEqual([])
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
