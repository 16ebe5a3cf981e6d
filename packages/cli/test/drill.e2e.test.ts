import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { dataFolder, run, runProcess } from './harness.ts'

const SMALL = fileURLToPath(new URL('../../../examples/quickstart/test/drill-project.ts', import.meta.url))

const folder = dataFolder()
afterAll(() => folder.remove())

/** A project of its own in an empty folder: the small example, so that its report lies beside it. */
const project = join(folder.path, 'project')
mkdirSync(project)
writeFileSync(join(project, 'signalbox.config.ts'), `export { default } from ${JSON.stringify(SMALL)}\n`)
const report = join(project, 'reports', 'restore-drill.json')
const drill = (...args: string[]) => runProcess(['drill', ...args, '--data', join(folder.path, 'data')], {}, project)

describe('signalbox drill', () => {
  it('DRL-019: drills, writes a signed report, and opens the gate for this very project alone', async () => {
    const before = await drill('--gate')
    expect([before.code, before.stdout]).toEqual([
      4,
      expect.stringMatching(/gate is closed\n {2}there is no report at /),
    ])

    const drilled = await drill('restore', '--kills', '2', '--json')
    const told = JSON.parse(drilled.stdout)
    expect(drilled.code).toBe(0)
    expect(told).toMatchObject({ path: report, report: { result: 'passed', kills: 2, lost: 0, doubled: 0 } })
    expect(drilled.stderr).toMatch(/2 workers killed, 0 findings/)

    const open = await drill('--gate')
    expect([open.code, open.stdout]).toEqual([0, expect.stringMatching(/^the release gate is open: 2 kills/)])
    const same = JSON.parse((await drill('restore', '--gate', '--json')).stdout)
    expect(same).toMatchObject({ open: true, failures: [] })

    writeFileSync(join(project, 'more.ts'), 'export {}\n')
    const changed = await drill('--gate')
    expect([changed.code, changed.stdout]).toEqual([4, expect.stringMatching(/ {2}the source tree differs: /)])
  })

  it('DRL-019: a failed drill has exit code 6, and no report is written with a planted fault', async () => {
    const kept = readFileSync(report, 'utf8')
    const planted = await drill('restore', '--kills', '1', '--plant', 'event_dropped')
    expect(planted.code).toBe(6)
    expect(planted.stdout).toMatch(/history {2}undisturbed: /)
    expect(planted.stdout).toMatch(/a fault was planted: no report is written\n$/)
    expect(readFileSync(report, 'utf8')).toBe(kept)
  })

  it('DRL-019, KSW-053: wrong use is told with its fix, and starts nothing', async () => {
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [['drill'], 2, /^error USAGE: a command is missing: `signalbox drill restore`, or `--gate`/],
      [['drill', 'restore', '--kills', '1', '--every-stage', '--config', SMALL], 2, /both say how many/],
      [['drill', 'restore', '--kills', '0', '--config', SMALL], 2, /`--kills` must be a whole number/],
      [['drill', 'kill', '--scope', 'moon', '--config', SMALL], 2, /tool, class, run, workflow, tenant, global/],
      [['drill', 'restore', '--workflow', 'paint', '--config', SMALL], 3, /--workflow takes `refunds`/],
      [['drill', 'restore', '--config', join(folder.path, 'none.ts')], 2, /write one with defineProject/],
    ]
    for (const [args, code, says] of cases) {
      const ended = await run([...args, '--data', join(folder.path, 'none')])
      expect([ended.code, ended.stderr], args.join(' ')).toEqual([code, expect.stringMatching(says)])
    }
    expect(existsSync(join(folder.path, 'none'))).toBe(false)
  })
})
