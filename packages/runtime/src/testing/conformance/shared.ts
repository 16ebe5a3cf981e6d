import assert from 'node:assert/strict'
import { sampleCommit, sampleItem, sampleRun } from './samples.ts'
import { claimBy, claimed, rowOf, type Suite } from './suite.ts'

/** What several processes on one store rely on; registered only for stores that can be shared. */
export function sharedTests({ it, on }: Suite): void {
  it(
    'STO-052: a second handle sees each commit at once; of two claims for one run one wins',
    on(async (store, { another }) => {
      assert.ok(another)
      const second = await another()
      try {
        for (let i = 0; i < 20; i++) await store.create(sampleRun(`run_${i}`))
        const claims = Array.from({ length: 10 }, (_, i) =>
          (i % 2 === 0 ? store : second).claim(claimBy({ worker: `w${i}`, limit: 3 })),
        )
        const taken = (await Promise.all(claims)).flat().map((row) => row.runId)
        assert.equal(taken.length, 20)
        assert.equal(new Set(taken).size, 20)
        const row = await rowOf(second, { tenant: 'acme', runId: 'run_0' })
        assert.deepEqual(await second.commit([sampleCommit(row)]), [{ status: 'committed' }])
        assert.deepEqual(await store.commit([sampleCommit(row, { count: 2 })]), [{ status: 'fenced' }])
        assert.equal((await rowOf(store, row)).seq, 2)
      } finally {
        await second.close()
      }
    }),
  )

  it(
    'STO-053: a release and a row posted at the same time: either the release is refused or the run is claimable',
    on(async (store, { another }) => {
      assert.ok(another)
      const second = await another()
      try {
        for (let i = 0; i < 10; i++) {
          const run = await claimed(store, `run_${i}`)
          const release = () => store.commit([sampleCommit(run, { release: true, row: { status: 'waiting' } })])
          const post = () => second.post(sampleItem(run, 'i1'))
          const [results] =
            i % 2 === 0 ? await Promise.all([release(), post()]) : (await Promise.all([post(), release()])).reverse()
          const status = Array.isArray(results) ? results[0]?.status : undefined
          const free = (await second.claim(claimBy({ worker: 'w2' }))).length
          assert.deepEqual([status, free], status === 'committed' ? ['committed', 1] : ['inbox_not_empty', 0])
        }
      } finally {
        await second.close()
      }
    }),
  )

  it(
    'STO-052: of two handles that create for one request one creates',
    on(async (store, { another }) => {
      assert.ok(another)
      const second = await another()
      try {
        for (let i = 0; i < 10; i++) {
          const requestId = `r${i}`
          const made = await Promise.all([
            store.create(sampleRun(`run_a${i}`, { requestId })),
            second.create(sampleRun(`run_b${i}`, { requestId })),
          ])
          assert.deepEqual(made.map((each) => each.status).sort(), ['created', 'exists'])
        }
      } finally {
        await second.close()
      }
    }),
  )
}

/** What a restart relies on; registered only for durable stores. */
export function durableTests({ it, on }: Suite): void {
  it(
    'STO-054: everything is there after closing and opening again',
    on(async (store, { another }) => {
      assert.ok(another)
      const run = await claimed(store, 'run_a')
      await store.commit([sampleCommit(run, { count: 4, sealed: Uint8Array.of(1) })])
      await store.post(sampleItem(run, 'i1'))
      await store.setCursor('c', 3)
      const row = await rowOf(store, run)
      const records = await store.records('acme', 'run_a')
      await store.close()
      const again = await another()
      try {
        assert.deepEqual(await rowOf(again, run), row)
        assert.deepEqual(JSON.stringify(await again.records('acme', 'run_a')), JSON.stringify(records))
        assert.equal((await again.inbox('acme', 'run_a')).length, 1)
        assert.equal(await again.cursor('c'), 3)
        assert.deepEqual(await again.commit([sampleCommit(row)]), [{ status: 'committed' }])
      } finally {
        await again.close()
      }
    }),
  )
}
