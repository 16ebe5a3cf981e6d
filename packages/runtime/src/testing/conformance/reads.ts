import assert from 'node:assert/strict'
import type { RecordFilter, RunFilter, Store } from '../../contracts/store.ts'
import { sampleCommit, sampleItem, sampleRecord, sampleRun } from './samples.ts'
import { claimBy, claimed, rowOf, type Suite } from './suite.ts'
import { sampleNotice, sampleOutbox } from './outbox.ts'
import { alertMethods } from './alerts.ts'
import { lineageMethods } from './lineage.ts'
import { factMethods } from './facts.ts'
import { mandateMethods } from './mandates.ts'
import { sampleEvent, sampleHolder } from './policy.ts'
import { sampleSwitch, sampleSwitchWorker, sampleThrow } from './switches.ts'
import { sampleChange } from './schedules.ts'

/** Histories, exports, lists. */
export function readTests({ it, on }: Suite): void {
  it(
    'STO-040: export gives the records of all runs in commit order, without gaps, in pages, and no contents',
    on(async (store) => {
      const [a, b] = [await claimed(store, 'run_a'), await claimed(store, 'run_b', { tenant: 'other' })]
      await store.commit([
        sampleCommit(b, { count: 2 }),
        sampleCommit(a, { epoch: 9 }),
        sampleCommit(a, { sealed: Uint8Array.of(7) }),
      ])
      await store.commit([sampleCommit(await rowOf(store, b))])
      const all = await store.export(0, 100)
      assert.deepEqual(
        all.map((row) => [row.position, row.tenant, row.runId, row.seq]),
        [
          [1, 'acme', 'run_a', 1],
          [2, 'other', 'run_b', 1],
          [3, 'other', 'run_b', 2],
          [4, 'other', 'run_b', 3],
          [5, 'acme', 'run_a', 2],
          [6, 'other', 'run_b', 4],
        ],
      )
      const [record] = await store.records('acme', 'run_a', { after: 1 })
      const { sealed, ...rest } = record ?? sampleRecord(0)
      assert.ok(sealed)
      // Contents are not part of it.
      assert.deepEqual(all.slice(4, 5), [{ ...rest, position: 5, tenant: 'acme', runId: 'run_a' }])
      const paged = []
      for (let after = 0; after < 6 && paged.length < 20; after = paged.at(-1)?.position ?? 99)
        paged.push(...(await store.export(after, 4)))
      assert.deepEqual(paged, all)
      assert.deepEqual(await store.export(6, 10), [])
    }),
  )

  it(
    'STO-041: records are read by range, type, limit and direction, or by their sequences',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      const commit = sampleCommit(run, { count: 5 })
      const records = commit.records.map((record, i) =>
        i === 2 ? { ...record, type: 'run.waiting' as const } : record,
      )
      await store.commit([{ ...commit, records }])
      const seqs = async (filter: RecordFilter) =>
        (await store.records('acme', 'run_a', filter)).map((record) => record.seq)
      assert.deepEqual(await seqs({}), [1, 2, 3, 4, 5, 6])
      assert.deepEqual(await seqs({ after: 2, through: 4 }), [3, 4])
      assert.deepEqual(await seqs({ types: ['run.waiting', 'run.started'] }), [1, 4])
      assert.deepEqual(await seqs({ types: [] }), [])
      assert.deepEqual(await seqs({ descending: true, limit: 2 }), [6, 5])
      assert.deepEqual(await seqs({ descending: true, through: 3, types: ['message.dropped'] }), [3, 2])
      const at = await store.recordsAt('acme', 'run_a', [5, 99, 1, 5])
      assert.deepEqual(
        at.map((record) => record.seq),
        [1, 5],
      )
      assert.deepEqual(await store.recordsAt('acme', 'run_a', []), [])
      assert.deepEqual(await store.records('acme', 'run_none'), [])
    }),
  )

  it(
    'STO-042: runs are listed newest first, filtered, in pages that neither miss nor repeat',
    on(async (store) => {
      for (let i = 0; i < 7; i++) await store.create(sampleRun(`run_${i}`, { createdAt: 100 + Math.floor(i / 3) }))
      await store.create(sampleRun('run_x', { workflow: 'other', createdAt: 1, requestId: 'rx' }))
      const ids = async (over: Partial<RunFilter>) =>
        (await store.runs({ tenant: 'acme', limit: 100, ...over })).map((row) => row.runId)
      const all = ['run_6', 'run_5', 'run_4', 'run_3', 'run_2', 'run_1', 'run_0', 'run_x']
      assert.deepEqual(await ids({}), all)
      const paged: string[] = []
      for (let page = await store.runs({ tenant: 'acme', limit: 2 }); page.length > 0 && paged.length < 20; ) {
        paged.push(...page.map((row) => row.runId))
        const last = page.at(-1)
        page = last ? await store.runs({ tenant: 'acme', limit: 2, before: last }) : []
      }
      assert.deepEqual(paged, all)
      assert.deepEqual(await ids({ workflow: 'other' }), ['run_x'])
      assert.deepEqual(await ids({ requestId: 'rx' }), ['run_x'])
      const [row] = await store.claim(claimBy({ limit: 1 }))
      assert.ok(row)
      await store.commit([sampleCommit(row, { row: { status: 'parked' } })])
      assert.deepEqual(await ids({ status: ['parked', 'completed'] }), [row.runId])
      assert.deepEqual(await ids({ status: [] }), [])
    }),
  )

  it(
    'STO-043: stats count runs, records and commits; bytes grow',
    on(async (store) => {
      const before = await store.stats()
      const [a, b] = [await claimed(store, 'run_a'), await claimed(store, 'run_b')]
      await store.commit([sampleCommit(a, { count: 3 }), sampleCommit(b, { sealed: new Uint8Array(100_000) })])
      const after = await store.stats()
      assert.deepEqual([before.runs, before.records, after.runs, after.records], [0, 0, 2, 6])
      assert.ok(after.commits > before.commits && after.bytes > before.bytes)
    }),
  )

  it(
    'STO-044: a closed store refuses everything with STORE_UNAVAILABLE; closing again does nothing',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      await store.close()
      await store.close()
      for (const [name, call] of Object.entries(everyMethod(store, run))) {
        await assert.rejects(call, { code: 'STORE_UNAVAILABLE' }, name)
      }
    }),
  )
}

/** One valid call of every method but `close`. */
export function everyMethod(store: Store, run: { tenant: string; runId: string; epoch: number }) {
  const { tenant, runId } = run
  const row = { ...sampleCommitRow, ...run }
  return {
    create: () => store.create(sampleRun(`${runId}_new`, { tenant })),
    adopt: () =>
      store.adopt({
        row: { ...row, seq: 1, head: sampleRecord(1).hash, runId: `${runId}_taken`, requestId: `${runId}_taken` },
        ...{ records: [sampleRecord(1)], effects: [], requests: [], inbox: [] },
      }),
    commit: () => store.commit([sampleCommit(row)]),
    claim: () => store.claim(claimBy({ only: run })),
    heartbeat: () => store.heartbeat('w1', [run], 30_000),
    post: () => store.post(sampleItem(run, 'i1')),
    inbox: () => store.inbox(tenant, runId),
    inboxKept: () => store.inboxKept(tenant, runId),
    run: () => store.run(tenant, runId),
    runs: () => store.runs({ tenant, limit: 10 }),
    records: () => store.records(tenant, runId),
    recordsAt: () => store.recordsAt(tenant, runId, [1]),
    forks: () => store.forks(tenant, runId),
    tenants: () => store.tenants(),
    export: () => store.export(0, 10),
    effect: () => store.effect(tenant, 't', 's', 'i'),
    effects: () => store.effects(tenant, runId),
    runEffects: () => store.runEffects(tenant, runId),
    request: () => store.request(tenant, 'q1'),
    requests: () => store.requests({ tenant, limit: 10 }),
    killSwitches: () => store.killSwitches(tenant),
    overrides: () => store.overrides(tenant),
    switchBook: () => store.switchBook(),
    commitSwitch: () => store.commitSwitch(sampleThrow(sampleSwitch('k1', { tenant }), 1)),
    switchEvents: () => store.switchEvents(tenant),
    putSwitchWorker: () => store.putSwitchWorker(sampleSwitchWorker('w1')),
    switchWorkers: () => store.switchWorkers(),
    key: () => store.key(tenant, 'ana'),
    keys: () => store.keys(tenant),
    putKey: () => store.putKey(tenant, 'ana', Uint8Array.of(1)),
    destroyKey: () => store.destroyKey(tenant, 'ana', 1),
    cursor: () => store.cursor('c'),
    setCursor: () => store.setCursor('c', 1),
    definition: () => store.definition('s'),
    putDefinition: () => store.putDefinition('s', '{}'),
    lease: () => store.lease('l'),
    setLease: () => store.setLease({ name: 'l', owner: 'o', epoch: 1, beat: 1 }, { epoch: 0, beat: 0 }),
    schedules: () => store.schedules(tenant),
    firings: () => store.firings({ tenant, schedule: 'nightly', limit: 10 }),
    commitSchedule: () => store.commitSchedule(sampleChange()),
    grant: () => store.grant({ tenant, runId: 'r1', epoch: 1, lines: [], changes: [] }),
    slices: () => store.slices(tenant, 'r1'),
    scopes: () => store.scopes(tenant),
    policyHead: () => store.policyHead(),
    policyLog: () => store.policyLog(0),
    appendPolicyLog: () => store.appendPolicyLog(sampleEvent(1)),
    policyHolders: () => store.policyHolders(),
    putPolicyHolder: () => store.putPolicyHolder(sampleHolder),
    dropPolicyHolder: () => store.dropPolicyHolder(sampleHolder.process),
    addShadow: () => store.addShadow({ shadow: 1, counts: [], findings: [] }),
    shadowCounts: () => store.shadowCounts(tenant, 1),
    shadowFindings: () => store.shadowFindings(tenant, 1, 10),
    ...outboxMethods(store, tenant),
    ...mandateMethods(store, tenant),
    ...alertMethods(store, tenant),
    ...lineageMethods(store, tenant),
    ...{ ...factMethods(store, tenant), ...openMethods(store, tenant) },
    acted: () => store.acted(tenant, 'vendors.edit', 's1'),
    stats: () => store.stats(),
  } satisfies Record<Exclude<keyof Store, 'close' | 'version' | 'capabilities'>, () => Promise<unknown>>
}

function openMethods(store: Store, tenant: string) {
  return {
    effectsInFlight: () => store.effectsInFlight(tenant, 10),
    decidedRequests: () => store.decidedRequests({ tenant, kind: 'approval', since: 0, limit: 10 }),
  }
}

function outboxMethods(store: Store, tenant: string) {
  return {
    notify: () => store.notify([sampleNotice('n1', { tenant })]),
    unrouted: () => store.unrouted(1),
    notices: () => store.notices(tenant, ['n1']),
    deliveries: () => store.deliveries({ order: 'newest', limit: 1 }),
    channelStates: () => store.channelStates(tenant),
    commitOutbox: () => store.commitOutbox(sampleOutbox()),
  }
}

const sampleCommitRow = {
  workflow: 'desk',
  version: '1.0.0',
  signature: 's',
  requestId: 'r',
  principal: 'user:ana',
  subject: 'ana',
  status: 'running' as const,
  code: null,
  seq: 1,
  head: '',
  branch: 0,
  checkpointSeq: 1,
  superstep: 0,
  wakeAt: null,
  leaseOwner: 'w1',
  leaseUntil: 20_000,
  createdAt: 1,
  updatedAt: 1,
  costNanoUsd: '0',
  attempts: 0,
}
