import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import type { FactFilter } from '../../contracts/facts.ts'
import { factQuery } from './facts.ts'
import { FACT_TABLES } from './schema-facts.ts'

const TENANT = { tenant: 'acme', limit: 50 }
const FILTERS: readonly FactFilter[] = [
  TENANT,
  { ...TENANT, runId: 'r' },
  { ...TENANT, runId: 'r', only: 'decision' },
  { ...TENANT, runId: 'r', only: 'effect' },
  { ...TENANT, type: 'run.started' },
  { ...TENANT, workflow: 'w' },
  { ...TENANT, node: 'n' },
  { ...TENANT, actor: 'a' },
  { ...TENANT, name: 'n' },
  { ...TENANT, code: 'c' },
  { ...TENANT, only: 'decision' },
  { ...TENANT, only: 'decision', verdict: 'deny' },
  { ...TENANT, only: 'decision', principal: 'p' },
  { ...TENANT, only: 'decision', policy: 'p' },
  { ...TENANT, only: 'decision', decisionId: 'd' },
  { ...TENANT, only: 'effect' },
  { ...TENANT, only: 'effect', name: 'n' },
  { ...TENANT, only: 'effect', phase: 'unknown' },
  { ...TENANT, only: 'effect', class: 'c' },
  { ...TENANT, only: 'effect', approver: 'a' },
]

function planOf(filter: FactFilter): string {
  const db = new DatabaseSync(':memory:')
  try {
    db.exec(FACT_TABLES)
    const { sql, values } = factQuery(filter)
    const rows = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values)
    return rows.map((row) => String(row.detail)).join('\n')
  } finally {
    db.close()
  }
}

describe('plans of what happened', () => {
  it('STO-178: every filter is answered from an index and in its order, pages too', () => {
    const before = { at: 5, run_id: 'r', seq: 1 }
    for (const filter of FILTERS)
      for (const asked of [filter, { ...filter, before, since: 1, until: 9 }]) {
        const plan = planOf(asked)
        expect(plan, JSON.stringify(asked)).not.toContain('SCAN')
        // One decision has few rows, and those of a run come in the order of the run.
        if (filter.runId !== undefined) expect(plan, JSON.stringify(asked)).toContain('facts_by_record')
        if (filter.decisionId === undefined && filter.runId === undefined)
          expect(plan, JSON.stringify(asked)).not.toContain('TEMP B-TREE')
      }
  })

  it('STO-178: the test finds a plan that scans', () => {
    const db = new DatabaseSync(':memory:')
    db.exec('CREATE TABLE facts (tenant TEXT, at INTEGER)')
    const rows = db.prepare("EXPLAIN QUERY PLAN SELECT * FROM facts WHERE tenant = 'a' ORDER BY at").all()
    expect(rows.map((row) => String(row.detail)).join('\n')).toMatch(/SCAN|TEMP B-TREE/)
    db.close()
  })
})
