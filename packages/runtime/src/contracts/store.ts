import type { AlertStore } from './alerts.ts'
import type { FactStore } from './facts.ts'
import type { ActRow, ActStore } from './duty.ts'
import type { Principal } from './common.ts'
import type { LineageStore, LineageTermRow } from './lineage.ts'
import type { MandateStore, MandateUse } from './mandates.ts'
import type { Notice, OutboxStore } from './outbox.ts'
import type { PolicyStore } from './policy-history.ts'
import type { Kept } from './pruning.ts'
import type { RecordType, RunStatus } from './records.ts'
import type { PersonRequestRow, RequestClosing, RequestState } from './requests.ts'
import type { ScheduleStore } from './schedule.ts'
import type { ScopeStore, SliceChange, StartCharge } from './scopes.ts'
import type { SwitchStore } from './switches.ts'
import type { Way } from './ways.ts'

export type { PersonRequestRow, RequestClosing, RequestState } from './requests.ts'

/** A record as it is stored: exact bytes, which the chain covers, and its sealed contents beside it. */
export interface StoredRecord {
  readonly seq: number
  readonly type: RecordType
  /** JSON text, exactly as hashed; empty where the record was pruned, which a later record of the history vouches for. */
  readonly body: string
  /** SHA-256 hex over `body`. The next record's `prev`. */
  readonly hash: string
  readonly sealed: Uint8Array | null
}

/** A record without its contents, with its place in the store's global order, for export by cursor (ENGINE R18). */
export interface ExportedRecord extends Omit<StoredRecord, 'sealed'> {
  readonly position: number
  readonly tenant: string
  readonly runId: string
}

/** The row of a run: a projection that commits keep equal to its records. */
export interface RunRow {
  readonly tenant: string
  readonly runId: string
  readonly workflow: string
  readonly version: string
  /** Identity of the definition that the run is with (`WorkflowSpec.definition`); in rows of format 1 its graph's hash. */
  readonly signature: string
  readonly requestId: string
  readonly principal: string
  readonly subject: string
  readonly status: RunStatus
  /** Closed code of the reason when parked, stopping or stopped. */
  readonly code: string | null
  readonly seq: number
  readonly head: string
  readonly epoch: number
  readonly branch: number
  /** Sequence of the last checkpoint record on the present branch. */
  readonly checkpointSeq: number
  readonly superstep: number
  /** Milliseconds since 1970, or null. */
  readonly wakeAt: number | null
  readonly leaseOwner: string | null
  readonly leaseUntil: number | null
  readonly createdAt: number
  readonly updatedAt: number
  readonly costNanoUsd: string
  /** Claims since the last commit that moved the run on, a present one included (ENGINE R15). */
  readonly attempts: number
  /** What was kept when the history was pruned: `metadata` without contents, or `nothing`. Absent while all is there. */
  readonly kept?: Kept
}

/** A new run: its row, its genesis record and, for a fork, what it takes over; all stored together. */
export interface NewRun {
  readonly tenant: string
  readonly runId: string
  readonly workflow: string
  readonly version: string
  readonly signature: string
  readonly requestId: string
  readonly principal: string
  readonly subject: string
  readonly createdAt: number
  readonly genesis: StoredRecord
  /** Records that a fork took over, from sequence 2. */
  readonly copied?: readonly StoredRecord[]
  /** Requests to people that are open from the start. */
  readonly requests?: readonly PersonRequestRow[]
  /** Superstep of the genesis checkpoint. Default 0. */
  readonly superstep?: number
  /** What counts as spent at the start. Default `0`. */
  readonly costNanoUsd?: string
  /** Scopes in which the start counts; refused as a whole when one has no room. */
  readonly charges?: readonly StartCharge[]
  /** What people are told of it. */
  readonly notices?: readonly Notice[]
  /** What its records can be looked up by. */
  readonly terms?: readonly LineageTermRow[]
}

/** What became of a new run. */
export type CreateResult =
  | { readonly status: 'created' }
  | { readonly status: 'exists'; readonly runId: string }
  | { readonly status: 'refused'; readonly scope: string }

/** State of an effect in the ledger (invariants 4 and 5). */
export type EffectState = 'open' | 'unknown' | 'succeeded' | 'failed' | 'not_sent' | 'released'

/** True for the states in which an effect holds its identity (invariant 4). */
export function holdsIdentity(state: EffectState): boolean {
  return state === 'open' || state === 'unknown' || state === 'succeeded'
}

/** One effect. The unique index is over (tenant, tool, scope, identity) where the state is not failed, not_sent or released. */
export interface EffectRow {
  readonly tenant: string
  readonly tool: string
  /** `run:<root run>`, `workflow:<name>`, `tenant`. */
  readonly scope: string
  /** Keyed digest of the business identity, or of (arguments, occurrence) for tools without one. */
  readonly identity: string
  readonly effectId: string
  readonly runId: string
  /** The first run of the family (itself, or the ancestor it was forked from). */
  readonly rootRunId: string
  readonly askKey: string
  readonly idempotencyKey: string
  readonly argsDigest: string
  readonly state: EffectState
  readonly intentSeq: number
  readonly outcomeSeq: number | null
}

/**
 * What happens to the ledger in a commit: `claim` takes the identity, `settle` changes the state of a claimed one. `await`
 * asks to be told when the effect is no longer open or unknown: an inbox row `settled` is written in the transaction that
 * settles it, or in this one when it is settled already.
 */
export type EffectChange =
  | {
      readonly kind: 'claim'
      readonly row: EffectRow
      /**
       * How many effects of this tool the other runs of the family had, in any state, when the identity was worked out.
       * The claim is refused as `effect_claimed` when it is another number now. Not told: not checked.
       */
      readonly others?: number
    }
  | {
      readonly kind: 'settle'
      readonly effectId: string
      readonly state: EffectState
      readonly outcomeSeq: number | null
    }
  | { readonly kind: 'await'; readonly effectId: string }

/** One atomic change of one run, checked against sequence and epoch (invariant 10, ENGINE R3, R11). */
export interface RunCommit {
  readonly tenant: string
  readonly runId: string
  readonly epoch: number
  readonly expectSeq: number
  readonly records: readonly StoredRecord[]
  readonly seq: number
  readonly head: string
  readonly row: Pick<
    RunRow,
    'status' | 'code' | 'branch' | 'checkpointSeq' | 'superstep' | 'wakeAt' | 'costNanoUsd' | 'updatedAt'
  >
  /** The definition that the run is with from here on, when these records change it. */
  readonly definition?: { readonly version: string; readonly signature: string }
  /** Gives up the lease. With it, the commit is refused as `inbox_not_empty` when an unconsumed inbox row exists. */
  readonly release: boolean
  /** Inbox rows that these records consumed. */
  readonly consumed: readonly number[]
  /** Inbox rows that a release leaves unread on purpose: a parked run reads them once it goes on. */
  readonly left?: readonly number[]
  readonly effects: readonly EffectChange[]
  /** Inserted when new by (tenant, id), else replaced. */
  readonly requests: readonly PersonRequestRow[]
  /** Requests of this run that are decided, answered or void now; applied after the inserts. */
  readonly closed: readonly RequestClosing[]
  /** Destroys what the run holds up to a record, with these records as the proof of it, in the same transaction. */
  readonly prune?: Prune
  /** Slices of outer budgets that the run gives back, or makes debts of, in the same transaction. */
  readonly slices?: readonly SliceChange[]
  /** What people are told of it; one whose id is there already is left out. */
  readonly notices?: readonly Notice[]
  /** Uses of standing approvals, each counted once; the commit is refused as `mandate_spent` when one has none left. */
  readonly uses?: readonly MandateUse[]
  /** Who did what about whom; one that is known already is left out. */
  readonly acts?: readonly ActRow[]
  /** What these records can be looked up by. */
  readonly terms?: readonly LineageTermRow[]
}

/** What a commit destroys: all sealed contents up to `through`, also those of read inbox rows; for `nothing` bodies too. */
export interface Prune {
  readonly through: number
  readonly keep: Kept
}

/** What became of one run's commit. Others in the batch are unaffected. */
export type CommitResult =
  | { readonly status: 'committed' }
  | { readonly status: 'fenced' }
  | { readonly status: 'inbox_not_empty' }
  | { readonly status: 'effect_claimed'; readonly effectId: string }
  | { readonly status: 'mandate_spent'; readonly mandateId: string }

/** What someone who is not the lease holder tells a run (ENGINE R3). */
export interface InboxItem {
  /** Idempotency id: the same id is stored once. */
  readonly id: string
  readonly tenant: string
  readonly runId: string
  readonly kind: Way<'inbox'>
  /** Unique within the run when set: the first row wins (`approval:<id>`). */
  readonly slot: string | null
  readonly by: Principal
  /** JSON text without content (ids, verdicts, digests). */
  readonly body: string
  /** Sealed contents (reason texts, response values), or null. */
  readonly sealed: Uint8Array | null
  readonly createdAt: number
}

/** An inbox item with its row number. */
export interface StoredInboxItem extends InboxItem {
  readonly row: number
}

/** An inbox item, and whether a commit has consumed it. */
export interface KeptInboxItem extends InboxItem {
  readonly consumed: boolean
}

/** A run as another store held it, with all that belongs to it. */
export interface AdoptedRun {
  readonly row: RunRow
  /** All of them, in order. */
  readonly records: readonly StoredRecord[]
  readonly effects: readonly EffectRow[]
  readonly requests: readonly PersonRequestRow[]
  readonly inbox: readonly KeptInboxItem[]
  /** What people are told of it in the new store: its links lead there. */
  readonly notices?: readonly Notice[]
  /** What its records can be looked up by. */
  readonly terms?: readonly LineageTermRow[]
}

/** Result of taking a run over; but for `adopted` nothing was stored. */
export type AdoptResult =
  | { readonly status: 'adopted' }
  /** The tenant has this run id, request id, or one of its requests to people already. */
  | { readonly status: 'exists'; readonly id: string }
  | { readonly status: 'effect_claimed'; readonly effectId: string }

/** Result of an insert into the inbox. */
export type InboxResult =
  | { readonly status: 'stored' }
  | { readonly status: 'duplicate' }
  | { readonly status: 'slot_taken'; readonly by: string; readonly body: string; readonly createdAt: number }
  | { readonly status: 'no_run' }

/** A worker's claim: which runs it can advance. The claim itself raises the epoch (ENGINE R11). */
export interface ClaimRequest {
  readonly worker: string
  readonly now: number
  readonly leaseUntil: number
  readonly limit: number
  /** Signatures of the workflow versions that this worker has; null accepts all. */
  readonly signatures: readonly string[] | null
  /**
   * Runs of these workflows with other signatures too, when they have been claimable since before `quietSince` and nobody
   * took them (ENGINE R14).
   */
  readonly orphans?: { readonly workflows: readonly string[]; readonly quietSince: number }
  /**
   * Claims of this worker that ended through no fault of the run: their leases end now and they do not count as attempts
   * (ENGINE R15). Done before anything is claimed.
   */
  readonly returned?: readonly { readonly tenant: string; readonly runId: string; readonly epoch: number }[]
  /** Claim only this run, whether runnable or not, unless another worker's lease is live. */
  readonly only?: { readonly tenant: string; readonly runId: string }
}

/** A data subject's key, wrapped by its tenant's; null once it was destroyed. */
export interface SubjectKey {
  readonly subject: string
  readonly wrapped: Uint8Array | null
  /** Milliseconds since 1970. */
  readonly destroyedAt: number | null
}

/** A filter over runs, newest first. `before` is the createdAt/runId cursor of the last row of the page before. */
export interface RunFilter {
  readonly tenant: string
  readonly status?: readonly RunStatus[]
  readonly workflow?: string
  readonly requestId?: string
  readonly subject?: string
  readonly limit: number
  readonly before?: { readonly createdAt: number; readonly runId: string }
}

/** A filter over the records of one run, in order of sequence. */
export interface RecordFilter {
  readonly after?: number
  readonly through?: number
  readonly types?: readonly RecordType[]
  readonly limit?: number
  readonly descending?: boolean
}

/** Numbers about the store. Bytes include indexes. */
export interface StoreStats {
  readonly runs: number
  readonly records: number
  readonly bytes: number
  readonly commits: number
}

/**
 * The record of everything. Every method is about one tenant, but for claim, export, tenants, stats and what workers know of switches.
 * Throws STORE_FULL, STORE_READ_ONLY, STORE_UNAVAILABLE, STORE_CORRUPT; after an error that leaves it unknown whether a
 * commit happened, the caller reads the row again (ENGINE R11).
 */
export interface Store
  extends ScheduleStore,
    ScopeStore,
    OutboxStore,
    PolicyStore,
    SwitchStore,
    MandateStore,
    AlertStore,
    LineageStore,
    FactStore,
    ActStore {
  /** Version of the stored format. */
  readonly version: number
  /** Capability flags, so that a conformance suite knows what to expect. */
  readonly capabilities: { readonly durable: boolean; readonly sharedBetweenProcesses: boolean }

  /** Stores a run and its genesis; `exists` with the run id when the tenant has the request id or run id already. */
  create(run: NewRun): Promise<CreateResult>
  /** Takes over a run of another store whole, under a higher epoch and without a lease, in one transaction. */
  adopt(run: AdoptedRun): Promise<AdoptResult>
  /** Commits several runs in one durable transaction; each run succeeds or is refused alone. */
  commit(commits: readonly RunCommit[]): Promise<readonly CommitResult[]>
  /** Claims runs that are runnable, due (`wakeAt`) or whose lease has expired, oldest first, raising each epoch. */
  claim(request: ClaimRequest): Promise<readonly RunRow[]>
  /** Extends leases; returns the run ids that are no longer held at that epoch. */
  heartbeat(
    worker: string,
    held: readonly { tenant: string; runId: string; epoch: number }[],
    leaseUntil: number,
  ): Promise<readonly string[]>

  /** Inserts an inbox row and makes the run runnable, in one transaction. */
  post(item: InboxItem): Promise<InboxResult>
  /** Unconsumed inbox rows in order. */
  inbox(tenant: string, runId: string): Promise<readonly StoredInboxItem[]>
  /** All inbox rows in order, consumed ones too. */
  inboxKept(tenant: string, runId: string): Promise<readonly KeptInboxItem[]>

  run(tenant: string, runId: string): Promise<RunRow | null>
  runs(filter: RunFilter): Promise<readonly RunRow[]>
  records(tenant: string, runId: string, filter?: RecordFilter): Promise<readonly StoredRecord[]>
  /** The records with these sequences; missing ones are left out. */
  recordsAt(tenant: string, runId: string, seqs: readonly number[]): Promise<readonly StoredRecord[]>
  /** Ids of the runs that were forked from this one, oldest first; not of those whose own start was pruned. */
  forks(tenant: string, runId: string): Promise<readonly string[]>
  /** Every tenant that has a run, sorted. */
  tenants(): Promise<readonly string[]>
  /** Records of all tenants and runs with position greater than `after`, in commit order, without their contents. */
  export(after: number, limit: number): Promise<readonly ExportedRecord[]>

  /** The live holder (open, unknown or succeeded) of an identity. */
  effect(tenant: string, tool: string, scope: string, identity: string): Promise<EffectRow | null>
  /** Effects of a family of runs (a root and its forks), in order of intent. */
  effects(tenant: string, rootRunId: string): Promise<readonly EffectRow[]>
  /** Effects of one run, in the same order. */
  runEffects(tenant: string, runId: string): Promise<readonly EffectRow[]>
  /** Effects of all runs of a tenant that are open or unknown, in order of intent. */
  effectsInFlight(tenant: string, limit: number): Promise<readonly EffectRow[]>

  request(tenant: string, id: string): Promise<PersonRequestRow | null>
  /** Requests to people, oldest first. */
  requests(filter: {
    tenant: string
    state?: RequestState
    kind?: PersonRequestRow['kind']
    runId?: string
    /** Digest of what is asked. */
    question?: string
    /** Newest first. */
    newest?: boolean
    limit: number
  }): Promise<readonly PersonRequestRow[]>
  /** Requests of a kind that were decided at `since` or after, the newest decision first. */
  decidedRequests(filter: {
    tenant: string
    kind: PersonRequestRow['kind']
    /** Milliseconds since 1970. */
    since: number
    limit: number
  }): Promise<readonly PersonRequestRow[]>

  /** Wrapped key material of a data subject, or null. */
  key(
    tenant: string,
    subject: string,
  ): Promise<{ readonly wrapped: Uint8Array | null; readonly destroyedAt: number | null } | null>
  /** All keys of a tenant by subject, its own (`$tenant`) among them. */
  keys(tenant: string): Promise<readonly SubjectKey[]>
  /** Stores a wrapped key unless there is one already; returns the one in force. */
  putKey(tenant: string, subject: string, wrapped: Uint8Array): Promise<Uint8Array | null>
  destroyKey(tenant: string, subject: string, at: number): Promise<void>

  /** Canonical description of a workflow by its signature, stored once; to show a readable difference later. */
  definition(signature: string): Promise<string | null>
  putDefinition(signature: string, description: string): Promise<void>

  cursor(name: string): Promise<number>
  setCursor(name: string, position: number): Promise<void>

  stats(): Promise<StoreStats>
  close(): Promise<void>
}
