import type {
  FiringRow,
  LeaseRow,
  ScheduleCommit,
  ScheduleCommitResult,
  ScheduleRow,
  ScheduleStore,
} from '../../contracts/schedule.ts'
import { checkLease, checkScheduleCommit, freeLease } from '../rules.ts'
import type { Connection } from './connection.ts'
import { firingRow, leaseRow, scheduleRow } from './rows.ts'

const OPEN = `state IN ('queued', 'running')`

const PUT_LEASE = `INSERT INTO leases (name, owner, epoch, beat) VALUES (?,?,?,?)
  ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, epoch = excluded.epoch, beat = excluded.beat`

const PUT_SCHEDULE = `INSERT OR REPLACE INTO schedules (tenant, name, revision, definition, paused, decided_through,
  updated_at, updated_by) VALUES (?,?,?,?,?,?,?,?)`

const PUT_FIRING = `INSERT OR REPLACE INTO firings (tenant, schedule, id, kind, due_at, state, attempt, epoch, run_id, code,
  detail, caused_by, started_at, ended_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)`

const FORGET = `DELETE FROM firings WHERE tenant = $tenant AND schedule = $name AND NOT (${OPEN}) AND id NOT IN (
  SELECT id FROM firings WHERE tenant = $tenant AND schedule = $name AND NOT (${OPEN})
  ORDER BY due_at DESC, id DESC LIMIT $keep)`

/** The row of a lease. */
export function readLease(connection: Connection, name: string): LeaseRow {
  const row = connection.sql('SELECT * FROM leases WHERE name = ?').get(name)
  return row ? leaseRow(row) : freeLease(name)
}

/** Stores a lease where nobody else was first. */
export async function putLease(
  connection: Connection,
  row: LeaseRow,
  expect: { readonly epoch: number; readonly beat: number },
): Promise<boolean> {
  checkLease(row, expect)
  return connection.write(() => {
    const now = readLease(connection, row.name)
    if (now.epoch !== expect.epoch || now.beat !== expect.beat) return false
    connection.sql(PUT_LEASE).run(row.name, row.owner, row.epoch, row.beat)
    return true
  })
}

/** Schedules of a tenant by name. */
export function readSchedules(connection: Connection, tenant: string): ScheduleRow[] {
  return connection.sql('SELECT * FROM schedules WHERE tenant = ? ORDER BY name').all(tenant).map(scheduleRow)
}

/** Firings of a schedule, newest due time first. */
export function readFirings(connection: Connection, filter: Parameters<ScheduleStore['firings']>[0]): FiringRow[] {
  const open = filter.open === true ? ` AND ${OPEN}` : ''
  const text = `SELECT * FROM firings WHERE tenant = ? AND schedule = ?${open} ORDER BY due_at DESC, id DESC LIMIT ?`
  return connection.sql(text).all(filter.tenant, filter.schedule, filter.limit).map(firingRow)
}

/** Stores a schedule and firings of it, under the leader's epoch and the schedule's revision. */
export function writeSchedule(connection: Connection, commit: ScheduleCommit): Promise<ScheduleCommitResult> {
  return connection.write(() => {
    const { row, lease, firings, keep } = commit
    if (lease && readLease(connection, lease.name).epoch !== lease.epoch) return 'fenced'
    const found = connection.sql('SELECT * FROM schedules WHERE tenant = ? AND name = ?').get(row.tenant, row.name)
    const before = found ? scheduleRow(found) : null
    if ((before?.revision ?? 0) !== commit.expectRevision) return 'changed'
    checkScheduleCommit(commit, before)
    const { tenant, name, revision, definition, paused, decidedThrough, updatedAt, updatedBy } = row
    connection
      .sql(PUT_SCHEDULE)
      .run(tenant, name, revision, definition, paused ? 1 : 0, decidedThrough, updatedAt, updatedBy)
    for (const each of firings) putFiring(connection, each)
    if (keep !== null) connection.sql(FORGET).run({ tenant, name, keep })
    return 'committed'
  })
}

function putFiring(connection: Connection, row: FiringRow): void {
  const { tenant, schedule, id, kind, dueAt, state, attempt, epoch, runId, code, detail, by, startedAt, endedAt } = row
  connection
    .sql(PUT_FIRING)
    .run(tenant, schedule, id, kind, dueAt, state, attempt, epoch, runId, code, detail, by, startedAt, endedAt)
}
