/** What a drill judges by, over a compensation: the golden database holds one. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EffectRow, openSqliteStore, type RunRecord, systemHost } from 'signalbox'
import { expect, it } from 'vitest'
import { checkEvidence, type Evidence } from '../../src/index.ts'

const FOLDER = join(import.meta.dirname, '../../../runtime/test/golden/v0.2.0')

type Run = Evidence['runs'][number]

async function compensation(): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'evidence-'))
  const path = join(folder, 'signalbox.db')
  copyFileSync(join(FOLDER, 'signalbox.db'), path)
  const { runs } = JSON.parse(readFileSync(join(FOLDER, 'manifest.json'), 'utf8'))
  const store = await openSqliteStore({ path, host: systemHost })
  try {
    const [tenant, runId] = ['golden', runs.compensation]
    const row = await store.run(tenant, runId)
    const stored = await store.records(tenant, runId)
    const effects = await store.effects(tenant, runId)
    if (!row) throw new Error('the golden database has no compensation')
    // Written by the runtime as records.
    const records = stored.map((one) => JSON.parse(one.body) as RunRecord)
    return { row, stored, records, effects, contents: { read: () => Promise.resolve(null) }, parked: null }
  } finally {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

it('DRL-120: a compensation is judged as it is: its undo has the key of the effect that it undoes', async () => {
  const run = await compensation()
  expect(run.effects.length).toBeGreaterThan(0)
  expect(checkEvidence({ runs: [run], recorded: [] }, [])).toEqual([])
  const faulty = (change: (row: EffectRow) => EffectRow) =>
    checkEvidence({ runs: [{ ...run, effects: run.effects.map(change) }], recorded: [] }, [])
  expect(faulty((row) => ({ ...row, idempotencyKey: 'sb-other' }))[0]?.detail).toContain('a key of another origin')
  expect(faulty((row) => ({ ...row, outcomeSeq: 1 })).map((one) => one.kind)).toContain('ledger')
  expect(checkEvidence({ runs: [{ ...run, effects: [] }], recorded: [] }, [])[0]?.detail).toContain('0 effects')
})
