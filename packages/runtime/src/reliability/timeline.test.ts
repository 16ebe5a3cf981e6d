import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { idempotencyKey, seededRandom } from './keys.ts'
import { type BranchPoint, onTimeline, timelineRanges } from './timeline.ts'

/** What belongs to a timeline, told record by record from its end. */
function walk(head: number, branches: readonly BranchPoint[]): Set<number> {
  const on = new Set<number>()
  let at = head
  while (at > 0) {
    on.add(at)
    const here = at
    const branch = branches.find((one) => one.seq === here)
    at = branch ? branch.from : at - 1
  }
  return on
}

describe('a timeline', () => {
  it('ENG-164: after restores of restores a record is on the timeline exactly when the walk back from the head meets it', () => {
    const branches = fc
      .array(fc.tuple(fc.integer({ min: 1, max: 8 }), fc.double({ min: 0, max: 0.999, noNaN: true })), { maxLength: 6 })
      .map((steps) => {
        const points: BranchPoint[] = []
        let seq = 1
        for (const [length, place] of steps) {
          const seqOf = seq + length
          points.push({ seq: seqOf, from: 1 + Math.floor(place * (seqOf - 1)) })
          seq = seqOf
        }
        return { points, head: seq + 3 }
      })
    fc.assert(
      fc.property(branches, ({ points, head }) => {
        const ranges = timelineRanges(head, points)
        const expected = walk(head, points)
        for (let seq = 1; seq <= head; seq++) expect(onTimeline(ranges, seq)).toBe(expected.has(seq))
      }),
    )
  })
})

describe('keys', () => {
  it('ENG-165: a key depends on the first run, the ask and a person’s order, and fits a header', () => {
    const key = idempotencyKey('run_1', 'root.0.a.0/0/0', null)
    expect(idempotencyKey('run_1', 'root.0.a.0/0/0', null)).toBe(key)
    const others = [
      idempotencyKey('run_2', 'root.0.a.0/0/0', null),
      idempotencyKey('run_1', 'root.0.a.0/0/1', null),
      idempotencyKey('run_1', 'root.0.a.0/0/0', 'que_1'),
    ]
    expect(new Set([key, ...others]).size).toBe(4)
    for (const one of [key, ...others]) expect(one).toMatch(/^[\w-]{1,64}$/)
    for (const seed of ['a', 'b', 'c']) {
      expect(seededRandom(seed)).toBe(seededRandom(seed))
      expect(seededRandom(seed)).toBeGreaterThanOrEqual(0)
      expect(seededRandom(seed)).toBeLessThan(1)
    }
  })
})
