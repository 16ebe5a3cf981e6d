import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { canonicalJson, signingKey, systemHost, verifierKeyOf, verifierKeyText } from 'signalbox'
import { afterEach, describe, expect, it } from 'vitest'
import {
  type ReleaseCheckOptions,
  releaseCheck,
  signException,
  signedReport,
  upgradeProject,
  writeManifest,
} from '../../src/index.ts'
import { type Build, storedRuns } from './claims.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

let count = 0

/** A project in a folder of its own. Each build is a file of its own there: a module is loaded once. */
function projectFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'release-'))
  closing.push(() => rmSync(folder, { recursive: true, force: true }))
  const claims = pathToFileURL(join(import.meta.dirname, 'claims.ts')).href
  const env = { SIGNALBOX_AUDIT_KEY: Buffer.alloc(32, 1).toString('base64') }
  const at = (build: Build = {}) => {
    count += 1
    const configPath = join(folder, `build-${count}.config.ts`)
    const text = `import { projectOf } from ${JSON.stringify(claims)}\nexport default projectOf(${JSON.stringify(build)})\n`
    writeFileSync(configPath, text)
    return { configPath, dataDir: folder, env, host: systemHost }
  }
  const check = (build: Build = {}, more: Partial<ReleaseCheckOptions> = {}) =>
    releaseCheck({ ...at(build), maxAgeDays: 7, publicKey: null, reports: false, ...more })
  /** The last release as one of another runtime. */
  const ofRuntime = (version: string): void => {
    const path = join(folder, 'releases', '1.json')
    const { report } = JSON.parse(readFileSync(path, 'utf8'))
    writeFileSync(path, signedReport({ ...report, runtime_version: version }, signingKey(Buffer.alloc(32, 1))))
  }
  return { folder, at, check, ofRuntime }
}

describe('a release', () => {
  it('REL-001: has a signed manifest with the hashes of all that it is made of, written once', async () => {
    const { at, folder } = projectFolder()
    const { path, manifest } = await writeManifest({ ...at(), release: '1.0' })
    expect(path).toBe(join(folder, 'releases', '1.0.json'))
    const workflow = manifest.workflows['claims@1.0.0']
    expect(workflow?.definition).toMatch(/^[0-9a-f]{64}$/)
    expect(workflow?.tools['claims.look']).toMatch(/^[0-9a-f]{64}$/)
    expect(canonicalJson(JSON.parse(readFileSync(path, 'utf8')).report)).toBe(canonicalJson(manifest))
    await expect(writeManifest({ ...at(), release: '1.0' })).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(writeManifest({ ...at(), release: '../up' })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
  })

  it('REL-002: in which nothing, the runtime alone or the business alone moves, may be made', async () => {
    const { at, check, ofRuntime } = projectFolder()
    expect(await check()).toMatchObject({ failures: [], before: null })
    await writeManifest({ ...at(), release: '1' })
    expect(await check()).toMatchObject({ failures: [], before: '1', moved: { runtime: [], business: [] } })
    const business = await check({ policy: 'shut' })
    expect(business).toMatchObject({ failures: [], moved: { runtime: [], business: ['the policy bundle'] } })
    ofRuntime('0.0.9')
    const runtime = await check()
    expect(runtime).toMatchObject({ failures: [], moved: { business: [] } })
    expect(runtime.moved.runtime[0]).toContain('0.0.9')
  })

  it('REL-003: in which both move is refused, until a listed key signs an exception for exactly this step', async () => {
    const { at, check, folder, ofRuntime } = projectFolder()
    await writeManifest({ ...at(), release: '1' })
    ofRuntime('0.0.9')
    const both: Build = { version: '2.0.0', upgradeFrom: '1.0.0' }
    const refused = await check(both)
    expect(refused.failures).toHaveLength(1)
    expect(refused.failures[0]).toMatch(/runtime and business move together.*0\.0\.9.*claims@2\.0\.0/)
    const seed = Buffer.alloc(32, 2)
    const reason = 'the runtime mends what the new version needs'
    const sign = (build: Build, more: { seed?: Uint8Array; reason?: string } = {}) =>
      signException({ ...at(build), seed, reason, ...more })
    await expect(sign(both)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    const key = verifierKeyText(verifierKeyOf(signingKey(seed).publicKey))
    writeFileSync(join(folder, 'releases', 'keys'), `# who may\n${key}\n`)
    await expect(sign(both, { reason: 'why' })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    const { exception, path } = await sign(both)
    expect(exception.moves).toMatchObject({ runtime: [expect.any(String)], business: expect.any(Array) })
    expect(await check(both)).toMatchObject({ failures: [], excepted: true })
    // It is for this step alone.
    const more = await check({ ...both, policy: 'shut' })
    expect(more).toMatchObject({ excepted: false, failures: [expect.stringContaining('move together')] })
    const held = JSON.parse(readFileSync(path, 'utf8'))
    writeFileSync(path, JSON.stringify({ ...held, report: { ...held.report, reason: 'another reason, just as long' } }))
    expect(await check(both)).toMatchObject({ excepted: false })
    writeFileSync(path, signedReport(exception, signingKey(Buffer.alloc(32, 3))))
    expect(await check(both)).toMatchObject({ excepted: false })
  })

  it('REL-004: in which a workflow is another one under the same version is refused', async () => {
    const { at, check, folder } = projectFolder()
    await writeManifest({ ...at(), release: '1' })
    const path = join(folder, 'releases', '1.json')
    const { report } = JSON.parse(readFileSync(path, 'utf8'))
    const workflow = { ...report.workflows['claims@1.0.0'], definition: '0'.repeat(64), tools: { 'claims.look': '1' } }
    const changed = { ...report, workflows: { 'claims@1.0.0': workflow } }
    writeFileSync(path, signedReport(changed, signingKey(Buffer.alloc(32, 1))))
    const found = await check()
    expect(found.failures).toEqual([expect.stringMatching(/claims@1\.0\.0.*same version.*claims\.look/)])
  })

  it('REL-005: whose last manifest was changed is refused', async () => {
    const { at, check, folder } = projectFolder()
    await writeManifest({ ...at(), release: '1' })
    const path = join(folder, 'releases', '1.json')
    writeFileSync(path, readFileSync(path, 'utf8').replace('claims', 'claimz'))
    expect((await check()).failures).toEqual([expect.stringContaining('was changed')])
  })

  it('REL-006: without a young, passed and signed upgrade check of this very build is refused', async () => {
    const { at, check, folder } = projectFolder()
    const { dataDir } = await storedRuns({ ended: 1, waiting: 0 })
    closing.push(() => rmSync(dataDir, { recursive: true, force: true }))
    const place = at()
    const gate = (more: Partial<ReleaseCheckOptions> = {}) =>
      check({}, { configPath: place.configPath, reports: true, ...more })
    expect((await gate()).failures).toEqual([expect.stringContaining('there is no report')])
    const upgrade = { selection: { workflow: null, last: null, sinceMs: null }, goldenDir: null, stored: true }
    // Made while the check itself leaves the tree as it is: no build file is added in between.
    await upgradeProject({ ...place, dataDir, ...upgrade, log: () => undefined })
    const report = join(folder, 'reports', 'upgrade-check.json')
    const text = readFileSync(report, 'utf8')
    const options = { ...place, maxAgeDays: 7, publicKey: null }
    expect((await releaseCheck(options)).failures).toEqual([])
    const later = { ...systemHost, now: () => systemHost.now() + 8 * 86_400_000 }
    expect((await releaseCheck({ ...options, host: later })).failures).toEqual([expect.stringContaining('days old')])
    const held = JSON.parse(text)
    const signed = (change: object) =>
      writeFileSync(report, signedReport({ ...held.report, ...change }, signingKey(Buffer.alloc(32, 1))))
    signed({ result: 'failed' })
    expect((await releaseCheck(options)).failures).toEqual([expect.stringContaining('it failed')])
    signed({ tree_hash: 'another' })
    expect((await releaseCheck(options)).failures).toEqual([expect.stringContaining('another build')])
    writeFileSync(report, text.replace('"passed"', '"failed"'))
    expect((await releaseCheck(options)).failures).toEqual([expect.stringContaining('changed')])
    mkdirSync(join(folder, 'reports'), { recursive: true })
    writeFileSync(report, signedReport(held.report, signingKey(Buffer.alloc(32, 9))))
    expect((await releaseCheck(options)).failures).toEqual([expect.stringContaining('forged')])
  })
})
