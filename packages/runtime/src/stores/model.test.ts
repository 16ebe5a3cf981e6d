import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RunStatus } from '../contracts/records.ts'
import type { EffectChange, EffectState, InboxItem, RunRow, Store } from '../contracts/store.ts'
import { memoryUnderTest, sqliteUnderTest } from '../testing/conformance/places.ts'
import { sampleCommit, sampleEffect, sampleItem, sampleRequest, sampleRun } from '../testing/conformance/samples.ts'

/** One step, with small numbers for names so that steps meet each other. */
type Step = (store: Store) => Promise<unknown>

const tenants = fc.constantFrom('acme', 'other')
const runIds = fc.constantFrom('run_a', 'run_b', 'run_c')
const at = fc.record({ tenant: tenants, runId: runIds })
const times = fc.integer({ min: 0, max: 60 })
const statuses = fc.constantFrom<RunStatus>(
  'queued',
  'running',
  'waiting',
  'stopping',
  'parked',
  'completed',
  'stopped',
)
const kinds = fc.constantFrom<InboxItem['kind']>('decide', 'cancel', 'restore', 'resume')
const states = fc.constantFrom<EffectState>('open', 'unknown', 'succeeded', 'failed', 'not_sent', 'released')
const identities = fc.constantFrom('order 1', 'order 2')

const create = fc
  .record({
    run: at,
    request: fc.constantFrom('r1', 'r2', 'r3'),
    createdAt: times,
    signature: fc.constantFrom('s1', 's2'),
  })
  .map(
    ({ run, request, createdAt, signature }): Step =>
      (store) =>
        store.create(sampleRun(run.runId, { tenant: run.tenant, requestId: request, createdAt, signature })),
  )

const claim = fc
  .record({
    worker: fc.constantFrom('w1', 'w2'),
    now: times,
    lease: fc.integer({ min: 0, max: 30 }),
    limit: fc.integer({ min: 0, max: 4 }),
    signatures: fc.constantFrom(null, ['s1'], ['s1', 's2']),
    only: fc.option(at),
    quietSince: fc.option(times),
    back: fc.option(at),
  })
  .map(
    ({ worker, now, lease, limit, signatures, only, quietSince, back }): Step =>
      async (store) => {
        const epoch = back ? ((await store.run(back.tenant, back.runId))?.epoch ?? 1) : 0
        return store.claim({
          worker,
          now,
          leaseUntil: now + lease,
          limit,
          signatures,
          ...(only ? { only } : {}),
          ...(quietSince === null ? {} : { orphans: { workflows: ['desk'], quietSince } }),
          ...(back ? { returned: [{ ...back, epoch }] } : {}),
        })
      },
  )

const effectChanges = fc.array(
  fc.oneof(
    fc
      .record({
        identity: identities,
        key: fc.constantFrom('k1', 'k2'),
        scope: fc.constantFrom('tenant', 'run'),
        seq: times,
      })
      .map(
        ({ identity, key, scope, seq }) =>
          (row: RunRow): EffectChange => ({
            kind: 'claim',
            row: sampleEffect(row, {
              identity,
              scope,
              effectId: `${identity} ${scope}`,
              idempotencyKey: key,
              intentSeq: seq,
              rootRunId: 'run_a',
            }),
          }),
      ),
    fc.record({ identity: identities, scope: fc.constantFrom('tenant', 'run') }).map(
      ({ identity, scope }) =>
        (): EffectChange => ({ kind: 'await', effectId: `${identity} ${scope}` }),
    ),
    fc.record({ identity: identities, scope: fc.constantFrom('tenant', 'run'), state: states }).map(
      ({ identity, scope, state }) =>
        (): EffectChange => ({ kind: 'settle', effectId: `${identity} ${scope}`, state, outcomeSeq: 5 }),
    ),
  ),
  { maxLength: 3 },
)

const commitOne = fc.record({
  run: at,
  count: fc.integer({ min: 0, max: 3 }),
  release: fc.boolean(),
  status: statuses,
  wakeAt: fc.option(times),
  consume: fc.integer({ min: 0, max: 3 }),
  leave: fc.integer({ min: 0, max: 2 }),
  definition: fc.option(fc.constantFrom('s1', 's2'), { freq: 8 }),
  effects: effectChanges,
  stale: fc.integer({ min: 0, max: 9 }),
  request: fc.option(fc.constantFrom('q1', 'q2')),
  sealed: fc.boolean(),
})

/** Commits follow the rows as the store tells them, so that most of them are good; some are stale on purpose. */
const commit = fc.array(commitOne, { minLength: 1, maxLength: 3 }).map(
  (parts): Step =>
    async (store) => {
      const commits = []
      for (const part of parts) {
        const row = await store.run(part.run.tenant, part.run.runId)
        if (!row) continue
        const unread = await store.inbox(row.tenant, row.runId)
        commits.push(
          sampleCommit(row, {
            count: part.count,
            release: part.release,
            consumed: unread.slice(0, part.consume).map((item) => item.row),
            left: unread.slice(part.consume, part.consume + part.leave).map((item) => item.row),
            ...(part.definition ? { definition: { version: '2.0.0', signature: part.definition } } : {}),
            effects: part.effects.map((change) => change(row)),
            closed:
              part.stale > 6 ? [{ id: 'q1', state: 'approved' as const, decidedBy: null, decidedAt: part.stale }] : [],
            requests: part.request ? [sampleRequest(row, part.request, { requestedAt: part.count })] : [],
            row: { status: part.status, wakeAt: part.wakeAt },
            ...(part.sealed ? { sealed: Uint8Array.of(part.count) } : {}),
            ...(part.stale === 0 ? { epoch: row.epoch + 1 } : part.stale === 1 ? { expectSeq: row.seq + 1 } : {}),
          }),
        )
      }
      return store.commit(commits)
    },
)

const post = fc
  .record({ run: at, id: fc.constantFrom('i1', 'i2', 'i3'), kind: kinds, slot: fc.option(fc.constantFrom('x', 'y')) })
  .map(
    ({ run, id, kind, slot }): Step =>
      (store) =>
        store.post(sampleItem(run, id, { kind, slot, body: `"${id}"` })),
  )

const heartbeat = fc.record({ worker: fc.constantFrom('w1', 'w2'), run: at, until: times }).map(
  ({ worker, run, until }): Step =>
    async (store) => {
      const row = await store.run(run.tenant, run.runId)
      return store.heartbeat(worker, [{ ...run, epoch: row?.epoch ?? 1 }], until)
    },
)

const keys = fc
  .record({ tenant: tenants, what: fc.constantFrom('put', 'destroy'), n: fc.integer({ min: 0, max: 9 }) })
  .map(
    ({ tenant, what, n }): Step =>
      (store) =>
        what === 'put' ? store.putKey(tenant, 'ana', Uint8Array.of(n)) : store.destroyKey(tenant, 'ana', n),
  )

const steps = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: create },
    { weight: 3, arbitrary: claim },
    { weight: 6, arbitrary: commit },
    { weight: 3, arbitrary: post },
    { weight: 1, arbitrary: heartbeat },
    { weight: 1, arbitrary: keys },
  ),
  { minLength: 10, maxLength: 60, size: 'max' },
)

/** Runs under a lease, so that the steps that follow have something to meet. */
const opening: readonly Step[] = [
  ...(['acme', 'other'] as const).flatMap((tenant) =>
    ['run_a', 'run_b'].map(
      (runId): Step =>
        (store) =>
          store.create(sampleRun(runId, { tenant, signature: 's1' })),
    ),
  ),
  (store) => store.claim({ worker: 'w1', now: 0, leaseUntil: 30, limit: 9, signatures: null }),
]

/** Everything that can be read, with bytes as text. */
async function view(store: Store): Promise<unknown> {
  const all: unknown[] = [await store.export(0, 1_000), (await store.stats()).runs, (await store.stats()).records]
  for (const tenant of ['acme', 'other']) {
    all.push(
      await store.runs({ tenant, limit: 100 }),
      await store.requests({ tenant, limit: 100 }),
      await store.key(tenant, 'ana'),
    )
    all.push(await store.effects(tenant, 'run_a'))
    for (const runId of ['run_a', 'run_b', 'run_c']) {
      all.push(await store.inbox(tenant, runId), await store.records(tenant, runId, { descending: true, limit: 3 }))
    }
    for (const identity of ['order 1', 'order 2'])
      all.push(await store.effect(tenant, 'payments.refund', 'tenant', identity))
  }
  return plain(all)
}

function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, each) =>
      each?.type === 'Buffer' ? each.data : each instanceof Uint8Array ? [...each] : each,
    ) ?? 'null',
  )
}

describe('stores compared', () => {
  it('STO-055: over any sequence of operations SQLite answers and holds the same as memory', async () => {
    const counts = { steps: 0, committed: 0, claimed: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const [memory, sqlite] = [await memoryUnderTest(), await sqliteUnderTest()]
        try {
          for (const step of [...opening, ...sequence]) {
            const [expected, actual] = [plain(await step(memory.store)), plain(await step(sqlite.store))]
            expect(actual).toEqual(expected)
            expect(await view(sqlite.store)).toEqual(await view(memory.store))
            counts.steps++
            const text = JSON.stringify(expected)
            counts.committed += text.includes('"committed"') ? 1 : 0
            counts.claimed += text.includes('"leaseOwner"') ? 1 : 0
            counts.refused += /"(fenced|inbox_not_empty|effect_claimed|slot_taken)"/.test(text) ? 1 : 0
          }
        } finally {
          await memory.remove()
          await sqlite.remove()
        }
      }),
      { numRuns: 60, seed: 20_260_401 },
    )
    // The sequences must reach what they are for.
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(50)
  }, 120_000)
})
