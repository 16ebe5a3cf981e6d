import type { SQLInputValue } from 'node:sqlite'
import {
  type AdoptedRun,
  type AdoptResult,
  type EffectRow,
  holdsIdentity,
  type KeptInboxItem,
} from '../../contracts/store.ts'
import { adoptedRow, runnableAfterAdoption } from '../rules.ts'
import { ADD_EFFECT, type Appender, effectValues, HOLDER } from './commits.ts'
import type { Connection } from './connection.ts'
import { addTerms } from './lineage.ts'
import { addNotices } from './outbox.ts'
import { inboxItem } from './rows.ts'

/** Takes over a run of another store; runs inside a transaction of the caller. */
export function adoptRun(connection: Connection, appender: Appender, run: AdoptedRun): AdoptResult {
  const { tenant, runId, requestId } = run.row
  const get = (text: string, ...values: SQLInputValue[]) => connection.sql(text).get(...values)
  const known =
    get('SELECT run_id AS id FROM runs WHERE tenant = ? AND run_id = ?', tenant, runId) ??
    get('SELECT run_id AS id FROM runs WHERE tenant = ? AND request_id = ?', tenant, requestId) ??
    run.requests
      .map((request) => get('SELECT id FROM requests WHERE tenant = ? AND id = ?', tenant, request.id))
      .find((row) => row !== undefined)
  if (known) return { status: 'exists', id: String(known.id) }
  const claimed = run.effects.map((effect) => holderOf(connection, effect)).find((id) => id !== null)
  if (claimed) return { status: 'effect_claimed', effectId: claimed }
  const rid = addRun(connection, run)
  appender.append(rid, run.records)
  for (const effect of run.effects) connection.sql(ADD_EFFECT).run(...effectValues(effect))
  for (const request of run.requests) appender.putRequest(request)
  for (const item of run.inbox) addItem(connection, rid, item)
  addNotices(connection, run.notices ?? [])
  addTerms(connection, run.terms ?? [])
  return { status: 'adopted' }
}

function holderOf(connection: Connection, effect: EffectRow): string | null {
  if (!holdsIdentity(effect.state)) return null
  const { tenant, tool, scope, identity } = effect
  const holder = connection.sql(HOLDER).get(tenant, tool, scope, identity)
  return holder ? String(holder.effect_id) : null
}

function addRun(connection: Connection, run: AdoptedRun): number {
  const row = adoptedRow(run.row)
  const added = connection
    .sql(`INSERT INTO runs (tenant, run_id, workflow, version, signature, request_id, principal, subject, created_at,
      status, code, seq, head, epoch, branch, checkpoint_seq, superstep, updated_at, cost_nano_usd, lease_owner,
      lease_until, wake_at, runnable, attempts, kept) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,NULL,NULL,?,?,?,?)`)
    .run(
      ...[row.tenant, row.runId, row.workflow, row.version, row.signature, row.requestId, row.principal, row.subject],
      ...[row.createdAt, row.status, row.code, row.seq, row.head, row.epoch, row.branch, row.checkpointSeq],
      ...[row.superstep, row.updatedAt, row.costNanoUsd, row.wakeAt, runnableAfterAdoption(run) ? 1 : 0],
      ...[row.attempts, row.kept ?? null],
    )
  return Number(added.lastInsertRowid)
}

function addItem(connection: Connection, rid: number, item: KeptInboxItem): void {
  connection
    .sql(
      'INSERT INTO inbox (rid, id, slot, kind, principal, created_at, consumed, body, sealed) VALUES (?,?,?,?,?,?,?,?,?)',
    )
    .run(
      ...[rid, item.id, item.slot, item.kind, JSON.stringify(item.by), item.createdAt, item.consumed ? 1 : 0],
      ...[item.body, item.sealed],
    )
}

/** All inbox rows of a run, consumed ones too. */
export function readInboxKept(connection: Connection, rid: number, tenant: string, runId: string): KeptInboxItem[] {
  return connection
    .sql('SELECT * FROM inbox WHERE rid = ? ORDER BY entry')
    .all(rid)
    .map((row) => {
      const { row: _, ...item } = inboxItem(row, tenant, runId)
      return { ...item, consumed: row.consumed === 1 }
    })
}
