import { describe, expect, it } from 'vitest'
import type { LedgerEntry, OutsideEntry } from '../contracts/reconcile.ts'
import { type BothSides, compareSides } from './reconcile.ts'

const AT = '2026-03-01T12:00:00.000Z'
const EARLIER = '2026-02-01T12:00:00.000Z'
const within = (at: string): boolean => at >= '2026-03-01'

const entry = (n: number, more: Partial<OutsideEntry> = {}): OutsideEntry => ({
  key: `key-${n}`,
  ref: `b${n}`,
  object: `invoice:${n}`,
  at: AT,
  what: { amount: n, note: 'theirs alone' },
  ...more,
})
const effect = (n: number, more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  tool: 'pay.send',
  run: `run_${n}`,
  seq: 5,
  at: AT,
  key: `key-${n}`,
  status: 'succeeded',
  names: [`invoice:${n}`, `ref:b${n}`],
  expected: { amount: n },
  ...more,
})

function compare(entries: readonly OutsideEntry[], effects: readonly LedgerEntry[], more: Partial<BothSides> = {}) {
  return compareSides({ list: 'pay.list', tools: ['pay.send'], entries, effects, broken: [], within, ...more })
}
const kinds = (report: ReturnType<typeof compare>) => report.differences.map(({ kind, run, ref }) => [kind, run, ref])

describe('the ledger against a list of the outside', () => {
  it('LIN-060: sides that hold the same differ in nothing', () => {
    const report = compare([entry(1), entry(2)], [effect(2), effect(1)])
    expect(report).toMatchObject({
      complete: true,
      listed: 2,
      effects: 2,
      matched: 2,
      not_compared: 0,
      differences: [],
    })
  })

  it('LIN-061: each kind of difference is found, and the fields that differ are named without their values', () => {
    expect(kinds(compare([], [effect(1)]))).toEqual([['missing_outside', 'run_1', null]])
    expect(kinds(compare([entry(1)], []))).toEqual([['unknown_to_us', null, 'b1']])
    expect(kinds(compare([entry(1)], [effect(1, { status: 'failed' })]))).toEqual([
      ['happened_after_all', 'run_1', 'b1'],
    ])
    expect(kinds(compare([entry(1)], [effect(1, { status: 'unknown' })]))).toEqual([
      ['unknown_happened', 'run_1', 'b1'],
    ])
    expect(kinds(compare([], [effect(1, { status: 'unknown' })]))).toEqual([['unknown_absent', 'run_1', null]])
    expect(kinds(compare([entry(1), entry(1, { ref: 'b9' })], [effect(1)]))).toEqual([
      ['doubled_outside', 'run_1', 'b9'],
    ])
    const [wrong] = compare([entry(1, { what: { amount: 7 } })], [effect(1)]).differences
    expect(wrong).toMatchObject({ kind: 'differs', fields: ['amount'] })
    expect(JSON.stringify(wrong)).not.toContain('7')
  })

  it('LIN-062: where the outside keeps no key, its own name and then the object lead to the effect', () => {
    const keyless = { key: null }
    expect(compare([entry(1, keyless)], [effect(1)]).matched).toBe(1)
    const open = effect(1, { status: 'open', names: ['invoice:1'], expected: null })
    expect(kinds(compare([entry(1, keyless)], [open]))).toEqual([])
    const twice = compare([entry(1, keyless), entry(1, { ...keyless, ref: 'b9' })], [effect(1)])
    expect(kinds(twice)).toEqual([['doubled_outside', 'run_1', 'b9']])
    // Another key is another effect, whatever it is about.
    expect(kinds(compare([entry(1), entry(1, { key: 'else', ref: 'b9' })], [effect(1)]))).toEqual([
      ['unknown_to_us', null, 'b9'],
    ])
  })

  it('LIN-063: while a side was not read whole nothing is called missing, and the report is not complete', () => {
    const report = compare([entry(1, { what: { amount: 7 } })], [effect(1), effect(2)], {
      broken: ['the list broke off'],
    })
    expect(report).toMatchObject({ complete: false, why: 'the list broke off' })
    expect(kinds(report)).toEqual([['differs', 'run_1', 'b1']])
    const overlap = compare([entry(1), entry(1)], [effect(1)])
    expect(overlap).toMatchObject({ complete: false, differences: [], why: expect.stringContaining('pages overlap') })
  })

  it('LIN-064: what lies beside the window finds its other side, and is not judged by itself', () => {
    expect(compare([entry(1, { at: EARLIER })], [effect(2, { at: EARLIER })])).toMatchObject({
      differences: [],
      effects: 0,
    })
    expect(compare([entry(1)], [effect(1, { at: EARLIER })])).toMatchObject({ matched: 1, differences: [] })
  })

  it('LIN-065: an effect whose content is gone is found by its key, and told as not compared', () => {
    const gone = effect(1, { expected: null, names: [] })
    expect(compare([entry(1, { what: {} })], [gone])).toMatchObject({ matched: 1, not_compared: 1, differences: [] })
  })
})
