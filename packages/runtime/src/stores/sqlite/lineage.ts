import { parseJson } from '../../base/json.ts'
import type { LineageFindingRow, LineageStore, LineageTermFilter, LineageTermRow } from '../../contracts/lineage.ts'
import { SqliteAlerts } from './alerts.ts'
import type { Connection } from './connection.ts'
import { number, type Row, text } from './rows.ts'

const ADD = 'INSERT OR IGNORE INTO lineage_terms (tenant, term, value, at, run_id, seq) VALUES (?,?,?,?,?,?)'
const FIND = 'SELECT * FROM lineage_terms WHERE tenant = ? AND term = ? AND value = ?'
const NEWEST = 'ORDER BY at DESC, run_id DESC, seq DESC LIMIT ?'
/** Rows of a term. Parameters: tenant, term, value, limit. */
export const FIND_TERMS = `${FIND} ${NEWEST}`
/** The next page of them. Parameters: tenant, term, value, the last row's time, run and sequence, limit. */
export const FIND_MORE_TERMS = `${FIND} AND (at, run_id, seq) < (?, ?, ?) ${NEWEST}`
const PUT_FINDING = `INSERT OR REPLACE INTO lineage_findings (tenant, run_id, workflow, seq, checked_at, gaps)
  VALUES (?,?,?,?,?,?)`

/** Stores terms inside a transaction of the caller; those that are there already stay. */
export function addTerms(connection: Connection, rows: readonly LineageTermRow[]): void {
  for (const { tenant, term, value, at, runId, seq } of rows)
    connection.sql(ADD).run(tenant, term, value, at, runId, seq)
}

function findTerms(connection: Connection, filter: LineageTermFilter): LineageTermRow[] {
  const { tenant, term, value, before, limit } = filter
  const rows = before
    ? connection.sql(FIND_MORE_TERMS).all(tenant, term, value, before.at, before.runId, before.seq, limit)
    : connection.sql(FIND_TERMS).all(tenant, term, value, limit)
  return rows.map((row) => ({
    tenant,
    term,
    value,
    at: number(row, 'at'),
    runId: text(row, 'run_id'),
    seq: number(row, 'seq'),
  }))
}

function putFindings(connection: Connection, rows: readonly LineageFindingRow[]): void {
  for (const { tenant, runId, workflow, seq, checkedAt, gaps } of rows) {
    if (gaps.length === 0)
      connection.sql('DELETE FROM lineage_findings WHERE tenant = ? AND run_id = ?').run(tenant, runId)
    else connection.sql(PUT_FINDING).run(tenant, runId, workflow, seq, checkedAt, JSON.stringify(gaps))
  }
}

function findingOf(row: Row): LineageFindingRow {
  return {
    tenant: text(row, 'tenant'),
    runId: text(row, 'run_id'),
    workflow: text(row, 'workflow'),
    seq: number(row, 'seq'),
    checkedAt: number(row, 'checked_at'),
    // Only this file writes these texts, of exactly this type.
    gaps: parseJson(text(row, 'gaps'), 'the gaps of a run') as unknown as LineageFindingRow['gaps'],
  }
}

/** The methods of the store that are about lineage. */
export abstract class SqliteLineage extends SqliteAlerts implements LineageStore {
  readonly #connection: Connection

  constructor(connection: Connection) {
    super(connection)
    this.#connection = connection
  }

  lineageTerms(filter: LineageTermFilter): Promise<readonly LineageTermRow[]> {
    return this.#connection.read(() => findTerms(this.#connection, filter))
  }

  async putLineageTerms(rows: readonly LineageTermRow[]): Promise<void> {
    await this.#connection.write(() => addTerms(this.#connection, rows))
  }

  lineageFindings(filter: Parameters<LineageStore['lineageFindings']>[0]): Promise<readonly LineageFindingRow[]> {
    const find = 'SELECT * FROM lineage_findings WHERE tenant = ? AND run_id > ? ORDER BY run_id LIMIT ?'
    return this.#connection.read(() =>
      this.#connection
        .sql(find)
        .all(filter.tenant, filter.after ?? '', filter.limit)
        .map(findingOf),
    )
  }

  async putLineageFindings(rows: readonly LineageFindingRow[]): Promise<void> {
    await this.#connection.write(() => putFindings(this.#connection, rows))
  }
}
