import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { signingKey, verifierKeyOf } from 'signalbox'
import { signedReport, type RestoreDrillResult, STAGE_NAMES } from '@signalbox/server'
import { checkResult, checksGate, checksReport } from './checks.ts'
import { LEAST_A_STAGE, mergedDrill, missingKills, simulationReport } from './reports.ts'
import { simulationGate } from './simulation-gate.ts'
import { exampleConfigs, graphSlices, killSlices, readWork, type SeedResult, seedSlices, writeWork } from './work.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const extent = { seeds: { from: 0, to: 2_499 }, kills: 50, graphs: 250 }
const drilled: RestoreDrillResult = {
  workflow: 'refunds',
  passed: true,
  findings: [],
  kills: STAGE_NAMES.map((stage) => ({ stage, input: 'a', point: 'sent', name: 'pay', nth: 1, recoveredMs: 1 })),
  notReached: 0,
  stagesMissing: [],
  inputs: 3,
  rounds: 1,
  flush: { checked: true, acknowledged: 3, unflushed: 0 },
  unrecordedTools: [],
}
const seeds = (from: number, to: number, failures: readonly unknown[] = []): SeedResult => ({
  seeds: { from, to },
  scenarios: { clerk: to - from + 1 },
  faults: { crash: 2 },
  points: { sent: 1 },
  failures,
  duration_ms: 10,
})
const graphs = (count: number, failure: unknown = null) => ({
  graphs: count,
  orders: count * 2,
  crashes: count * 3,
  failure,
})
const build = {
  treeHash: 'a',
  lockHash: 'b',
  runtimeVersion: '0.1.0',
  storeVersion: 2,
  project: 'x',
  bundle: 'y',
  workflows: {},
}

describe('the full test', () => {
  it('DRL-017: covers the asked range of seeds and kills over all examples in slices', () => {
    expect(seedSlices(extent).map((slice) => slice.id)).toEqual(['0..999', '1000..1999', '2000..2499'])
    expect(graphSlices(extent).map(({ graphs: some, seed }) => [seed, some])).toEqual([
      [1, 100],
      [2, 100],
      [3, 50],
    ])
    const kills = killSlices(extent, [
      { config: 'signalbox.config.ts', workflow: 'a' },
      { config: 'examples/b/signalbox.config.ts', workflow: 'b' },
    ])
    expect(kills.reduce((sum, slice) => sum + slice.kills, 0)).toBe(50)
    expect(new Set(kills.map((slice) => slice.workflow)).size).toBe(2)
    expect(new Set(kills.map((slice) => slice.seed)).size).toBe(kills.length)
  })

  it('DRL-017: knows every example that is a project, the one of `npm start` first', () => {
    const configs = exampleConfigs(process.cwd())
    expect(configs[0]).toBe('signalbox.config.ts')
    expect(configs).toContain('examples/quickstart/signalbox.config.ts')
    expect(configs.length).toBeGreaterThan(3)
  })

  it('DRL-017: remembers what is done of this source, and nothing of another one', () => {
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-work-'))
    folders.push(folder)
    const path = join(folder, 'a', 'work.json')
    expect(readWork(path, 'tree 1')).toEqual({ tree: 'tree 1', seeds: {}, kills: {}, graphs: {}, checks: {} })
    const done = { tree: 'tree 1', seeds: { '0..9': seeds(0, 9) }, kills: {}, graphs: { '1/5': graphs(5) }, checks: {} }
    writeWork(path, done)
    expect(readWork(path, 'tree 1')).toEqual(done)
    expect(readWork(path, 'tree 2').seeds).toEqual({})
  })

  it('DRL-017: asks for enough kills, in every stage', () => {
    const of = (times: number) => {
      const result = mergedDrill(Array.from({ length: times }, () => drilled))
      return result ? [{ identity: build, result }] : []
    }
    expect(missingKills(of(LEAST_A_STAGE), 35, STAGE_NAMES)).toEqual([])
    expect(missingKills(of(LEAST_A_STAGE), 300, STAGE_NAMES)).toEqual(['35 workers were killed, and 300 are asked for'])
    expect(missingKills(of(1), 7, STAGE_NAMES)).toHaveLength(STAGE_NAMES.length)
    expect(missingKills([], 1, STAGE_NAMES)[0]).toMatch(/^0 workers/)
  })

  it('DRL-017: one failed part makes the whole fail', () => {
    const failed = { ...drilled, passed: false, findings: [{ kind: 'lost', detail: 'x' }] } as const
    expect(mergedDrill([drilled, failed])).toMatchObject({ passed: false, rounds: 2, findings: [{ kind: 'lost' }] })
    expect(simulationReport([seeds(0, 9), seeds(10, 19)], [graphs(100), graphs(20)], build, 'now')).toMatchObject({
      result: 'passed',
      seeds: { from: 0, to: 19, count: 20 },
      faults: { crash: 4 },
      graphs: { count: 120, other_orders: 240, crashes: 360 },
    })
    expect(simulationReport([seeds(0, 9, ['x'])], [], build, 'now').result).toBe('failed')
    expect(simulationReport([seeds(0, 9)], [graphs(1, { graph: 'x' })], build, 'now').result).toBe('failed')
    expect(simulationReport([], [], build, 'now').result).toBe('failed')
  })

  it('DRL-018: the release check takes a simulation only of this source, signed, young, passed, with all seeds', () => {
    const key = signingKey(new Uint8Array(32).fill(1))
    const trusted = verifierKeyOf(key.publicKey)
    const nowMs = Date.parse('2026-03-02T00:00:00Z')
    const report = simulationReport([seeds(0, 19_999)], [graphs(1_000)], build, '2026-03-01T00:00:00.000Z')
    const gate = (text: string | null, more: Partial<typeof build> = {}, days = 7) =>
      simulationGate({ text, build: { ...build, ...more }, trusted, nowMs, maxAgeDays: days })
    const signed = signedReport(report, key)
    expect(gate(signed)).toEqual([])
    expect(gate(null)).toEqual(['simulation: there is no report'])
    expect(gate(signed.replace('crash', 'clash'))).toEqual(['simulation: the report is changed'])
    expect(gate(signedReport(report, signingKey(new Uint8Array(32).fill(2))))).toEqual([
      'simulation: the report is forged',
    ])
    expect(gate(signedReport({ kind: 'other' }, key))[0]).toMatch(/not the report of a simulation/)
    expect(gate(signed, { treeHash: 'z' })).toEqual(['simulation: the source tree differs'])
    expect(gate(signed, { lockHash: 'z' })).toEqual(['simulation: the lock file differs'])
    expect(gate(signed, { storeVersion: 9 })).toEqual(['simulation: the version of the store differs'])
    expect(gate(signed, {}, 0.5)[0]).toMatch(/1.0 days old/)
    const few = simulationReport([seeds(0, 9, ['x'])], [graphs(3)], build, '2026-03-01T00:00:00.000Z')
    expect(gate(signedReport(few, key))).toEqual([
      'simulation: seeds failed',
      'simulation: 10 seeds ran, and 20000 are asked for',
      'simulation: 3 graphs ran, and 1000 are asked for',
    ])
  })

  it('DRL-021: a check that is one command passes with exit code 0 and a last line, and the release check wants all of them', () => {
    const passed = checkResult(0, 'noticed  R1\n82 of 82 noticed\n', 1_200.4)
    expect(passed).toEqual({ passed: true, told: '82 of 82 noticed', duration_ms: 1_200 })
    expect(checkResult(1, '1 to mend\n', 5).passed).toBe(false)
    expect(checkResult(null, 'killed\n', 5).passed).toBe(false)
    expect(checkResult(0, '', 5).passed).toBe(false)

    const key = signingKey(new Uint8Array(32).fill(1))
    const trusted = verifierKeyOf(key.publicKey)
    const nowMs = Date.parse('2026-03-02T00:00:00Z')
    const report = (done: Parameters<typeof checksReport>[0]) =>
      signedReport(checksReport(done, build, '2026-03-01T00:00:00.000Z'), key)
    const gate = (text: string | null, more: Partial<typeof build> = {}, maxAgeDays = 7) =>
      checksGate({ text, build: { ...build, ...more }, trusted, nowMs, maxAgeDays, wanted: ['rules'] })
    expect(gate(report({ rules: passed }))).toEqual([])
    expect(gate(null)).toEqual(['checks: there is no report'])
    expect(gate(report({}))).toEqual(['checks: `rules` did not pass'])
    expect(gate(report({ rules: { ...passed, passed: false } }))).toEqual(['checks: `rules` did not pass'])
    expect(gate(report({ rules: passed }).replace('82 of 82', '83 of 83'))).toEqual(['checks: the report is changed'])
    expect(gate(report({ rules: passed }), { treeHash: 'z' })).toEqual(['checks: the source tree differs'])
    expect(gate(report({ rules: passed }), {}, 0.5)[0]).toMatch(/1.0 days old/)
    expect(checksReport({}, build, 'now').result).toBe('failed')
  })
})
