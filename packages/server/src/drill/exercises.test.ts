import type { EffectRow } from 'signalbox'
import { describe, expect, it } from 'vitest'
import { judgeOutside } from './backup.ts'
import type { RecordedEffect } from './define.ts'
import { doubledOutside, dueStarts, percentiles } from './load.ts'

function row(over: Partial<EffectRow> = {}): EffectRow {
  return {
    tenant: 'dev',
    tool: 'pay',
    scope: 'tenant',
    identity: 'i',
    effectId: 'e',
    runId: 'run_a',
    rootRunId: 'run_a',
    askKey: 'a',
    idempotencyKey: 'k1',
    argsDigest: 'd',
    state: 'succeeded',
    intentSeq: 3,
    outcomeSeq: 4,
    ...over,
  }
}

const record = (over: Partial<RecordedEffect> = {}): RecordedEffect => ({
  tool: 'pay',
  subject: 'inv-1',
  key: 'k1',
  runId: 'run_a',
  ...over,
})

const kept = (key = 'k1') => ({ row: row({ idempotencyKey: key }), keys: new Set([key]) })

describe('effects after a copy', () => {
  const all = { tools: ['pay'], sent: [record()] }

  it('DRB-003: an effect of which the copy had the intent must be outside once', () => {
    const known = [row({ state: 'open', outcomeSeq: null })]
    expect(judgeOutside({ ...all, known, final: [kept()], recorded: [record()] })).toEqual({
      findings: [],
      repeated: 0,
      repeatedTwice: 0,
    })
    const twice = judgeOutside({ ...all, known, final: [kept()], recorded: [record(), record()] })
    expect(twice.findings.map((each) => each.kind)).toEqual(['doubled'])
  })

  it('DRB-004: one that the original sent after the copy is counted when the copy sends it again', () => {
    const judged = judgeOutside({ ...all, known: [], final: [kept()], recorded: [record(), record()] })
    expect(judged).toEqual({ findings: [], repeated: 1, repeatedTwice: 1 })
  })

  it('DRB-003: an effect on record without a record outside is lost', () => {
    const judged = judgeOutside({ ...all, known: [], final: [kept('k2')], recorded: [record()] })
    expect(judged.findings.map((each) => each.kind)).toEqual(['lost'])
  })
})

describe('load', () => {
  it('DRO-001: the rate grows in a quarter of the time, is held for half and doubled for a quarter', () => {
    const starts = dueStarts(10, 40)
    const count = (phase: string) => starts.filter((each) => each.phase === phase).length
    expect([count('ramp'), count('hold'), count('double')].map((each) => Math.round(each / 10))).toEqual([5, 20, 20])
    expect(starts.map((each) => each.dueMs)).toEqual(starts.map((each) => each.dueMs).sort((a, b) => a - b))
  })

  it('DRO-002: half of the times, 95 of 100 and the longest', () => {
    expect(percentiles(Array.from({ length: 100 }, (_, n) => 100 - n))).toEqual({ p50: 50, p95: 95, max: 100 })
    expect(percentiles([])).toEqual({ p50: null, p95: null, max: null })
  })

  it('DRO-004: a second record outside, and one that no history has, are found', () => {
    expect(doubledOutside([record()], [kept()])).toEqual([])
    expect(doubledOutside([record(), record()], [kept()]).map((each) => each.kind)).toEqual(['doubled'])
    expect(doubledOutside([record({ key: 'k9' })], [kept()]).map((each) => each.kind)).toEqual(['lost'])
  })
})
