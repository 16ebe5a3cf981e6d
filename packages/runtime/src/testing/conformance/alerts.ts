import assert from 'node:assert/strict'
import { sha256Hex } from '../../base/hash.ts'
import type { AlertCommit, AlertInputs, AlertRow, StoredAlertEvent } from '../../contracts/alerts.ts'
import type { Store } from '../../contracts/store.ts'
import { sampleNotice } from './outbox.ts'
import type { Suite } from './suite.ts'

const INPUTS: AlertInputs = {
  version: 1,
  at: '2026-01-01T00:00:00.000Z',
  window_seconds: null,
  values: { unknown: 2 },
  limits: { olderThanSeconds: 300 },
  refs: [{ run: 'run_a', seq: 4 }],
}

/** An alert of tenant `acme` that was just opened. */
export function sampleAlert(id: string, over: Partial<AlertRow> = {}): AlertRow {
  return {
    ...{ tenant: 'acme', id, kind: 'effect.unknown', key: id, state: 'open', severity: 'page', workflow: 'desk' },
    ...{ labels: { tool: 'payments.refund' }, holds: true, count: 1, openings: 1, openedAt: 1_000, lastSeenAt: 1_000 },
    ...{ clearSince: null, inputs: INPUTS, latest: INPUTS, acknowledgedBy: null, acknowledgedAt: null },
    ...{ silencedUntil: null, resolvedAt: null, resolvedBy: null, escalatedAt: null, engaged: null, revision: 1 },
    ...over,
  }
}

/** An event of an alert. What it says is not the store's business. */
export function sampleAlertEvent(row: Pick<AlertRow, 'tenant' | 'id'>, seq: number): StoredAlertEvent {
  const body = `{"alert":"${row.id}","seq":${seq},"tenant":"${row.tenant}"}`
  return { tenant: row.tenant, seq, alertId: row.id, body, hash: sha256Hex(body) }
}

/** A change of alerts with nothing in it. */
export function sampleAlerts(over: Partial<AlertCommit> = {}): AlertCommit {
  return { lease: null, progress: null, rows: [], events: [], notices: [], ...over }
}

/** Every method of a store that is about alerts. */
export function alertMethods(store: Store, tenant: string) {
  return {
    alerts: () => store.alerts({ tenant, limit: 1 }),
    alert: () => store.alert(tenant, 'a1'),
    alertEvents: () => store.alertEvents(tenant),
    alertHead: () => store.alertHead(tenant),
    alertProgress: () => store.alertProgress(),
    commitAlerts: () => store.commitAlerts(sampleAlerts()),
  }
}

/** Alerts, their history, and how far the evaluation read, change together or not at all. */
export function alertTests(suite: Suite): void {
  const { it, on } = suite
  it(
    'STO-170: an alert is stored with its event, what people are told and how far was read, in one transaction',
    on(async (store) => {
      const row = sampleAlert('a1')
      const progress = { position: 7, evaluatedAt: 1_000, body: '{}' }
      const commit = sampleAlerts({
        progress,
        rows: [row],
        events: [sampleAlertEvent(row, 1)],
        notices: [sampleNotice('a1.1', { kind: 'alert.opened' })],
      })
      assert.equal(await store.alertProgress(), null)
      assert.equal(await store.alertHead('acme'), null)
      assert.equal(await store.commitAlerts(commit), 'committed')
      assert.deepEqual(await store.alert('acme', 'a1'), row)
      assert.deepEqual(await store.alertProgress(), progress)
      assert.deepEqual(await store.alertHead('acme'), sampleAlertEvent(row, 1))
      assert.deepEqual(
        (await store.unrouted(9)).map((each) => each.id),
        ['a1.1'],
      )
    }),
  )
  refusalTests(suite)
  readingTests(suite)
}

function refusalTests({ it, on }: Suite): void {
  it(
    'STO-171: a change for another revision, another end of the history or the epoch of a leader that another followed stores nothing; one that contradicts itself is INTERNAL',
    on(async (store) => {
      const row = sampleAlert('a1')
      await store.commitAlerts(sampleAlerts({ rows: [row], events: [sampleAlertEvent(row, 1)] }))
      const next = { ...row, state: 'resolved', revision: 2 } as const
      const progress = { position: 9, evaluatedAt: 2_000, body: '{}' }
      const wrong: readonly AlertCommit[] = [
        sampleAlerts({ progress, rows: [{ ...next, revision: 1 }], events: [sampleAlertEvent(row, 2)] }),
        sampleAlerts({ progress, rows: [{ ...next, revision: 3 }], events: [sampleAlertEvent(row, 2)] }),
        sampleAlerts({ progress, rows: [next], events: [sampleAlertEvent(row, 1)] }),
        sampleAlerts({ progress, rows: [next], events: [sampleAlertEvent(row, 3)] }),
      ]
      for (const commit of wrong) assert.equal(await store.commitAlerts(commit), 'changed')
      await store.setLease({ name: 'alerts', owner: 'srv', epoch: 4, beat: 1 }, { epoch: 0, beat: 0 })
      const fenced = sampleAlerts({ lease: { name: 'alerts', epoch: 3 }, rows: [next] })
      assert.equal(await store.commitAlerts(fenced), 'fenced')
      const forged = { ...sampleAlertEvent(row, 2), hash: '0'.repeat(64) }
      const bad = [
        sampleAlerts({ rows: [next], events: [forged] }),
        sampleAlerts({ rows: [next, next] }),
        sampleAlerts({ events: [sampleAlertEvent(row, 2)] }),
      ]
      for (const commit of bad) await assert.rejects(store.commitAlerts(commit), { code: 'INTERNAL' })
      assert.deepEqual([await store.alert('acme', 'a1'), await store.alertProgress()], [row, null])
      assert.equal((await store.alertEvents('acme')).length, 1)
      const good = sampleAlerts({ lease: { name: 'alerts', epoch: 4 }, rows: [next] })
      assert.equal(await store.commitAlerts(good), 'committed')
    }),
  )
}

function readingTests({ it, on }: Suite): void {
  it(
    'STO-172: alerts are listed by tenant, state, kind, severity and workflow in pages, the newest opening first; events by alert',
    on(async (store) => {
      const rows = [
        sampleAlert('a1', { openedAt: 1_000, state: 'resolved' }),
        sampleAlert('a2', { openedAt: 3_000, kind: 'runs.parked', severity: 'ticket' }),
        sampleAlert('a3', { openedAt: 2_000, workflow: null, state: 'silenced' }),
        sampleAlert('a1', { tenant: 'other', openedAt: 9_000 }),
      ]
      const events = [
        ...rows.slice(0, 3).map((row, i) => sampleAlertEvent(row, i + 1)),
        sampleAlertEvent(last(rows), 1),
      ]
      assert.equal(await store.commitAlerts(sampleAlerts({ rows, events })), 'committed')
      const ids = async (filter: Partial<Parameters<Store['alerts']>[0]>) =>
        (await store.alerts({ tenant: 'acme', limit: 10, ...filter })).map((each) => each.id)
      assert.deepEqual(await ids({}), ['a2', 'a3', 'a1'])
      assert.deepEqual(await ids({ limit: 1, before: { openedAt: 3_000, id: 'a2' } }), ['a3'])
      assert.deepEqual(await ids({ states: ['open', 'acknowledged', 'silenced'] }), ['a2', 'a3'])
      assert.deepEqual(await ids({ states: ['resolved', 'silenced'] }), ['a3', 'a1'])
      assert.deepEqual(await ids({ kind: 'runs.parked' }), ['a2'])
      assert.deepEqual(await ids({ severity: 'page' }), ['a3', 'a1'])
      assert.deepEqual(await ids({ workflow: 'desk' }), ['a2', 'a1'])
      const everywhere = await store.alerts({ states: ['open', 'acknowledged', 'silenced'], limit: 10 })
      assert.deepEqual(
        everywhere.map(({ tenant, id }) => `${tenant}/${id}`),
        ['other/a1', 'acme/a2', 'acme/a3'],
      )
      const seqs = (await store.alertEvents('acme', { alertId: 'a2' })).map((each) => each.seq)
      assert.deepEqual([seqs, (await store.alertEvents('other')).length], [[2], 1])
    }),
  )
}

function last(rows: readonly AlertRow[]): AlertRow {
  const row = rows.at(-1)
  assert.ok(row)
  return row
}
