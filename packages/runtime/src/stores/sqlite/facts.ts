import type { SQLInputValue } from 'node:sqlite'
import { parseJson } from '../../base/json.ts'
import {
  type CostFilter,
  type CostSums,
  FACTS_CURSOR,
  type FactBatch,
  type FactFilter,
  type FactRow,
  type FactStore,
  factClass,
} from '../../contracts/facts.ts'
import type { Connection } from './connection.ts'
import { costSums, dropRunCosts, putRunCosts } from './costs.ts'
import { SqliteLineage } from './lineage.ts'
import { text } from './rows.ts'

const ADD = `INSERT OR REPLACE INTO facts (tenant, run_id, seq, at, type, workflow, principal, node, actor, name, code,
  class, decision, verdict, effect, phase, approver, body) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`
const ADD_POLICY = 'INSERT OR IGNORE INTO fact_policies (tenant, policy, at, run_id, seq) VALUES (?,?,?,?,?)'
const NOT_LATEST = 'UPDATE facts SET effect = NULL WHERE tenant = ? AND run_id = ? AND effect = ?'
const AT = 'SELECT position FROM cursors WHERE name = ?'
const MOVE = 'INSERT OR REPLACE INTO cursors (name, position) VALUES (?, ?)'

/** A query of facts with its values: what a filter asks for, each through an index. Exported for the tests of its plans. */
export function factQuery(filter: FactFilter): { readonly sql: string; readonly values: readonly SQLInputValue[] } {
  const { policy, before } = filter
  const equals: readonly (readonly [string, SQLInputValue | undefined])[] = [
    ['f.tenant', filter.tenant],
    ['f.run_id', filter.runId],
    ['f.type', filter.type],
    ['f.workflow', filter.workflow],
    ['f.principal', filter.principal],
    ['f.node', filter.node],
    ['f.actor', filter.actor],
    ['f.name', filter.name],
    ['f.code', filter.code],
    ['f.verdict', filter.verdict],
    ['f.decision', filter.decisionId],
    ['f.phase', filter.phase],
    ['f.class', filter.class],
    ['f.approver', filter.approver],
    ['p.tenant', policy === undefined ? undefined : filter.tenant],
    ['p.policy', policy],
  ]
  // With a policy its own table leads, so that its order is the order of the page.
  // A run has few rows. Where a span of time is asked for too, SQLite would walk over that span of all runs.
  const ofRun = filter.runId !== undefined && filter.decisionId === undefined ? ' INDEXED BY facts_by_record' : ''
  const from = policy === undefined ? `facts f${ofRun}` : 'fact_policies p CROSS JOIN facts f'
  const by = policy === undefined ? 'f' : 'p'
  const needsDecision = filter.only === 'decision' || filter.verdict !== undefined || filter.decisionId !== undefined
  const needsEffect = filter.only === 'effect' || filter.phase !== undefined || filter.approver !== undefined
  const conditions: readonly { readonly sql: string; readonly values: readonly SQLInputValue[] }[] = [
    ...equals.flatMap(([column, value]) => (value === undefined ? [] : [{ sql: `${column} = ?`, values: [value] }])),
    ...(policy === undefined ? [] : [{ sql: 'f.run_id = p.run_id AND f.seq = p.seq', values: [] }]),
    // Written out, so that the partial indexes can serve them.
    ...(needsDecision ? [{ sql: 'f.decision IS NOT NULL', values: [] }] : []),
    ...(needsEffect ? [{ sql: 'f.effect IS NOT NULL', values: [] }] : []),
    ...(filter.since === undefined ? [] : [{ sql: `${by}.at >= ?`, values: [filter.since] }]),
    ...(filter.until === undefined ? [] : [{ sql: `${by}.at < ?`, values: [filter.until] }]),
    ...(before === undefined
      ? []
      : [{ sql: `(${by}.at, ${by}.run_id, ${by}.seq) < (?,?,?)`, values: [before.at, before.run_id, before.seq] }]),
  ]
  const where = conditions.map((each) => each.sql).join(' AND ')
  const order = `ORDER BY ${by}.at DESC, ${by}.run_id DESC, ${by}.seq DESC LIMIT ?`
  return {
    sql: `SELECT f.body, f.effect FROM ${from} WHERE ${where} ${order}`,
    values: [...conditions.flatMap((each) => each.values), filter.limit],
  }
}

function addRow(connection: Connection, row: FactRow): void {
  const { tenant, run_id, seq, at, decision, effect } = row
  if (effect) connection.sql(NOT_LATEST).run(tenant, run_id, effect.key)
  const names = [row.type, row.workflow, row.principal, row.node, row.actor, row.name, row.code, factClass(row)]
  const judged = [decision?.id ?? null, decision?.verdict ?? null]
  const changed = [effect?.key ?? null, effect?.phase ?? null, effect?.approver ?? null]
  connection.sql(ADD).run(tenant, run_id, seq, at, ...names, ...judged, ...changed, JSON.stringify(row))
  for (const policy of decision?.policies ?? []) connection.sql(ADD_POLICY).run(tenant, policy, at, run_id, seq)
}

/** The methods of the store that are about what happened over all runs. */
export abstract class SqliteFacts extends SqliteLineage implements FactStore {
  readonly #connection: Connection

  constructor(connection: Connection) {
    super(connection)
    this.#connection = connection
  }

  facts(filter: FactFilter): Promise<readonly FactRow[]> {
    const { sql, values } = factQuery(filter)
    return this.#connection.read(() =>
      this.#connection
        .sql(sql)
        .all(...values)
        .map((found) => {
          // Only this file writes these texts, of exactly this type.
          const row = parseJson(text(found, 'body'), 'a fact') as unknown as FactRow
          return found.effect === null ? { ...row, effect: null } : row
        }),
    )
  }

  costSums(filter: CostFilter): Promise<CostSums> {
    return this.#connection.read(() => costSums(this.#connection, filter))
  }

  async addFacts({ from, to, rows, costs = [], dropped }: FactBatch): Promise<boolean> {
    const connection = this.#connection
    return await connection.write(() => {
      if (Number(connection.sql(AT).get(FACTS_CURSOR)?.position ?? 0) !== from) return false
      for (const row of rows) addRow(connection, row)
      for (const run of costs) putRunCosts(connection, run)
      for (const { tenant, runId } of dropped) {
        dropRunCosts(connection, tenant, runId)
        connection.sql('DELETE FROM facts WHERE tenant = ? AND run_id = ?').run(tenant, runId)
        connection.sql('DELETE FROM fact_policies WHERE tenant = ? AND run_id = ?').run(tenant, runId)
      }
      connection.sql(MOVE).run(FACTS_CURSOR, to)
      return true
    })
  }

  async clearFacts(): Promise<void> {
    const connection = this.#connection
    await connection.write(() => {
      connection.sql('DELETE FROM facts').run()
      connection.sql('DELETE FROM fact_policies').run()
      connection.sql('DELETE FROM run_costs').run()
      connection.sql(MOVE).run(FACTS_CURSOR, 0)
    })
  }
}
