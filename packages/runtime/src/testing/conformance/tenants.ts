import assert from 'node:assert/strict'
import type { Store } from '../../contracts/store.ts'
import { FACTS_CURSOR } from '../../contracts/facts.ts'
import { sampleFact } from './facts.ts'
import { sampleAlert, sampleAlertEvent, sampleAlerts } from './alerts.ts'
import { sampleFinding, sampleTerm } from './lineage.ts'
import { sampleCommit, sampleEffect, sampleItem, sampleRequest } from './samples.ts'
import { claimBy, claimed, rowOf, type Suite } from './suite.ts'
import { sampleSwitch, sampleThrow } from './switches.ts'

const SAME = { runId: 'run_a', requestId: 'r1' }
const TENANTS = ['acme', 'other'] as const
type Tenant = (typeof TENANTS)[number]

/** Fills both tenants with rows of the same names, so that a missing tenant in any key would mix them. */
async function fill(store: Store, tenant: Tenant): Promise<void> {
  const run = await claimed(store, SAME.runId, { ...SAME, tenant, workflow: `desk of ${tenant}` })
  await store.commit([
    sampleCommit(run, {
      sealed: Buffer.from(tenant),
      effects: [{ kind: 'claim', row: sampleEffect(run, { argsDigest: tenant }) }],
      requests: [sampleRequest(run, 'q1', { requester: tenant })],
    }),
  ])
  await store.post(sampleItem(run, 'i1', { slot: 's', body: tenant }))
  await store.commitSwitch(sampleThrow(sampleSwitch('k1', { tenant, reason: tenant }), 1))
  const alert = sampleAlert('a1', { tenant, key: `desk of ${tenant}` })
  await store.commitAlerts(sampleAlerts({ rows: [alert], events: [sampleAlertEvent(alert, 1)] }))
  await store.putLineageTerms([sampleTerm({ tenant, seq: tenant.length })])
  await store.putLineageFindings([sampleFinding({ tenant, workflow: `desk of ${tenant}` })])
  const from = await store.cursor(FACTS_CURSOR)
  const fact = sampleFact(1, { tenant, run_id: run.runId, actor: tenant })
  await store.addFacts({ from, to: from + 1, rows: [fact], dropped: [] })
  await store.putKey(tenant, 'ana', Buffer.from(tenant))
}

/** Everything that a tenant can read. */
async function view(store: Store, tenant: Tenant): Promise<string> {
  const effect = sampleEffect({ tenant, runId: SAME.runId })
  return JSON.stringify([
    await store.run(tenant, SAME.runId),
    await store.runs({ tenant, limit: 10 }),
    await store.records(tenant, SAME.runId),
    await store.recordsAt(tenant, SAME.runId, [1, 2]),
    await store.inbox(tenant, SAME.runId),
    await store.effect(tenant, effect.tool, effect.scope, effect.identity),
    await store.effects(tenant, SAME.runId),
    await store.request(tenant, 'q1'),
    await store.requests({ tenant, limit: 10 }),
    await store.requests({ tenant, runId: SAME.runId, limit: 10 }),
    await store.killSwitches(tenant),
    await store.overrides(tenant),
    (await store.switchEvents(tenant)).map(({ body }) => body),
    await store.alerts({ tenant, limit: 10 }),
    await store.alert(tenant, 'a1'),
    (await store.alertEvents(tenant)).map(({ body }) => body),
    await store.lineageTerms({ ...sampleTerm({ tenant }), limit: 10 }),
    await store.lineageFindings({ tenant, limit: 10 }),
    await store.facts({ tenant, limit: 10 }),
    await store.key(tenant, 'ana'),
    await store.runs({ tenant, requestId: SAME.requestId, limit: 10 }),
  ])
}

/** Tenant in every key (Invariant 16). */
export function tenantTests({ it, on }: Suite): void {
  it(
    'STO-050: a tenant reads only its own rows, by every method, also where all ids are equal',
    on(async (store) => {
      for (const tenant of TENANTS) await fill(store, tenant)
      for (const tenant of TENANTS) {
        const foreign = tenant === 'acme' ? 'other' : 'acme'
        const seen = await view(store, tenant)
        assert.ok(seen.includes(`desk of ${tenant}`) && seen.includes(`"tenant":"${tenant}"`))
        assert.ok(!seen.includes(`desk of ${foreign}`) && !seen.includes(`"${foreign}"`), `${tenant} sees ${foreign}`)
        const bytes = [...(await store.records(tenant, SAME.runId))].map(
          (record) => record.sealed && Buffer.from(record.sealed).toString(),
        )
        assert.equal(bytes[1], tenant)
      }
      assert.deepEqual(await store.runs({ tenant: 'third', limit: 10 }), [])
    }),
  )

  it(
    'STO-051: what a tenant changes leaves every other tenant as it was',
    on(async (store) => {
      for (const tenant of TENANTS) await fill(store, tenant)
      const before = await view(store, 'acme')
      const run = await rowOf(store, { tenant: 'other', runId: SAME.runId })
      const [item] = await store.inbox('other', SAME.runId)
      const [foreign] = await store.inbox('acme', SAME.runId)
      const effectId = sampleEffect(run).effectId
      await store.commit([
        sampleCommit(run, {
          consumed: [item?.row ?? 0, foreign?.row ?? 0],
          effects: [{ kind: 'settle', effectId, state: 'failed', outcomeSeq: 3 }],
          requests: [sampleRequest(run, 'q1', { state: 'rejected' })],
          row: { status: 'waiting' },
        }),
      ])
      await store.heartbeat('w1', [run], 99_000)
      await store.post(sampleItem(run, 'i2'))
      await store.commitSwitch(sampleThrow(sampleSwitch('k1', { tenant: 'other', liftedAt: 5 }), 2))
      await store.destroyKey('other', 'ana', 5)
      await store.claim(claimBy({ only: { tenant: 'other', runId: SAME.runId } }))
      await store.commit([sampleCommit(await rowOf(store, run), { release: true })])
      assert.equal(await view(store, 'acme'), before)
    }),
  )
}
