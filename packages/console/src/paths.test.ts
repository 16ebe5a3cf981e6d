import { describe, expect, it } from 'vitest'
import { sinceDays } from './lib/address.ts'
import { placeOf, placeText } from './lib/place.ts'
import { itemPath, paths, RUN_VIEWS, runViewOf } from './paths.ts'

describe('addresses', () => {
  it('CON-082: ids are escaped, so that no id leads to another page', () => {
    expect(paths.run('../x?y#z')).toBe('/runs/..%2Fx%3Fy%23z')
    expect(paths.approval('a/b', 'decided')).toBe('/approvals/a%2Fb?show=decided')
  })

  it('CON-082: every view of a run has an address, an unknown one leads to the timeline', () => {
    for (const view of RUN_VIEWS) expect(runViewOf(paths.run('r', view).split('/')[3])).toBe(view)
    expect(runViewOf('nonsense')).toBe('timeline')
    expect(runViewOf(undefined)).toBe('timeline')
  })

  it('CON-082, CON-141: a record and the sentence about it have an address; filters are escaped', () => {
    expect(paths.record('a/b', 7)).toBe('/runs/a%2Fb/events?at=7')
    expect(paths.explain('r')).toBe('/runs/r/explain')
    expect(paths.explain('r', 7)).toBe('/runs/r/explain?at=7')
    expect(paths.effects({ find: 'invoice:1&by=x' })).toBe('/effects?find=invoice%3A1%26by%3Dx')
    expect(paths.events()).toBe('/events')
    expect(placeOf(placeText({ run_id: 'a~b', seq: 3 }))).toEqual({ run_id: 'a~b', seq: 3 })
    expect([placeOf(null), placeOf('a'), placeOf('a~x')]).toEqual([null, null, null])
  })

  it('CON-145, CON-146: a span of days begins at a whole minute; what is no span filters nothing', () => {
    const now = Date.parse('2026-03-02T10:20:30.500Z')
    expect(sinceDays('1', now)).toBe('2026-03-01T10:20:00.000Z')
    expect(['', 'x', '-1', '0', '1e9'].map((days) => sinceDays(days, now))).toEqual(Array(5).fill(undefined))
  })

  it('CON-082: questions and approvals open in one inbox', () => {
    expect(itemPath({ id: 'q', kind: 'question' }, 'open')).toBe('/questions/q')
    expect(itemPath({ id: 'a', kind: 'approval' }, 'mine')).toBe('/approvals/a?show=mine')
  })
})
