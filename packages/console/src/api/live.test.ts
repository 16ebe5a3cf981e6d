import type { StreamEvent } from '@signalbox/protocol'
import { describe, expect, it } from 'vitest'
import { LIVE_START, type LiveChange, liveStep } from './live.ts'

const delta = (ask: string, text: string, type: 'text-delta' | 'reasoning-delta' = 'text-delta'): StreamEvent => ({
  event: 'delta',
  data: { ask, attempt: 1, offset: 0, delta: { type, delta: text } },
})
const record = (type: string): StreamEvent => ({
  event: 'record',
  data: { v: 1, run: 'run_1', seq: 7, type, at: '', prev: '', branch: 0, segment: 1, cause: null, active_ms: 0 },
})
const after = (...changes: LiveChange[]) => changes.reduce(liveStep, LIVE_START)

describe('the live view', () => {
  it('CON-035: drafts grow by ask, and only with the text of the answer', () => {
    const live = after(
      { event: 'open' },
      delta('a', 'I '),
      delta('b', 'x'),
      delta('a', 'pay'),
      delta('a', '?', 'reasoning-delta'),
    )
    expect(live).toEqual({ state: 'live', drafts: { a: 'I pay', b: 'x' } })
  })

  it('CON-035: a restarted attempt and a stored outcome void drafts; other records do not', () => {
    const drafted = after({ event: 'open' }, delta('a', 'I pay'))
    expect(liveStep(drafted, { event: 'attempt_restarted', data: { ask: 'a', attempt: 2 } }).drafts).toEqual({ a: '' })
    expect(liveStep(drafted, record('position.saved')).drafts).toEqual({ a: 'I pay' })
    expect(liveStep(drafted, record('activity.outcome')).drafts).toEqual({})
  })

  it('CON-035: a loss keeps what was shown, the end clears it', () => {
    const drafted = after({ event: 'open' }, delta('a', 'I pay'))
    expect(liveStep(drafted, { event: 'lost' })).toEqual({ state: 'lost', drafts: { a: 'I pay' } })
    const end: StreamEvent = { event: 'end', data: { run_id: 'run_1', status: 'completed', seq: 9 } }
    expect(liveStep(drafted, end)).toEqual({ state: 'ended', drafts: {} })
  })
})
