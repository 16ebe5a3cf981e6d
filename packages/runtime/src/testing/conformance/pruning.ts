import assert from 'node:assert/strict'
import type { Prune } from '../../contracts/store.ts'
import { sampleCommit, sampleEffect, sampleItem, sampleRecord, sampleRequest, sampleRun } from './samples.ts'
import { claimBy, claimed, rowOf, type Suite } from './suite.ts'

/** What is destroyed on order, and how runs of a family and of a person are found. */
export function pruneTests({ it, on }: Suite): void {
  for (const keep of ['metadata', 'nothing'] as const)
    it(
      `STO-100: a commit destroys contents${keep === 'nothing' ? ' and bodies' : ''} together with the marker that vouches for them`,
      on(async (store) => {
        const run = await claimed(store, 'run_a')
        const other = await claimed(store, 'run_b')
        await store.commit([sampleCommit(run, { count: 3, sealed: Uint8Array.of(7) }), sampleCommit(other)])
        await store.post(sampleItem(run, 'i1'))
        const [item] = await store.inbox('acme', 'run_a')
        const before = await store.records('acme', 'run_a')
        const row = await rowOf(store, run)
        const marker = sampleRecord(5, { type: 'history.pruned' })
        const commit = { ...sampleCommit(row), records: [marker], head: marker.hash, consumed: [item?.row ?? 0] }
        assert.deepEqual(await store.commit([{ ...commit, release: true, prune: { through: 4, keep } }]), [
          { status: 'committed' },
        ])
        const after = await store.records('acme', 'run_a')
        const left = (record: { seq: number; body: string }) =>
          record.seq === 5 || keep === 'metadata' ? record.body : ''
        assert.deepEqual(
          after.map(({ seq, type, hash, body, sealed }) => [seq, type, hash, body, sealed]),
          [...before, marker].map((each) => [each.seq, each.type, each.hash, left(each), null]),
        )
        assert.equal((await rowOf(store, run)).kept, keep)
        assert.equal((await rowOf(store, other)).kept, undefined)
        assert.ok((await store.records('acme', 'run_b'))[0]?.sealed)
        const exported = await store.export(0, 100)
        assert.deepEqual(
          exported.filter((each) => each.runId === 'run_a').map((each) => each.body),
          after.map((each) => each.body),
        )
        assert.deepEqual(
          exported.map((each) => each.position),
          exported.map((_, i) => i + 1),
        )
      }),
    )

  it(
    'STO-100: nothing is destroyed by a commit that is refused, or that vouches for nothing',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      const marker = sampleRecord(2, { type: 'history.pruned' })
      const prune: Prune = { through: 1, keep: 'nothing' }
      const commit = { ...sampleCommit(run), records: [marker], head: marker.hash, prune }
      assert.deepEqual(await store.commit([{ ...commit, epoch: run.epoch + 1 }]), [{ status: 'fenced' }])
      await assert.rejects(store.commit([{ ...sampleCommit(run), prune }]), { code: 'INTERNAL' })
      await assert.rejects(store.commit([{ ...commit, prune: { ...prune, through: 2 } }]), { code: 'INTERNAL' })
      const [genesis] = await store.records('acme', 'run_a')
      assert.deepEqual([genesis?.body, genesis?.sealed?.length], ['{"genesis":true}', 3])
      assert.equal((await rowOf(store, run)).kept, undefined)
    }),
  )

  it(
    'STO-101: forks, runs of a person, effects of one run, and tenants are found',
    on(async (store) => {
      const genesis = (parent: string) =>
        sampleRecord(1, { type: 'run.started', body: JSON.stringify({ parent: { run: parent } }) })
      await store.create(sampleRun('run_a'))
      await store.create(sampleRun('run_b', { genesis: genesis('run_a') }))
      await store.create(sampleRun('run_c', { genesis: genesis('run_b'), subject: 'ben' }))
      await store.create(sampleRun('run_d', { genesis: genesis('run_a') }))
      await store.create(sampleRun('run_x', { tenant: 'other', genesis: genesis('run_a') }))
      assert.deepEqual(await store.forks('acme', 'run_a'), ['run_b', 'run_d'])
      assert.deepEqual(await store.forks('acme', 'run_c'), [])
      assert.deepEqual(await store.tenants(), ['acme', 'other'])
      const of = async (subject: string) =>
        (await store.runs({ tenant: 'acme', subject, limit: 10 })).map((row) => row.runId)
      assert.deepEqual([await of('ben'), await of('nobody')], [['run_c'], []])
      const [row] = await store.claim(claimBy({ limit: 1, only: { tenant: 'acme', runId: 'run_b' } }))
      assert.ok(row)
      const row2 = sampleEffect(row, { rootRunId: 'run_a' })
      await store.commit([sampleCommit(row, { effects: [{ kind: 'claim', row: row2 }] })])
      assert.deepEqual(await store.runEffects('acme', 'run_b'), [row2])
      assert.deepEqual(await store.runEffects('acme', 'run_a'), [])
    }),
  )

  it(
    'STO-102: a run is taken over whole under a higher epoch; what stands in its way is told and nothing is stored',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      await store.post(sampleItem(run, 'i1'))
      const [read] = await store.inbox('acme', 'run_a')
      const effect = sampleEffect(run, { state: 'succeeded', outcomeSeq: 3 })
      const waiting = { status: 'waiting', wakeAt: 9_000 } as const
      const commit = sampleCommit(run, { count: 3, sealed: Uint8Array.of(7), release: true, row: waiting })
      const request = sampleRequest(run, 'q1')
      const consumed = [read?.row ?? 0]
      const effects = [{ kind: 'claim' as const, row: { ...effect, state: 'open' as const } }]
      await store.commit([{ ...commit, consumed, effects, requests: [request] }])
      await store.post(sampleItem(run, 'i2', { slot: 's' }))
      const taken = {
        row: await rowOf(store, run),
        records: await store.records('acme', 'run_a'),
        effects: await store.runEffects('acme', 'run_a'),
        requests: [request],
        inbox: await store.inboxKept('acme', 'run_a'),
      }
      assert.deepEqual(
        taken.inbox.map((item) => [item.id, item.consumed]),
        [
          ['i1', true],
          ['i2', false],
        ],
      )
      assert.deepEqual(await store.adopt(taken), { status: 'exists', id: 'run_a' })
      const as = (runId: string, tenant = 'acme') => {
        const of = <T extends { tenant: string; runId: string }>(row: T): T => ({ ...row, tenant, runId })
        return {
          row: { ...of(taken.row), requestId: `request of ${runId}` },
          records: taken.records,
          effects: taken.effects.map(of),
          requests: taken.requests.map((each) => ({ ...of(each), id: `${each.id} of ${runId}` })),
          inbox: taken.inbox.map(of),
        }
      }
      assert.deepEqual(await store.adopt(as('run_b')), { status: 'effect_claimed', effectId: effect.effectId })
      const same = as('run_b')
      assert.deepEqual(
        await store.adopt({ ...same, effects: [], requests: [request] }).catch(() => 'INTERNAL'),
        'INTERNAL',
      )
      assert.equal(await store.run('acme', 'run_b'), null)
      assert.deepEqual(await store.adopt(as('run_b', 'other')), { status: 'adopted' })
      const row = await rowOf(store, { tenant: 'other', runId: 'run_b' })
      assert.deepEqual(row, {
        ...as('run_b', 'other').row,
        epoch: taken.row.epoch + 1,
        leaseOwner: null,
        leaseUntil: null,
      })
      assert.deepEqual(JSON.stringify(await store.records('other', 'run_b')), JSON.stringify(taken.records))
      assert.deepEqual(await store.inboxKept('other', 'run_b'), as('run_b', 'other').inbox)
      assert.deepEqual(await store.runEffects('other', 'run_b'), as('run_b', 'other').effects)
      const claim = claimBy({ only: { tenant: 'other', runId: 'run_b' } })
      const [again] = await store.claim(claim)
      assert.equal(again?.epoch, row.epoch + 1)
      assert.deepEqual(await store.commit([sampleCommit(row)]), [{ status: 'fenced' }])
      assert.ok(again)
      assert.deepEqual(await store.commit([sampleCommit(again)]), [{ status: 'committed' }])
      await assert.rejects(store.adopt({ ...as('run_c', 'other'), records: taken.records.slice(1) }), {
        code: 'INTERNAL',
      })
    }),
  )
}
