/** Bad input of every kind: a closed code, a sentence with the fix, and nothing lost. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compose, loadProject, lockData, startDev } from '@signalbox/server'
import { createModels, loadPrices, memoryStore, openSqliteStore, SignalboxError, systemHost } from 'signalbox'
import { faultStore } from 'signalbox/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { deskAnswer, deskBundle } from './ways/desk.ts'
import { startProvider } from './ways/outside.ts'
import { ANA, approve, collect, openBox, recordsOf, serve } from './ways/play.ts'

const SAMPLE = fileURLToPath(new URL('./sample/signalbox.config.ts', import.meta.url))
const KEYLESS = fileURLToPath(new URL('./sample/keyless.config.ts', import.meta.url))

let folder: string
const closing: (() => Promise<void>)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-bad-'))
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

const caught = async (attempt: Promise<unknown>): Promise<SignalboxError> => {
  try {
    await attempt
  } catch (thrown) {
    if (thrown instanceof SignalboxError) return thrown
    throw thrown
  }
  throw new Error('nothing was refused')
}

describe('a start that is refused', () => {
  it('WAY-010: an unknown workflow names those that exist, an input of another shape its fields; no run is made', async () => {
    const box = await openBox()
    closing.push(box.close)
    const web = await serve(box)
    closing.push(web.server.close)
    const before = await collect(box)
    const start = (workflow: string, input: unknown) => web.ana.startRun({ body: { workflow, input } })
    const unknown = await caught(start('refund-dek', { orderId: 'o-7' }))
    expect([unknown.code, unknown.message]).toEqual(['WORKFLOW_UNKNOWN', expect.stringContaining('`refund-desk`')])
    const invalid = await caught(start('refund-desk', { order: 7 }))
    expect([invalid.code, invalid.message]).toEqual(['INPUT_INVALID', expect.stringContaining('orderId')])
    const { runs } = await web.ana.listRuns()
    expect(runs.map((run) => [run.run_id, run.status])).toEqual([[before.runId, 'completed']])
  })

  const BROKEN: readonly (readonly [string, string, (text: string) => string, RegExp])[] = [
    ['a policy that does not parse', 'core.cedar', (text) => text.replace('permit (', 'permit {'), /core\.cedar:\d+: /],
    [
      'a field that the catalogue does not declare',
      'core.cedar',
      (text) => text.replace('context.input.amount > 100', 'context.input.amuont > 100'),
      /core\.cedar:\d+: .*amuont/s,
    ],
    [
      'a comparison of other types',
      'core.cedar',
      (text) => text.replace('context.input.amount > 100', 'context.input.amount > "100"'),
      /core\.cedar:\d+: /,
    ],
    [
      'a reason that is not declared',
      'core.cedar',
      (text) => text.replace('"LARGE_TRANSFER"', '"LARGER_TRANSFER"'),
      /core\.cedar:\d+: .*LARGER_TRANSFER/s,
    ],
    [
      'a role that is not declared',
      'core.cedar',
      (text) => text.replaceAll('role:approver', 'role:aprover'),
      /core\.cedar:\d+: .*aprover/s,
    ],
    ['a catalogue that is no JSON', 'catalogue.json', (text) => `${text}}`, /catalogue\.json:\d+: is not valid JSON/],
    [
      'an unknown effect',
      'catalogue.json',
      (text) => text.replace('"irreversible"', '"perhaps"'),
      /catalogue\.json:\d+: .*effect/,
    ],
    [
      'a field too many',
      'bundle.json',
      (text) => text.replace('"owner"', '"owners": "x", "owner"'),
      /bundle\.json:\d+: /,
    ],
  ]
  it.each(BROKEN)(
    'WAY-011: %s stops the start with file and line, and the data stays as it was',
    async (_, file, change, says) => {
      const policy = join(folder, 'policy')
      cpSync(join(dirname(SAMPLE), 'policy'), policy, { recursive: true })
      const project = { ...(await loadProject(SAMPLE)), bundleDir: policy }
      const data = join(folder, 'data')
      await (await compose(project, data, systemHost, {})).close()
      const database = join(data, 'signalbox.db')
      const before = readFileSync(database)
      const text = readFileSync(join(policy, file), 'utf8')
      expect(change(text)).not.toBe(text)
      writeFileSync(join(policy, file), change(text))
      const refused = await caught(compose(project, data, systemHost, {}))
      expect([refused.code, refused.message]).toEqual(['POLICY_BUNDLE_INVALID', expect.stringMatching(says)])
      expect(readFileSync(database).equals(before)).toBe(true)
      writeFileSync(join(policy, file), text)
      await (await compose(project, data, systemHost, {})).close()
    },
  )

  it('WAY-011: a tool that the catalogue lacks or tells otherwise stops the start and frees the data', async () => {
    const policy = join(folder, 'policy')
    cpSync(join(dirname(SAMPLE), 'policy'), policy, { recursive: true })
    const project = { ...(await loadProject(SAMPLE)), bundleDir: policy }
    const path = join(policy, 'catalogue.json')
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.replace('"transfer.send"', '"transfer.sent"'))
    const missing = await caught(compose(project, join(folder, 'data'), systemHost, {}))
    expect([missing.code, missing.message]).toEqual(['CATALOGUE_LAXER', expect.stringContaining('`transfer.send`')])
    writeFileSync(path, text.replace('"class": "payments.write"', '"class": "records.delete"'))
    const other = await caught(compose(project, join(folder, 'data'), systemHost, {}))
    expect([other.code, other.message]).toEqual(['CATALOGUE_LAXER', expect.stringContaining('`records.delete`')])
    writeFileSync(path, text.replace('"effect": "irreversible"', '"effect": "none"'))
    const weaker = await caught(compose(project, join(folder, 'data'), systemHost, {}))
    expect([weaker.code, weaker.message]).toEqual(['POLICY_BUNDLE_INVALID', expect.stringContaining('`transfer.send`')])
    writeFileSync(path, text)
    await (await compose(project, join(folder, 'data'), systemHost, {})).close()
  })

  it("WAY-012: a missing provider's key stops `dev` and names the variable; the folder is free again", async () => {
    vi.stubEnv('OPENAI_API_KEY', '')
    const options = { dataDir: folder, configPath: KEYLESS, consoleDir: null, port: 0, workers: 1, version: '0' }
    const refused = await caught(startDev(options))
    expect([refused.code, refused.message]).toEqual(['KEY_MISSING', expect.stringContaining('OPENAI_API_KEY')])
    lockData(folder).release()
    await (await openSqliteStore({ path: join(folder, 'signalbox.db'), host: systemHost })).close()
  })
})

describe('a run that cannot go on', () => {
  it("WAY-012: a provider's key that is gone parks the run where it was; with the key a person lets it go on", async () => {
    const { url, close } = await startProvider(deskAnswer)
    closing.push(close)
    const env: Record<string, string> = {}
    const models = createModels({ env, prices: loadPrices() })
    const box = await openBox({ model: 'openai-compatible/clerk', models, policy: deskBundle({ approval: false }) })
    closing.push(box.close)
    const parked = await box.box.run({ workflow: 'refund-desk', input: { orderId: 'o-7' }, principal: ANA })
    expect([parked.status, parked.reason?.code]).toEqual(['parked', 'KEY_MISSING'])
    const last = (await recordsOf(box, parked.runId)).at(-1)
    const detail = last?.type === 'run.parked' ? last.detail : null
    const contents = await box.box.runs.contents('acme', parked.runId)
    expect(detail && (await contents.read(detail))).toContain('OPENAI_COMPATIBLE_BASE_URL')
    env.OPENAI_COMPATIBLE_BASE_URL = `${url}/v1`
    await box.box.runs.resume({ runId: parked.runId, by: ANA, reason: 'the key is there' })
    expect(await box.box.runs.wait('acme', parked.runId)).toMatchObject({ status: 'completed' })
    expect(box.shop.log.map((entry) => entry.path)).toEqual(['/orders/o-7', '/orders/o-7', '/refunds', '/letters'])
  })

  it('WAY-013: a full disk stops runs where they are and is told; nothing is sent, and with space they go on', async () => {
    let [armed, full] = [false, false]
    const writes = new Set(['create', 'commit', 'claim', 'heartbeat', 'post'])
    const store = faultStore(memoryStore(systemHost), ({ op }) => {
      if (full && writes.has(op)) return { point: 'disk_full' }
      // The answer of the person is the last thing that finds room.
      if (armed && op === 'post') full = true
      return null
    })
    const told: string[] = []
    const onTrouble = (error: Error): void => {
      told.push(error instanceof SignalboxError ? error.code : error.message)
    }
    const box = await openBox({ store, worker: { leaseMs: 400, onTrouble } })
    closing.push(box.close)
    const web = await serve(box)
    closing.push(web.server.close)
    const sent = () => box.shop.log.filter((entry) => entry.method === 'POST').map((entry) => entry.path)
    const { runId } = await box.box.run({ workflow: 'refund-desk', input: { orderId: 'o-7' }, principal: ANA })
    armed = true
    await approve(box, runId)
    const refused = await caught(web.ana.startRun({ body: { workflow: 'refund-desk', input: { orderId: 'o-8' } } }))
    expect([refused.code, refused.status]).toEqual(['STORE_FULL', 507])
    await vi.waitFor(() => expect(told).toContain('STORE_FULL'), { timeout: 20_000 })
    expect(sent()).toEqual([])
    ;[armed, full] = [false, false]
    const result = await box.box.runs.wait('acme', runId)
    expect(result.status).toBe('completed')
    expect(sent()).toEqual(['/refunds', '/letters'])
    expect((await box.box.runs.list({ tenant: 'acme', limit: 5 })).map((row) => row.runId)).toEqual([runId])
  })
})
