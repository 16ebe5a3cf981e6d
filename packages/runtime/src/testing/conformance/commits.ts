import assert from 'node:assert/strict'
import type { RunCommit } from '../../contracts/store.ts'
import { sampleCommit, sampleEffect, sampleItem, sampleRecord, sampleRequest, sampleRun } from './samples.ts'
import { claimed, rowOf, type Suite } from './suite.ts'

/** New runs and commits. */
export function commitTests({ it, on }: Suite): void {
  it(
    'STO-001: a new run is stored with its genesis, queued and unclaimed',
    on(async (store) => {
      const run = sampleRun('run_a')
      assert.deepEqual(await store.create(run), { status: 'created' })
      const { genesis, ...named } = run
      const row = await rowOf(store, run)
      assert.deepEqual(row, {
        ...row,
        ...named,
        status: 'queued',
        seq: 1,
        head: genesis.hash,
        epoch: 0,
        leaseOwner: null,
        leaseUntil: null,
        wakeAt: null,
        checkpointSeq: 1,
        updatedAt: run.createdAt,
        costNanoUsd: '0',
      })
      assert.deepEqual(plain(await store.records('acme', 'run_a')), plain([genesis]))
      await assert.rejects(store.create(sampleRun('run_b', { genesis: sampleRecord(2) })), { code: 'INTERNAL' })
    }),
  )

  it(
    'STO-058: a fork is stored with what it took over, and its row stands at the last record',
    on(async (store) => {
      const request = sampleRequest({ tenant: 'acme', runId: 'run_f' }, 'req_f')
      const copied = [sampleRecord(2), sampleRecord(3)]
      const fork = sampleRun('run_f', { copied, requests: [request], superstep: 4, costNanoUsd: '70' })
      await store.create(fork)
      const row = await store.run('acme', 'run_f')
      const last = copied.at(-1)
      assert.deepEqual(
        [row?.seq, row?.head, row?.checkpointSeq, row?.superstep, row?.costNanoUsd, row?.status],
        [3, last?.hash, 1, 4, '70', 'queued'],
      )
      assert.deepEqual(
        (await store.records('acme', 'run_f')).map((record) => record.seq),
        [1, 2, 3],
      )
      assert.deepEqual(await store.request('acme', 'req_f'), request)
      const torn = sampleRun('run_g', { copied: [sampleRecord(3)] })
      await assert.rejects(store.create(torn), { code: 'INTERNAL' })
      assert.equal(await store.run('acme', 'run_g'), null)
    }),
  )

  it(
    'STO-002: the same request id or run id starts one run of a tenant; another tenant starts its own',
    on(async (store) => {
      await store.create(sampleRun('run_a', { requestId: 'r1' }))
      const exists = { status: 'exists', runId: 'run_a' }
      assert.deepEqual(await store.create(sampleRun('run_b', { requestId: 'r1' })), exists)
      assert.deepEqual(await store.create(sampleRun('run_a', { requestId: 'r2', workflow: 'other' })), exists)
      assert.equal((await rowOf(store, sampleRun('run_a'))).workflow, 'desk')
      assert.equal((await store.export(0, 10)).length, 1)
      assert.deepEqual(await store.create(sampleRun('run_a', { tenant: 'other', requestId: 'r1' })), {
        status: 'created',
      })
    }),
  )

  it(
    'STO-003: a commit stores records, row, requests and effects together',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      const request = sampleRequest(run, 'apr_1')
      const effect = sampleEffect(run)
      const commit = sampleCommit(run, {
        count: 3,
        sealed: Uint8Array.of(5, 6),
        requests: [request],
        effects: [{ kind: 'claim', row: effect }],
        row: {
          status: 'stopping',
          code: 'NODE_FAILED',
          branch: 2,
          checkpointSeq: 3,
          superstep: 4,
          wakeAt: 77,
          costNanoUsd: '12',
        },
      })
      assert.deepEqual(await store.commit([commit]), [{ status: 'committed' }])
      assert.deepEqual(await rowOf(store, run), { ...run, ...commit.row, seq: 4, head: commit.head, attempts: 0 })
      assert.deepEqual(plain(await store.records('acme', 'run_a', { after: 1 })), plain(commit.records))
      assert.deepEqual(await store.request('acme', 'apr_1'), request)
      assert.deepEqual(await store.effects('acme', 'run_a'), [effect])
    }),
  )

  it(
    'STO-007: a commit without records is allowed and moves nothing but the row',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      const commit = sampleCommit(run, { count: 0, release: true, row: { status: 'waiting' } })
      assert.deepEqual(await store.commit([commit]), [{ status: 'committed' }])
      const row = await rowOf(store, run)
      assert.deepEqual(row, { ...run, ...commit.row, leaseOwner: null, leaseUntil: null, attempts: 0 })
      assert.deepEqual(await store.commit([]), [])
    }),
  )
}

/** What is refused, and that a refusal leaves nothing. */
export function fenceTests({ it, on }: Suite): void {
  it(
    'STO-004: a wrong sequence or epoch, or no lease, is fenced and nothing of the commit is stored (Invariant 10)',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      await store.post(sampleItem(run, 'i1'))
      const [item] = await store.inbox('acme', 'run_a')
      const carried = {
        requests: [sampleRequest(run, 'apr_1')],
        effects: [{ kind: 'claim' as const, row: sampleEffect(run) }],
        consumed: [item?.row ?? 0],
      }
      const unclaimed = sampleRun('run_b')
      await store.create(unclaimed)
      const wrong: RunCommit[] = [
        sampleCommit(run, { ...carried, expectSeq: 2 }),
        sampleCommit(run, { expectSeq: 0 }),
        sampleCommit(run, { expectSeq: 2 }),
        sampleCommit(run, { ...carried, epoch: run.epoch + 1 }),
        sampleCommit(run, { epoch: run.epoch - 1 }),
        sampleCommit(run, { epoch: run.epoch + 1, release: true }),
        sampleCommit(await rowOf(store, unclaimed)),
        sampleCommit({ ...run, runId: 'run_none' }),
        sampleCommit({ ...run, tenant: 'other' }),
      ]
      for (const commit of wrong) assert.deepEqual(await store.commit([commit]), [{ status: 'fenced' }])
      assert.deepEqual(await rowOf(store, run), run)
      assert.equal((await store.records('acme', 'run_a')).length, 1)
      assert.equal((await store.inbox('acme', 'run_a')).length, 1)
      assert.equal(await store.request('acme', 'apr_1'), null)
      assert.deepEqual(await store.effects('acme', 'run_a'), [])
    }),
  )

  it(
    'STO-004: a run that was released takes no commit until it is claimed again',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      await store.commit([sampleCommit(run, { release: true })])
      const row = await rowOf(store, run)
      for (const wakeAt of [null, 5]) {
        assert.deepEqual(await store.commit([sampleCommit(row, { row: { wakeAt } })]), [{ status: 'fenced' }])
      }
    }),
  )

  it(
    'STO-005: in a batch each run succeeds or is refused alone',
    on(async (store) => {
      const rows = [
        await claimed(store, 'run_a'),
        await claimed(store, 'run_b'),
        await claimed(store, 'run_c'),
        await claimed(store, 'run_d'),
      ]
      const [a, b, c, d] = rows
      assert.ok(a && b && c && d)
      await store.post(sampleItem(c, 'i1'))
      await store.commit([sampleCommit(a, { effects: [{ kind: 'claim', row: sampleEffect(a) }] })])
      const results = await store.commit([
        sampleCommit({ ...a, seq: 2 }),
        sampleCommit(b, { epoch: 99 }),
        sampleCommit(c, { release: true }),
        sampleCommit(d, { effects: [{ kind: 'claim', row: sampleEffect(d) }] }),
        sampleCommit(b),
      ])
      assert.deepEqual(results, [
        { status: 'committed' },
        { status: 'fenced' },
        { status: 'inbox_not_empty' },
        { status: 'effect_claimed', effectId: sampleEffect(a).effectId },
        { status: 'committed' },
      ])
      const seqs = []
      for (const row of rows) seqs.push((await rowOf(store, row)).seq, (await store.records('acme', row.runId)).length)
      assert.deepEqual(seqs, [3, 3, 2, 2, 1, 1, 1, 1])
    }),
  )

  it(
    'STO-006: a commit that contradicts itself is refused with its batch before anything is written',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      const good = sampleCommit(await claimed(store, 'run_b'))
      const base = sampleCommit(run)
      const other = { tenant: 'other', runId: 'run_a' }
      const wrong: RunCommit[] = [
        { ...base, seq: 3 },
        { ...base, records: [sampleRecord(3)] },
        { ...base, head: 'x' },
        { ...base, effects: [{ kind: 'claim', row: sampleEffect(other) }] },
        { ...base, requests: [sampleRequest(other, 'q')] },
        { ...base, effects: [{ kind: 'claim', row: sampleEffect(run, { state: 'failed' }) }] },
      ]
      for (const commit of wrong) await assert.rejects(store.commit([good, commit]), { code: 'INTERNAL' })
      assert.equal((await store.export(0, 10)).length, 2)
    }),
  )

  it(
    'STO-008: a commit sent again is fenced, and the row tells that it had happened (ENGINE R11)',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      const commit = sampleCommit(run)
      await store.commit([commit])
      assert.deepEqual(await store.commit([commit]), [{ status: 'fenced' }])
      const row = await rowOf(store, run)
      assert.deepEqual([row.head, row.seq, row.epoch], [commit.head, commit.seq, commit.epoch])
    }),
  )
}

/** Records with bytes as plain arrays: stores may give any kind of Uint8Array. */
export function plain<T extends { readonly sealed: Uint8Array | null }>(records: readonly T[]): unknown[] {
  return records.map((record) => ({ ...record, sealed: record.sealed && [...record.sealed] }))
}
