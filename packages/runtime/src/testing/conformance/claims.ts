import assert from 'node:assert/strict'
import { sampleCommit, sampleItem, sampleRun } from './samples.ts'
import { claimBy, claimed, claimIds, rowOf, type Suite } from './suite.ts'

/** Claims and leases (ENGINE R4, R11). */
export function claimTests({ it, on }: Suite): void {
  it(
    'STO-020: a claim takes new runs, oldest first up to the limit, and raises each epoch',
    on(async (store) => {
      for (const id of ['run_c', 'run_a', 'run_b']) await store.create(sampleRun(id))
      const rows = await store.claim(claimBy({ limit: 2 }))
      assert.deepEqual(
        rows.map((row) => [row.runId, row.epoch, row.leaseOwner, row.leaseUntil]),
        [
          ['run_c', 1, 'w1', 20_000],
          ['run_a', 1, 'w1', 20_000],
        ],
      )
      for (const row of rows) assert.deepEqual(await rowOf(store, row), row)
      assert.deepEqual(await claimIds(store, { limit: 0 }), [])
      assert.deepEqual(await claimIds(store, { worker: 'w2' }), ['run_b'])
      assert.deepEqual(await claimIds(store), [])
    }),
  )

  it(
    'STO-021: a live lease is left alone; an expired one is taken over and its holder fenced',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      assert.deepEqual(await claimIds(store, { worker: 'w2', now: 19_999 }), [])
      assert.deepEqual(await claimIds(store, { worker: 'w1', now: 19_999 }), [])
      assert.deepEqual(await claimIds(store, { worker: 'w2', now: 20_000, leaseUntil: 30_000 }), ['run_a'])
      assert.deepEqual(await store.commit([sampleCommit(run)]), [{ status: 'fenced' }])
      const row = await rowOf(store, run)
      assert.deepEqual([row.epoch, row.leaseOwner], [2, 'w2'])
      assert.deepEqual(await store.commit([sampleCommit(row)]), [{ status: 'committed' }])
    }),
  )

  it(
    'STO-021: a lease that expired and was not taken still commits',
    on(async (store) => {
      const run = await claimed(store, 'run_a', {})
      await store.heartbeat('w1', [run], 1)
      assert.deepEqual(await store.commit([sampleCommit(run)]), [{ status: 'committed' }])
    }),
  )

  it(
    'STO-022: a waiting run is due at its wakeAt',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      await store.commit([sampleCommit(run, { release: true, row: { status: 'waiting', wakeAt: 12_000 } })])
      assert.deepEqual(await claimIds(store, { now: 11_999 }), [])
      assert.deepEqual(await claimIds(store, { now: 12_000 }), ['run_a'])
      const row = await rowOf(store, run)
      assert.equal(row.wakeAt, 12_000)
      await store.commit([sampleCommit(row)])
      assert.equal((await rowOf(store, run)).wakeAt, null)
    }),
  )

  it(
    'STO-023: a worker gets only runs whose signature it has',
    on(async (store) => {
      await store.create(sampleRun('run_a', { signature: 's1' }))
      await store.create(sampleRun('run_b', { signature: 's2' }))
      await store.create(sampleRun('run_c', { signature: 's3' }))
      assert.deepEqual(await claimIds(store, { signatures: [] }), [])
      assert.deepEqual(await claimIds(store, { signatures: ['s2', 's9'] }), ['run_b'])
      assert.deepEqual(await claimIds(store, { signatures: ['s1'], only: { tenant: 'acme', runId: 'run_c' } }), [])
      assert.deepEqual(await claimIds(store, { signatures: null }), ['run_a', 'run_c'])
    }),
  )
}

/** Claims of one run, rests and heartbeats. */
export function leaseTests({ it, on }: Suite): void {
  it(
    "STO-024: a claim for one run takes it in any state, but not from another worker's live lease",
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      const only = { tenant: 'acme', runId: 'run_a' }
      assert.deepEqual(await claimIds(store, { only, worker: 'w2' }), [])
      assert.deepEqual(await claimIds(store, { only }), ['run_a'])
      assert.deepEqual(await store.commit([sampleCommit(run)]), [{ status: 'fenced' }])
      for (const status of ['parked', 'completed'] as const) {
        await store.commit([sampleCommit(await rowOf(store, run), { release: true, row: { status } })])
        assert.deepEqual(await claimIds(store, { only, worker: 'w2' }), ['run_a'], status)
      }
      assert.deepEqual(await claimIds(store, { only: { tenant: 'other', runId: 'run_a' }, now: 90_000 }), [])
      assert.equal((await rowOf(store, run)).epoch, 4)
    }),
  )

  it(
    'STO-025: parked and ended runs are not claimed, whatever their wakeAt and lease say',
    on(async (store) => {
      for (const status of ['parked', 'completed', 'stopped', 'cancelled', 'terminated'] as const) {
        const held = await claimed(store, `run_held_${status}`)
        await store.commit([sampleCommit(held, { row: { status, wakeAt: 1 } })])
        const free = await claimed(store, `run_free_${status}`)
        await store.commit([sampleCommit(free, { release: true, row: { status, wakeAt: 1 } })])
      }
      assert.deepEqual(await claimIds(store, { now: 99_000, limit: 100 }), [])
    }),
  )

  it(
    'STO-026: a run that is released while it could go on is claimable at once',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      await store.commit([sampleCommit(run, { release: true, row: { status: 'running' } })])
      assert.deepEqual(await claimIds(store), ['run_a'])
      await store.commit([sampleCommit(await rowOf(store, run), { release: true, row: { status: 'waiting' } })])
      assert.deepEqual(await claimIds(store), [])
    }),
  )

  it(
    'STO-027: a heartbeat extends what the worker holds at that epoch and names the rest',
    on(async (store) => {
      const [a, b, c] = [await claimed(store, 'run_a'), await claimed(store, 'run_b'), await claimed(store, 'run_c')]
      await store.commit([sampleCommit(c, { release: true, row: { status: 'waiting' } })])
      const held = [a, { ...b, epoch: 9 }, c, { tenant: 'acme', runId: 'run_none', epoch: 1 }]
      assert.deepEqual(await store.heartbeat('w1', held, 50_000), ['run_b', 'run_c', 'run_none'])
      assert.deepEqual(await store.heartbeat('w2', [a], 60_000), ['run_a'])
      assert.deepEqual(await store.heartbeat('w1', [], 60_000), [])
      assert.equal((await rowOf(store, a)).leaseUntil, 50_000)
      assert.equal((await rowOf(store, b)).leaseUntil, 20_000)
      assert.equal((await rowOf(store, c)).leaseUntil, null)
      assert.deepEqual(await claimIds(store, { now: 49_000 }), ['run_b'])
    }),
  )

  it(
    'STO-028: a worker that dies after its claim leaves the run to the next',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      await store.commit([sampleCommit(run, { release: true, row: { status: 'waiting' } })])
      await store.post(sampleItem(run, 'i1'))
      for (let epoch = 2; epoch < 6; epoch++) {
        const now = epoch * 10_000
        assert.deepEqual(await claimIds(store, { now, leaseUntil: now + 10_000, worker: `w${epoch}` }), ['run_a'])
        assert.equal((await rowOf(store, run)).epoch, epoch)
      }
    }),
  )
}
