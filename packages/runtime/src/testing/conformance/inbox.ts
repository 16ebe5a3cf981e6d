import assert from 'node:assert/strict'
import type { RunStatus } from '../../contracts/records.ts'
import { plain } from './commits.ts'
import { sampleCommit, sampleItem } from './samples.ts'
import { claimBy, claimed, claimIds, rowOf, type Suite } from './suite.ts'

/** The inbox (ENGINE R3). */
export function inboxTests({ it, on }: Suite): void {
  it(
    'STO-010: an inbox row is stored once for each id of a run',
    on(async (store) => {
      const [a, b] = [await claimed(store, 'run_a'), await claimed(store, 'run_b')]
      assert.deepEqual(await store.post(sampleItem(a, 'i1')), { status: 'stored' })
      assert.deepEqual(await store.post(sampleItem(a, 'i1', { body: '"other"' })), { status: 'duplicate' })
      assert.deepEqual(await store.post(sampleItem(b, 'i1')), { status: 'stored' })
      assert.deepEqual(await store.post(sampleItem({ ...a, runId: 'run_none' }, 'i2')), { status: 'no_run' })
      const items = await store.inbox('acme', 'run_a')
      assert.deepEqual(plain(items), plain([{ ...sampleItem(a, 'i1'), row: items[0]?.row ?? -1 }]))
    }),
  )

  it(
    'STO-011: the first row of a slot wins and is told to the others, also after it was read',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      const first = sampleItem(run, 'i1', { slot: 'approval:7', body: '"yes"' })
      assert.deepEqual(await store.post(first), { status: 'stored' })
      const taken = { status: 'slot_taken', by: 'user:ben', body: '"yes"', createdAt: first.createdAt }
      assert.deepEqual(await store.post(sampleItem(run, 'i2', { slot: 'approval:7', body: '"no"' })), taken)
      assert.deepEqual(await store.post(first), { status: 'duplicate' })
      const [item] = await store.inbox('acme', 'run_a')
      await store.commit([sampleCommit(run, { consumed: [item?.row ?? 0] })])
      assert.deepEqual(await store.inbox('acme', 'run_a'), [])
      assert.deepEqual(await store.post(sampleItem(run, 'i3', { slot: 'approval:7' })), taken)
      assert.deepEqual(await store.post(first), { status: 'duplicate' })
      assert.deepEqual(await store.post(sampleItem(run, 'i4', { slot: 'approval:8' })), { status: 'stored' })
    }),
  )

  it(
    'STO-012: rows are read in order; consuming takes those of the own run only',
    on(async (store) => {
      const [a, b] = [await claimed(store, 'run_a'), await claimed(store, 'run_b')]
      for (const id of ['i3', 'i1', 'i2']) await store.post(sampleItem(a, id))
      await store.post(sampleItem(b, 'i9'))
      const rows = await store.inbox('acme', 'run_a')
      const [foreign] = await store.inbox('acme', 'run_b')
      assert.deepEqual(
        rows.map((row) => row.id),
        ['i3', 'i1', 'i2'],
      )
      await store.commit([sampleCommit(a, { consumed: [rows[0]?.row ?? 0, rows[2]?.row ?? 0, foreign?.row ?? 0] })])
      assert.deepEqual(
        (await store.inbox('acme', 'run_a')).map((row) => row.id),
        ['i1'],
      )
      assert.deepEqual(
        (await store.inbox('acme', 'run_b')).map((row) => row.id),
        ['i9'],
      )
    }),
  )

  it(
    'STO-013: a release is refused while a row is unread, and taken when the same commit consumes it',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      await store.post(sampleItem(run, 'i1'))
      const waiting = { release: true, row: { status: 'waiting' as const } }
      assert.deepEqual(await store.commit([sampleCommit(run, waiting)]), [{ status: 'inbox_not_empty' }])
      assert.deepEqual(await rowOf(store, run), run)
      const [item] = await store.inbox('acme', 'run_a')
      const consumed = [item?.row ?? 0]
      assert.deepEqual(await store.commit([sampleCommit(run, { ...waiting, consumed })]), [{ status: 'committed' }])
      assert.deepEqual(await claimIds(store), [])
    }),
  )
}

async function rested(store: Parameters<typeof claimed>[0], runId: string, status: RunStatus) {
  const run = await claimed(store, runId)
  await store.commit([sampleCommit(run, { release: true, row: { status } })])
  return run
}

/** What an inbox row does to runs that rest. */
export function wakeTests({ it, on }: Suite): void {
  it(
    'STO-014: an inbox row makes a waiting, stopping or parked run claimable, once the lease is free',
    on(async (store) => {
      for (const status of ['waiting', 'stopping', 'parked'] as const) {
        const run = await rested(store, `run_${status}`, status)
        assert.deepEqual(await claimIds(store), [], status)
        await store.post(sampleItem(run, 'i1'))
        assert.deepEqual(await claimIds(store), [run.runId])
        assert.deepEqual(await claimIds(store), [])
        assert.deepEqual(
          await claimIds(store, { now: 20_000, leaseUntil: 30_000 }),
          [run.runId],
          'read by nobody: again',
        )
        const [row] = await store.inbox('acme', run.runId)
        const now = await rowOf(store, run)
        await store.commit([sampleCommit(now, { release: true, row: { status }, consumed: [row?.row ?? 0] })])
        assert.deepEqual(await claimIds(store, { now: 40_000 }), [])
      }
    }),
  )

  it(
    'STO-015: a run that has ended stores late rows and is not claimed for them; a restore makes it claimable',
    on(async (store) => {
      for (const status of ['completed', 'stopped', 'cancelled', 'terminated'] as const) {
        const run = await rested(store, `run_${status}`, status)
        assert.deepEqual(await store.post(sampleItem(run, 'late')), { status: 'stored' })
        assert.deepEqual(await claimIds(store, { now: 50_000 }), [], status)
        await store.post(sampleItem(run, 'back', { kind: 'restore' }))
        assert.deepEqual(await claimIds(store), [run.runId])
        const consumed = (await store.inbox('acme', run.runId)).map((row) => row.row)
        await store.commit([sampleCommit(await rowOf(store, run), { release: true, row: { status }, consumed })])
        assert.deepEqual(await claimIds(store, { now: 50_000 }), [])
      }
    }),
  )

  it(
    'STO-016: a row that comes while the run is held is not lost by the release',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      await store.post(sampleItem(run, 'i1'))
      const [item] = await store.inbox('acme', 'run_a')
      await store.commit([sampleCommit(run, { consumed: [item?.row ?? 0] })])
      await store.post(sampleItem(run, 'i2'))
      const now = await rowOf(store, run)
      const [refused] = await store.commit([sampleCommit(now, { release: true, row: { status: 'parked' } })])
      assert.deepEqual(refused, { status: 'inbox_not_empty' })
      assert.equal((await store.claim(claimBy({ now: 30_000 }))).length, 1)
    }),
  )
}
