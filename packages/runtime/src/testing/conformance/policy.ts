import assert from 'node:assert/strict'
import { sha256Hex } from '../../base/hash.ts'
import type { PolicyHolder, PolicyLogRow, ShadowBatch, ShadowFinding } from '../../contracts/policy-history.ts'
import type { Suite } from './suite.ts'

/** An event whose hash is that of its body. */
export function sampleEvent(seq: number, text = 'a'): PolicyLogRow {
  const body = JSON.stringify({ v: 1, seq, text })
  return { seq, body, hash: sha256Hex(body) }
}

/** A worker that holds the first bundle. */
export const sampleHolder: PolicyHolder = {
  process: 'worker-1/7',
  kind: 'worker',
  pid: 7,
  bundle: 'desk@aa',
  activation: 1,
  heldAt: 10,
  seenAt: 11,
  refused: null,
}

const finding: ShadowFinding = {
  tenant: 'acme',
  outcome: 'would_block',
  runId: 'run_1',
  workflow: 'desk',
  point: 'pre_tool_call',
  action: 'payments.pay',
  at: 5,
  bundle: 'desk@aa',
  now: { verdict: 'allow', reason_code: 'PERMITTED' },
  draft: { verdict: 'deny', reason_code: 'TOO_MUCH', policies: ['limit'] },
}

const batch = (over: Partial<ShadowBatch> = {}): ShadowBatch => ({
  shadow: 4,
  counts: [],
  findings: [finding],
  ...over,
})

/** The life of policy bundles (Invariant 9). */
export function policyTests({ it, on }: Suite): void {
  it(
    'STO-122: the policy history is appended to in order, and the first of two with one sequence wins',
    on(async (store) => {
      assert.equal(await store.policyHead(), 0)
      assert.equal(await store.appendPolicyLog(sampleEvent(2)), false)
      const both = [store.appendPolicyLog(sampleEvent(1, 'a')), store.appendPolicyLog(sampleEvent(1, 'b'))]
      assert.deepEqual(await Promise.all(both), [true, false])
      assert.equal(await store.appendPolicyLog(sampleEvent(2)), true)
      assert.equal(await store.policyHead(), 2)
      assert.deepEqual(await store.policyLog(0), [sampleEvent(1, 'a'), sampleEvent(2)])
      assert.deepEqual(await store.policyLog(1), [sampleEvent(2)])
      await assert.rejects(store.appendPolicyLog({ ...sampleEvent(3), hash: 'f'.repeat(64) }), { code: 'INTERNAL' })
      assert.equal(await store.policyHead(), 2)
    }),
  )
  it(
    'STO-123: what a process holds is replaced by what it tells later, and dropped',
    on(async (store) => {
      await store.putPolicyHolder(sampleHolder)
      const refused = { bundle: 'desk@bb', code: 'CATALOGUE_LAXER', detail: 'tool `x` is not in the catalogue' }
      await store.putPolicyHolder({ ...sampleHolder, seenAt: 20, refused })
      await store.putPolicyHolder({ ...sampleHolder, process: 'server/1', kind: 'server', bundle: null })
      const [server, worker] = await store.policyHolders()
      assert.equal(server?.bundle, null)
      assert.deepEqual(worker, { ...sampleHolder, seenAt: 20, refused })
      await store.dropPolicyHolder('worker-1/7')
      assert.equal((await store.policyHolders()).length, 1)
    }),
  )
  it(
    "STO-124: findings of a shadow are counted and listed by tenant, and one tenant does not see another's",
    on(async (store) => {
      const same = (tenant: string) => ({ tenant, outcome: 'same' as const, count: 2 })
      await store.addShadow(batch({ counts: [same('acme')] }))
      const other = { ...finding, tenant: 'other', runId: 'run_2' }
      const later = { ...finding, at: 9 }
      await store.addShadow(batch({ counts: [same('acme'), same('other')], findings: [other, later] }))
      assert.deepEqual(await store.shadowCounts('acme', 4), { same: 4 })
      assert.deepEqual(await store.shadowCounts('other', 4), { same: 2 })
      assert.deepEqual(await store.shadowCounts('acme', 5), {})
      assert.deepEqual(await store.shadowFindings('acme', 4, 10), [later, finding])
      assert.deepEqual(await store.shadowFindings('acme', 4, 1), [later])
      assert.deepEqual(await store.shadowFindings('other', 4, 10), [other])
    }),
  )
}
