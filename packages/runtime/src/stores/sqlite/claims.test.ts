import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { ELIGIBLE } from './claims.ts'
import { MIGRATIONS } from './schema.ts'

/** How SQLite would run the statement: one line for each table or index that it reads. */
function planOf(text: string): readonly string[] {
  const db = new DatabaseSync(':memory:')
  for (const step of MIGRATIONS) db.exec(step)
  const plan = db.prepare(`EXPLAIN QUERY PLAN ${text}`).all()
  db.close()
  return plan.map((row) => String(row.detail))
}

const walksAll = (plan: readonly string[]): boolean => plan.some((line) => /^SCAN runs\b/.test(line))

describe('looking for due runs', () => {
  it('STO-090: reads the runs that are due, and not all of them', () => {
    expect(walksAll(planOf(ELIGIBLE))).toBe(false)
  })

  it('Invariant 17: the same look without the indexes named does walk them all', () => {
    expect(walksAll(planOf(ELIGIBLE.replaceAll(/ INDEXED BY \w+/g, '').replaceAll('UNION ALL', 'UNION')))).toBe(true)
  })
})
