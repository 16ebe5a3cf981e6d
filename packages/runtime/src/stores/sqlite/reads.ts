import type { SQLInputValue } from 'node:sqlite'
import type {
  EffectRow,
  ExportedRecord,
  PersonRequestRow,
  RecordFilter,
  RunFilter,
  RunRow,
  Store,
  StoredRecord,
} from '../../contracts/store.ts'
import type { RunStatus } from '../../contracts/records.ts'
import type { Connection } from './connection.ts'
import { effectRow, exportedRecord, requestRow, runRow, storedRecord } from './rows.ts'

/** Conditions of a query: each has one parameter, so that the texts of statements stay a small set. */
class Where {
  readonly #conditions: string[] = []
  readonly values: SQLInputValue[] = []

  add(condition: string, ...values: SQLInputValue[]): this {
    this.#conditions.push(condition)
    this.values.push(...values)
    return this
  }

  toString(): string {
    return `WHERE ${this.#conditions.join(' AND ')}`
  }
}

const BRANCH = 'branch.started'
const IN_LIST = 'IN (SELECT value FROM json_each(?))'

const NEWEST_RUNS = 'ORDER BY created_at DESC, run_id DESC LIMIT ?'

/** What a run of a status always has, so that SQLite takes the index that holds it; a running one is held, or due. */
const INDEXED: Partial<Readonly<Record<RunStatus, string>>> = {
  running: '(lease_until IS NOT NULL OR runnable = 1)',
  completed: 'true',
}
const BY_STATUS = `status NOT IN ('running', 'completed')`

/** Runs of a tenant, newest first. Each status is read from the index that holds it, so that rare ones are found at once. */
export function readRuns(connection: Connection, filter: RunFilter): RunRow[] {
  const parts = filter.status ? [...new Set(filter.status)].map((status) => runsWhere(filter, status)) : []
  if (filter.status && parts.length === 0) return []
  const [only = runsWhere(filter, null)] = parts
  const text =
    parts.length > 1
      ? `SELECT * FROM (${parts.map(({ sql }) => `SELECT * FROM (${sql})`).join(' UNION ALL ')}) ${NEWEST_RUNS}`
      : only.sql
  const values = parts.length > 1 ? [...parts.flatMap((part) => part.values), filter.limit] : only.values
  return connection
    .sql(text)
    .all(...values)
    .map(runRow)
}

function runsWhere(
  filter: RunFilter,
  status: RunStatus | null,
): { readonly sql: string; readonly values: SQLInputValue[] } {
  // The plus keeps SQLite from walking all runs in their order for the few that are under way.
  const where = new Where().add(status === 'running' ? '+tenant = ?' : 'tenant = ?', filter.tenant)
  if (status !== null) where.add('status = ?', status).add(INDEXED[status] ?? BY_STATUS)
  if (filter.workflow !== undefined) where.add('workflow = ?', filter.workflow)
  if (filter.requestId !== undefined) where.add('request_id = ?', filter.requestId)
  if (filter.subject !== undefined) where.add('subject = ?', filter.subject)
  if (filter.before) where.add('(created_at, run_id) < (?, ?)', filter.before.createdAt, filter.before.runId)
  return { sql: `SELECT * FROM runs ${where} ${NEWEST_RUNS}`, values: [...where.values, filter.limit] }
}

/** Records of a run in order of sequence. */
export function readRecords(connection: Connection, rid: number, filter: RecordFilter): StoredRecord[] {
  const where = new Where().add('rid = ?', rid)
  if (filter.after !== undefined) where.add('seq > ?', filter.after)
  if (filter.through !== undefined) where.add('seq <= ?', filter.through)
  if (filter.types) addTypes(where, filter.types)
  const order = filter.descending ? 'DESC' : 'ASC'
  const text = `SELECT seq, type, body, hash, sealed FROM records ${where} ORDER BY seq ${order} LIMIT ?`
  return connection
    .sql(text)
    .all(...where.values, filter.limit ?? -1)
    .map(storedRecord)
}

/** Branches have an index of their own, which SQLite takes when the type is in the text. */
function addTypes(where: Where, types: readonly string[]): void {
  const [only] = types
  if (types.length === 1 && only === BRANCH) where.add(`type = '${BRANCH}'`)
  else where.add(`type ${IN_LIST}`, JSON.stringify(types))
}

/** The records of a run with these sequences. */
export function readRecordsAt(connection: Connection, rid: number, seqs: readonly number[]): StoredRecord[] {
  const text = `SELECT seq, type, body, hash, sealed FROM records WHERE rid = ? AND seq ${IN_LIST} ORDER BY seq`
  return connection.sql(text).all(rid, JSON.stringify(seqs)).map(storedRecord)
}

/** Records of all runs after a place in the global order. */
export function readExport(connection: Connection, after: number, limit: number): ExportedRecord[] {
  // Contents are left out: they lie behind the bodies, and most of their pages are not read then.
  const text = `SELECT position, seq, type, body, hash, tenant, run_id FROM
    (SELECT position, rid, seq, type, body, hash FROM records WHERE position > ? ORDER BY position LIMIT ?) JOIN
    (SELECT rid AS run, tenant, run_id FROM runs) ON run = rid ORDER BY position`
  return connection.sql(text).all(after, limit).map(exportedRecord)
}

/** Effects of a family of runs in the order in which they were claimed. */
export function readEffects(connection: Connection, tenant: string, rootRunId: string): EffectRow[] {
  const text = 'SELECT * FROM effects WHERE tenant = ? AND root_run_id = ? ORDER BY entry'
  return connection.sql(text).all(tenant, rootRunId).map(effectRow)
}

/** Effects of one run, in the same order. */
export function readRunEffects(connection: Connection, tenant: string, runId: string): EffectRow[] {
  const text = 'SELECT * FROM effects WHERE tenant = ? AND run_id = ? ORDER BY entry'
  return connection.sql(text).all(tenant, runId).map(effectRow)
}

/** Requests to people, oldest first. */
export function readRequests(connection: Connection, filter: Parameters<Store['requests']>[0]): PersonRequestRow[] {
  const where = new Where().add('tenant = ?', filter.tenant)
  if (filter.state !== undefined) where.add('state = ?', filter.state)
  // Written out for the rare kinds, so that their partial index can serve them.
  const kinds = filter.kind === 'approval' ? 'kind = ?' : "kind <> 'approval' AND kind = ?"
  if (filter.kind !== undefined) where.add(kinds, filter.kind)
  if (filter.runId !== undefined) where.add('run_id = ?', filter.runId)
  if (filter.question !== undefined) where.add('question = ?', filter.question)
  const order = filter.newest ? 'requested_at DESC, id DESC' : 'requested_at, id'
  const text = `SELECT * FROM requests ${where} ORDER BY ${order} LIMIT ?`
  return connection
    .sql(text)
    .all(...where.values, filter.limit)
    .map(requestRow)
}

/** Ids of the runs whose genesis names this run as its parent; the index `records_forks` holds them. */
export function readForks(connection: Connection, tenant: string, runId: string): string[] {
  const text = `SELECT run_id FROM
    (SELECT rid AS fork FROM records WHERE seq = 1 AND json_valid(body) AND json_extract(body, '$.parent.run') = ?)
    JOIN runs ON rid = fork WHERE tenant = ? ORDER BY rid`
  return connection
    .sql(text)
    .all(runId, tenant)
    .map((row) => String(row.run_id))
}

/** Every tenant once, found by one step of the index each. */
export function readTenants(connection: Connection): string[] {
  const text = `WITH RECURSIVE found (tenant) AS (
    SELECT min(tenant) FROM runs
    UNION ALL SELECT (SELECT min(tenant) FROM runs WHERE tenant > found.tenant) FROM found WHERE found.tenant IS NOT NULL)
    SELECT tenant FROM found WHERE tenant IS NOT NULL`
  return connection
    .sql(text)
    .all()
    .map((row) => String(row.tenant))
}
