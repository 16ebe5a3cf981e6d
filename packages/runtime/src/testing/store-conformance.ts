import assert from 'node:assert/strict'
import { STORE_VERSION } from '../stores/index.ts'
import { claimTests, leaseTests } from './conformance/claims.ts'
import { commitTests, fenceTests } from './conformance/commits.ts'
import { effectTests } from './conformance/effects.ts'
import { actTests } from './conformance/acts.ts'
import { alertTests } from './conformance/alerts.ts'
import { factTests } from './conformance/facts.ts'
import { attemptTests, takeoverTests } from './conformance/going-on.ts'
import { lineageTests } from './conformance/lineage.ts'
import { inboxTests, wakeTests } from './conformance/inbox.ts'
import { outboxTests } from './conformance/outbox.ts'
import { mandateTests } from './conformance/mandates.ts'
import { pruneTests } from './conformance/pruning.ts'
import { policyTests } from './conformance/policy.ts'
import { projectionTests } from './conformance/projections.ts'
import { switchTests } from './conformance/switches.ts'
import { readTests } from './conformance/reads.ts'
import { durableTests, sharedTests } from './conformance/shared.ts'
import { scheduleTests } from './conformance/schedules.ts'
import { scopeTests } from './conformance/scopes.ts'
import { type ConformanceOptions, suiteOf } from './conformance/suite.ts'
import { tenantTests } from './conformance/tenants.ts'

export type { ConformanceOptions, StoreUnderTest, TestFunctions } from './conformance/suite.ts'

/**
 * Registers the tests that every `Store` must pass, with the `describe` and `it` of the caller's test runner. Each test
 * opens an empty store of its own. Tests for what the store does not claim in its capabilities are not registered, and a
 * store that claims other capabilities than the options say fails.
 */
export function storeConformance(options: ConformanceOptions): void {
  options.test.describe(`store: ${options.name}`, () => {
    const suite = suiteOf(options)
    const { it } = suite
    it(
      'STO-045: the store tells its format version and what it promises',
      suite.on(async (store) => {
        assert.equal(store.version, STORE_VERSION)
        assert.deepEqual(store.capabilities, options.capabilities)
      }),
    )
    commitTests(suite)
    fenceTests(suite)
    inboxTests(suite)
    wakeTests(suite)
    claimTests(suite)
    leaseTests(suite)
    attemptTests(suite)
    takeoverTests(suite)
    effectTests(suite)
    projectionTests(suite)
    switchTests(suite)
    readTests(suite)
    pruneTests(suite)
    scheduleTests(suite)
    scopeTests(suite)
    actTests(suite)
    policyTests(suite)
    outboxTests(suite)
    mandateTests(suite)
    alertTests(suite)
    lineageTests(suite)
    factTests(suite)
    tenantTests(suite)
    if (options.capabilities.sharedBetweenProcesses) sharedTests(suite)
    if (options.capabilities.durable) durableTests(suite)
  })
}
