import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, FactFinder, type RunningServer } from '@signalbox/server'
import {
  agent,
  createModels,
  createSignalbox,
  type KillSwitch,
  keyVault,
  loadPrices,
  memoryStore,
  type PolicyPort,
  priceBook,
  type Principal,
  readOverlay,
  type Signalbox,
  systemHost,
  workflow,
} from 'signalbox'
import { overrideStore } from 'signalbox/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { run } from '../test/harness.ts'

const work = mkdtempSync(join(tmpdir(), 'signalbox-cost-'))
const OLGA: Principal = { id: 'user:olga', kind: 'user', tenant: 'acme', roles: ['operator'] }
const EVE: Principal = { id: 'user:eve', kind: 'user', tenant: 'other', roles: ['operator'] }
const VERA: Principal = { id: 'user:vera', kind: 'user', tenant: 'acme', roles: ['viewer'] }
const TOKENS = new Map([
  ['olga-0123456789abcdef', OLGA],
  ['eve-0123456789abcdef', EVE],
  ['vera-0123456789abcdef', VERA],
])

/** Allows everything. */
const policy: PolicyPort = {
  bundle: 'test@0',
  hasRulesAt: () => false,
  decide: ({ point }) => ({
    point,
    verdict: 'allow',
    reason_code: 'PERMITTED',
    policies: [],
    asks: [],
    bundle: 'test@0',
  }),
  mayStart: () => true,
  sentence: () => null,
  tool: () => null,
  checkTools: () => undefined,
  cannotPermit: () => null,
  stepTools: () => null,
  checkSteps: () => undefined,
}

const clerk = agent({
  name: 'clerk',
  model: 'scripted/clerk',
  instructions: 'answer',
  maxOutputTokens: 100,
  tools: [],
  input: z.string(),
  output: z.string(),
})
const BUDGET = { maxTurns: 5, maxToolCalls: 1, maxRuntimeSeconds: 60, maxTokens: 100_000, maxCostUsd: '5' }
const flow = workflow({
  name: 'priced',
  version: '1.0.0',
  input: z.string(),
  output: z.string(),
  budget: BUDGET,
  state: {},
})
  .agent('talk', clerk, { prompt: (text) => text })
  .start('talk')
  .output('talk')
  .build()

const memory = memoryStore(systemHost)
let isChanged = false
const changed = (rows: readonly KillSwitch[]): readonly KillSwitch[] =>
  isChanged ? rows.map((row) => ({ ...row, liftedAt: 1, liftedBy: 'user:nobody' })) : rows
let box: Signalbox
let server: RunningServer
let id: string

beforeAll(async () => {
  // What the store says of the switches, once somebody changed a row beside their history.
  const store = overrideStore(memory, { killSwitches: async (tenant) => changed(await memory.killSwitches(tenant)) })
  const vault = keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) })
  const overlay = readOverlay(
    JSON.stringify({ overlay: 'own', tenant: 'acme', date: '2026-01-01', note: 'for a test', discount_percent: '50' }),
  )
  const prices = priceBook(loadPrices().tables, [overlay])
  const models = createModels({ env: {}, prices, scripted: { clerk: () => 'done' } })
  box = createSignalbox({ store, vault, policy, models, workflows: [flow] })
  const worker = box.work({ pollMs: 5 })
  id = (await box.run({ workflow: 'priced', input: 'go', principal: OLGA })).runId
  await worker.stop()
  server = await createServer({
    runs: box.runs,
    store,
    workflows: [],
    models,
    facts: new FactFinder({ store }),
    switches: box.switches,
    host: systemHost,
    mode: 'development',
    version: '0.1.0',
    auth: { kind: 'development', authenticate: async (token) => TOKENS.get(token) ?? null },
    consoleDir: null,
    log: () => undefined,
    port: 0,
  })
})
afterAll(async () => {
  await server.close()
  await box.close()
  rmSync(work, { recursive: true, force: true })
})

const as = (person: string, ...args: string[]) =>
  run([...args, '--url', server.url, '--token', `${person}-0123456789abcdef`, '--json'])
const text = (...args: string[]) => run([...args, '--url', server.url, '--token', 'olga-0123456789abcdef'])
const json = async (...args: string[]) => JSON.parse((await as('olga', ...args)).stdout)

describe('signalbox cost', () => {
  it('CST-060: a run is told with estimate, cost and price entries by who may read, and not to another tenant', async () => {
    const cost = await json('cost', id)
    expect(cost).toMatchObject({ run_id: id, tenant: 'acme', total: { calls: 1, estimated_nano_usd: '0' } })
    expect(cost.total.actual_nano_usd).toBe((await box.runs.get('acme', id)).costNanoUsd)
    expect(cost.attempts[0]).toMatchObject({ source: 'local', price: expect.stringMatching(/#scripted\/\*$/) })
    const shown = (await text('cost', id)).stdout
    for (const words of ['actual $', 'estimate before $', 'by model', 'by attempt', 'scripted/clerk', 'local'])
      expect(shown).toContain(words)
    const refused = await as('eve', 'cost', id)
    expect([refused.code === 0, refused.stdout + refused.stderr]).toEqual([
      false,
      expect.stringContaining('RUN_NOT_FOUND'),
    ])
  })

  it('CST-061: many runs are summed up by workflow, model, agent and tenant since a time, of the own tenant alone', async () => {
    const { costNanoUsd } = await box.runs.get('acme', id)
    const names = { workflow: 'priced', model: 'scripted/clerk', agent: 'clerk', tenant: 'acme' }
    for (const [by, name] of Object.entries(names)) {
      const report = await json('cost', '--by', by, '--since', '7d')
      expect(report).toMatchObject({ by, runs: 1, complete: true, total_nano_usd: costNanoUsd })
      expect(report.groups).toMatchObject([{ name, runs: 1, actual_nano_usd: costNanoUsd }])
    }
    expect((await json('cost', '--since', '2999-01-01')).groups).toEqual([])
    expect(JSON.parse((await as('eve', 'cost')).stdout)).toMatchObject({ runs: 0, groups: [] })
    expect((await text('cost', '--by', 'model')).stdout).toMatch(/MODEL +RUNS +CALLS +COST/)
    expect(await text('cost', '--by', 'mood')).toMatchObject({ code: 2, stderr: expect.stringContaining('mood') })
    expect(await text('cost', '--since', 'soon')).toMatchObject({ code: 2, stderr: expect.stringContaining('soon') })
  })

  it('CST-053, CST-062: computing again shows differences and writes nothing unless it is told to, with a reason, by an operator', async () => {
    const file = join(work, 'dearer.json')
    const row = { input: '2', cache_read: '2', cache_write: '2', output: '8' }
    writeFileSync(file, JSON.stringify({ date: '2026-12-01', note: 'for a test', models: { 'scripted/*': row } }))
    const order = ['cost', 'recompute', '--table', file]
    const shown = await text(...order)
    expect(shown.stdout).toMatch(/RUN +MODEL +CALLS +SETTLED +BY TABLE +DIFFERENCE/)
    expect(shown.stdout).toContain('nothing was written')
    expect(await text(...order, '--write')).toMatchObject({ code: 2, stderr: expect.stringContaining('--reason') })
    expect((await as('vera', ...order, '--write', '--reason', 'new contract')).stdout).toContain('FORBIDDEN')
    const types = async () => (await box.runs.records('acme', id)).map(({ type }) => type)
    expect(await types()).not.toContain('cost.corrected')
    const done = await json(...order, '--write', '--reason', 'new contract')
    const overlay = expect.stringMatching(/^own@.*#\*$/)
    expect(done.runs).toMatchObject([{ run_id: id, written: true, lines: [{ model: 'scripted/clerk', overlay }] }])
    // Twice the listed price, and still half of it for this tenant.
    const [{ settled_nano_usd: settled, corrected_nano_usd: corrected }] = done.runs[0].lines
    expect(BigInt(corrected)).toBe(2n * BigInt(settled))
    expect((await types()).at(-1)).toBe('cost.corrected')
    const after = await json('cost', id)
    expect(BigInt(after.corrected_nano_usd)).toBeGreaterThan(BigInt(after.total.actual_nano_usd))
    expect((await text('cost', id)).stdout).toContain('budgets count what was settled')
    expect((await text(...order)).stdout).toContain('no difference')
  })
})

describe('signalbox prices', () => {
  it('CST-063: tables are listed with the one that counts now and what to check, shown, compared and checked', async () => {
    const list = await run(['prices', 'list', '--json'])
    const { tables } = JSON.parse(list.stdout)
    expect(tables.filter((each: { counts_now: boolean }) => each.counts_now)).toHaveLength(1)
    for (const each of tables) expect(each.note).toContain('TO BE CHECKED')
    expect((await run(['prices', 'list'])).stdout).toContain('TO BE CHECKED')
    const shown = await run(['prices', 'show', '2026-11-22', 'anthropic/claude-sonnet-4-5'])
    expect(shown.stdout).toMatch(/above 200000 .* 22\.5 .*cache write 1h 12/)
    expect((await run(['prices', 'diff', '2026-11-01', '2026-11-22'])).stdout).toContain('anthropic/claude-opus-4-7')
    expect((await run(['prices', 'check'])).stdout).toContain('as they were written')
    expect(await run(['prices', 'show', '1999'])).toMatchObject({ code: 2 })
  })

  it('CST-064: an import writes a table named by its id once, lists what is left out, and a changed file is refused', async () => {
    const source = join(work, 'source.json')
    const model = '"litellm_provider": "openai", "mode": "chat", "fast_multiplier": 6'
    writeFileSync(source, `{"m": {${model}, "input_cost_per_token": 1.25e-07, "output_cost_per_token": 2e-06}}`)
    const to = join(work, 'prices')
    const order = ['prices', 'import', source, '--source-version', 'v1', '--date', '2026-12-24', '--to', to]
    const made = await run(order)
    expect(made.stdout).toContain('left out: openai/m: fast_multiplier is not carried over')
    expect((await run(order)).code).toBe(0)
    const [name = ''] = readdirSync(to)
    expect([readdirSync(to).length, name]).toEqual([1, expect.stringMatching(/^2026-12-24@[0-9a-f]{12}\.json$/)])
    expect((await run(['prices', 'list', '--prices', to])).stdout).toContain('2026-12-24@')
    expect((await run(['prices', 'check', '--prices', to])).code).toBe(0)
    writeFileSync(join(to, name), JSON.stringify({ date: '2026-12-24', note: 'x', models: {} }))
    expect(await run(['prices', 'check', '--prices', to])).toMatchObject({
      stderr: expect.stringContaining('was changed'),
    })
    expect(await run([...order, '--format', 'other'])).toMatchObject({ code: 2 })
  })
})

describe('signalbox audit verify', () => {
  it('AUD-034: the history of the kill switches is verified with the runs, and a row that was changed beside it is found', async () => {
    const throwing = { by: OLGA, scope: 'tool', target: 'pay.send', mode: 'pause', reason: 'a test' } as const
    const { id: thrown } = await box.runs.engageKillSwitch(throwing)
    expect(await text('audit', 'verify')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('history of kill switches verified, 1 events'),
    })
    isChanged = true
    const found = await text('audit', 'verify')
    expect([found.code, found.stdout]).toEqual([6, expect.stringContaining(`switch ${thrown} is lifted`)])
    isChanged = false
  })
})
