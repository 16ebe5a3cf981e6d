import { describe, expect, it } from 'vitest'
import { systemHost } from '../base/host.ts'
import { foldPolicyHistory, NO_POLICY_HISTORY, policyRow } from '../policy/index.ts'
import { memoryStore } from '../stores/index.ts'
import { tellImportedBundles } from './imported-bundles.ts'

const [own, other] = ['a', 'b'].map((letter) => `p@${letter.repeat(64)}`) as [string, string] // two letters give two

describe('imported bundles', () => {
  it('BDL-022: bundles that were in force elsewhere are on record once; a store without a history keeps none', async () => {
    const store = memoryStore(systemHost)
    await tellImportedBundles(store, new Set([other]))
    expect(await store.policyHead()).toBe(0)
    const what = { bundle: own, version: '1.0.0', from: null, proposal: null, rollback: false, reason: 'r' }
    const told = { type: 'bundle.activated', ...what, way: 'development', author: null, by: null } as const
    await store.appendPolicyLog(policyRow(NO_POLICY_HISTORY, '2026-01-01T00:00:00.000Z', told))
    await tellImportedBundles(store, new Set([own, other]))
    await tellImportedBundles(store, new Set([own, other]))
    expect(await store.policyHead()).toBe(2)
    expect([...foldPolicyHistory(NO_POLICY_HISTORY, await store.policyLog(0)).known]).toEqual([own, other])
  })
})
