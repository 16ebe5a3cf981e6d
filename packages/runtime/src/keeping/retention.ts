import type { Host } from '../base/host.ts'
import { isoTime } from '../base/time.ts'
import type { Principal } from '../contracts/common.ts'
import type { Kept } from '../contracts/pruning.ts'
import type { RunRow, RunStatus, Store } from '../contracts/index.ts'
import {
  type DueRule,
  dueRule,
  type KeepReason,
  keepReason,
  type RetentionPolicy,
  retentionDefinition,
} from '../reliability/retention.ts'
import { claimRun, pruningCommit } from './marker.ts'

/** Bounds of one call, and whether it only looks. */
export interface RetentionLimits {
  /** Runs pruned at most. Default 1,000; the next call goes on. */
  readonly maxRuns?: number
  /** Runs pruned in one transaction. Default 20. */
  readonly batch?: number
  /** Tells what would be done and changes nothing. */
  readonly dryRun?: boolean
  /** Who the markers name. Default the service `retention` of each tenant. */
  readonly by?: Pick<Principal, 'id' | 'kind' | 'roles'>
  /** Ends the call after the batch under way. */
  readonly signal?: AbortSignal
}

/** A run that a rule is due for and that keeps its history. */
export interface KeptRun {
  readonly tenant: string
  readonly runId: string
  readonly reason: KeepReason
}

/** What a call of `applyRetention` did, or would do. */
export interface RetentionReport {
  readonly dryRun: boolean
  /** Digest of the policy, which the markers name. */
  readonly policy: string
  /** Ended runs looked at. */
  readonly scanned: number
  /** Runs pruned, by what they keep now. */
  readonly pruned: Readonly<Record<Kept, number>>
  /** Runs that kept their history although a rule is due, by reason. */
  readonly kept: Readonly<Partial<Record<KeepReason, number>>>
  /** The first hundred of them. */
  readonly keptRuns: readonly KeptRun[]
  /** True when the call ended at one of its limits and there is more to look at. */
  readonly more: boolean
}

const PAGE = 200
const MAX_RUNS = 1_000
const BATCH = 20
const TOLD_RUNS = 100
const ENDED: readonly RunStatus[] = ['completed', 'stopped', 'cancelled', 'terminated']
const SERVICE: NonNullable<RetentionLimits['by']> = { id: 'service:retention', kind: 'service', roles: [] }

interface Sweep {
  readonly store: Store
  readonly host: Host
  readonly policy: RetentionPolicy
  readonly limits: RetentionLimits
  readonly pruned: Record<Kept, number>
  readonly kept: Partial<Record<KeepReason, number>>
  readonly keptRuns: KeptRun[]
  /** Runs that this call has pruned or, when it only looks, would have pruned: their ancestors may follow. */
  readonly gone: Set<string>
  scanned: number
}

/**
 * Prunes ended runs of all tenants as a policy of retention asks: destroys sealed contents, and for `nothing` the bodies
 * of records, leaving a marker in each history so that it and the signed tree heads still verify (Invariants 9, 14).
 * Rows of the effects ledger stay, so that nothing is done twice. Works in batches of one transaction each; a crash
 * loses at most the batch under way, and the next call goes on. The policy itself is put on record first. Throws the
 * store's codes.
 */
export async function applyRetention(
  store: Store,
  policy: RetentionPolicy,
  host: Host,
  limits: RetentionLimits = {},
): Promise<RetentionReport> {
  const sweep: Sweep = {
    ...{ store, host, policy, limits },
    pruned: { metadata: 0, nothing: 0 },
    kept: {},
    keptRuns: [],
    gone: new Set(),
    scanned: 0,
  }
  if (!limits.dryRun) await store.putDefinition(retentionDefinition(policy.digest), policy.text)
  let more = false
  for (const tenant of await store.tenants()) {
    more = await sweepTenant(sweep, tenant)
    if (more) break
  }
  const { scanned, pruned, kept, keptRuns } = sweep
  return { dryRun: limits.dryRun ?? false, policy: policy.digest, scanned, pruned, kept, keptRuns, more }
}

/** Newest first, so that forks come before the runs that they were forked from. True when a limit was reached. */
async function sweepTenant(sweep: Sweep, tenant: string): Promise<boolean> {
  const { store, host, limits } = sweep
  let before: { createdAt: number; runId: string } | undefined
  for (;;) {
    const page = await store.runs({ tenant, status: ENDED, limit: PAGE, ...(before ? { before } : {}) })
    let batch: Due[] = []
    for (const row of page) {
      if (limits.signal?.aborted || full(sweep, batch.length)) {
        await prune(sweep, batch)
        return true
      }
      sweep.scanned++
      const due = dueRule(sweep.policy, row, host.now())
      if (due === 'legal_hold') keep(sweep, row, due)
      if (due === null || due === 'legal_hold') continue
      // An ancestor is looked at only after its forks are gone.
      if (batch.length > 0 && (await store.forks(tenant, row.runId)).length > 0) batch = await prune(sweep, batch)
      const reason = await reasonToKeep(sweep, row)
      if (reason) keep(sweep, row, reason)
      else batch.push({ row, due })
      if (batch.length >= (limits.batch ?? BATCH)) batch = await prune(sweep, batch)
    }
    await prune(sweep, batch)
    const last = page.at(-1)
    if (!last || page.length < PAGE) return false
    before = { createdAt: last.createdAt, runId: last.runId }
    // Others are served between two pages.
    await host.macrotask()
  }
}

interface Due {
  readonly row: RunRow
  readonly due: DueRule
}

function full({ pruned, limits }: Sweep, batched: number): boolean {
  return pruned.metadata + pruned.nothing + batched >= (limits.maxRuns ?? MAX_RUNS)
}

function keep(sweep: Sweep, { tenant, runId }: RunRow, reason: KeepReason): void {
  sweep.kept[reason] = (sweep.kept[reason] ?? 0) + 1
  if (sweep.keptRuns.length < TOLD_RUNS) sweep.keptRuns.push({ tenant, runId, reason })
}

function count(sweep: Sweep, { row, due }: Due): void {
  sweep.pruned[due.keep]++
  sweep.gone.add(placeOf(row))
}

function placeOf({ tenant, runId }: Pick<RunRow, 'tenant' | 'runId'>): string {
  return JSON.stringify([tenant, runId])
}

async function reasonToKeep({ store, gone }: Sweep, row: RunRow): Promise<KeepReason | null> {
  const { tenant, runId } = row
  const [effects, requests, inbox, forks] = await Promise.all([
    store.runEffects(tenant, runId),
    store.requests({ tenant, runId, state: 'open', limit: 1 }),
    store.inbox(tenant, runId),
    store.forks(tenant, runId),
  ])
  const rows = await Promise.all(forks.map((fork) => store.run(tenant, fork)))
  return keepReason({
    openEffects: effects.filter((effect) => effect.state === 'open' || effect.state === 'unknown').length,
    openRequests: requests.length,
    unread: inbox.length,
    needingForks: rows.filter((fork) => fork && fork.kept === undefined && !gone.has(placeOf(fork))).length,
  })
}

/** Prunes a batch in one transaction; what changed since it was looked at keeps its history until the next call. */
async function prune(sweep: Sweep, batch: readonly Due[]): Promise<Due[]> {
  const { store, host, policy, limits } = sweep
  if (limits.dryRun) for (const each of batch) count(sweep, each)
  if (limits.dryRun || batch.length === 0) return []
  const claimed: Due[] = []
  for (const { row, due } of batch) {
    const now = await claimRun(store, host, row, 'retention')
    if (now?.seq === row.seq) claimed.push({ row: now, due })
    else keep(sweep, row, 'in_use')
  }
  const commits = await Promise.all(
    claimed.map(({ row, due }) =>
      pruningCommit(store, host, row, due.keep, {
        type: 'history.pruned',
        by: { ...(limits.by ?? SERVICE), tenant: row.tenant },
        rule: { policy: policy.digest, index: due.index },
        ended_at: isoTime(row.updatedAt),
      }),
    ),
  )
  const results = await store.commit(commits)
  for (const [at, each] of claimed.entries()) {
    if (results[at]?.status === 'committed') count(sweep, each)
    else keep(sweep, each.row, results[at]?.status === 'inbox_not_empty' ? 'unread' : 'in_use')
  }
  return []
}
