import { addActs } from './acts.ts'
import type { StatementSync } from 'node:sqlite'
import {
  type CommitResult,
  type EffectChange,
  type EffectRow,
  holdsIdentity,
  type InboxItem,
  type InboxResult,
  type NewRun,
  type PersonRequestRow,
  type Prune,
  type RunCommit,
  type StoredRecord,
} from '../../contracts/store.ts'
import { PRUNING_TYPES } from '../../contracts/pruning.ts'
import type { RunStatus } from '../../contracts/records.ts'
import { firstRow, isSettled, mayClaimAgain, movesOn, runnableAfterRelease, settledItem, wakes } from '../rules.ts'
import type { Connection } from './connection.ts'
import { applySlice, applyStart, type Refused } from '../scope-rules.ts'
import { addTerms } from './lineage.ts'
import { countUses, spentIn } from './mandates.ts'
import { addNotices } from './outbox.ts'
import { scopeRows } from './scopes.ts'
import { effectRow, inboxPrincipal } from './rows.ts'

const SET_ROW = `seq = ?, head = ?, status = ?, code = ?, branch = ?, checkpoint_seq = ?, superstep = ?, updated_at = ?,
  cost_nano_usd = ?, attempts = attempts * ?`

/** The common commit: nothing to check but the fence, and no indexed column to touch. */
const ADVANCE = `UPDATE runs SET ${SET_ROW}
  WHERE rid = ? AND seq = ? AND epoch = ? AND lease_owner IS NOT NULL AND wake_at IS NULL`
const ADVANCE_WAKE = `UPDATE runs SET ${SET_ROW}, wake_at = ? WHERE rid = ?`
const RELEASE = `UPDATE runs SET ${SET_ROW}, wake_at = ?, lease_owner = NULL, lease_until = NULL, runnable = ?
  WHERE rid = ?`
const ADD_RECORD = 'INSERT INTO records (rid, seq, type, hash, body, sealed) VALUES (?, ?, ?, ?, ?, ?)'

const EMPTY_BODIES = `UPDATE records SET body = '' WHERE rid = ? AND seq <= ? AND body <> ''
  AND type NOT IN (${PRUNING_TYPES.map((type) => `'${type}'`).join(', ')})`

/** How many row numbers of runs are remembered; they never change, so forgetting costs one look-up. */
const REMEMBERED_RUNS = 10_000

/** The statements that append: new runs, commits and inbox rows. Every method runs inside a transaction of the caller. */
export class Appender {
  readonly #connection: Connection
  readonly #advance: StatementSync
  readonly #addRecord: StatementSync
  readonly #rids = new Map<string, number>()

  constructor(connection: Connection) {
    this.#connection = connection
    this.#advance = connection.sql(ADVANCE)
    this.#addRecord = connection.sql(ADD_RECORD)
  }

  /** Row number of a run, or null. */
  rid(tenant: string, runId: string): number | null {
    const place = `${tenant.length}:${tenant}${runId}`
    const known = this.#rids.get(place)
    if (known !== undefined) return known
    const found = this.#connection.sql('SELECT rid FROM runs WHERE tenant = ? AND run_id = ?').get(tenant, runId)?.rid
    if (typeof found !== 'number') return null
    if (this.#rids.size >= REMEMBERED_RUNS) this.#rids.clear()
    this.#rids.set(place, found)
    return found
  }

  /** Stores a run and its genesis: null; or the id of the run that has its id or request id, or the scope without room. */
  create(run: NewRun): string | Refused | null {
    const same = 'SELECT run_id FROM runs WHERE tenant = ? AND run_id = ?'
    const asked = 'SELECT run_id FROM runs WHERE tenant = ? AND request_id = ?'
    const known =
      this.#connection.sql(same).get(run.tenant, run.runId) ??
      this.#connection.sql(asked).get(run.tenant, run.requestId)
    if (known) return String(known.run_id)
    const refused = applyStart(scopeRows(this.#connection, run.tenant, run.runId), run.charges ?? [])
    if (refused) return refused
    const row = firstRow(run)
    const added = this.#connection
      .sql(`INSERT INTO runs (tenant, run_id, workflow, version, signature, request_id, principal, subject, created_at,
        status, code, seq, head, epoch, branch, checkpoint_seq, superstep, updated_at, cost_nano_usd, lease_owner,
        lease_until, wake_at, runnable) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,NULL,NULL,NULL,1)`)
      .run(
        row.tenant,
        row.runId,
        row.workflow,
        row.version,
        row.signature,
        row.requestId,
        row.principal,
        row.subject,
        row.createdAt,
        row.status,
        row.code,
        row.seq,
        row.head,
        row.epoch,
        row.branch,
        row.checkpointSeq,
        row.superstep,
        row.updatedAt,
        row.costNanoUsd,
      )
    this.append(Number(added.lastInsertRowid), [run.genesis, ...(run.copied ?? [])])
    for (const request of run.requests ?? []) this.putRequest(request)
    addNotices(this.#connection, run.notices ?? [])
    addTerms(this.#connection, run.terms ?? [])
    return null
  }

  /** Applies one run's commit, or refuses it and leaves nothing of it (invariant 10). */
  commit(commit: RunCommit): CommitResult {
    const rid = this.rid(commit.tenant, commit.runId)
    if (rid === null) return { status: 'fenced' }
    const plain =
      !commit.release &&
      commit.effects.length === 0 &&
      commit.row.wakeAt === null &&
      !commit.definition &&
      !commit.prune &&
      !commit.slices &&
      !commit.uses
    if (plain && this.#advance.run(...setRow(commit), rid, commit.expectSeq, commit.epoch).changes === 1) {
      this.#appendAll(rid, commit)
      return { status: 'committed' }
    }
    return this.#checked(rid, commit)
  }

  /** Inserts an inbox row and makes the run runnable (ENGINE R3). */
  post(item: InboxItem): InboxResult {
    const rid = this.rid(item.tenant, item.runId)
    if (rid === null) return { status: 'no_run' }
    if (this.#connection.sql('SELECT 1 FROM inbox WHERE rid = ? AND id = ?').get(rid, item.id))
      return { status: 'duplicate' }
    const first =
      item.slot === null
        ? undefined
        : this.#connection
            .sql('SELECT principal, body, created_at FROM inbox WHERE rid = ? AND slot = ?')
            .get(rid, item.slot)
    if (first) {
      const by = inboxPrincipal(first).id
      return { status: 'slot_taken', by, body: String(first.body), createdAt: Number(first.created_at) }
    }
    this.#connection
      .sql(
        'INSERT INTO inbox (rid, id, slot, kind, principal, created_at, consumed, body, sealed) VALUES (?,?,?,?,?,?,0,?,?)',
      )
      .run(rid, item.id, item.slot, item.kind, JSON.stringify(item.by), item.createdAt, item.body, item.sealed)
    // The status was written by this store from the same type.
    const status = this.#connection.sql('SELECT status FROM runs WHERE rid = ?').get(rid)?.status as RunStatus
    if (wakes(item.kind, status)) {
      this.#connection.sql('UPDATE runs SET runnable = 1 WHERE rid = ? AND runnable = 0').run(rid)
    }
    return { status: 'stored' }
  }

  #checked(rid: number, commit: RunCommit): CommitResult {
    const now = this.#connection.sql('SELECT seq, epoch, lease_owner FROM runs WHERE rid = ?').get(rid)
    if (!now || now.lease_owner === null || now.seq !== commit.expectSeq || now.epoch !== commit.epoch)
      return { status: 'fenced' }
    if (commit.release && this.#unreadBeside(rid, [...commit.consumed, ...(commit.left ?? [])]))
      return { status: 'inbox_not_empty' }
    const spent = spentIn(this.#connection, commit)
    if (spent !== null) return { status: 'mandate_spent', mandateId: spent }
    const holder = this.#applyEffects(commit)
    if (holder !== null) return { status: 'effect_claimed', effectId: holder }
    const rows = scopeRows(this.#connection, commit.tenant, commit.runId)
    for (const change of commit.slices ?? []) applySlice(rows, change)
    countUses(this.#connection, commit)
    const wakeAt = commit.row.wakeAt
    if (commit.release) {
      const runnable = runnableAfterRelease(commit.row.status) ? 1 : 0
      this.#connection.sql(RELEASE).run(...setRow(commit), wakeAt, runnable, rid)
    } else {
      this.#connection.sql(ADVANCE_WAKE).run(...setRow(commit), wakeAt, rid)
    }
    if (commit.definition) {
      const { version, signature } = commit.definition
      this.#connection.sql('UPDATE runs SET version = ?, signature = ? WHERE rid = ?').run(version, signature, rid)
    }
    if (commit.prune) this.#prune(rid, commit.prune)
    this.#appendAll(rid, commit)
    for (const change of commit.effects) this.#tellWaiters(commit, change)
    return { status: 'committed' }
  }

  /** Pages that become free are overwritten (`secure_delete`); the caller empties the log after the commit. */
  #prune(rid: number, { through, keep }: Prune): void {
    const sql = (text: string, ...values: (number | string)[]): unknown => this.#connection.sql(text).run(...values)
    sql('UPDATE records SET sealed = NULL WHERE rid = ? AND seq <= ? AND sealed IS NOT NULL', rid, through)
    if (keep === 'nothing') sql(EMPTY_BODIES, rid, through)
    sql('UPDATE inbox SET sealed = NULL WHERE rid = ? AND consumed = 1 AND sealed IS NOT NULL', rid)
    sql('UPDATE runs SET kept = ? WHERE rid = ?', keep, rid)
  }

  #unreadBeside(rid: number, consumed: readonly number[]): boolean {
    const unread = this.#connection.sql('SELECT entry FROM inbox WHERE rid = ? AND consumed = 0').all(rid)
    return unread.some((row) => !consumed.includes(Number(row.entry)))
  }

  /** Applies the changes of the ledger, all or none: null, or the id of the effect that holds a claimed identity. */
  #applyEffects(commit: RunCommit): string | null {
    const { tenant, effects } = commit
    const apply = (): string | null => {
      for (const change of effects) {
        if (change.kind === 'await') continue
        const holder = change.kind === 'claim' ? this.#claimEffect(change) : this.#settleEffect(tenant, change)
        if (holder !== null) return holder
      }
      return null
    }
    return effects.length <= 1 ? apply() : this.#connection.nested(apply, (holder) => holder === null)
  }

  #holder(tenant: string, tool: string, scope: string, identity: string): { entry: number; row: EffectRow } | null {
    const found = this.#connection.sql(HOLDER).get(tenant, tool, scope, identity)
    return found ? { entry: Number(found.entry), row: effectRow(found) } : null
  }

  /** Effects of the tool that the other runs of the family have: a fork without effects of its own reads a short index. */
  #others({ tenant, rootRunId, tool, runId }: EffectRow): number {
    const sql = 'SELECT count(*) AS n FROM effects WHERE tenant = ? AND root_run_id = ? AND tool = ? AND run_id <> ?'
    return Number(this.#connection.sql(sql).get(tenant, rootRunId, tool, runId)?.n)
  }

  #claimEffect({ row, others }: EffectChange & { kind: 'claim' }): string | null {
    if (others !== undefined && this.#others(row) !== others) return row.effectId
    const holder = this.#holder(row.tenant, row.tool, row.scope, row.identity)
    if (holder && !mayClaimAgain(holder.row, row)) return holder.row.effectId
    if (holder) this.#connection.sql('DELETE FROM effects WHERE entry = ?').run(holder.entry)
    this.#connection.sql(ADD_EFFECT).run(...effectValues(row))
    return null
  }

  /** Tells who waits for an effect that has ended now; the row is unread, whatever became of a lease (ENGINE R3). */
  #tellWaiters(commit: RunCommit, change: EffectChange): void {
    if (change.kind === 'claim') return
    const { tenant, runId, row } = commit
    const found = this.#connection.sql(LATEST).get(tenant, change.effectId)
    const effect = found ? effectRow(found) : null
    const ended = effect === null || isSettled(effect.state)
    if (change.kind === 'await' && !ended) {
      const add = 'INSERT OR IGNORE INTO effect_waits (tenant, effect_id, run_id) VALUES (?, ?, ?)'
      this.#connection.sql(add).run(tenant, change.effectId, runId)
    } else if (change.kind === 'await' && effect) this.post(settledItem(runId, effect, row.updatedAt))
    if (change.kind !== 'settle' || !effect || !ended) return
    const take = 'DELETE FROM effect_waits WHERE tenant = ? AND effect_id = ? RETURNING run_id'
    const told = this.#connection.sql(take).all(tenant, change.effectId)
    for (const waiting of told.map((one) => String(one.run_id)).sort())
      this.post(settledItem(waiting, effect, row.updatedAt))
  }

  #settleEffect(tenant: string, change: EffectChange & { kind: 'settle' }): string | null {
    const found = this.#connection.sql(LATEST).get(tenant, change.effectId)
    if (!found) return null
    const { tool, scope, identity } = effectRow(found)
    if (holdsIdentity(change.state)) {
      const holder = this.#holder(tenant, tool, scope, identity)
      if (holder && holder.entry !== found.entry) return holder.row.effectId
    }
    this.#connection
      .sql('UPDATE effects SET state = ?, outcome_seq = ? WHERE entry = ?')
      .run(change.state, change.outcomeSeq, found.entry ?? null)
    return null
  }

  #appendAll(rid: number, commit: RunCommit): void {
    this.append(rid, commit.records)
    for (const entry of commit.consumed) {
      this.#connection.sql('UPDATE inbox SET consumed = 1 WHERE entry = ? AND rid = ?').run(entry, rid)
    }
    for (const request of commit.requests) this.putRequest(request)
    if (commit.notices) addNotices(this.#connection, commit.notices)
    if (commit.acts) addActs(this.#connection, commit.acts)
    if (commit.terms) addTerms(this.#connection, commit.terms)
    for (const { id, state, decidedBy, decidedAt } of commit.closed) {
      this.#connection
        .sql('UPDATE requests SET state = ?, decided_by = ?, decided_at = ? WHERE tenant = ? AND id = ? AND run_id = ?')
        .run(state, decidedBy, decidedAt, commit.tenant, id, commit.runId)
    }
  }

  /** Adds records at the end of the global order. */
  append(rid: number, records: readonly StoredRecord[]): void {
    for (const { seq, type, hash, body, sealed } of records) this.#addRecord.run(rid, seq, type, hash, body, sealed)
  }

  /** Inserts a request to a person, or replaces it. */
  putRequest(row: PersonRequestRow): void {
    this.#connection
      .sql(`INSERT OR REPLACE INTO requests (tenant, id, kind, run_id, workflow, seq, tool, class, effect, approvers,
        requester, state, decided_by, requested_at, deadline, decided_at, life, question)
        VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`)
      .run(
        row.tenant,
        row.id,
        row.kind,
        row.runId,
        row.workflow,
        row.seq,
        row.tool,
        row.class,
        row.effect,
        JSON.stringify(row.approvers),
        row.requester,
        row.state,
        row.decidedBy,
        row.requestedAt,
        row.deadline,
        row.decidedAt,
        row.life ? JSON.stringify(row.life) : null,
        row.question ?? null,
      )
  }
}

/** Adds a row to the ledger of effects; `effectValues` gives its parameters. */
export const ADD_EFFECT = `INSERT INTO effects (tenant, tool, scope, identity, effect_id, run_id, root_run_id, ask_key,
  idempotency_key, args_digest, state, intent_seq, outcome_seq) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`

/** The parameters of `ADD_EFFECT`. */
export function effectValues(row: EffectRow): (string | number | null)[] {
  return [
    ...[row.tenant, row.tool, row.scope, row.identity, row.effectId, row.runId, row.rootRunId, row.askKey],
    ...[row.idempotencyKey, row.argsDigest, row.state, row.intentSeq, row.outcomeSeq],
  ]
}

/** The live holder of an identity (invariant 4). Parameters: tenant, tool, scope, identity. */
export const HOLDER = `SELECT * FROM effects WHERE tenant = ? AND tool = ? AND scope = ? AND identity = ?
  AND state IN ('open', 'unknown', 'succeeded')`

/** The newest effect of an id. Parameters: tenant, effect id. */
const LATEST = 'SELECT * FROM effects WHERE tenant = ? AND effect_id = ? ORDER BY entry DESC LIMIT 1'

type SetRow = [number, string, string, string | null, number, number, number, number, string, number]

function setRow(commit: RunCommit): SetRow {
  const { seq, head, row } = commit
  const { status, code, branch, checkpointSeq, superstep, updatedAt, costNanoUsd } = row
  // Progress takes the count of attempts back to none.
  const keep = movesOn(commit) ? 0 : 1
  return [seq, head, status, code, branch, checkpointSeq, superstep, updatedAt, costNanoUsd, keep]
}
