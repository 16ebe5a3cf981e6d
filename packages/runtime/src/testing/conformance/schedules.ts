import assert from 'node:assert/strict'
import type { FiringRow, ScheduleCommit, ScheduleRow } from '../../contracts/schedule.ts'
import type { Store } from '../../contracts/store.ts'
import type { Suite } from './suite.ts'

/** A schedule at its first revision. */
export function sampleSchedule(over: Partial<ScheduleRow> = {}): ScheduleRow {
  return {
    tenant: 'acme',
    name: 'nightly',
    revision: 1,
    definition: '{"every":{"days":1}}',
    paused: false,
    decidedThrough: 1_000,
    updatedAt: 1_000,
    updatedBy: 'srv_1',
    ...over,
  }
}

/** A firing that waits to be started. */
export function sampleFiring(dueAt: number, over: Partial<FiringRow> = {}): FiringRow {
  return {
    tenant: 'acme',
    schedule: 'nightly',
    id: `slot-${dueAt}`,
    kind: 'slot',
    dueAt,
    state: 'queued',
    attempt: 0,
    epoch: 0,
    runId: null,
    code: null,
    detail: '',
    by: 'schedule',
    startedAt: null,
    endedAt: null,
    ...over,
  }
}

/** A change of the sample schedule to the revision after `expectRevision`. */
export function sampleChange(over: Partial<ScheduleCommit> = {}): ScheduleCommit {
  const expectRevision = over.expectRevision ?? 0
  return {
    lease: null,
    expectRevision,
    row: sampleSchedule({ revision: expectRevision + 1 }),
    firings: [],
    keep: null,
    ...over,
  }
}

const LEADER = 'schedules'

async function lead(store: Store, owner: string): Promise<number> {
  const { epoch, beat } = await store.lease(LEADER)
  assert.equal(await store.setLease({ name: LEADER, owner, epoch: epoch + 1, beat: beat + 1 }, { epoch, beat }), true)
  return epoch + 1
}

/** Leases, schedules and their history. */
export function scheduleTests({ it, on }: Suite): void {
  leaseRowTests({ it, on })
  it(
    'STO-112: a change of a schedule is stored with its firings, or nothing of it when the revision is another',
    on(async (store) => {
      const first = sampleChange({ firings: [sampleFiring(2_000)] })
      assert.equal(await store.commitSchedule(first), 'committed')
      assert.equal(await store.commitSchedule(first), 'changed')
      assert.equal(
        await store.commitSchedule(sampleChange({ expectRevision: 5, firings: [sampleFiring(9_000)] })),
        'changed',
      )
      const row = sampleSchedule({ revision: 2, paused: true, decidedThrough: 2_000, updatedBy: 'user:olga' })
      const done = sampleFiring(2_000, { state: 'succeeded', runId: 'run_a', attempt: 1, startedAt: 5, endedAt: 7 })
      assert.equal(await store.commitSchedule(sampleChange({ expectRevision: 1, row, firings: [done] })), 'committed')
      assert.deepEqual(await store.schedules('acme'), [row])
      assert.deepEqual(await store.firings({ tenant: 'acme', schedule: 'nightly', limit: 9 }), [done])
    }),
  )

  it(
    'STO-113: a leader that another one followed is fenced, and nothing of its change is stored',
    on(async (store) => {
      const old = await lead(store, 'srv_1')
      const now = await lead(store, 'srv_2')
      const change = (epoch: number) => sampleChange({ lease: { name: LEADER, epoch }, firings: [sampleFiring(2_000)] })
      assert.equal(await store.commitSchedule(change(old)), 'fenced')
      assert.deepEqual(await store.schedules('acme'), [])
      assert.equal(await store.commitSchedule(change(now)), 'committed')
    }),
  )

  it(
    'STO-114: due times that are decided are never open again',
    on(async (store) => {
      await store.commitSchedule(sampleChange())
      const row = sampleSchedule({ revision: 2, decidedThrough: 999 })
      await assert.rejects(store.commitSchedule(sampleChange({ expectRevision: 1, row })), { code: 'INTERNAL' })
      const foreign = [sampleFiring(5_000, { schedule: 'other' })]
      await assert.rejects(store.commitSchedule(sampleChange({ expectRevision: 1, firings: foreign })), {
        code: 'INTERNAL',
      })
      assert.deepEqual(await store.schedules('acme'), [sampleSchedule()])
    }),
  )

  it(
    'STO-115: firings are listed newest first, open ones alone on demand, and the oldest closed ones are forgotten',
    on(async (store) => {
      const firings = [1, 2, 3, 4, 5].map((n) =>
        sampleFiring(n * 1_000, { state: n === 2 ? 'running' : n === 5 ? 'queued' : 'succeeded' }),
      )
      await store.commitSchedule(sampleChange({ firings, keep: 2 }))
      const ids = async (open: boolean) =>
        (await store.firings({ tenant: 'acme', schedule: 'nightly', open, limit: 9 })).map((each) => each.id)
      assert.deepEqual(await ids(false), ['slot-5000', 'slot-4000', 'slot-3000', 'slot-2000'])
      assert.deepEqual(await ids(true), ['slot-5000', 'slot-2000'])
      assert.equal((await store.firings({ tenant: 'acme', schedule: 'nightly', limit: 1 })).length, 1)
    }),
  )

  it(
    'STO-116: schedules and firings of a tenant are its own, also where names are equal',
    on(async (store) => {
      for (const tenant of ['acme', 'other'])
        await store.commitSchedule(
          sampleChange({ row: sampleSchedule({ tenant }), firings: [sampleFiring(2_000, { tenant, detail: tenant })] }),
        )
      for (const tenant of ['acme', 'other']) {
        assert.deepEqual(await store.schedules(tenant), [sampleSchedule({ tenant })])
        const [firing] = await store.firings({ tenant, schedule: 'nightly', limit: 9 })
        assert.equal(firing?.detail, tenant)
      }
      assert.deepEqual(await store.schedules('third'), [])
    }),
  )
}

function leaseRowTests({ it, on }: Pick<Suite, 'it' | 'on'>): void {
  it(
    'STO-110: a lease starts free and moves only from the row that was read',
    on(async (store) => {
      assert.deepEqual(await store.lease(LEADER), { name: LEADER, owner: null, epoch: 0, beat: 0 })
      const mine = { name: LEADER, owner: 'srv_1', epoch: 1, beat: 1 }
      assert.equal(await store.setLease(mine, { epoch: 0, beat: 0 }), true)
      assert.equal(await store.setLease({ ...mine, owner: 'srv_2' }, { epoch: 0, beat: 0 }), false)
      assert.deepEqual(await store.lease(LEADER), mine)
      assert.equal(await store.setLease({ ...mine, beat: 2 }, { epoch: 1, beat: 1 }), true)
      assert.equal(await store.setLease({ ...mine, owner: 'srv_2', epoch: 2, beat: 2 }, { epoch: 1, beat: 1 }), false)
      assert.deepEqual(await store.lease('another'), { name: 'another', owner: null, epoch: 0, beat: 0 })
    }),
  )

  it(
    'STO-111: of several that take a lease at once one has it, and a lease never goes back',
    on(async (store, { another }) => {
      const second = another ? await another() : store
      try {
        const takes = Array.from({ length: 10 }, (_, i) =>
          (i % 2 === 0 ? store : second).setLease(
            { name: LEADER, owner: `srv_${i}`, epoch: 1, beat: 1 },
            { epoch: 0, beat: 0 },
          ),
        )
        assert.equal((await Promise.all(takes)).filter((taken) => taken).length, 1)
        const back = { name: LEADER, owner: 'srv_9', epoch: 1, beat: 1 }
        await assert.rejects(store.setLease(back, { epoch: 1, beat: 1 }), { code: 'INTERNAL' })
      } finally {
        if (second !== store) await second.close()
      }
    }),
  )
}
