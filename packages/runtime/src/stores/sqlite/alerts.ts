import type { SQLInputValue } from 'node:sqlite'
import { parseJson } from '../../base/json.ts'
import type {
  AlertCommit,
  AlertCommitResult,
  AlertFilter,
  AlertProgressRow,
  AlertRow,
  AlertStore,
  StoredAlertEvent,
} from '../../contracts/alerts.ts'
import { alertsFollow, isUnresolved } from '../alert-rules.ts'
import type { Connection } from './connection.ts'
import { SqliteMandates } from './mandates.ts'
import { addNotices } from './outbox.ts'
import { number, type Row, text } from './rows.ts'
import { readLease } from './schedules.ts'

const PUT = `INSERT OR REPLACE INTO alerts (tenant, id, kind, state, severity, workflow, opened_at, revision, body)
  VALUES (?,?,?,?,?,?,?,?,?)`
const ADD_EVENT = 'INSERT INTO alert_events (tenant, seq, alert_id, body, hash) VALUES (?,?,?,?,?)'
const PUT_PROGRESS = 'INSERT OR REPLACE INTO alert_progress (one, position, evaluated_at, body) VALUES (1,?,?,?)'

function readAlerts(connection: Connection, filter: AlertFilter): AlertRow[] {
  const { tenant, states, kind, severity, workflow, before, limit } = filter
  const conditions: readonly { readonly sql: string; readonly values: readonly SQLInputValue[] }[] = [
    ...(tenant === undefined ? [] : [{ sql: 'tenant = ?', values: [tenant] }]),
    // Written out, so that the index over what is not resolved can serve it.
    ...(isUnresolved(states) ? [{ sql: `state <> 'resolved'`, values: [] }] : []),
    ...(states === undefined
      ? []
      : [{ sql: 'state IN (SELECT value FROM json_each(?))', values: [JSON.stringify(states)] }]),
    ...(kind === undefined ? [] : [{ sql: 'kind = ?', values: [kind] }]),
    ...(severity === undefined ? [] : [{ sql: 'severity = ?', values: [severity] }]),
    ...(workflow === undefined ? [] : [{ sql: 'workflow = ?', values: [workflow] }]),
    ...(before === undefined ? [] : [{ sql: '(opened_at, id) < (?, ?)', values: [before.openedAt, before.id] }]),
  ]
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.map((each) => each.sql).join(' AND ')}`
  return connection
    .sql(`SELECT body FROM alerts ${where} ORDER BY opened_at DESC, id DESC LIMIT ?`)
    .all(...conditions.flatMap(({ values }) => values), limit)
    .map(alertOf)
}

function readHead(connection: Connection, tenant: string): StoredAlertEvent | null {
  const row = connection.sql('SELECT * FROM alert_events WHERE tenant = ? ORDER BY seq DESC LIMIT 1').get(tenant)
  return row ? eventOf(row) : null
}

function readEvents(
  connection: Connection,
  ...[tenant, filter]: Parameters<AlertStore['alertEvents']>
): StoredAlertEvent[] {
  const { alertId, limit = -1 } = filter ?? {}
  const rows =
    alertId === undefined
      ? connection.sql('SELECT * FROM alert_events WHERE tenant = ? ORDER BY seq LIMIT ?').all(tenant, limit)
      : connection
          .sql('SELECT * FROM alert_events WHERE tenant = ? AND alert_id = ? ORDER BY seq LIMIT ?')
          .all(tenant, alertId, limit)
  return rows.map(eventOf)
}

function readProgress(connection: Connection): AlertProgressRow | null {
  const row = connection.sql('SELECT * FROM alert_progress').get()
  if (!row) return null
  return { position: number(row, 'position'), evaluatedAt: number(row, 'evaluated_at'), body: text(row, 'body') }
}

/** Stores one change of alerts, or nothing of it. */
function writeAlerts(connection: Connection, commit: AlertCommit): Promise<AlertCommitResult> {
  const { lease, progress, rows, events, notices } = commit
  const revision = 'SELECT revision FROM alerts WHERE tenant = ? AND id = ?'
  return connection.write((): AlertCommitResult => {
    if (lease && readLease(connection, lease.name).epoch !== lease.epoch) return 'fenced'
    const follows = alertsFollow(commit, {
      revision: ({ tenant, id }) => {
        const found = connection.sql(revision).get(tenant, id)
        return found ? number(found, 'revision') : null
      },
      head: (tenant) => readHead(connection, tenant),
    })
    if (!follows) return 'changed'
    if (progress) connection.sql(PUT_PROGRESS).run(progress.position, progress.evaluatedAt, progress.body)
    for (const row of rows) {
      const { tenant, id, kind, state, severity, workflow, openedAt } = row
      const values = [tenant, id, kind, state, severity, workflow, openedAt, row.revision]
      connection.sql(PUT).run(...values, JSON.stringify(row))
    }
    for (const { tenant, seq, alertId, body, hash } of events)
      connection.sql(ADD_EVENT).run(tenant, seq, alertId, body, hash)
    addNotices(connection, notices)
    return 'committed'
  })
}

function alertOf(row: Row): AlertRow {
  // Only this file writes these texts, of exactly this type.
  return parseJson(text(row, 'body'), 'an alert') as unknown as AlertRow
}

function eventOf(row: Row): StoredAlertEvent {
  return {
    tenant: text(row, 'tenant'),
    seq: number(row, 'seq'),
    alertId: text(row, 'alert_id'),
    body: text(row, 'body'),
    hash: text(row, 'hash'),
  }
}

/** The methods of the store that are about alerts. */
export abstract class SqliteAlerts extends SqliteMandates implements AlertStore {
  readonly #connection: Connection

  constructor(connection: Connection) {
    super(connection)
    this.#connection = connection
  }

  alerts(filter: AlertFilter): Promise<readonly AlertRow[]> {
    return this.#connection.read(() => readAlerts(this.#connection, filter))
  }

  alert(tenant: string, id: string): Promise<AlertRow | null> {
    const get = 'SELECT body FROM alerts WHERE tenant = ? AND id = ?'
    return this.#connection.read(() => {
      const row = this.#connection.sql(get).get(tenant, id)
      return row ? alertOf(row) : null
    })
  }

  alertEvents(...filter: Parameters<AlertStore['alertEvents']>): Promise<readonly StoredAlertEvent[]> {
    return this.#connection.read(() => readEvents(this.#connection, ...filter))
  }

  alertHead(tenant: string): Promise<StoredAlertEvent | null> {
    return this.#connection.read(() => readHead(this.#connection, tenant))
  }

  alertProgress(): Promise<AlertProgressRow | null> {
    return this.#connection.read(() => readProgress(this.#connection))
  }

  async commitAlerts(commit: AlertCommit): Promise<AlertCommitResult> {
    return writeAlerts(this.#connection, commit)
  }
}
