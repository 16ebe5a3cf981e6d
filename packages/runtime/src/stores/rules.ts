/** What every store decides in the same way: shapes of a commit, states, and what a release leaves behind. */
import { SignalboxError } from '../base/errors.ts'
import { sha256Hex } from '../base/hash.ts'
import type { PolicyLogRow } from '../contracts/policy-history.ts'
import { isPruningType } from '../contracts/pruning.ts'
import {
  type AdoptedRun,
  type EffectRow,
  type EffectState,
  holdsIdentity,
  type InboxItem,
  type NewRun,
  type RunCommit,
  type RunRow,
} from '../contracts/store.ts'
import type { RunStatus } from '../contracts/records.ts'
import type { SwitchChange } from '../contracts/switches.ts'
import type { LeaseRow, ScheduleCommit, ScheduleRow } from '../contracts/schedule.ts'

/** Version of the stored format that this code reads and writes. */
export const STORE_VERSION = 18

/** States in which a claim for any run picks a run that is runnable, due, or whose lease has expired. */
export const ACTIVE_STATUSES: readonly RunStatus[] = ['queued', 'running', 'waiting', 'stopping']

const ENDED: ReadonlySet<RunStatus> = new Set(['completed', 'stopped', 'cancelled', 'terminated'])
const RESTED: ReadonlySet<RunStatus> = new Set(['queued', 'running'])

/** True when an inbox row of this kind makes a run of this status runnable. */
export function wakes(kind: string, status: RunStatus): boolean {
  return kind === 'restore' || !ENDED.has(status)
}

/** True when a run that is released in this status has work left for the next worker. */
export function runnableAfterRelease(status: RunStatus): boolean {
  return RESTED.has(status)
}

/**
 * True when `next` may take over the identity that `holder` holds: the same ask of the same run, sent again under the
 * same key while its outcome is not known (invariant 4).
 */
export function mayClaimAgain(holder: EffectRow, next: EffectRow): boolean {
  return (
    holder.state !== 'succeeded' &&
    holder.runId === next.runId &&
    holder.effectId === next.effectId &&
    holder.idempotencyKey === next.idempotencyKey
  )
}

/** The row that a new run starts with: queued, epoch 0, branch 0, the genesis as its checkpoint. */
export function firstRow(run: NewRun): RunRow {
  const last = run.copied?.at(-1) ?? run.genesis
  return {
    tenant: run.tenant,
    runId: run.runId,
    workflow: run.workflow,
    version: run.version,
    signature: run.signature,
    requestId: run.requestId,
    principal: run.principal,
    subject: run.subject,
    status: 'queued',
    code: null,
    seq: last.seq,
    head: last.hash,
    epoch: 0,
    branch: 0,
    checkpointSeq: run.genesis.seq,
    superstep: run.superstep ?? 0,
    wakeAt: null,
    leaseOwner: null,
    leaseUntil: null,
    createdAt: run.createdAt,
    updatedAt: run.createdAt,
    costNanoUsd: run.costNanoUsd ?? '0',
    attempts: 0,
  }
}

/** A lease that nobody ever had. */
export function freeLease(name: string): LeaseRow {
  return { name, owner: null, epoch: 0, beat: 0 }
}

/** Refuses a lease that would go back. Throws INTERNAL: the caller is at fault. */
export function checkLease(row: LeaseRow, expect: { readonly epoch: number; readonly beat: number }): void {
  if (row.epoch < expect.epoch || row.beat <= expect.beat)
    throw new SignalboxError(
      'INTERNAL',
      `lease \`${row.name}\` must go on from epoch ${expect.epoch}, beat ${expect.beat}`,
    )
}

/** Refuses an event whose hash is not that of its body. Throws INTERNAL: the caller is at fault. */
export function checkPolicyRow({ seq, body, hash }: PolicyLogRow): void {
  if (sha256Hex(body) !== hash)
    throw new SignalboxError('INTERNAL', `event ${seq} of the policy history has another hash`)
}

/**
 * Refuses a change of a schedule that contradicts itself or would open decided due times again, before anything is
 * written. Throws INTERNAL: the caller is at fault.
 */
export function checkScheduleCommit(commit: ScheduleCommit, before: ScheduleRow | null): void {
  const { row, firings, expectRevision } = commit
  const wrong = (what: string): SignalboxError =>
    new SignalboxError('INTERNAL', `change of schedule \`${row.name}\` is not well formed: ${what}`)
  if (row.revision !== expectRevision + 1) throw wrong(`revision ${row.revision} does not follow ${expectRevision}`)
  if (firings.some((each) => each.tenant !== row.tenant || each.schedule !== row.name))
    throw wrong('a firing belongs to another schedule')
  if (before && row.decidedThrough < before.decidedThrough) throw wrong('decided due times would be open again')
}

/** True when a commit moves its run on: more than the note that a worker took it up (ENGINE R15). */
export function movesOn(commit: RunCommit): boolean {
  return commit.release || commit.records.some((record) => record.type !== 'segment.started')
}

/** True when nobody needs to wait for the effect any more. */
export function isSettled(state: EffectState): boolean {
  return state !== 'open' && state !== 'unknown'
}

/** What the store tells a run that waits for an effect of another; once for each end of it. */
export function settledItem(runId: string, effect: EffectRow, createdAt: number): InboxItem {
  const { tenant, effectId } = effect
  return {
    id: `settled:${effectId}:${effect.runId}:${effect.outcomeSeq ?? effect.intentSeq}`,
    tenant,
    runId,
    kind: 'settled',
    slot: null,
    by: { id: 'service:ledger', kind: 'service', tenant, roles: [] },
    body: JSON.stringify({ effect_id: effectId }),
    sealed: null,
    createdAt,
  }
}

/** Since when a run could have been claimed: when it was last written, or later became due or was told something. */
export function claimableSince(row: RunRow, oldestUnread: number | null, now: number): number {
  const due = row.wakeAt !== null && row.wakeAt <= now ? row.wakeAt : oldestUnread
  return Math.max(row.updatedAt, row.leaseUntil ?? 0, due ?? 0)
}

/**
 * Refuses a new run whose genesis is not record 1, whose other records do not follow it, or whose requests are of another
 * run. Throws INTERNAL: the caller is at fault.
 */
export function checkNewRun(run: NewRun): void {
  if (run.genesis.seq !== 1) throw misuse(run.runId, `genesis has sequence ${run.genesis.seq} and must have 1`)
  for (const [i, { seq }] of (run.copied ?? []).entries())
    if (seq !== i + 2) throw misuse(run.runId, `record ${seq} was copied to place ${i + 2}`)
  for (const { id, tenant, runId } of run.requests ?? [])
    if (tenant !== run.tenant || runId !== run.runId)
      throw misuse(run.runId, `request \`${id}\` belongs to another run`)
}

/**
 * Refuses a commit that contradicts itself, before anything of its batch is written: records that do not run from
 * `expectSeq` + 1 to `seq`, a head that is not the last record's hash, rows of another tenant or run (invariants 9, 16).
 * Throws INTERNAL: the caller is at fault.
 */
export function checkCommit(commit: RunCommit): void {
  const { records, expectSeq, seq, head, tenant, runId } = commit
  if (seq !== expectSeq + records.length)
    throw misuse(runId, `commit of ${records.length} records moves ${expectSeq} to ${seq}`)
  for (let i = 0; i < records.length; i++) {
    if (records[i]?.seq !== expectSeq + 1 + i) throw misuse(runId, `record ${i} of the commit has a wrong sequence`)
  }
  const last = records[records.length - 1]
  if (last && last.hash !== head) throw misuse(runId, 'head is not the hash of the last record')
  if (
    commit.prune &&
    (commit.prune.through > expectSeq || commit.prune.through < 1 || !isPruningType(last?.type ?? ''))
  )
    throw misuse(runId, 'what it destroys must come before it, and its last record must vouch for it')
  for (const change of commit.effects) {
    if (change.kind === 'claim' && (change.row.tenant !== tenant || change.row.runId !== runId))
      throw misuse(runId, `effect \`${change.row.effectId}\` belongs to another run`)
    if (change.kind === 'claim' && !holdsIdentity(change.row.state))
      throw misuse(runId, `effect \`${change.row.effectId}\` is claimed in state ${change.row.state}`)
  }
  for (const request of commit.requests) {
    if (request.tenant !== tenant || request.runId !== runId)
      throw misuse(runId, `request \`${request.id}\` belongs to another run`)
  }
}

function misuse(runId: string, what: string): SignalboxError {
  return new SignalboxError('INTERNAL', `commit of run \`${runId}\` is not well formed: ${what}`)
}

/** The row that a run taken over from another store gets: a higher epoch, so that its former holder is fenced, and no lease. */
export function adoptedRow(row: RunRow): RunRow {
  return { ...row, epoch: row.epoch + 1, leaseOwner: null, leaseUntil: null, attempts: 0 }
}

/** True when a run that was taken over has something to do at once. */
export function runnableAfterAdoption({ row, inbox }: AdoptedRun): boolean {
  return runnableAfterRelease(row.status) || inbox.some((item) => !item.consumed && wakes(item.kind, row.status))
}

/**
 * Refuses a run that contradicts itself: records that do not run from 1 to the row's sequence, another head, rows of
 * another tenant or run (Invariants 9, 16). Throws INTERNAL: the caller is at fault.
 */
export function checkAdopted({ row, records, effects, requests, inbox }: AdoptedRun): void {
  const { tenant, runId, seq, head } = row
  const gap = records.some((record, i) => record.seq !== i + 1)
  if (gap || records.length !== seq || records.at(-1)?.hash !== head)
    throw misuse(runId, 'its records do not lead to its head')
  const strange = [...effects, ...requests, ...inbox].some((each) => each.tenant !== tenant || each.runId !== runId)
  if (strange) throw misuse(runId, 'a row belongs to another run')
}

/** Throws INTERNAL for a change whose parts belong to different tenants: the event tells of the row that it is stored with. */
export function checkSwitchChange({ event, row, override }: SwitchChange): void {
  const tenants = [row?.tenant, override?.tenant].filter((tenant) => tenant !== undefined)
  if (event.seq < 1 || tenants.some((tenant) => tenant !== event.tenant))
    throw new SignalboxError(
      'INTERNAL',
      `event ${event.seq} of tenant \`${event.tenant}\` is not about what it changes`,
    )
}
