import assert from 'node:assert/strict'
import type { ClaimRequest, NewRun, RunRow, Store } from '../../contracts/store.ts'
import { SIGNATURE, sampleRun } from './samples.ts'

/** A store under test with its place. */
export interface StoreUnderTest {
  readonly store: Store
  /** A second handle on the same data, as another process would have; null where there is no such thing. */
  readonly another: (() => Promise<Store>) | null
  /** Closes and removes what was made. */
  remove(): Promise<void>
}

/** The two functions of a test runner that the suite needs; those of vitest and of `node:test` fit. */
export interface TestFunctions {
  describe(title: string, body: () => void): unknown
  it(title: string, body: () => Promise<void>): unknown
}

/** Which store, and how to open an empty one. */
export interface ConformanceOptions {
  readonly name: string
  readonly open: () => Promise<StoreUnderTest>
  /** What the store promises; must be equal to its own flags. */
  readonly capabilities: Store['capabilities']
  readonly test: TestFunctions
}

/** What the groups of tests share. */
export interface Suite {
  readonly it: TestFunctions['it']
  readonly capabilities: Store['capabilities']
  /** A test body on an empty store of its own. */
  on(body: (store: Store, under: StoreUnderTest) => Promise<void>): () => Promise<void>
}

/** Opens an empty store for each test and removes it after. */
export function suiteOf({ open, capabilities, test }: ConformanceOptions): Suite {
  return {
    it: test.it,
    capabilities,
    on: (body) => async () => {
      const under = await open()
      try {
        await body(under.store, under)
      } finally {
        await under.remove()
      }
    },
  }
}

/** A claim by worker `w1` at time 10,000 with a lease until 20,000. */
export function claimBy(over: Partial<ClaimRequest> = {}): ClaimRequest {
  return { worker: 'w1', now: 10_000, leaseUntil: 20_000, limit: 10, signatures: [SIGNATURE], ...over }
}

/** Creates a run and claims it; gives its row under the lease. */
export async function claimed(store: Store, runId: string, over: Partial<NewRun> = {}): Promise<RunRow> {
  const run = sampleRun(runId, over)
  assert.deepEqual(await store.create(run), { status: 'created' })
  const [row] = await store.claim(claimBy({ only: run, signatures: null }))
  assert.ok(row, 'a new run can be claimed')
  return row
}

/** The row of a run, which must be there. */
export async function rowOf(store: Store, run: { tenant: string; runId: string }): Promise<RunRow> {
  const row = await store.run(run.tenant, run.runId)
  assert.ok(row, `run ${run.runId} is stored`)
  return row
}

/** Ids of the runs that a claim for any run gives. */
export async function claimIds(store: Store, over: Partial<ClaimRequest> = {}): Promise<string[]> {
  return (await store.claim(claimBy(over))).map((row) => row.runId)
}
