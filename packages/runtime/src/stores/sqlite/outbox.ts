import { parseJson } from '../../base/json.ts'
import type {
  ChannelState,
  Delivery,
  DeliveryFilter,
  DeliveryState,
  Notice,
  NoticeKind,
  NoticeSeverity,
  OutboxCommit,
  OutboxCommitResult,
  StoredNotice,
} from '../../contracts/outbox.ts'
import { followsStored } from '../outbox-rules.ts'
import type { Connection } from './connection.ts'
import { number, numberOrNull, type Row, text, textOrNull } from './rows.ts'
import { readLease } from './schedules.ts'

const ADD_NOTICE = `INSERT OR IGNORE INTO notices (tenant, id, kind, severity, run_id, workflow, subject, roles, facts,
  told_at, routed) VALUES (?,?,?,?,?,?,?,?,?,?,0)`
const PUT_DELIVERY = `INSERT OR REPLACE INTO deliveries (tenant, channel, id, notices, state, attempts, next_at, revision,
  detail, changed_by, created_at, updated_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`
const PUT_CHANNEL =
  'INSERT OR REPLACE INTO outbox_channels (tenant, channel, disabled_at, detail, changed_by) VALUES (?,?,?,?,?)'

/** A notice is kept as long as a message tells of it: it may be sent again. */
const FORGET_NOTICES = `DELETE FROM notices WHERE routed = 1 AND told_at < ? AND (tenant, id) NOT IN (
  SELECT deliveries.tenant, told.value FROM deliveries, json_each(deliveries.notices) AS told)`

/** Stores notices inside a transaction of the caller; one whose id is there already is left out. */
export function addNotices(connection: Connection, notices: readonly Notice[]): void {
  for (const { tenant, id, kind, severity, runId, workflow, subject, roles, facts, at } of notices)
    connection
      .sql(ADD_NOTICE)
      .run(tenant, id, kind, severity, runId, workflow, subject, JSON.stringify(roles), JSON.stringify(facts), at)
}

/** Notices that are not routed, in the order in which they were stored. */
export function readUnrouted(connection: Connection, limit: number): StoredNotice[] {
  const get = 'SELECT * FROM notices WHERE routed = 0 ORDER BY entry LIMIT ?'
  return connection
    .sql(get)
    .all(limit)
    .map((row) => ({ ...noticeOf(row), entry: number(row, 'entry') }))
}

/** The notices of a tenant with these ids, in the order in which they were stored. */
export function readNotices(connection: Connection, tenant: string, ids: readonly string[]): Notice[] {
  const get = 'SELECT * FROM notices WHERE tenant = ? AND id IN (SELECT value FROM json_each(?)) ORDER BY entry'
  return connection.sql(get).all(tenant, JSON.stringify(ids)).map(noticeOf)
}

/** Deliveries in the asked order. */
export function readDeliveries(connection: Connection, filter: DeliveryFilter): Delivery[] {
  const { tenant, channel, id, state, dueAt, order, limit } = filter
  const conditions = [
    ...(tenant === undefined ? [] : [{ sql: 'tenant = ?', value: tenant }]),
    ...(channel === undefined ? [] : [{ sql: 'channel = ?', value: channel }]),
    ...(id === undefined ? [] : [{ sql: 'id = ?', value: id }]),
    // Written out, so that the index over queued ones can serve it; the word is of a closed set.
    ...(state === undefined ? [] : [{ sql: `state = '${state}'`, value: null }]),
    ...(dueAt === undefined ? [] : [{ sql: 'next_at <= ?', value: dueAt }]),
  ]
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.map((each) => each.sql).join(' AND ')}`
  const by = order === 'due' ? 'next_at, id' : 'created_at DESC, id'
  const values = conditions.flatMap(({ value }) => (value === null ? [] : [value]))
  return connection
    .sql(`SELECT * FROM deliveries ${where} ORDER BY ${by} LIMIT ?`)
    .all(...values, limit)
    .map(deliveryOf)
}

/** Channels of a tenant that are or were disabled. */
export function readChannelStates(connection: Connection, tenant: string): ChannelState[] {
  const rows = connection.sql('SELECT * FROM outbox_channels WHERE tenant = ? ORDER BY channel').all(tenant)
  return rows.map((row) => ({
    tenant: text(row, 'tenant'),
    channel: text(row, 'channel'),
    disabledAt: numberOrNull(row, 'disabled_at'),
    detail: text(row, 'detail'),
    changedBy: text(row, 'changed_by'),
  }))
}

/** Stores one change of the outbox, or nothing of it. */
export function writeOutbox(connection: Connection, commit: OutboxCommit): Promise<OutboxCommitResult> {
  const { lease, routed, deliveries, channels, forgetBefore } = commit
  const revision = 'SELECT revision FROM deliveries WHERE tenant = ? AND channel = ? AND id = ?'
  return connection.write((): OutboxCommitResult => {
    if (lease && readLease(connection, lease.name).epoch !== lease.epoch) return 'fenced'
    const follows = followsStored(commit, ({ tenant, channel, id }) => {
      const row = connection.sql(revision).get(tenant, channel, id)
      return row ? number(row, 'revision') : null
    })
    if (!follows) return 'changed'
    for (const entry of routed) connection.sql('UPDATE notices SET routed = 1 WHERE entry = ?').run(entry)
    for (const each of deliveries) connection.sql(PUT_DELIVERY).run(...deliveryValues(each))
    for (const each of channels)
      connection.sql(PUT_CHANNEL).run(each.tenant, each.channel, each.disabledAt, each.detail, each.changedBy)
    if (forgetBefore !== null) {
      connection.sql(`DELETE FROM deliveries WHERE state <> 'queued' AND updated_at < ?`).run(forgetBefore)
      connection.sql(FORGET_NOTICES).run(forgetBefore)
    }
    return 'committed'
  })
}

function deliveryValues(each: Delivery): (string | number)[] {
  return [
    ...[each.tenant, each.channel, each.id, JSON.stringify(each.notices), each.state, each.attempts, each.nextAt],
    ...[each.revision, each.detail, each.changedBy, each.createdAt, each.updatedAt],
  ]
}

// The closed words and JSON texts below are cast: only this store writes these columns, from the same types.

function noticeOf(row: Row): Notice {
  return {
    tenant: text(row, 'tenant'),
    id: text(row, 'id'),
    kind: text(row, 'kind') as NoticeKind,
    severity: text(row, 'severity') as NoticeSeverity,
    runId: textOrNull(row, 'run_id'),
    workflow: textOrNull(row, 'workflow'),
    subject: textOrNull(row, 'subject'),
    roles: parseJson(text(row, 'roles'), 'the roles of a notice') as unknown as readonly string[],
    facts: parseJson(text(row, 'facts'), 'the facts of a notice') as unknown as Notice['facts'],
    at: number(row, 'told_at'),
  }
}

function deliveryOf(row: Row): Delivery {
  return {
    tenant: text(row, 'tenant'),
    channel: text(row, 'channel'),
    id: text(row, 'id'),
    notices: parseJson(text(row, 'notices'), 'the notices of a delivery') as unknown as readonly string[],
    state: text(row, 'state') as DeliveryState,
    attempts: number(row, 'attempts'),
    nextAt: number(row, 'next_at'),
    revision: number(row, 'revision'),
    detail: text(row, 'detail'),
    changedBy: text(row, 'changed_by'),
    createdAt: number(row, 'created_at'),
    updatedAt: number(row, 'updated_at'),
  }
}
