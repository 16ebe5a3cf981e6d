import type { SQLInputValue } from 'node:sqlite'
import type { MandateRow, MandateStore, MandateUseRow } from '../../contracts/mandates.ts'
import type { RunCommit } from '../../contracts/store.ts'
import { spentMandate } from '../mandate-rules.ts'
import type { Connection } from './connection.ts'
import { SqliteOpenThings } from './open-things.ts'
import type { Row } from './rows.ts'

const PUT = `INSERT OR IGNORE INTO mandates (tenant, id, kind, subject, body, reason, created_by, created_at, starts_at,
  expires_at, revoked_at, revoked_by, max_uses, max_amount) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)`
const REVOKE = `UPDATE mandates SET revoked_at = ?, revoked_by = ?
  WHERE tenant = ? AND id = ? AND revoked_at IS NULL`
const USE = `INSERT OR IGNORE INTO mandate_uses (tenant, mandate_id, use_id, run_id, amount, used_at)
  VALUES (?,?,?,?,?,?)`

/** Stores a mandate unless its id is known. */
async function putMandate(connection: Connection, row: MandateRow): Promise<void> {
  const values: readonly SQLInputValue[] = [
    ...[row.tenant, row.id, row.kind, row.subject, row.body, row.reason, row.createdBy, row.createdAt, row.startsAt],
    ...[row.expiresAt, row.revokedAt, row.revokedBy, row.maxUses, row.maxAmount],
  ]
  await connection.write(() => connection.sql(PUT).run(...values))
}

/** Ends a mandate; gives it as it is then. */
function revokeMandate(
  connection: Connection,
  ...[tenant, id, by, at]: Parameters<MandateStore['revokeMandate']>
): Promise<MandateRow | null> {
  return connection.write(() => {
    connection.sql(REVOKE).run(at, by, tenant, id)
    return readMandate(connection, tenant, id)
  })
}

/** One mandate, or null. */
function readMandate(connection: Connection, tenant: string, id: string): MandateRow | null {
  const row = connection.sql('SELECT * FROM mandates WHERE tenant = ? AND id = ?').get(tenant, id)
  return row ? mandateRow(row) : null
}

/** Mandates of a kind, oldest first. */
function readMandates(connection: Connection, filter: Parameters<MandateStore['mandates']>[0]): MandateRow[] {
  const { tenant, kind, subject } = filter
  const of = 'SELECT * FROM mandates WHERE tenant = ? AND kind = ?'
  const order = ' ORDER BY created_at, id'
  const rows =
    subject === undefined
      ? connection.sql(of + order).all(tenant, kind)
      : connection.sql(`${of} AND subject = ?${order}`).all(tenant, kind, subject)
  return rows.map(mandateRow)
}

/** Uses of a mandate in the order in which they were counted. */
function readUses(connection: Connection, tenant: string, mandateId: string): MandateUseRow[] {
  return connection
    .sql('SELECT * FROM mandate_uses WHERE tenant = ? AND mandate_id = ? ORDER BY rowid')
    .all(tenant, mandateId)
    .map(useRow)
}

/** The mandate that has no room for what the commit uses, or null. Runs inside the commit's transaction. */
export function spentIn(connection: Connection, commit: RunCommit): string | null {
  const { tenant } = commit
  return spentMandate(
    { mandate: (id) => readMandate(connection, tenant, id), uses: (id) => readUses(connection, tenant, id) },
    commit,
  )
}

/** Counts the uses of a commit that has room for them, each once. */
export function countUses(connection: Connection, { tenant, runId, uses = [] }: RunCommit): void {
  for (const { mandateId, useId, amount, at } of uses)
    connection.sql(USE).run(tenant, mandateId, useId, runId, amount, at)
}

// Only this store writes these columns, from the same types.
function mandateRow(row: Row): MandateRow {
  return {
    tenant: String(row.tenant),
    id: String(row.id),
    kind: String(row.kind) as MandateRow['kind'],
    subject: String(row.subject),
    body: String(row.body),
    reason: String(row.reason),
    createdBy: String(row.created_by),
    createdAt: Number(row.created_at),
    startsAt: Number(row.starts_at),
    expiresAt: Number(row.expires_at),
    revokedAt: numberOrNull(row.revoked_at),
    revokedBy: row.revoked_by === null ? null : String(row.revoked_by),
    maxUses: numberOrNull(row.max_uses),
    maxAmount: numberOrNull(row.max_amount),
  }
}

function useRow(row: Row): MandateUseRow {
  return {
    tenant: String(row.tenant),
    runId: String(row.run_id),
    mandateId: String(row.mandate_id),
    useId: String(row.use_id),
    amount: numberOrNull(row.amount),
    at: Number(row.used_at),
  }
}

function numberOrNull(value: Row[string] | undefined): number | null {
  return value === null || value === undefined ? null : Number(value)
}

/** The methods of the store that are about mandates. */
export abstract class SqliteMandates extends SqliteOpenThings implements MandateStore {
  readonly #connection: Connection

  constructor(connection: Connection) {
    super(connection)
    this.#connection = connection
  }

  putMandate(row: MandateRow): Promise<void> {
    return putMandate(this.#connection, row)
  }

  revokeMandate(tenant: string, id: string, by: string, at: number): Promise<MandateRow | null> {
    return revokeMandate(this.#connection, tenant, id, by, at)
  }

  mandate(tenant: string, id: string): Promise<MandateRow | null> {
    return this.#connection.read(() => readMandate(this.#connection, tenant, id))
  }

  mandates(filter: Parameters<MandateStore['mandates']>[0]): Promise<readonly MandateRow[]> {
    return this.#connection.read(() => readMandates(this.#connection, filter))
  }

  mandateUses(tenant: string, mandateId: string): Promise<readonly MandateUseRow[]> {
    return this.#connection.read(() => readUses(this.#connection, tenant, mandateId))
  }
}
