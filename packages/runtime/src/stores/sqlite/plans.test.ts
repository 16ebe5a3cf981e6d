import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { systemHost } from '../../base/host.ts'
import type { Store } from '../../contracts/store.ts'
import { Connection } from './connection.ts'
import { openSqlite } from './open.ts'

/** Tables with a row or more for each run: nothing that an endpoint asks may go through all of one. */
const LARGE = [
  'runs',
  'records',
  'effects',
  'requests',
  'inbox',
  'notices',
  'deliveries',
  'mandate_uses',
  'duty_acts',
  'run_costs',
]
const folder = mkdtempSync(join(tmpdir(), 'signalbox-plans-'))
const path = join(folder, 'plans.db')
const texts = new Set<string>()
let store: Store

beforeAll(async () => {
  const sql = Connection.prototype.sql
  vi.spyOn(Connection.prototype, 'sql').mockImplementation(function (this: Connection, text) {
    texts.add(text)
    return sql.call(this, text)
  })
  store = await openSqlite({ path, host: systemHost }, {})
})

afterAll(async () => {
  vi.restoreAllMocks()
  await store.close()
  rmSync(folder, { recursive: true })
})

/** What a statement goes through from end to end, of the large tables. */
function scannedBy(db: DatabaseSync, text: string): readonly string[] {
  return db
    .prepare(`EXPLAIN QUERY PLAN ${text}`)
    .all()
    .flatMap(({ detail }) => {
      const [, table] = /^SCAN (\w+)/.exec(String(detail)) ?? []
      return table !== undefined && LARGE.includes(table) ? [`${table}: ${text}`] : []
    })
}

it('INC-020: no read of the store that an endpoint makes goes through all rows of a large table', async () => {
  const tenant = 't'
  const before = { createdAt: 1, runId: 'run_x' }
  const page = { tenant, limit: 10 }
  await store.run(tenant, 'run_x')
  await store.runs(page)
  await store.runs({ ...page, before })
  await store.runs({ ...page, status: ['waiting'], before })
  await store.runs({ ...page, workflow: 'w', status: ['parked'] })
  await store.runs({ ...page, requestId: 'r' })
  await store.runs({ ...page, subject: 's' })
  await store.forks(tenant, 'run_x')
  await store.tenants()
  await store.effects(tenant, 'run_x')
  await store.runEffects(tenant, 'run_x')
  await store.effect(tenant, 'tool', 'tenant', 'i')
  await store.request(tenant, 'apr_x')
  await store.requests(page)
  await store.requests({ ...page, state: 'open', kind: 'approval' })
  await store.requests({ ...page, runId: 'run_x', state: 'open' })
  await store.requests({ ...page, question: 'q' })
  await store.requests({ ...page, newest: true })
  for (const by of ['workflow', 'model', 'agent', 'tenant'] as const) await store.costSums({ tenant, by })
  await store.decidedRequests({ tenant, kind: 'approval', since: 0, limit: 10 })
  await store.effectsInFlight(tenant, 10)
  await store.export(0, 10)
  await store.key(tenant, 's')
  const reads = [...texts].filter((text) => /^\s*(SELECT|WITH)/i.test(text))
  expect(reads.length).toBeGreaterThan(15)
  const db = new DatabaseSync(path, { readOnly: true })
  expect(reads.flatMap((text) => scannedBy(db, text))).toEqual([])
  // A statement that goes through all runs is found.
  expect(scannedBy(db, 'SELECT * FROM runs WHERE workflow = ?')).toHaveLength(1)
  db.close()
})

it('INC-021: runs of a rare status are found in an index that holds them, and statuses together as each alone', async () => {
  const db = new DatabaseSync(path, { readOnly: true })
  texts.clear()
  await store.runs({ tenant: 't', limit: 10, status: ['parked'] })
  await store.runs({ tenant: 't', limit: 10, status: ['waiting', 'running', 'stopping'] })
  const runs = [...texts].filter((text) => text.includes('FROM runs'))
  const plans = runs.map((text) =>
    db
      .prepare(`EXPLAIN QUERY PLAN ${text}`)
      .all()
      .map((row) => String(row.detail)),
  )
  expect(plans).toHaveLength(2)
  for (const plan of plans) {
    expect(plan.filter((line) => line.includes('runs_by_status')).length).toBeGreaterThan(0)
    expect(plan.filter((line) => line.includes('runs_newest'))).toEqual([])
  }
  db.close()
})

it('INC-022: what stands out among many rows is read from an index in its order, and nothing is sorted for it', async () => {
  const db = new DatabaseSync(path, { readOnly: true })
  const planOf = async (read: () => Promise<unknown>): Promise<readonly string[]> => {
    texts.clear()
    await read()
    return [...texts].flatMap((text) =>
      db
        .prepare(`EXPLAIN QUERY PLAN ${text}`)
        .all()
        .map((row) => String(row.detail)),
    )
  }
  const page = { tenant: 't', limit: 10 }
  const reads: Readonly<Record<string, () => Promise<unknown>>> = {
    effects_in_flight: () => store.effectsInFlight('t', 10),
    requests_decided: () => store.decidedRequests({ ...page, kind: 'approval', since: 0 }),
    requests_newest: () => store.requests({ ...page, kind: 'approval', newest: true }),
    requests_rare: () => store.requests({ ...page, kind: 'question', newest: true }),
    runs_of_workflow: () => store.runs({ ...page, workflow: 'w', status: ['waiting'] }),
  }
  for (const [index, read] of Object.entries(reads)) {
    const plan = await planOf(read)
    expect(plan.join(' '), index).toContain(index)
    expect(plan.join(' '), index).not.toContain('TEMP B-TREE')
  }
  // A read that has to sort is told apart.
  const sorted = db.prepare('EXPLAIN QUERY PLAN SELECT * FROM requests WHERE tenant = ? ORDER BY deadline').all('t')
  expect(sorted.map((row) => String(row.detail)).join(' ')).toContain('TEMP B-TREE')
  db.close()
})
