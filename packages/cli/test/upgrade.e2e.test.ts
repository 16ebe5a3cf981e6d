import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dataFolder, runProcess } from './harness.ts'

/** The sample builds of the server's tests. */
const BUILDS = fileURLToPath(new URL('../../server/test/upgrade/', import.meta.url))
const CLAIMS = pathToFileURL(join(BUILDS, 'claims.ts')).href
const GOLDEN = fileURLToPath(new URL('../../runtime/test/golden', import.meta.url))

const folder = dataFolder()
let dataDir = ''
let runIds: readonly string[] = []
beforeAll(() => {
  const command = ['--conditions=signalbox-source', join(BUILDS, 'make-runs.ts'), '2', '1']
  const made = JSON.parse(execFileSync(process.execPath, command, { encoding: 'utf8' }))
  dataDir = made.dataDir
  runIds = made.runIds
})
afterAll(() => {
  folder.remove()
  rmSync(dataDir, { recursive: true, force: true })
})

/** A project file of a build, in a folder of its own. */
function configOf(name: string, build: object): string {
  const dir = join(folder.path, name)
  mkdirSync(dir, { recursive: true })
  const path = join(dir, 'signalbox.config.ts')
  const text = `import { projectOf } from ${JSON.stringify(CLAIMS)}\nexport default projectOf(${JSON.stringify(build)})\n`
  writeFileSync(path, text)
  return path
}

describe('upgrade check', () => {
  it('UPG-041: ends with 0 for the same build, and writes a signed report beside the project', async () => {
    const config = configOf('same', {})
    const ended = await runProcess(['upgrade', 'check', '--config', config, '--data', dataDir, '--golden', GOLDEN])
    expect(ended.stdout).toMatch(/stored runs: 3 runs, 6 supersteps, 3 calls/)
    expect(ended.stdout).toMatch(/golden database v0\.1\.0: 6 runs/)
    expect(ended.stdout).toMatch(/passed\nreport: /)
    expect(ended.code).toBe(0)
    const report = JSON.parse(readFileSync(join(folder.path, 'same', 'reports', 'upgrade-check.json'), 'utf8'))
    expect(report).toMatchObject({ report: { kind: 'upgrade-check', result: 'passed' }, signature: {} })
  })

  it('UPG-041: ends with 4 for another one, and tells where it differs with both values', async () => {
    const config = configOf('other', { adds: 7 })
    const ended = await runProcess(['upgrade', 'check', '--config', config, '--data', dataDir, '--last', '2'])
    expect(ended.code).toBe(4)
    expect(ended.stdout).toMatch(/claims 1\.0\.0 {2}differs\n {4}node `count` writes another `size`/)
    expect(ended.stdout).toMatch(/on record: 7\n +now: +14/)
    const json = await runProcess(['upgrade', 'check', '--config', config, '--data', dataDir, '--json'])
    expect(JSON.parse(json.stdout)).toMatchObject({ report: { result: 'failed', stored: { differs: 3 } } })
  })

  it('UPG-041: refuses a time that is none, and a folder without runs', async () => {
    const config = configOf('wrong', {})
    const time = await runProcess(['upgrade', 'check', '--config', config, '--data', dataDir, '--since', 'yesterday'])
    expect(time).toMatchObject({ code: 2, stderr: expect.stringContaining('--since') })
    const nowhere = await runProcess(['upgrade', 'check', '--config', config, '--data', folder.path])
    expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringContaining('KEY_MISSING') })
  })

  it('UPG-038: replay tells of one run, also as `run replay`', async () => {
    const [runId = ''] = runIds
    const same = await runProcess(['run', 'replay', runId, '--config', configOf('one', {}), '--data', dataDir])
    expect(same).toMatchObject({ code: 0, stdout: expect.stringContaining('the same as on record') })
    const other = await runProcess(['replay', runId, '--config', configOf('two', { adds: 7 }), '--data', dataDir])
    expect(other).toMatchObject({ code: 4, stdout: expect.stringContaining('superstep 0: node `count` writes') })
  })
})

describe('release check', () => {
  it('REL-007: ends with 0 or 4, writes a manifest, and leaves the release of a quarantined run what it was', async () => {
    const config = configOf('releases', {})
    const at = ['--config', config, '--data', dataDir]
    const refused = await runProcess(['release', 'check', ...at])
    expect(refused).toMatchObject({ code: 4, stdout: expect.stringContaining('upgrade check: there is no report') })
    const written = await runProcess(['release', 'manifest', '1.0', ...at])
    expect(written).toMatchObject({ code: 0, stdout: expect.stringContaining('claims@1.0.0') })
    const open = await runProcess(['release', 'check', '--no-reports', ...at])
    expect(open).toMatchObject({ code: 0, stdout: expect.stringContaining('compared with release 1.0') })
    const half = await runProcess(['release', 'check', '--reason', 'because it must be', ...at])
    expect(half).toMatchObject({ code: 2, stderr: expect.stringContaining('--sign') })
    const run = await runProcess(['release', 'run_nowhere', '--reason', 'looked at', ...at, '--token', 'none'])
    expect(run.stderr).not.toContain('USAGE')
    expect(run.code).toBe(7)
  })
})
