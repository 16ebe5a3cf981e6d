import { signingKey, verifierKeyOf } from 'signalbox'
import { describe, expect, it } from 'vitest'
import type { BuildIdentity } from './build.ts'
import { type GateOptions, restoreGate } from './gate.ts'
import { type DrillOfProject, openReport, restoreReport, signedReport } from './report.ts'
import type { RestoreDrillResult } from './restore.ts'

const key = signingKey(new Uint8Array(32).fill(1))
const other = signingKey(new Uint8Array(32).fill(2))
const trusted = verifierKeyOf(key.publicKey)
const made = Date.parse('2026-03-01T12:00:00Z')
const build: BuildIdentity = {
  treeHash: 'a'.repeat(64),
  lockHash: 'b'.repeat(64),
  project: 'shop',
  bundle: 'shop@1111',
  workflows: { 'refunds@1.0.0': 'sig-1' },
  runtimeVersion: '0.1.0',
  storeVersion: 2,
}
const passed: RestoreDrillResult = {
  workflow: 'refunds',
  passed: true,
  findings: [],
  kills: [
    { stage: 'reserved', input: 'a', point: 'reserved', name: 'pay', nth: 1, recoveredMs: 1_800 },
    { stage: 'reserved', input: 'b', point: 'reserved', name: 'pay', nth: 1, recoveredMs: 2_400 },
    { stage: 'barrier', input: 'c', point: 'barrier', name: '1', nth: 1, recoveredMs: null },
  ],
  notReached: 0,
  stagesMissing: [],
  inputs: 3,
  rounds: 1,
  flush: { checked: false, acknowledged: 0, unflushed: 0 },
  unrecordedTools: [],
}
const text = (result = passed, by = key): string => {
  const drill: DrillOfProject = { identity: build, result }
  return signedReport(restoreReport(build, [drill], { seed: 1, atMs: made }), by)
}
const gate = (change: Partial<GateOptions> = {}) =>
  restoreGate({
    text: text(),
    path: 'reports/restore-drill.json',
    build,
    drilled: ['refunds'],
    trusted,
    nowMs: made + 3_600_000,
    maxAgeDays: 7,
    ...change,
  })

describe('the report', () => {
  it('DRL-010: tells kills per stage and how long recovery took', () => {
    const report = restoreReport(build, [{ identity: build, result: passed }], { seed: 1, atMs: made })
    expect(report).toMatchObject({ result: 'passed', kills: 3, lost: 0, doubled: 0, budgets_refilled: 0 })
    expect(report.kills_per_stage).toMatchObject({ reserved: 2, barrier: 1, proposed: 0 })
    expect(report.mttr_ms).toEqual({ p50: 1_800, p95: 2_400, max: 2_400 })
  })

  it('DRL-010: counts what was lost, doubled and refilled', () => {
    const findings = (['lost', 'doubled', 'doubled', 'budget'] as const).map((kind) => ({ kind, detail: 'x' }))
    const result = { ...passed, passed: false, findings }
    const report = restoreReport(build, [{ identity: build, result }], { seed: 1, atMs: made })
    expect(report).toMatchObject({ result: 'failed', lost: 1, doubled: 2, budgets_refilled: 1 })
  })

  it('DRL-011: opens only as it was signed', () => {
    expect(openReport(text(), trusted).status).toBe('signed')
    expect(openReport(text(passed, other), trusted).status).toBe('forged')
    expect(openReport(text().replace('"passed": true', '"passed": false'), trusted).status).toBe('changed')
    expect(openReport('{}', trusted).status).toBe('unreadable')
  })
})

describe('the gate', () => {
  it('DRL-012: opens for a young report of this build', () => {
    expect(gate().failures).toEqual([])
  })

  const differing: readonly (readonly [string, Partial<BuildIdentity>, RegExp])[] = [
    ['source tree', { treeHash: 'c'.repeat(64) }, /^the source tree differs: the report is about `aaaaaaaaaaaa…`/],
    ['lock file', { lockHash: null }, /^the lock file differs: .* this build has none$/],
    ['policy bundle', { bundle: 'shop@2222' }, /^the policy bundle differs: .*`shop@1111`.*`shop@2222`$/],
    [
      'workflow signature',
      { workflows: { 'refunds@1.0.0': 'sig-2' } },
      /^the signature of workflow `refunds@1.0.0` differs/,
    ],
    [
      'workflow version',
      { workflows: { 'refunds@1.1.0': 'sig-1' } },
      /^the signature of workflow `refunds@1.1.0` differs: the report is about none/,
    ],
    ['store version', { storeVersion: 3 }, /^the version of the store differs: .*`2`.*`3`$/],
    ['runtime version', { runtimeVersion: '0.2.0' }, /^the version of the runtime differs/],
  ]
  it.each(differing)('DRL-013: stays closed when the %s differs, and says so', (_, change, says) => {
    const { failures } = gate({ build: { ...build, ...change } })
    expect(failures).toHaveLength(1)
    expect(failures[0]).toMatch(says)
  })

  const closed: readonly (readonly [string, Partial<GateOptions>, RegExp])[] = [
    [
      'there is no report',
      { text: null },
      /^there is no report at `reports\/restore-drill.json`: run `signalbox drill restore`/,
    ],
    ['another key signed it', { text: text(passed, other) }, /^the report is not signed by the trusted key/],
    [
      'it was changed',
      { text: text().replace('"kills": 3', '"kills": 300') },
      /^the report was changed after it was made/,
    ],
    ['it is no report', { text: 'hello' }, /is not a report/],
    [
      'it is a report of something else',
      { text: signedReport({ kind: 'other' }, key) },
      /is not the report of a restore drill/,
    ],
    ['its drill failed', { text: text({ ...passed, passed: false }) }, /^the drill failed for `refunds`/],
    ['it is old', { nowMs: made + 8 * 86_400_000 }, /^the report is 8.0 days old, and may be 7/],
    ['it comes from the future', { nowMs: made - 3 * 86_400_000 }, /yet to come: check the clock/],
    ['a workflow was not drilled', { drilled: ['refunds', 'letters'] }, /^the report has no drill of `letters`/],
    ['nobody is trusted', { trusted: null }, /^there is no key to check signatures with/],
  ]
  it.each(closed)('DRL-014: stays closed when %s', (_, change, says) => {
    const { failures } = gate(change)
    expect(failures).toHaveLength(1)
    expect(failures[0]).toMatch(says)
  })

  it('DRL-014: a report of a failed drill stays closed also when its author calls it passed', () => {
    const report = restoreReport(build, [{ identity: build, result: { ...passed, passed: false } }], {
      seed: 1,
      atMs: made,
    })
    expect(gate({ text: signedReport({ ...report, result: 'passed' }, key) }).failures).toHaveLength(1)
  })
})
