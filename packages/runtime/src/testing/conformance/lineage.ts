import assert from 'node:assert/strict'
import type { LineageFindingRow, LineageTermRow } from '../../contracts/lineage.ts'
import type { Store } from '../../contracts/store.ts'
import { sampleCommit, sampleRun } from './samples.ts'
import { claimed, type Suite } from './suite.ts'

/** What a record of tenant `acme` is looked up by. */
export function sampleTerm(over: Partial<LineageTermRow> = {}): LineageTermRow {
  return { tenant: 'acme', term: 'object', value: 'digest', at: 1_000, runId: 'r1', seq: 4, ...over }
}

/** A run of tenant `acme` with one gap. */
export function sampleFinding(over: Partial<LineageFindingRow> = {}): LineageFindingRow {
  const gaps = [{ kind: 'outcome', seq: 4, detail: 'it is not told' }]
  return { tenant: 'acme', runId: 'r1', workflow: 'desk', seq: 9, checkedAt: 1_000, gaps, ...over }
}

/** Every method of a store that is about lineage. */
export function lineageMethods(store: Store, tenant: string) {
  return {
    lineageTerms: () => store.lineageTerms({ ...sampleTerm({ tenant }), limit: 1 }),
    putLineageTerms: () => store.putLineageTerms([sampleTerm({ tenant })]),
    lineageFindings: () => store.lineageFindings({ tenant, limit: 1 }),
    putLineageFindings: () => store.putLineageFindings([sampleFinding({ tenant })]),
  }
}

/** What effects are looked up by, and which runs the check found wanting. */
export function lineageTests({ it, on }: Suite): void {
  it(
    'STO-180: terms come with their run or commit, once each, not with a refused one, and are read in pages',
    on(async (store) => {
      const at = { tenant: 'acme', term: 'object', value: 'digest' } as const
      const rows = [3, 2, 1].map((n) => sampleTerm({ at: n * 1_000 }))
      const run = await claimed(store, 'r1')
      const fenced = sampleCommit({ ...run, epoch: run.epoch + 1 }, { terms: rows })
      assert.deepEqual(await store.commit([fenced]), [{ status: 'fenced' }])
      assert.deepEqual(await store.lineageTerms({ ...at, limit: 9 }), [])
      await store.commit([sampleCommit(run, { terms: rows })])
      await store.create(sampleRun('r2', { requestId: 'q2', terms: [sampleTerm({ runId: 'r2', at: 2_000 })] }))
      await store.putLineageTerms(rows)
      const [first, second, third, fourth] = await store.lineageTerms({ ...at, limit: 9 })
      assert.deepEqual(
        [first, second, third, fourth],
        [rows[0], sampleTerm({ runId: 'r2', at: 2_000 }), rows[1], rows[2]],
      )
      assert.ok(second)
      assert.deepEqual(await store.lineageTerms({ ...at, limit: 2 }), [first, second])
      assert.deepEqual(await store.lineageTerms({ ...at, limit: 1, before: second }), [third])
      assert.deepEqual(await store.lineageTerms({ ...at, term: 'tool', limit: 9 }), [])
      assert.deepEqual(await store.lineageTerms({ ...at, value: 'other', limit: 9 }), [])
    }),
  )
  it(
    'STO-181: the row of a run with gaps is replaced, and taken away by a check that finds none',
    on(async (store) => {
      const [a, b] = [sampleFinding(), sampleFinding({ runId: 'r2' })]
      await store.putLineageFindings([b, a])
      assert.deepEqual(await store.lineageFindings({ tenant: 'acme', limit: 9 }), [a, b])
      assert.deepEqual(await store.lineageFindings({ tenant: 'acme', after: 'r1', limit: 9 }), [b])
      const later = { ...a, seq: 12 }
      await store.putLineageFindings([later, { ...b, gaps: [] }])
      assert.deepEqual(await store.lineageFindings({ tenant: 'acme', limit: 9 }), [later])
    }),
  )
}
