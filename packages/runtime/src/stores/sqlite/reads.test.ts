import { DatabaseSync } from 'node:sqlite'
import { expect, it } from 'vitest'
import { MIGRATIONS } from './schema.ts'

it('STO-091: the branches of a run are read from an index of their own, where the type is in the text', () => {
  const db = new DatabaseSync(':memory:')
  for (const step of MIGRATIONS) db.exec(step)
  const index = (type: string): unknown =>
    db.prepare(`EXPLAIN QUERY PLAN SELECT seq FROM records WHERE rid = ? AND type ${type} ORDER BY seq`).all()[0]
      ?.detail
  expect(index(`= 'branch.started'`)).toContain('records_branches')
  expect(index(`IN (SELECT value FROM json_each(?))`)).toContain('records_by_run')
  db.close()
})
