import assert from 'node:assert/strict'
import type { Delivery, Notice, OutboxCommit } from '../../contracts/outbox.ts'
import type { Store } from '../../contracts/store.ts'
import { sampleCommit, sampleRun } from './samples.ts'
import { sampleSwitch, sampleThrow } from './switches.ts'
import { claimed, type Suite } from './suite.ts'

/** A notice of an approval that waits. */
export function sampleNotice(id: string, over: Partial<Notice> = {}): Notice {
  return {
    tenant: 'acme',
    id,
    kind: 'approval.requested',
    severity: 'warning',
    runId: 'run_a',
    workflow: 'desk',
    subject: 'apr_1',
    roles: ['finance'],
    facts: { tool: 'payments.refund', deadline: 9_000, late: false },
    at: 1_000,
    ...over,
  }
}

/** A delivery that waits to be tried. */
export function sampleDelivery(id: string, over: Partial<Delivery> = {}): Delivery {
  return {
    tenant: 'acme',
    channel: 'ops',
    id,
    notices: [id],
    state: 'queued',
    attempts: 0,
    nextAt: 1_000,
    revision: 1,
    detail: '',
    changedBy: 'outbox',
    createdAt: 1_000,
    updatedAt: 1_000,
    ...over,
  }
}

/** A change of the outbox with nothing in it. */
export function sampleOutbox(over: Partial<OutboxCommit> = {}): OutboxCommit {
  return { lease: null, routed: [], deliveries: [], channels: [], forgetBefore: null, ...over }
}

async function unroutedIds(store: Store): Promise<string[]> {
  return (await store.unrouted(100)).map((each) => each.id)
}

/** Notices go with the change that they tell of; deliveries change by revision, under the leader's lease. */
export function outboxTests({ it, on }: Suite): void {
  it(
    'STO-130: notices are stored in the transaction of their change, once for each id, and listed in order',
    on(async (store) => {
      const run = await claimed(store, 'run_a', { notices: [sampleNotice('n0')] })
      const commit = sampleCommit(run, { notices: [sampleNotice('n1'), sampleNotice('n1', { severity: 'urgent' })] })
      assert.deepEqual(await store.commit([commit]), [{ status: 'committed' }])
      await store.commitSwitch({
        ...sampleThrow(sampleSwitch('k1'), 1),
        notices: [sampleNotice('n2', { kind: 'kill_switch.engaged' })],
      })
      await store.notify([sampleNotice('n1'), sampleNotice('n3', { runId: null, workflow: null, subject: null })])
      assert.deepEqual(await unroutedIds(store), ['n0', 'n1', 'n2', 'n3'])
      assert.deepEqual(await store.notices('acme', ['n3', 'n1', 'gone']), [
        sampleNotice('n1'),
        sampleNotice('n3', { runId: null, workflow: null, subject: null }),
      ])
    }),
  )

  it(
    'STO-131: a commit or a start that is refused tells nobody of anything',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      const fenced = sampleCommit({ ...run, epoch: run.epoch + 1 }, { notices: [sampleNotice('n1')] })
      assert.deepEqual(await store.commit([fenced]), [{ status: 'fenced' }])
      assert.equal((await store.create(sampleRun('run_a', { notices: [sampleNotice('n2')] }))).status, 'exists')
      assert.deepEqual(await unroutedIds(store), [])
    }),
  )

  it(
    'STO-132: routing takes notices off the list and stores their deliveries, or nothing when another leads',
    on(async (store) => {
      await store.notify([sampleNotice('n1'), sampleNotice('n2')])
      await store.setLease({ name: 'outbox', owner: 'srv_2', epoch: 2, beat: 1 }, { epoch: 0, beat: 0 })
      const [first] = await store.unrouted(1)
      assert.ok(first)
      const change = (epoch: number): OutboxCommit =>
        sampleOutbox({
          lease: { name: 'outbox', epoch },
          routed: [first.entry],
          deliveries: [sampleDelivery('n1')],
          channels: [{ tenant: 'acme', channel: 'old', disabledAt: 5, detail: 'gone', changedBy: 'outbox' }],
        })
      assert.equal(await store.commitOutbox(change(1)), 'fenced')
      assert.deepEqual([await unroutedIds(store), await store.channelStates('acme')], [['n1', 'n2'], []])
      assert.equal(await store.commitOutbox(change(2)), 'committed')
      assert.deepEqual(await unroutedIds(store), ['n2'])
      assert.deepEqual(await store.deliveries({ order: 'due', limit: 9 }), [sampleDelivery('n1')])
      assert.equal((await store.channelStates('acme'))[0]?.disabledAt, 5)
    }),
  )

  it(
    'STO-133: a delivery changes only from the revision that was read, and of a change all is stored or nothing',
    on(async (store) => {
      assert.equal(await store.commitOutbox(sampleOutbox({ deliveries: [sampleDelivery('n1')] })), 'committed')
      assert.equal(await store.commitOutbox(sampleOutbox({ deliveries: [sampleDelivery('n1')] })), 'changed')
      const stale = sampleOutbox({ deliveries: [sampleDelivery('n2'), sampleDelivery('n1', { revision: 3 })] })
      assert.equal(await store.commitOutbox(stale), 'changed')
      const sent = sampleDelivery('n1', { revision: 2, state: 'delivered', attempts: 1, updatedAt: 2_000 })
      assert.equal(await store.commitOutbox(sampleOutbox({ deliveries: [sent] })), 'committed')
      assert.deepEqual(await store.deliveries({ order: 'newest', limit: 9 }), [sent])
      await assert.rejects(
        store.commitOutbox(sampleOutbox({ deliveries: [sampleDelivery('n3'), sampleDelivery('n3')] })),
        {
          code: 'INTERNAL',
        },
      )
    }),
  )

  listTests({ it, on })
}

function listTests({ it, on }: Pick<Suite, 'it' | 'on'>): void {
  it(
    'STO-134: deliveries are listed by what is asked, the next due or the newest first',
    on(async (store) => {
      const deliveries = [
        sampleDelivery('a', { nextAt: 3_000, createdAt: 1 }),
        sampleDelivery('b', { nextAt: 2_000, createdAt: 2, channel: 'chat' }),
        sampleDelivery('c', { state: 'dead', createdAt: 3 }),
        sampleDelivery('a', { tenant: 'other', createdAt: 4, nextAt: 9_000 }),
      ]
      await store.commitOutbox(sampleOutbox({ deliveries }))
      const ids = async (over: Partial<Parameters<Store['deliveries']>[0]>): Promise<string> =>
        (await store.deliveries({ order: 'newest', limit: 9, ...over })).map((each) => each.id).join('')
      assert.equal(await ids({}), 'acba')
      assert.equal(await ids({ tenant: 'acme' }), 'cba')
      assert.equal(await ids({ tenant: 'acme', limit: 1 }), 'c')
      assert.equal(await ids({ state: 'queued', dueAt: 3_000, order: 'due' }), 'ba')
      assert.equal(await ids({ channel: 'chat' }), 'b')
      assert.equal(await ids({ id: 'a', tenant: 'other' }), 'a')
    }),
  )

  it(
    'STO-135: what is over and old is forgotten, what waits never is',
    on(async (store) => {
      await store.notify(['n0', 'n1', 'n2'].map((id) => sampleNotice(id)))
      const routed = (await store.unrouted(2)).map((each) => each.entry)
      const deliveries = [sampleDelivery('n1'), sampleDelivery('n0', { state: 'delivered' })]
      await store.commitOutbox(sampleOutbox({ routed, deliveries }))
      await store.commitOutbox(sampleOutbox({ forgetBefore: 1_000 }))
      assert.equal((await store.deliveries({ order: 'due', limit: 9 })).length, 2)
      await store.commitOutbox(sampleOutbox({ forgetBefore: 1_001 }))
      assert.deepEqual(await store.deliveries({ order: 'due', limit: 9 }), [sampleDelivery('n1')])
      const kept = await store.notices('acme', ['n0', 'n1', 'n2'])
      assert.deepEqual(kept, [sampleNotice('n1'), sampleNotice('n2')])
      assert.deepEqual(await unroutedIds(store), ['n2'])
    }),
  )

  it(
    'STO-136: notices, deliveries and channels of a tenant are its own, also where ids are equal',
    on(async (store) => {
      for (const tenant of ['acme', 'other']) {
        await store.notify([sampleNotice('n1', { tenant, workflow: tenant })])
        const channels = [{ tenant, channel: 'ops', disabledAt: 1, detail: tenant, changedBy: 'outbox' }]
        await store.commitOutbox(
          sampleOutbox({ deliveries: [sampleDelivery('n1', { tenant, detail: tenant })], channels }),
        )
      }
      for (const tenant of ['acme', 'other']) {
        assert.deepEqual(await store.notices(tenant, ['n1']), [sampleNotice('n1', { tenant, workflow: tenant })])
        const [delivery] = await store.deliveries({ tenant, order: 'newest', limit: 9 })
        assert.equal(delivery?.detail, tenant)
        assert.deepEqual(
          (await store.channelStates(tenant)).map((each) => each.detail),
          [tenant],
        )
      }
    }),
  )
}
