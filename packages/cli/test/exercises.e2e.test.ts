/** Backup and load drills of the sample project, with and without planted faults. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CONFIG, dataFolder, type Ended, runProcess } from './harness.ts'

let data = dataFolder()
let config = ''

beforeEach(() => {
  data = dataFolder()
  // Reports lie beside the project file: here that is the test's own folder.
  config = join(data.path, 'signalbox.config.ts')
  writeFileSync(
    config,
    `export { default } from ${JSON.stringify(CONFIG.replace('signalbox.config', 'drilled.config'))}\n`,
  )
})
afterEach(() => data.remove())

const drill = (...args: string[]): Promise<Ended> =>
  runProcess(['drill', ...args, '--json', '--config', config, '--data', join(data.path, 'keys')])

const kinds = (end: Ended): string[] => JSON.parse(end.stdout).findings.map((each: { kind: string }) => each.kind)

describe('drill backup', () => {
  it('DRB-001, DRB-002: a copy made while processes write goes on in fresh ones, and a signed report tells it', async () => {
    mkdirSync(join(data.path, 'keys'))
    const end = await drill('backup')
    expect([end.code, kinds(end)], end.stderr).toEqual([0, []])
    const [done] = JSON.parse(end.stdout).drills
    expect(done).toMatchObject({ workflow: 'twice', passed: true })
    expect(done.openEffects).toBeGreaterThan(0)
    const report = join(data.path, 'reports', 'backup-drill.json')
    expect(JSON.parse(end.stdout).path).toBe(report)
    const text = readFileSync(report, 'utf8')
    expect(JSON.parse(text)).toMatchObject({
      report: { kind: 'backup-drill', result: 'passed', drills: [{ open_effects: done.openEffects }] },
      signature: { ed25519: expect.any(String) },
    })
    copyFileSync(report, `${report}.kept`)
  })

  it('DRB-005: a copy without its log and an intent after its call are found', async () => {
    mkdirSync(join(data.path, 'keys'))
    const cut = await drill('backup', '--plant', 'copy_without_log')
    expect([cut.code, [...new Set(kinds(cut))]]).toEqual([6, ['lost']])
    const late = await drill('backup', '--plant', 'intent_after_call')
    expect([late.code, kinds(late).includes('lost')]).toEqual([6, true])
    expect(existsSync(join(data.path, 'reports'))).toBe(false)
  })
})

describe('drill load', () => {
  const load = (...args: string[]) => drill('load', '--rate', '4', '--minutes', '0.1', '--workers', '1', ...args)

  it('DRO-003, DRO-005: all runs of the load end, budgets hold, and each stretch is measured', async () => {
    mkdirSync(join(data.path, 'keys'))
    const end = await load()
    expect([end.code, kinds(end)], end.stderr).toEqual([0, []])
    const [done] = JSON.parse(end.stdout).drills
    expect(done.phases.map((each: { name: string }) => each.name)).toEqual(['ramp', 'hold', 'double'])
    for (const phase of done.phases) {
      expect(phase.started).toBe(phase.due)
      expect(phase.took.p95).toBeGreaterThanOrEqual(phase.queued.p50)
    }
    expect(done.refused).toEqual({})
    expect(existsSync(join(data.path, 'reports', 'load-drill.json'))).toBe(true)
  })

  it('DRO-006: a store that loses what it acknowledged and a budget that is refilled are found', async () => {
    mkdirSync(join(data.path, 'keys'))
    const lost = await load('--plant', 'event_dropped')
    expect([lost.code, kinds(lost).length > 0]).toEqual([6, true])
    const refilled = await load('--plant', 'budget_refilled')
    expect([refilled.code, kinds(refilled).includes('budget')]).toEqual([6, true])
  })

  it('DRO-001: a rate that is no number is refused with its range', async () => {
    const end = await drill('load', '--rate', 'fast')
    expect([end.code, end.stderr]).toEqual([2, expect.stringContaining('`--rate` must be a number from 0.1 to 1000')])
  })
})
