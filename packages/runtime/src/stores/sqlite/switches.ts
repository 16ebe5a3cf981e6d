import type {
  KillSwitch,
  StoredSwitchEvent,
  SwitchBook,
  SwitchChange,
  SwitchOverride,
  SwitchWorker,
} from '../../contracts/switches.ts'
import { checkSwitchChange } from '../rules.ts'
import type { Connection } from './connection.ts'
import { addNotices } from './outbox.ts'
import { killSwitch, switchEvent, switchOverride, switchWorker } from './rows.ts'

const PUT = `INSERT OR REPLACE INTO kill_switches (tenant, id, scope, target, mode, reason, set_by, created_at,
  expires_at, lifted_at, lifted_by, lift_asked_by, channel) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`

const PUT_OVERRIDE = `INSERT OR REPLACE INTO switch_overrides (tenant, id, created_at, usable, body)
  VALUES (?,?,?,?,?)`

const PUT_WORKER = `INSERT OR REPLACE INTO switch_workers (worker, seen_at, version, since, lease_ms, ended)
  VALUES (?,?,?,?,?,?)`

/** Kill switches of a tenant, oldest first, lifted ones too. */
export function readKillSwitches(connection: Connection, tenant: string): KillSwitch[] {
  return connection
    .sql('SELECT * FROM kill_switches WHERE tenant = ? ORDER BY created_at, id')
    .all(tenant)
    .map(killSwitch)
}

/** Overrides of a tenant, oldest first. */
export function readOverrides(connection: Connection, tenant: string): SwitchOverride[] {
  const get = 'SELECT body FROM switch_overrides WHERE tenant = ? ORDER BY created_at, id'
  return connection.sql(get).all(tenant).map(switchOverride)
}

/** What workers act by, of all tenants. */
export function readSwitchBook(connection: Connection): SwitchBook {
  const standing = 'SELECT * FROM kill_switches WHERE lifted_at IS NULL ORDER BY created_at, id'
  const usable = 'SELECT body FROM switch_overrides WHERE usable = 1 ORDER BY created_at, id'
  const newest = 'SELECT max(position) AS n FROM switch_events'
  return {
    version: Number(connection.sql(newest).get()?.n ?? 0),
    switches: connection.sql(standing).all().map(killSwitch),
    overrides: connection.sql(usable).all().map(switchOverride),
  }
}

/** Stores an event with what it changes, all or nothing. */
export async function writeSwitch(connection: Connection, change: SwitchChange): Promise<number | null> {
  checkSwitchChange(change)
  const { event, row, override } = change
  return connection.write(() => {
    const taken = 'SELECT 1 FROM switch_events WHERE tenant = ? AND seq = ?'
    if (connection.sql(taken).get(event.tenant, event.seq)) return null
    const add = 'INSERT INTO switch_events (tenant, seq, body, hash) VALUES (?,?,?,?) RETURNING position'
    const stored = connection.sql(add).get(event.tenant, event.seq, event.body, event.hash)
    if (row) putRow(connection, row)
    addNotices(connection, change.notices ?? [])
    if (override) {
      const usable = override.confirmedBy !== null && override.usedAt === null ? 1 : 0
      const { tenant, id, createdAt } = override
      connection.sql(PUT_OVERRIDE).run(tenant, id, createdAt, usable, JSON.stringify(override))
    }
    return Number(stored?.position)
  })
}

function putRow(connection: Connection, row: KillSwitch): void {
  connection
    .sql(PUT)
    .run(
      row.tenant,
      row.id,
      row.scope,
      row.target,
      row.mode,
      row.reason,
      row.by,
      row.createdAt,
      row.expiresAt,
      row.liftedAt,
      row.liftedBy,
      row.liftAskedBy ?? null,
      row.channel ?? null,
    )
}

/** Events of a tenant in order. */
export function readSwitchEvents(connection: Connection, tenant: string): StoredSwitchEvent[] {
  return connection.sql('SELECT * FROM switch_events WHERE tenant = ? ORDER BY seq').all(tenant).map(switchEvent)
}

/** Replaces the worker's row. */
export async function writeSwitchWorker(connection: Connection, row: SwitchWorker): Promise<void> {
  await connection.write(() =>
    connection.sql(PUT_WORKER).run(row.worker, row.seenAt, row.version, row.since, row.leaseMs, row.ended ? 1 : 0),
  )
}

/** What every worker said last, by name. */
export function readSwitchWorkers(connection: Connection): SwitchWorker[] {
  return connection.sql('SELECT * FROM switch_workers ORDER BY worker').all().map(switchWorker)
}
