import { type Host, memoryStore, SignalboxError, systemHost } from 'signalbox'
import { faultStore } from 'signalbox/testing'
import { describe, expect, it } from 'vitest'
import { TroubleBoard } from './troubles.ts'
import { watchedStore } from './watched-store.ts'

/** A host whose clocks and timers a test drives. */
class Hand {
  wall = Date.parse('2026-05-01T12:00:00Z')
  steady = 0
  private timers: { at: number; fn: () => void }[] = []

  readonly host: Host = {
    ...systemHost,
    now: () => this.wall,
    monotonicMs: () => this.steady,
    after: (ms, fn) => {
      const timer = { at: this.steady + ms, fn }
      this.timers.push(timer)
      return () => {
        this.timers = this.timers.filter((each) => each !== timer)
      }
    },
  }

  /** Lets time pass in steps, and what waits for it go on. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 500) {
      this.wall += 500
      this.steady += 500
      const due = this.timers.filter((each) => each.at <= this.steady)
      this.timers = this.timers.filter((each) => !due.includes(each))
      for (const { fn } of due) fn()
      await systemHost.macrotask()
    }
  }
}

function board(hand: Hand, probe: () => Promise<unknown> = async () => undefined) {
  const logged: string[] = []
  const probes = { count: 0 }
  const made = new TroubleBoard({
    host: hand.host,
    probe: () => {
      probes.count += 1
      return probe()
    },
    log: (line) => logged.push(line),
  })
  return { made, logged, probes }
}

describe('what is wrong now', () => {
  it('TRB-001: trouble is told with since, by whom and what to do, until a write passes and nobody tells of it', async () => {
    const hand = new Hand()
    let full = true
    const refuse = new SignalboxError('STORE_FULL', 'the disk is full: free space')
    const { made, logged } = board(hand, async () => {
      if (full) throw refuse
    })
    made.report('worker-2', { code: 'STORE_FULL', detail: 'the disk is full' })
    await hand.pass(2_000)
    made.report('worker-1', { code: 'STORE_FULL', detail: 'the disk is full' })
    expect(made.view()).toMatchObject([
      { code: 'STORE_FULL', since: '2026-05-01T12:00:00.000Z', told_by: ['server', 'worker-1', 'worker-2'] },
    ])
    expect(made.view()[0]?.advice).toContain('free space')
    full = false
    await hand.pass(2_000)
    expect(made.view()).toHaveLength(1)
    await hand.pass(4_000)
    expect(made.view()).toEqual([])
    expect(logged).toEqual([
      expect.stringMatching(/^trouble: STORE_FULL: the disk is full; free space/),
      'trouble is over: STORE_FULL: the disk is full no longer',
    ])
    made.close()
  })

  it('TRB-003: nothing is written while there is no trouble, nor after it', async () => {
    const hand = new Hand()
    const { made, probes } = board(hand)
    made.lookAtClock()
    await hand.pass(10_000)
    expect(probes.count).toBe(0)
    made.report('server', { code: 'STORE_UNAVAILABLE', detail: 'locked' })
    await hand.pass(10_000)
    const after = probes.count
    expect(after).toBeGreaterThan(1)
    await hand.pass(10_000)
    expect(probes.count).toBe(after)
  })

  it('TRB-004: a clock that is set back is told until it has passed the time that it had shown', async () => {
    const hand = new Hand()
    const { made, logged } = board(hand)
    made.lookAtClock()
    hand.wall -= 3_000
    made.lookAtClock()
    expect(made.view()).toEqual([])
    hand.wall -= 3_600_000
    made.lookAtClock()
    expect(made.view()).toMatchObject([{ code: 'CLOCK_SET_BACK', detail: expect.stringContaining('12:00:00') }])
    hand.wall += 3_602_000
    made.lookAtClock()
    expect(made.view()).toHaveLength(1)
    hand.wall += 2_000
    made.lookAtClock()
    expect([made.view(), logged.at(-1)]).toEqual([[], expect.stringContaining('is over: CLOCK_SET_BACK')])
  })

  it('TRB-001: what is not known is told as other trouble', () => {
    const { made } = board(new Hand())
    made.report('worker-1', { code: 'INTERNAL', detail: 'an unexpected fault (TypeError)' })
    expect(made.view()).toMatchObject([{ code: 'OTHER', told_by: ['worker-1'] }])
    made.close()
  })
})

describe('the watched store', () => {
  it('TRB-002: a slow write is told while it lasts, and succeeds', async () => {
    const hand = new Hand()
    let release: () => void = () => undefined
    const until = new Promise<void>((resolve) => (release = resolve))
    const slow = faultStore(memoryStore(), ({ op }) => (op === 'setCursor' ? { point: 'slow', until } : null))
    const told: string[] = []
    const store = watchedStore(slow, hand.host, ({ code, detail }) => told.push(`${code}: ${detail}`))
    const write = store.setCursor('c', 7)
    await hand.pass(5_000)
    expect(told).toEqual([
      'STORE_SLOW: a write (setCursor) has taken 2 s so far',
      'STORE_SLOW: a write (setCursor) has taken 4 s so far',
    ])
    release()
    await write
    await hand.pass(5_000)
    expect([told.length, await store.cursor('c')]).toEqual([2, 7])
  })

  it('TRB-001: a write that fails with a code of the store is told, and the caller gets it', async () => {
    const told: string[] = []
    const full = faultStore(memoryStore(), ({ op }) => (op === 'setCursor' ? { point: 'disk_full' } : null))
    const store = watchedStore(full, systemHost, ({ code }) => told.push(code))
    await expect(store.setCursor('c', 1)).rejects.toMatchObject({ code: 'STORE_FULL' })
    await expect(store.create({ runId: 'run_a', genesis: { seq: 2 } } as never)).rejects.toMatchObject({
      code: 'INTERNAL',
    })
    expect([told, await store.cursor('c'), store.version]).toEqual([['STORE_FULL'], 0, full.version])
  })
})
