/** Decisions of real runs: listed, told, and asked again of a draft. */
import { API_BASE, createClient } from '@signalbox/protocol'
import {
  bundleDefinition,
  createSignalbox,
  keyVault,
  loadBundle,
  memoryStore,
  type Principal,
  type Signalbox,
  type Store,
  systemHost,
  tool,
  workflow,
} from 'signalbox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { FactFinder, type FactSource } from '../src/facts/finder.ts'
import { createApp } from '../src/http/app.ts'
import { bundleBook } from '../src/policy/bundles.ts'
import { fakeRuns } from './fake-runs.ts'

const FIELDS = { input: { to: 'String', amount: 'Long' }, facts: { known: 'Bool' } }
const FILES = {
  'bundle.json': JSON.stringify({
    ...{ name: 'small', version: '1.0.0', owner: 'o', roles: ['requester', 'approver'] },
    reasons: { LARGE: 'a large sum', STRANGER: 'nobody knows the payee', SECRET: 'it says too much' },
  }),
  'catalogue.json': JSON.stringify({
    tools: [{ name: 'pay', class: 'money', effect: 'irreversible', owner: 'o', blast_radius: 'pays', ...FIELDS }],
    ...{ models: [], workflows: [{ name: 'paying', owner: 'o', roles: ['requester'] }] },
  }),
  'all.cedar': `
@id("pays") @owner("o") permit (principal, action == Signalbox::Action::"tool:pay", resource);
@id("says") @owner("o") permit (principal, action == Signalbox::Action::"point:output", resource);
@id("secret") @owner("o") @reason("SECRET")
forbid (principal, action == Signalbox::Action::"point:output", resource) when { context.input.text like "*secret*" };
@id("strangers") @owner("o") @reason("STRANGER")
forbid (principal, action == Signalbox::Action::"tool:pay", resource) unless { context.facts.known };
@id("large") @owner("o") @reason("LARGE") @effect("require_approval") @approvers("role:approver")
forbid (principal, action == Signalbox::Action::"tool:pay", resource) when { context.input.amount > 100 }
unless { context has approval && context.approval.bound };
`,
}
const ANA: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['requester', 'viewer'] }
const BO: Principal = { id: 'user:bo', kind: 'user', tenant: 'acme', roles: ['approver', 'viewer'] }
const SAM: Principal = { id: 'user:sam', kind: 'user', tenant: 'other', roles: ['viewer'] }

const Payment = z.object({ to: z.string(), amount: z.int(), say: z.string() })
const paid: unknown[] = []
const pay = tool({
  ...{ name: 'pay', class: 'money', effect: 'irreversible' },
  input: Payment.omit({ say: true }),
  output: z.object({}),
  facts: { schema: z.object({ known: z.boolean() }), read: async ({ to }) => ({ known: to !== 'mallory' }) },
  preview: async ({ to, amount }) => ({
    ...{ summary: `pay ${to}`, target: { type: 'account', id: to, version: '1' } },
    ...{ impact: { money: { minor: amount, currency: 'EUR' } }, rollback: 'none' },
  }),
  execute: async (args) => {
    paid.push(args)
    return {}
  },
})
const budget = { maxTurns: 5, maxToolCalls: 5, maxRuntimeSeconds: 60, maxTokens: 1_000, maxCostUsd: '1' }
const paying = workflow({
  ...{ name: 'paying', version: '1.0.0', input: Payment, output: z.string(), budget, state: {}, tools: [pay] },
})
  .node('pay', {
    ...{ input: Payment, output: z.string() },
    run: async ({ say, ...args }, ctx) => {
      await ctx.call(pay, args)
      return say
    },
  })
  .start('pay')
  .output('pay')
  .build()

let sb: Signalbox
let working: Signalbox
let store: Store
const ids: Record<string, string> = {}
const bundle = loadBundle(FILES)
const by: Record<string, Principal> = { ana: ANA, bo: BO, sam: SAM }
function signalboxOn(opened: Store): Signalbox {
  const vault = keyVault({ store: opened, host: systemHost, masterKey: new Uint8Array(32) })
  const models = { resolve: () => Promise.reject(new Error('there is none')) as never }
  return createSignalbox({ store: opened, vault, policy: bundle, models, workflows: [paying] })
}
beforeAll(async () => {
  store = memoryStore(systemHost)
  sb = signalboxOn(store)
  working = sb
  sb.work()
  const run = async (name: string, to: string, amount: number, answer?: 'approved' | 'rejected', say = 'done') => {
    let result = await sb.run({ workflow: 'paying', input: { to, amount, say }, principal: ANA })
    ids[name] = result.runId
    if (result.status !== 'waiting' || answer === undefined) return
    const approvalId = result.waitingOn[0]?.id ?? ''
    await sb.runs.decide({ approvalId, answer, by: BO, reason: 'looked at', seen: null })
    result = await sb.runs.wait('acme', result.runId)
  }
  await run('small', 'zoe', 5)
  await run('large', 'zoe', 500, 'approved')
  await run('refused', 'zoe', 900, 'rejected')
  await run('stranger', 'mallory', 5)
  await run('denied output', 'zoe', 6, undefined, 'the secret is 42')
})
afterAll(async () => {
  await working.close()
})

function clientOf(person: string) {
  const app = createApp({
    ...fakeRuns(),
    ...{
      runs: sb.runs,
      store,
      facts: new FactFinder({ store }),
      bundles: bundleBook(store, () => bundle),
      workflows: [paying.spec],
    },
    models: { resolve: () => Promise.reject() as never },
    ...{ host: systemHost, mode: 'development', version: '0' },
    auth: { kind: 'issued', authenticate: async (token) => by[token.split('-')[0] ?? ''] ?? null },
    ...{ consoleDir: null, log: () => undefined, stopping: new AbortController().signal },
  })
  const token = `${person}-0123456789abcdef`
  const toApp: typeof fetch = async (input, init) => await app.fetch(new Request(input, init))
  return { app, client: createClient({ baseUrl: 'http://local', token, fetch: toApp }) }
}
const log = (over: Record<string, string> = {}, who = 'ana') => clientOf(who).client.decisions({ query: over })

describe('the log of decisions', () => {
  it('PAU-050: lists decisions newest first, by verdict, tool, policy, principal, run and time', async () => {
    const all = await log()
    expect(all.decisions.filter((each) => each.name === 'pay').map(({ verdict }) => verdict)).toEqual([
      ...['allow', 'deny', 'require_approval', 'allow', 'require_approval', 'allow'],
    ])
    expect(all).toMatchObject({ runs: 5, more: false })
    const names = async (over: Record<string, string>) => (await log(over)).decisions.map((each) => each.reason_code)
    expect(await names({ verdict: 'deny' })).toEqual(['SECRET', 'STRANGER'])
    expect(await names({ policy: 'large' })).toEqual(['LARGE', 'LARGE'])
    expect(await names({ tool: 'output', verdict: 'deny' })).toEqual(['SECRET'])
    expect(await names({ principal: 'user:bo' })).toEqual([])
    expect(await names({ run_id: ids.stranger ?? '', tool: 'pay' })).toEqual(['STRANGER'])
    expect(await names({ until: '2020-01-01T00:00:00Z' })).toEqual([])
    expect(await log({ limit: '2' })).toMatchObject({ decisions: [{ verdict: 'deny' }, {}], more: true })
    expect(JSON.stringify(all)).not.toContain('mallory')
  })

  it('PAU-051: is of the own tenant, and takes the permission to read', async () => {
    expect((await log({}, 'sam')).decisions).toEqual([])
    await expect(clientOf('sam').client.decision({ params: { id: 'dec_none' } })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    await expect(log({ run_id: ids.small ?? '' }, 'sam')).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
    expect((await clientOf('sam').client.replayPolicy({ body: { days: 1 } })).decisions).toBe(0)
    const { app } = clientOf('nobody')
    for (const [path, method] of [
      ['decisions', 'GET'],
      ['replay', 'POST'],
      ['simulate', 'POST'],
    ] as const)
      expect((await app.request(`${API_BASE}/policy/${path}`, { method })).status).toBe(401)
  })
})

describe('a decision on record', () => {
  it('PAU-022: is told under the bundle that took it, with what was asked and who answered', async () => {
    const [row] = (await log({ run_id: ids.refused ?? '', tool: 'pay' })).decisions
    const told = await clientOf('ana').client.decision({ params: { id: row?.id ?? '' } })
    expect(told).toMatchObject({
      decision: { verdict: 'require_approval', reason_code: 'LARGE', approvers: ['approver'] },
      sentence: 'a large sum',
      asked: { principal: { id: 'user:ana' }, input: { to: 'zoe', amount: 900 }, facts: { known: true } },
      not_told: null,
      approval: { answer: 'rejected', by: 'user:bo' },
    })
    const stood = Object.fromEntries((told.told?.policies ?? []).map((each) => [each.id, each.stood]))
    expect(stood).toEqual({ pays: 'matched', strangers: 'not_matched', large: 'decided' })
    expect(told.told?.other_actions).toBe(2)
  })

  it('PAU-022: of another bundle is told from the stored one, and where there is none nothing is guessed', async () => {
    const other = loadBundle({ ...FILES, 'more.cedar': '// one more\n' })
    const book = bundleBook(store, () => other)
    expect(await book.of(bundle.bundle)).toBeNull()
    await store.putDefinition(bundleDefinition(bundle.hash), JSON.stringify(FILES))
    const stored = bundleBook(store, () => other)
    expect((await stored.of(bundle.bundle))?.bundle).toBe(bundle.bundle)
    expect(await stored.of(`small@${'0'.repeat(64)}`)).toBeNull()
    await store.putDefinition(bundleDefinition('1'.repeat(64)), JSON.stringify(FILES))
    expect(await stored.of(`small@${'1'.repeat(64)}`)).toBeNull()
  })

  it('PAU-030: holds what it was asked, sealed; of a denied output nothing', async () => {
    const points = (await log({ tool: 'output' })).decisions
    const allowed = points.find((each) => each.verdict === 'allow')
    const denied = points.find((each) => each.verdict === 'deny')
    const { client } = clientOf('ana')
    const told = await client.decision({ params: { id: allowed?.id ?? '' } })
    expect(told.asked?.input).toEqual({ text: 'done' })
    const kept = await client.decision({ params: { id: denied?.id ?? '' } })
    expect(kept).toMatchObject({ asked: null, told: null, not_told: 'what was judged is not on record' })
    const bodies = (await store.records('acme', denied?.run_id ?? '')).map((each) => each.body).join()
    expect(bodies).not.toContain('zoe')
    expect(bodies).not.toContain('secret is')
  })
})

describe('a question', () => {
  it('PAU-021: is simulated against the bundle in force or a draft; nothing is done and nothing recorded', async () => {
    const before = [paid.length, (await store.stats()).records]
    const { client } = clientOf('ana')
    const body = { who: { roles: ['requester'] }, tool: 'pay', input: { to: 'x', amount: 200 }, facts: { known: true } }
    expect(await client.simulatePolicy({ body })).toMatchObject({ verdict: 'require_approval', bundle: bundle.bundle })
    const approved = await client.simulatePolicy({
      body: { ...body, approved_by: { id: 'user:bo', roles: ['approver'] } },
    })
    expect(approved).toMatchObject({ verdict: 'allow', reason_code: 'APPROVED' })
    const files = { ...FILES, 'all.cedar': FILES['all.cedar'].replace('> 100', '> 1000') }
    expect(await client.simulatePolicy({ body: { ...body, files } })).toMatchObject({ verdict: 'allow' })
    await expect(client.simulatePolicy({ body: { who: { roles: [] } } })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    })
    const broken = client.simulatePolicy({ body: { ...body, files: { 'bundle.json': '{}' } } })
    await expect(broken).rejects.toMatchObject({ code: 'POLICY_BUNDLE_INVALID' })
    expect([paid.length, (await store.stats()).records]).toEqual(before)
  })
})

describe('a replay', () => {
  it('PAU-031, PAU-033: finds what a draft would decide otherwise, and what a person had refused', async () => {
    const { client } = clientOf('ana')
    const same = await client.replayPolicy({ body: { days: 1 } })
    expect(same).toMatchObject({ flipped: 0, flips: [], unchecked: 0, pruned_runs: 0 })
    expect(same.decisions).toBe(same.same + same.not_again.not_recorded)
    expect(same.not_again).toMatchObject({ erased: 0, not_recorded: 1, not_reproduced: 0 })
    const open = { ...FILES, 'all.cedar': FILES['all.cedar'].replace('> 100', '> 100000') }
    const found = await client.replayPolicy({ body: { days: 1, files: open } })
    expect(found.flips).toMatchObject([
      {
        ...{ before: 'require_approval', after: 'allow', name: 'pay', policies: ['large'], reason_code: 'LARGE' },
        ...{ count: 2, runs: 2, refused_by_person: 1 },
      },
    ])
    expect((await client.replayPolicy({ body: { days: 1e-9, files: open } })).decisions).toBe(0)
  })

  it('PAU-032: counts what was erased and says nothing else of it', async () => {
    const row = await store.run('acme', ids.large ?? '')
    await store.destroyKey('acme', row?.subject ?? '', systemHost.now())
    // Another process: this one has held the key.
    sb = signalboxOn(store)
    const { client } = clientOf('ana')
    const open = { ...FILES, 'all.cedar': FILES['all.cedar'].replace('> 100', '> 100000') }
    const found = await client.replayPolicy({ body: { days: 1, files: open } })
    expect(found).toMatchObject({ flipped: 1, not_again: { erased: 3, not_recorded: 1 } })
    const [each] = (await log({ run_id: ids.large ?? '', verdict: 'require_approval' })).decisions
    const told = await client.decision({ params: { id: each?.id ?? '' } })
    expect(told).toMatchObject({ asked: null, told: null, not_told: 'what was asked was erased' })
  })
})

describe('a check', () => {
  it('PAU-007: is told of the bundle in force', async () => {
    const { findings } = await clientOf('ana').client.policyFindings()
    expect(findings).toMatchObject([{ code: 'APPROVAL_DEPENDS', severity: 'error', subject: 'pay' }])
  })
})

describe('what happened over runs', () => {
  const effects = (over: Record<string, string> = {}, who = 'ana') =>
    clientOf(who).client.effectsOverRuns({ query: over })
  const events = (over: Record<string, string> = {}, who = 'ana') =>
    clientOf(who).client.eventsOverRuns({ query: over })

  it('NAR-020: events are found by type, time, run, workflow, actor, tool, node and code, newest first, in pages', async () => {
    const all = await events({ limit: '500' })
    expect(all).toMatchObject({ next: null, complete: true })
    const times = all.events.map((each) => each.at)
    expect(times).toEqual([...times].sort().reverse())
    const of = async (over: Record<string, string>) => (await events({ limit: '500', ...over })).events
    expect((await of({ type: 'run.started' })).length).toBe(5)
    expect(new Set((await of({ run_id: ids.large ?? '' })).map((each) => each.run_id))).toEqual(new Set([ids.large]))
    expect((await of({ actor: 'user:bo' })).map((each) => each.type)).toEqual(['approval.decided', 'approval.decided'])
    expect((await of({ tool: 'pay', code: 'STRANGER' })).map((each) => each.run_id)).toEqual([ids.stranger])
    expect((await of({ node: 'pay', workflow: 'paying' })).length).toBeGreaterThan(5)
    expect(await of({ workflow: 'another' })).toEqual([])
    expect(await of({ until: times.at(-1) ?? '' })).toEqual([])
    const paged: string[] = []
    for (let before: string | null | undefined; before !== null; ) {
      const page = await events({ limit: '7', ...(before ? { before } : {}) })
      paged.push(...page.events.map((each) => `${each.run_id} ${each.seq}`))
      before = page.next
    }
    expect(paged).toEqual(all.events.map((each) => `${each.run_id} ${each.seq}`))
    await expect(events({ type: 'run.flown' })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    await expect(events({ before: 'nowhere' })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
  })

  it('NAR-021: each effect is listed once, as its latest record tells it, by phase, tool, class, approver and run', async () => {
    const all = (await effects()).effects
    const phaseOf = (run: string) => all.filter((each) => each.run_id === ids[run]).map((each) => each.phase)
    expect(['small', 'large', 'refused', 'stranger'].map(phaseOf)).toEqual([
      ['succeeded'],
      ['succeeded'],
      ['rejected'],
      ['denied'],
    ])
    const runs = async (over: Record<string, string>) => (await effects(over)).effects.map((each) => each.run_id)
    expect(await runs({ phase: 'denied' })).toEqual([ids.stranger])
    expect(await runs({ approver: 'user:bo', phase: 'succeeded' })).toEqual([ids.large])
    expect((await runs({ tool: 'pay', class: 'money' })).length).toBe(all.length)
    expect(await runs({ tool: 'fly' })).toEqual([])
    // What was denied or rejected did not happen outside, by the outside's own list.
    expect(paid).toHaveLength(all.filter((each) => each.phase === 'succeeded').length)
  })

  it('NAR-022: lists are of the own tenant, take the permission to read, and hold no content', async () => {
    expect((await effects({}, 'sam')).effects).toEqual([])
    expect((await events({}, 'sam')).events).toEqual([])
    await expect(effects({ run_id: ids.small ?? '' }, 'sam')).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
    await expect(effects({}, 'nobody')).rejects.toMatchObject({ code: 'AUTH_REQUIRED' })
    const text = JSON.stringify([await effects(), await events({ limit: '500' })])
    for (const content of ['zoe', 'mallory', 'the secret is 42', 'looked at']) expect(text).not.toContain(content)
  })

  it('NAR-023: the index comes from the records alone: made anew in other batches it is the same', async () => {
    const before = [
      await effects(),
      await events({ limit: '500' }),
      await log({ limit: '500', since: '2020-01-01T00:00:00Z' }),
    ]
    await store.clearFacts()
    const small = slow(store)
    for (let done = false; !done; ) done = await new FactFinder({ store: small }).catchUp(3)
    const after = [
      await effects(),
      await events({ limit: '500' }),
      await log({ limit: '500', since: '2020-01-01T00:00:00Z' }),
    ]
    expect(after.map(withoutTime)).toEqual(before.map(withoutTime))
  })

  it('NAR-024: a question that is answered before all records were read says so, and two readers do not disturb each other', async () => {
    const all = await store.facts({ tenant: 'acme', limit: 500 })
    await store.clearFacts()
    const small = slow(store)
    const [one, two] = [new FactFinder({ store: small }, 3), new FactFinder({ store: small })]
    expect(await one.find({ tenant: 'acme', limit: 500 })).toMatchObject({ complete: false })
    expect(await Promise.all([one.catchUp(), two.catchUp()])).toEqual([true, true])
    expect((await one.find({ tenant: 'acme', limit: 500 })).rows).toEqual(all)
  })

  it('NAR-025: a run whose history was destroyed is found no more, and a record that cannot be read holds up no other', async () => {
    const damaged = memoryStore(systemHost)
    const changed = (await store.export(0, 1_000)).map((each) => {
      if (each.runId === ids.small) return { ...each, body: '' }
      return each.runId === ids.large && each.type === 'activity.intent' ? { ...each, body: '{' } : each
    })
    const facts = new FactFinder({
      store: {
        ...slow(damaged),
        export: async (after) => changed.filter((each) => each.position > after),
      },
    })
    const { rows } = await facts.find({ tenant: 'acme', limit: 500 })
    const runs = new Set(rows.map((row) => row.run_id))
    expect(runs.has(ids.small ?? '')).toBe(false)
    expect(runs.has(ids.large ?? '') && runs.has(ids.stranger ?? '')).toBe(true)
  })
})

function withoutTime(list: object): object {
  return { ...list, until: null }
}

/** A store that gives three records at once. */
function slow(inner: Store): FactSource {
  return {
    export: (after) => inner.export(after, 3),
    cursor: (name) => inner.cursor(name),
    records: (...asked) => inner.records(...asked),
    facts: (filter) => inner.facts(filter),
    costSums: (filter) => inner.costSums(filter),
    addFacts: (batch) => inner.addFacts(batch),
  }
}
