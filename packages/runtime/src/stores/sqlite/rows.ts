/** Between rows of the tables and the types of the contract. */
import type { SQLOutputValue } from 'node:sqlite'
import { SignalboxError } from '../../base/errors.ts'
import type { ApprovalLife } from '../../contracts/approval.ts'
import type { Principal } from '../../contracts/common.ts'
import type { Kept } from '../../contracts/pruning.ts'
import type { RecordType, RunStatus } from '../../contracts/records.ts'
import type { FiringRow, LeaseRow, ScheduleRow } from '../../contracts/schedule.ts'
import type {
  EffectRow,
  EffectState,
  ExportedRecord,
  InboxItem,
  PersonRequestRow,
  RequestState,
  RunRow,
  StoredInboxItem,
  StoredRecord,
  SubjectKey,
} from '../../contracts/store.ts'
import type { KillSwitch, StoredSwitchEvent, SwitchOverride, SwitchWorker } from '../../contracts/switches.ts'

/** A row as SQLite gives it. */
export type Row = Record<string, SQLOutputValue>

// The closed words below (status, state, kind, type) are cast: only this store writes these columns, from the same types.

/** Text of a column. Throws STORE_CORRUPT. */
export function text(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw damaged(column)
  return value
}

/** Text of a column, or null. Throws STORE_CORRUPT. */
export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column)
}

/** Number of a column. Throws STORE_CORRUPT. */
export function number(row: Row, column: string): number {
  const value = row[column]
  if (typeof value !== 'number') throw damaged(column)
  return value
}

/** Number of a column, or null. Throws STORE_CORRUPT. */
export function numberOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : number(row, column)
}

/** Bytes of a column, or null. */
export function bytesOrNull(row: Row, column: string): Uint8Array | null {
  const value = row[column]
  if (value === null) return null
  if (!(value instanceof Uint8Array)) throw damaged(column)
  return value
}

function damaged(column: string): SignalboxError {
  return new SignalboxError('STORE_CORRUPT', `column \`${column}\` of the store holds a value of the wrong type`)
}

/** Columns of a run in the order of no importance: they are read by name. */
export function runRow(row: Row): RunRow {
  return {
    tenant: text(row, 'tenant'),
    runId: text(row, 'run_id'),
    workflow: text(row, 'workflow'),
    version: text(row, 'version'),
    signature: text(row, 'signature'),
    requestId: text(row, 'request_id'),
    principal: text(row, 'principal'),
    subject: text(row, 'subject'),
    status: text(row, 'status') as RunStatus,
    code: textOrNull(row, 'code'),
    seq: number(row, 'seq'),
    head: text(row, 'head'),
    epoch: number(row, 'epoch'),
    branch: number(row, 'branch'),
    checkpointSeq: number(row, 'checkpoint_seq'),
    superstep: number(row, 'superstep'),
    wakeAt: numberOrNull(row, 'wake_at'),
    leaseOwner: textOrNull(row, 'lease_owner'),
    leaseUntil: numberOrNull(row, 'lease_until'),
    createdAt: number(row, 'created_at'),
    updatedAt: number(row, 'updated_at'),
    costNanoUsd: text(row, 'cost_nano_usd'),
    attempts: number(row, 'attempts'),
    ...(row.kept === null || row.kept === undefined ? {} : { kept: text(row, 'kept') as Kept }),
  }
}

/** A record of a run. */
export function storedRecord(row: Row): StoredRecord {
  return {
    seq: number(row, 'seq'),
    type: text(row, 'type') as RecordType,
    body: text(row, 'body'),
    hash: text(row, 'hash'),
    sealed: bytesOrNull(row, 'sealed'),
  }
}

/** A record with its place in the global order. */
export function exportedRecord(row: Row): ExportedRecord {
  return {
    seq: number(row, 'seq'),
    type: text(row, 'type') as RecordType,
    body: text(row, 'body'),
    hash: text(row, 'hash'),
    position: number(row, 'position'),
    tenant: text(row, 'tenant'),
    runId: text(row, 'run_id'),
  }
}

/** An inbox row of the given run. */
export function inboxItem(row: Row, tenant: string, runId: string): StoredInboxItem {
  return {
    row: number(row, 'entry'),
    id: text(row, 'id'),
    tenant,
    runId,
    kind: text(row, 'kind') as InboxItem['kind'],
    slot: textOrNull(row, 'slot'),
    by: inboxPrincipal(row),
    body: text(row, 'body'),
    sealed: bytesOrNull(row, 'sealed'),
    createdAt: number(row, 'created_at'),
  }
}

/** Who posted an inbox row. */
export function inboxPrincipal(row: Row): Principal {
  return JSON.parse(text(row, 'principal')) as Principal
}

/** An entry of the ledger of effects. */
export function effectRow(row: Row): EffectRow {
  return {
    tenant: text(row, 'tenant'),
    tool: text(row, 'tool'),
    scope: text(row, 'scope'),
    identity: text(row, 'identity'),
    effectId: text(row, 'effect_id'),
    runId: text(row, 'run_id'),
    rootRunId: text(row, 'root_run_id'),
    askKey: text(row, 'ask_key'),
    idempotencyKey: text(row, 'idempotency_key'),
    argsDigest: text(row, 'args_digest'),
    state: text(row, 'state') as EffectState,
    intentSeq: number(row, 'intent_seq'),
    outcomeSeq: numberOrNull(row, 'outcome_seq'),
  }
}

/** A request to a person. */
export function requestRow(row: Row): PersonRequestRow {
  return {
    tenant: text(row, 'tenant'),
    id: text(row, 'id'),
    kind: text(row, 'kind') as PersonRequestRow['kind'],
    runId: text(row, 'run_id'),
    workflow: text(row, 'workflow'),
    seq: number(row, 'seq'),
    tool: text(row, 'tool'),
    class: text(row, 'class'),
    effect: text(row, 'effect'),
    approvers: JSON.parse(text(row, 'approvers')) as string[][],
    requester: text(row, 'requester'),
    state: text(row, 'state') as RequestState,
    decidedBy: textOrNull(row, 'decided_by'),
    requestedAt: number(row, 'requested_at'),
    deadline: number(row, 'deadline'),
    decidedAt: numberOrNull(row, 'decided_at'),
    ...(row.life === null ? {} : { life: JSON.parse(text(row, 'life')) as ApprovalLife }),
    ...(row.question === null ? {} : { question: text(row, 'question') }),
  }
}

/** A kill switch. */
export function killSwitch(row: Row): KillSwitch {
  return {
    id: text(row, 'id'),
    tenant: text(row, 'tenant'),
    scope: text(row, 'scope') as KillSwitch['scope'],
    target: text(row, 'target'),
    mode: text(row, 'mode') as KillSwitch['mode'],
    reason: text(row, 'reason'),
    by: text(row, 'set_by'),
    createdAt: number(row, 'created_at'),
    expiresAt: numberOrNull(row, 'expires_at'),
    liftedAt: numberOrNull(row, 'lifted_at'),
    liftedBy: textOrNull(row, 'lifted_by'),
    ...(row.lift_asked_by === null ? {} : { liftAskedBy: text(row, 'lift_asked_by') }),
    ...(row.channel === null ? {} : { channel: text(row, 'channel') as NonNullable<KillSwitch['channel']> }),
  }
}

/** An event of the history of switches. */
export function switchEvent(row: Row): StoredSwitchEvent {
  return {
    position: number(row, 'position'),
    tenant: text(row, 'tenant'),
    seq: number(row, 'seq'),
    body: text(row, 'body'),
    hash: text(row, 'hash'),
  }
}

/** Leave to pass a switch. */
export function switchOverride(row: Row): SwitchOverride {
  return JSON.parse(text(row, 'body')) as SwitchOverride
}

/** What a worker said of the switches that it acts by. */
export function switchWorker(row: Row): SwitchWorker {
  return {
    worker: text(row, 'worker'),
    seenAt: number(row, 'seen_at'),
    version: number(row, 'version'),
    since: number(row, 'since'),
    leaseMs: number(row, 'lease_ms'),
    ended: number(row, 'ended') === 1,
  }
}

/** The row of a lease. */
export function leaseRow(row: Row): LeaseRow {
  return {
    name: text(row, 'name'),
    owner: textOrNull(row, 'owner'),
    epoch: number(row, 'epoch'),
    beat: number(row, 'beat'),
  }
}

/** A schedule, with what is decided of it. */
export function scheduleRow(row: Row): ScheduleRow {
  return {
    tenant: text(row, 'tenant'),
    name: text(row, 'name'),
    revision: number(row, 'revision'),
    definition: text(row, 'definition'),
    paused: number(row, 'paused') === 1,
    decidedThrough: number(row, 'decided_through'),
    updatedAt: number(row, 'updated_at'),
    updatedBy: text(row, 'updated_by'),
  }
}

/** A firing of a schedule. */
export function firingRow(row: Row): FiringRow {
  return {
    tenant: text(row, 'tenant'),
    schedule: text(row, 'schedule'),
    id: text(row, 'id'),
    kind: text(row, 'kind') as FiringRow['kind'],
    dueAt: number(row, 'due_at'),
    state: text(row, 'state') as FiringRow['state'],
    attempt: number(row, 'attempt'),
    epoch: number(row, 'epoch'),
    runId: textOrNull(row, 'run_id'),
    code: textOrNull(row, 'code'),
    detail: text(row, 'detail'),
    by: text(row, 'caused_by'),
    startedAt: numberOrNull(row, 'started_at'),
    endedAt: numberOrNull(row, 'ended_at'),
  }
}

/** A data subject's key. */
export function subjectKey(row: Row): SubjectKey {
  return {
    subject: text(row, 'subject'),
    wrapped: bytesOrNull(row, 'wrapped'),
    destroyedAt: numberOrNull(row, 'destroyed_at'),
  }
}
