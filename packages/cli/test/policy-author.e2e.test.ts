import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compose, DATABASE, defineProject } from '@signalbox/server'
import { openSqliteStore, systemHost } from 'signalbox'
import { afterAll, describe, expect, it } from 'vitest'
import { dataFolder, run } from './harness.ts'

const CONFIG = fileURLToPath(new URL('../../../signalbox.config.ts', import.meta.url))
const POLICY = fileURLToPath(new URL('../../../examples/payables/policy', import.meta.url))
const folder = dataFolder()
afterAll(() => folder.remove())

/** A copy of the payables bundle in which a text of a file is another one. */
function draft(name: string, file: string, from: string, to: string): string {
  const path = join(folder.path, name)
  cpSync(POLICY, path, { recursive: true })
  const text = readFileSync(join(path, file), 'utf8')
  expect(text).toContain(from)
  writeFileSync(join(path, file), text.replace(from, to))
  return path
}

describe('policy check', () => {
  it('PAU-007: tells findings with their place; with --production it refuses what production refuses', async () => {
    const desk = await run(['policy', 'check', '--config', CONFIG, '--production'])
    expect(desk).toMatchObject({ code: 0, stderr: '' })
    expect(desk.stdout).toContain('payables 1.0.0  ready for production')
    const open = draft(
      'unguarded',
      'core.cedar',
      '@effect("require_approval")\n@approvers("role:approver")\n@reason("RECALL',
      '@reason("RECALL',
    )
    const bare = draft('bare', 'exemptions.json', '"signed_on": "2026-11-20"', '"signed_on": "2025-11-20"')
    rmSync(join(bare, 'exemptions.json'))
    const found = await run(['policy', 'check', bare])
    expect(found).toMatchObject({ code: 0, stderr: '' })
    expect(found.stdout).toMatch(/error +EFFECT_WITHOUT_APPROVAL +catalogue.json:\d+\n +tool `mail.send`/)
    const refused = await run(['policy', 'check', bare, '--production', '--json'])
    expect(refused.code).toBe(4)
    expect(JSON.parse(refused.stdout)).toMatchObject({ ready_for_production: false })
    const invalid = await run(['policy', 'check', open])
    expect(invalid).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/POLICY_BUNDLE_INVALID.*\n.*core.cedar:\d+/),
    })
  })

  it('PAU-007: production does not start with an unguarded bundle, and nothing of it runs', async () => {
    const bare = join(folder.path, 'bare')
    const project = defineProject({
      ...{ name: 'p', workflows: [], bundleDir: bare, mode: 'production' },
      models: () => ({ resolve: () => Promise.reject() as never }),
    })
    const data = join(folder.path, 'never')
    const env = { SIGNALBOX_MASTER_KEY: Buffer.alloc(32, 7).toString('base64') }
    await expect(compose(project, data, systemHost, env)).rejects.toMatchObject({
      code: 'POLICY_UNGUARDED',
      message: expect.stringMatching(/catalogue.json:\d+: tool `mail.send`/),
    })
    const store = await openSqliteStore({ path: join(data, DATABASE), host: systemHost })
    expect(await store.stats()).toMatchObject({ runs: 0, records: 0 })
    await store.close()
  })
})

describe('policy test', () => {
  it('PAU-010: passes the cases of the payables bundle and fails one that comes out otherwise', async () => {
    const desk = await run(['policy', 'test', '--config', CONFIG, '--every-policy'])
    expect(desk).toMatchObject({ code: 0, stderr: '' })
    expect(desk.stdout).toMatch(/5\d passed, 0 failed\nevery policy decides in a case/)
    const raised = draft('raised', 'core.cedar', '> 100000', '> 500000')
    const failed = await run(['policy', 'test', raised])
    expect(failed.code).toBe(4)
    expect(failed.stdout).toMatch(
      /failed +one cent above the limit asks an approver +tests\/payments.json:\d+\n +verdict is allow/,
    )
    const broken = draft('broken', 'tests/desk.json', '"who": "rita"', '"whom": "rita"')
    expect(await run(['policy', 'test', broken])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('tests/desk.json:'),
    })
    const none = draft('none', 'bundle.json', '"1.0.0"', '"1.0.1"')
    rmSync(join(none, 'tests'), { recursive: true })
    expect(await run(['policy', 'test', none])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('holds no cases'),
    })
  })

  it('PAU-013: the hash of a bundle does not depend on its cases', async () => {
    const hashOf = async (path: string) => JSON.parse((await run(['policy', 'show', path, '--json'])).stdout).hash
    const path = draft('cases', 'tests/desk.json', 'a requester reads', 'somebody reads')
    mkdirSync(join(path, 'tests', 'more'))
    writeFileSync(join(path, 'tests', 'more', 'x.cedar'), 'this is no policy')
    expect(await hashOf(path)).toBe(await hashOf(POLICY))
  })
})

describe('policy diff', () => {
  it('PAU-040: tells what differs between two folders', async () => {
    const raised = join(folder.path, 'raised')
    const diff = await run(['policy', 'diff', POLICY, raised])
    expect(diff).toMatchObject({ code: 0, stderr: '' })
    expect(diff.stdout).toMatch(/~ policy payments.limit +may loosen/)
    expect((await run(['policy', 'diff', POLICY, '--config', CONFIG])).stdout).toContain('they mean the same')
    const unknown = await run(['policy', 'diff', '0'.repeat(64), '--config', CONFIG, '--data', folder.path])
    expect(unknown).toMatchObject({ code: 3, stderr: expect.stringContaining('NOT_FOUND') })
  })
})
