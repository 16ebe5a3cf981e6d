import assert from 'node:assert/strict'
import type { MandateRow, MandateStore, MandateUse } from '../../contracts/mandates.ts'
import { sampleCommit, sampleEffect, sampleRequest } from './samples.ts'
import { claimed, rowOf, type Suite } from './suite.ts'

/** A standing approval of tenant `acme` for two uses of together 100. */
export function sampleMandate(id: string, over: Partial<MandateRow> = {}): MandateRow {
  return {
    tenant: 'acme',
    id,
    kind: 'standing',
    subject: 'payments.refund',
    body: '{}',
    reason: 'small ones',
    createdBy: 'user:ben',
    createdAt: 1_000,
    startsAt: 1_000,
    expiresAt: 9_000,
    revokedAt: null,
    revokedBy: null,
    maxUses: 2,
    maxAmount: 100,
    ...over,
  }
}

const use = (useId: string, over: Partial<MandateUse> = {}): MandateUse => {
  return { mandateId: 'm1', useId, amount: 10, at: 2_000, ...over }
}

/** What people allow beside a single approval, and the life of an approval in its row. */
export function mandateTests({ it, on }: Suite): void {
  it(
    'APV-080: a mandate is stored once, found by kind and subject, and revoked once; no other tenant sees it',
    on(async (store) => {
      await store.putMandate(sampleMandate('m2', { createdAt: 2_000, kind: 'delegation', subject: 'user:eva' }))
      await store.putMandate(sampleMandate('m1'))
      await store.putMandate(sampleMandate('m1', { reason: 'another' }))
      await store.putMandate(sampleMandate('m1', { tenant: 'other' }))
      assert.deepEqual(await store.mandate('acme', 'm1'), sampleMandate('m1'))
      assert.deepEqual(await store.mandates({ tenant: 'acme', kind: 'standing' }), [sampleMandate('m1')])
      assert.deepEqual(await store.mandates({ tenant: 'acme', kind: 'delegation', subject: 'user:ben' }), [])
      const revoked = sampleMandate('m1', { revokedAt: 3_000, revokedBy: 'user:ana' })
      assert.deepEqual(await store.revokeMandate('acme', 'm1', 'user:ana', 3_000), revoked)
      assert.deepEqual(await store.revokeMandate('acme', 'm1', 'user:eva', 4_000), revoked)
      assert.equal(await store.revokeMandate('acme', 'm9', 'user:ana', 3_000), null)
      assert.equal((await store.mandate('other', 'm1'))?.revokedAt, null)
    }),
  )

  it(
    'APV-081: uses are counted with the commit, each once, and a commit without room for one is refused whole',
    on(async (store) => {
      await store.putMandate(sampleMandate('m1'))
      const run = await claimed(store, 'run_a')
      const claim = { kind: 'claim' as const, row: sampleEffect(run) }
      assert.deepEqual(await store.commit([sampleCommit(run, { uses: [use('a')] })]), [{ status: 'committed' }])
      const again = sampleCommit(await rowOf(store, run), { uses: [use('a')] })
      assert.deepEqual(await store.commit([again]), [{ status: 'committed' }])
      const now = await rowOf(store, run)
      for (const tooMuch of [[use('b', { amount: 91 })], [use('b'), use('c')], [use('b', { at: 9_000 })]]) {
        const refused = sampleCommit(now, { uses: tooMuch, effects: [claim], requests: [sampleRequest(run, 'q9')] })
        assert.deepEqual(await store.commit([refused]), [{ status: 'mandate_spent', mandateId: 'm1' }])
      }
      assert.equal((await rowOf(store, run)).seq, now.seq)
      assert.equal(await store.request('acme', 'q9'), null)
      assert.deepEqual(await store.effects('acme', run.runId), [])
      assert.deepEqual(await store.mandateUses('acme', 'm1'), [{ ...use('a'), tenant: 'acme', runId: 'run_a' }])
      await store.revokeMandate('acme', 'm1', 'user:ana', 1_500)
      assert.equal((await store.commit([sampleCommit(now, { uses: [use('b')] })]))[0]?.status, 'mandate_spent')
    }),
  )

  it(
    'APV-082: of two runs that use the last of a mandate in one batch one is refused',
    on(async (store) => {
      await store.putMandate(sampleMandate('m1', { maxUses: 1 }))
      const [a, b] = [await claimed(store, 'run_a'), await claimed(store, 'run_b')]
      const results = await store.commit([sampleCommit(a, { uses: [use('a')] }), sampleCommit(b, { uses: [use('b')] })])
      assert.deepEqual(results, [{ status: 'committed' }, { status: 'mandate_spent', mandateId: 'm1' }])
      assert.equal((await store.mandateUses('acme', 'm1')).length, 1)
    }),
  )

  it(
    'APV-083: where an approval stands is kept with its row, and equal questions are found',
    on(async (store) => {
      const run = await claimed(store, 'run_a')
      const life = { ...NO_LIFE, stage: 2, seen: { 'user:ben': '2026-01-01T00:00:00.000Z' } }
      const row = sampleRequest(run, 'q1', { life, question: 'digest' })
      await store.commit([sampleCommit(run, { requests: [row, sampleRequest(run, 'q2')] })])
      assert.deepEqual(await store.request('acme', 'q1'), row)
      assert.deepEqual(await store.requests({ tenant: 'acme', question: 'digest', limit: 9 }), [row])
      assert.deepEqual(await store.requests({ tenant: 'other', question: 'digest', limit: 9 }), [])
    }),
  )
}

const NO_LIFE = {
  stage: 1,
  stages: 2,
  demands: [],
  votes: [],
  claim: null,
  information: null,
  snoozed: {},
  editing: null,
  seen: {},
  escalations: [],
  edited_by: null,
  standing: null,
  ended_by: null,
}

/** A call of every method of this part. */
export function mandateMethods(store: MandateStore, tenant: string) {
  return {
    putMandate: () => store.putMandate(sampleMandate('m1', { tenant })),
    revokeMandate: () => store.revokeMandate(tenant, 'm1', 'user:ana', 1),
    mandate: () => store.mandate(tenant, 'm1'),
    mandates: () => store.mandates({ tenant, kind: 'standing' }),
    mandateUses: () => store.mandateUses(tenant, 'm1'),
  } satisfies Record<keyof MandateStore, () => Promise<unknown>>
}
