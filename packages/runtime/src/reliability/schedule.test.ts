import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CatchUp, decideDue, everyInterval } from './schedule.ts'

const MINUTE = 60_000
const next = everyInterval(5 * MINUTE)
const at = (minutes: number): number => minutes * MINUTE

function decide(decidedThrough: number, now: number, catchUp: CatchUp, limit = 100) {
  return decideDue({ next, decidedThrough, now, catchUp, graceMs: MINUTE, limit })
}

describe('due times of a schedule', () => {
  it('SCH-002: intervals are due at whole multiples since 1970, in every process alike', () => {
    expect([next(0), next(1), next(at(5)), next(at(7))]).toEqual([at(5), at(5), at(10), at(10)])
  })

  it('SCH-003: one that comes while a leader looks fires whatever the rule', () => {
    for (const rule of ['all', 'last', 'skip'] as const)
      expect(decide(at(5), at(10) + 900, rule)).toEqual({ fire: [at(10)], skipped: null, decidedThrough: at(10) })
  })

  it('SCH-004: of those that passed while no server ran `all` fires each, `last` the newest, `skip` none', () => {
    const now = at(32)
    expect(decide(at(10), now, 'all').fire).toEqual([at(15), at(20), at(25), at(30)])
    expect(decide(at(10), now, 'last')).toEqual({
      fire: [at(30)],
      skipped: { count: 3, first: at(15), last: at(25) },
      decidedThrough: at(30),
    })
    expect(decide(at(10), now, 'skip')).toEqual({
      fire: [],
      skipped: { count: 4, first: at(15), last: at(30) },
      decidedThrough: at(30),
    })
  })

  it('SCH-004: after a year the newest hundred are caught up, and the rest is told as passed over', () => {
    const year = at(365 * 24 * 60)
    const decided = decide(0, year + 1, 'all')
    expect([decided.fire.length, decided.fire.at(-1), decided.skipped?.count]).toEqual([100, year, null])
    expect(decide(0, year + 1, 'last').fire).toEqual([year])
  })

  it('SCH-005: a clock that is set back makes nothing due until it has passed the same time again', () => {
    expect(decide(at(60), at(3), 'all')).toEqual({ fire: [], skipped: null, decidedThrough: at(60) })
    expect(decide(at(60), at(64), 'all').fire).toEqual([])
    expect(decide(at(60), at(65), 'all').fire).toEqual([at(65)])
  })

  it('SCH-005: over any walk of the clock no due time fires twice, and with `all` none is missing', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -at(90), max: at(60) }), { minLength: 1, maxLength: 60 }),
        fc.constantFrom<CatchUp>('all', 'last', 'skip'),
        fc.integer({ min: 1, max: 7 }),
        (steps, catchUp, minutes) => {
          const due = everyInterval(minutes * MINUTE)
          const start = at(1_000_000)
          const question = { next: due, catchUp, graceMs: MINUTE, limit: 10_000 }
          let [decidedThrough, now, latest] = [start, start, start]
          const fired: number[] = []
          for (const step of steps) {
            now += step
            latest = Math.max(latest, now)
            const decision = decideDue({ ...question, decidedThrough, now })
            expect(decision.decidedThrough).toBeGreaterThanOrEqual(decidedThrough)
            decidedThrough = decision.decidedThrough
            fired.push(...decision.fire)
          }
          expect([...fired].sort((a, b) => a - b)).toEqual(fired)
          expect(new Set(fired).size).toBe(fired.length)
          if (catchUp !== 'all') return
          const all: number[] = []
          for (let each = due(start) ?? 0; each <= latest; each = due(each) ?? Number.POSITIVE_INFINITY) all.push(each)
          expect(fired).toEqual(all)
        },
      ),
      { numRuns: 300 },
    )
  })
})
