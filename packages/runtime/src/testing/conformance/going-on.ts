import assert from 'node:assert/strict'
import type { EffectChange, EffectState, RunRow, Store } from '../../contracts/store.ts'
import { sampleCommit, sampleEffect, sampleItem, sampleRecord, sampleRun, type SampleCommit } from './samples.ts'
import { claimBy, claimed, claimIds, rowOf, type Suite } from './suite.ts'

async function commit(store: Store, run: RunRow, over: SampleCommit) {
  const [result] = await store.commit([sampleCommit(await rowOf(store, run), over)])
  return result?.status
}

const waiting = { release: true, row: { status: 'waiting' as const } }

/** Attempts, claims given back, and rows that are left for later (ENGINE R15). */
export function attemptTests({ it, on }: Suite): void {
  it(
    'STO-029: claims count until a commit moves the run on',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      assert.equal(run.attempts, 1)
      assert.deepEqual(await claimIds(store, { now: 20_000, leaseUntil: 21_000 }), ['run_a'])
      const row = await rowOf(store, run)
      assert.equal(row.attempts, 2)
      const taken = { ...sampleCommit(row), records: [sampleRecord(2, { type: 'segment.started' })] }
      await store.commit([{ ...taken, head: taken.records[0]?.hash ?? '' }])
      assert.equal((await rowOf(store, run)).attempts, 2, 'a worker that only took it up')
      await commit(store, run, { count: 0 })
      assert.equal((await rowOf(store, run)).attempts, 2, 'nothing at all')
      await commit(store, run, {})
      assert.equal((await rowOf(store, run)).attempts, 0)
      await store.claim(claimBy({ now: 30_000, leaseUntil: 31_000 }))
      await commit(store, run, { ...waiting, count: 0 })
      assert.equal((await rowOf(store, run)).attempts, 0, 'given up in good order')
    }),
  )

  it(
    'STO-019: a claim that its holder gives back does not count, and the run is claimable at once',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      const other = await claimed(store, 'run_b')
      const wrong = [
        { ...run, epoch: 9 },
        { ...run, tenant: 'other' },
      ]
      assert.deepEqual(await claimIds(store, { returned: wrong }), [])
      assert.deepEqual(await claimIds(store, { worker: 'w2', returned: [run] }), [])
      assert.deepEqual(await rowOf(store, run), run)
      assert.deepEqual(await claimIds(store, { limit: 0, returned: [run] }), [])
      assert.equal((await rowOf(store, run)).attempts, 0)
      assert.deepEqual(await claimIds(store, { worker: 'w2' }), ['run_a'])
      assert.deepEqual(await rowOf(store, other), other)
    }),
  )

  it(
    'STO-017: a release leaves the rows unread that it names; the run rests until another row, and reads all',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      await store.post(sampleItem(run, 'i1', { kind: 'respond' }))
      const left = (await store.inbox('acme', 'run_a')).map((item) => item.row)
      const parked = { release: true, row: { status: 'parked' as const }, left }
      await store.post(sampleItem(run, 'i2'))
      assert.equal(await commit(store, run, parked), 'inbox_not_empty')
      const all = (await store.inbox('acme', 'run_a')).map((item) => item.row)
      assert.equal(await commit(store, run, { ...parked, left, consumed: all.slice(1) }), 'committed')
      assert.deepEqual(await claimIds(store, { now: 90_000 }), [])
      await store.post(sampleItem(run, 'i3', { kind: 'resume' }))
      assert.deepEqual(await claimIds(store, { now: 90_000 }), ['run_a'])
      assert.deepEqual(
        (await store.inbox('acme', 'run_a')).map((item) => item.id),
        ['i1', 'i3'],
      )
    }),
  )
}

/** Definitions of runs, and the end of effects of other runs. */
export function takeoverTests({ it, on }: Suite): void {
  it(
    'STO-018: a run of another signature is claimed as an orphan once nobody took it for long enough',
    on(async (store) => {
      await store.create(sampleRun('run_new', { signature: 'old', createdAt: 5_000 }))
      await store.create(sampleRun('run_else', { signature: 'old', workflow: 'else' }))
      const due = await claimed(store, 'run_due', { signature: 'old' })
      await commit(store, due, { ...waiting, row: { status: 'waiting', wakeAt: 8_000 } })
      const told = await claimed(store, 'run_told', { signature: 'old' })
      await commit(store, told, waiting)
      await store.post(sampleItem(told, 'i1', { createdAt: 7_000 }))
      const held = await claimed(store, 'run_held', { signature: 'old' })
      const orphans = (quietSince: number, over = {}) =>
        claimIds(store, { orphans: { workflows: ['desk'], quietSince }, ...over })
      assert.deepEqual(await orphans(5_000), [])
      assert.deepEqual(await orphans(9_000, { signatures: null, limit: 0 }), [])
      assert.deepEqual(await orphans(5_001), ['run_new'])
      assert.deepEqual(await orphans(7_001), ['run_told'])
      assert.deepEqual(await orphans(9_000), ['run_due'])
      assert.equal((await rowOf(store, held)).leaseUntil, 20_000)
      assert.deepEqual(await orphans(20_000, { now: 50_000, worker: 'w2' }), [], 'expired only now')
      assert.deepEqual(await orphans(20_001, { now: 50_000, worker: 'w2', limit: 1 }), ['run_new'])
    }),
  )

  it(
    'STO-047: a commit can change the definition that the run is with, and claims go by it from then on',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      const definition = { version: '2.0.0', signature: 'sig-2' }
      assert.equal(await commit(store, run, { release: true, definition }), 'committed')
      const row = await rowOf(store, run)
      assert.deepEqual([row.version, row.signature], ['2.0.0', 'sig-2'])
      assert.deepEqual(await claimIds(store), [])
      assert.deepEqual(await claimIds(store, { signatures: ['sig-2'] }), ['run_a'])
      assert.equal(await commit(store, run, {}), 'committed')
      assert.deepEqual((await rowOf(store, run)).signature, 'sig-2')
    }),
  )

  it(
    'STO-048: a run that waits for an effect of another is told of its end in the transaction that settles it',
    on(async (store) => {
      const [a, b, c] = [await claimed(store, 'run_a'), await claimed(store, 'run_b'), await claimed(store, 'run_c')]
      const { effectId } = sampleEffect(a)
      const settle = (state: EffectState, outcomeSeq: number): EffectChange => ({
        kind: 'settle',
        effectId,
        state,
        outcomeSeq,
      })
      const effects: EffectChange[] = [{ kind: 'await', effectId }]
      await commit(store, a, { effects: [{ kind: 'claim', row: sampleEffect(a) }] })
      assert.equal(await commit(store, b, { ...waiting, effects }), 'committed')
      await commit(store, c, { effects })
      await commit(store, a, { effects: [settle('unknown', 4)] })
      assert.deepEqual(await claimIds(store), [])
      await commit(store, a, { effects: [settle('succeeded', 5)] })
      assert.deepEqual(await claimIds(store), ['run_b'])
      for (const run of [b, c]) {
        const [item, more] = await store.inbox('acme', run.runId)
        assert.deepEqual(
          [item?.kind, item?.body, more],
          ['settled', JSON.stringify({ effect_id: effectId }), undefined],
        )
      }
      // Nobody waits any more: another end tells nobody.
      await commit(store, a, { effects: [settle('failed', 6)] })
      assert.equal((await store.inbox('acme', 'run_c')).length, 1)
    }),
  )

  it(
    'STO-048: to wait for an effect that has ended already is answered in the same transaction, also of a release',
    on(async (store) => {
      const [a, b] = [await claimed(store, 'run_a'), await claimed(store, 'run_b')]
      const row = sampleEffect(a, { state: 'succeeded', outcomeSeq: 3 })
      await commit(store, a, { effects: [{ kind: 'claim', row }] })
      await commit(store, b, { ...waiting, effects: [{ kind: 'await', effectId: row.effectId }] })
      assert.deepEqual(await claimIds(store), ['run_b'])
      await commit(store, b, { effects: [{ kind: 'await', effectId: 'nobody has it' }] })
      assert.equal((await store.inbox('acme', 'run_b')).length, 1)
    }),
  )
}
