import type { ErrorCode, SignalboxError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import { isoTime } from '../base/time.ts'
import { type Amounts, type ContentRef, type Labels, type Principal, UNLABELLED } from '../contracts/common.ts'
import { RECORD_VERSION, type RecordDraft, type RunRecord, type StopReason } from '../contracts/records.ts'
import type { MandateUse } from '../contracts/mandates.ts'
import type {
  EffectChange,
  PersonRequestRow,
  RequestClosing,
  RequestState,
  RunCommit,
  RunRow,
  StoredRecord,
} from '../contracts/store.ts'
import type { SliceChange } from '../contracts/scopes.ts'
import type { Sealer } from '../contracts/vault.ts'
import type { WorkflowSpec } from '../contracts/workflow.ts'
import type { BudgetLedger } from '../policy/index.ts'
import { encodeRecord } from '../reliability/chain.ts'
import { type Ancestor, type Stretch, wayTo } from '../reliability/family.ts'
import { foldRecord, type RunFold } from '../reliability/fold.ts'
import { isCheckpoint, type Range } from '../reliability/timeline.ts'
import { Activity } from './activity.ts'
import type { Committing } from './committer.ts'
import type { Contents } from './contents.ts'
import type { OpenConversation } from './conversation.ts'
import type { Standing } from './definitions.ts'
import type { Env } from './env.ts'
import type { Deadline } from './lease.ts'
import type { Slices } from './slices.ts'
import { Waits } from './waits.ts'

/** Puts a value into the record that is being made and gives its reference. */
export type Put = (value: JsonValue, labels?: Labels) => ContentRef

/** Thrown inside the engine where a run left this process; ends whatever was going on, without a trace. */
export class Unloaded extends Error {
  override readonly name = 'Unloaded'
}

/** Why nothing new may start: a malfunction parks, a reason stops. */
export type Halt =
  | { readonly kind: 'park'; readonly code: ErrorCode; readonly detail: string }
  | {
      readonly kind: 'stop'
      readonly end: 'stopped' | 'cancelled' | 'terminated'
      readonly reason: StopReason
      readonly by: Principal | null
    }

/** A port's answer that waits for the next point between supersteps. */
export interface PendingResponse {
  readonly row: number
  readonly requestId: string
  readonly by: Principal
  /** JSON text. */
  readonly text: string
}

interface Waiter {
  readonly seq: number
  readonly resolve: () => void
  readonly reject: (why: Unloaded) => void
}

/**
 * One run in memory. It owns the sequence, the chain, the buffer of records that are not durable yet, the budget and the
 * count of what is going on; the superstep loop and the door use it and own none of these.
 *
 * 1. Records are appended in order and committed in order, all of them (ENGINE R2, prefix rule).
 * 2. Only the holder of the lease appends; after a refused commit nothing more is written (invariant 10).
 * 3. The fold is kept by the same function that a resume uses, so that live and replayed runs cannot differ.
 */
export class LiveRun implements Committing {
  readonly tenant: string
  readonly runId: string
  readonly epoch: number
  readonly budget: BudgetLedger
  /** Aborts reads, models and tools: cancel, lost lease, run time limit. */
  readonly abort = new AbortController()
  /** What is going on, and for how long: the run loop watches it. */
  readonly activity: Activity
  /** Idempotency keys of effects that ended since the last checkpoint. */
  effectKeys: string[] = []
  /** Until when this worker holds the run. */
  lease: Deadline
  dead = false
  /** True when this worker stops: the superstep loop gives the run up at the next barrier. */
  draining = false
  /** How often each identity was claimed by an intent of this process: the store may not know the newest yet. */
  readonly claims = new Map<string, number>()
  /** Which ask in which attempt took an identity in the ledger: two asks at once are never answered with one effect. */
  readonly matched = new Map<string, { readonly key: string; readonly activation: string; readonly attempt: number }>()
  /** Why the store did not take what was appended; told at once, and appended by nobody (invariant 9). */
  trouble: SignalboxError | null = null
  /** Set when the run left through no fault of its own: its claim can be given back at once. */
  isReturned = false
  /** What nothing can go on without: people, timers. */
  readonly waits: Waits
  /** Set when the run must not start anything new; the superstep loop brings it to its end. */
  halt: Halt | null = null
  /** Answers of ports that wait for the next point between supersteps. */
  readonly responses: PendingResponse[] = []
  /** What it holds of budgets over many runs; null when there are none. */
  slices: Slices | null = null
  /** Idempotency keys of effects that were claimed; kept only where there are such budgets. */
  readonly sentKeys = new Set<string>()
  /** Kept conversations that need not be read again. */
  readonly conversations = new Map<string, OpenConversation>()
  /** Inbox rows already turned into records. */
  readonly seenInbox = new Set<number>()

  private seq: number
  private head: string
  private committedSeq: number
  private buffer: StoredRecord[] = []
  private parsed: RunRecord[] = []
  private effects: EffectChange[] = []
  private requests: PersonRequestRow[] = []
  private closed: RequestClosing[] = []
  private debts: SliceChange[] = []
  private uses: MandateUse[] = []
  private consumed: number[] = []
  private releasing = false
  private wakeAt: number | null = null
  private code: string | null
  private definition: RunCommit['definition'] | null = null
  private waiters: Waiter[] = []
  private releaseWaiter: {
    readonly resolve: (released: boolean) => void
    readonly reject: (why: Unloaded) => void
  } | null = null

  readonly env: Env
  readonly row: RunRow
  readonly fold: RunFold
  readonly spec: WorkflowSpec
  /** How `spec` stands to the version that the run is with. */
  readonly standing: Standing
  readonly sealer: Sealer
  readonly contents: Contents
  /** Ranges of records that this timeline is made of; the last one grows. */
  private readonly timeline: readonly Range[]
  private readonly ancestors: readonly Ancestor[]

  constructor(parts: {
    env: Env
    row: RunRow
    fold: RunFold
    spec: WorkflowSpec
    standing: Standing
    sealer: Sealer
    contents: Contents
    budget: BudgetLedger
    lease: Deadline
    timeline: readonly Range[]
    ancestors: readonly Ancestor[]
  }) {
    const { env, row, fold } = parts
    this.env = env
    this.row = row
    this.fold = fold
    this.spec = parts.spec
    this.standing = parts.standing
    this.sealer = parts.sealer
    this.contents = parts.contents
    this.budget = parts.budget
    this.timeline = parts.timeline
    this.ancestors = parts.ancestors
    this.lease = parts.lease
    this.tenant = row.tenant
    this.runId = row.runId
    this.epoch = row.epoch
    this.seq = row.seq
    this.committedSeq = row.seq
    this.head = row.head
    this.code = row.code
    this.activity = new Activity(env.host, fold.activeMs)
    this.waits = new Waits(this)
  }

  /** Active runtime so far in milliseconds: waiting and downtime do not count (invariant 6). */
  activeMs(): number {
    return this.activity.activeMs
  }

  /** The lease is being given up with the next commit. */
  get isReleasing(): boolean {
    return this.releasing
  }

  /** Sequence of the last record, durable or not. */
  get lastSeq(): number {
    return this.seq
  }

  get principal(): RunFold['started']['principal'] {
    return this.fold.started.principal
  }

  /** The first run of the family: the run itself unless it was forked. */
  get rootRun(): string {
    return this.fold.started.parent?.root ?? this.runId
  }

  /** The records that led here, over the runs that this one was forked from (ENGINE R5). */
  way(): readonly Stretch[] {
    return wayTo({ run: this.runId, ranges: this.timeline, behind: this.fold.checkpointSeq }, this.ancestors)
  }

  /** Appends one record; `make` may put contents, which are sealed beside it. Durable with the next flush. */
  append<D extends RecordDraft>(
    make: D | ((put: Put) => D),
    cause: number | null = null,
  ): D & { seq: number; at: string } {
    if (this.dead) throw new Unloaded()
    const seq = this.seq + 1
    const puts: { ref: { -readonly [K in keyof ContentRef]: ContentRef[K] }; text: string }[] = []
    const put: Put = (value, labels = UNLABELLED) => {
      const ref = { s: seq, i: puts.length, h: '', l: labels }
      puts.push({ ref, text: JSON.stringify(value) })
      this.contents.remember(ref, value)
      return ref
    }
    const draft = typeof make === 'function' ? make(put) : make
    const sealed = puts.length > 0 ? this.sealer.seal(puts.map((p) => p.text)) : null
    puts.forEach((p, i) => {
      p.ref.h = sealed?.hashes[i] ?? ''
    })
    // The draft of a record and the base fields together are that record.
    const record = {
      v: RECORD_VERSION,
      run: this.runId,
      seq,
      at: isoTime(this.env.host.now()),
      prev: this.head,
      branch: this.fold.branch,
      segment: this.fold.segment,
      cause,
      active_ms: this.activeMs(),
      ...draft,
    } as unknown as RunRecord & D
    const { body, hash } = encodeRecord(record)
    this.seq = seq
    this.head = hash
    this.buffer.push({ seq, type: record.type, body, hash, sealed: sealed?.bytes ?? null })
    this.parsed.push(record)
    foldRecord(this.fold, record)
    const { passed } = this.budget.apply(record)
    // A settle above its reserve is charged, and ends the run when it passes the limit (invariant 6).
    const [limit] = passed
    if (limit !== undefined && record.type === 'activity.outcome')
      this.stopWith({
        kind: 'stop',
        end: 'stopped',
        reason: { kind: 'budget', code: 'BUDGET_EXHAUSTED', subject: limit },
        by: null,
      })
    if (isCheckpoint(record)) this.effectKeys = []
    if (this.slices && record.type === 'activity.outcome') this.debts.push(...this.slices.debts())
    return record
  }

  /** Changes that go with the records of the next commit. */
  with(change: {
    effect?: EffectChange
    request?: PersonRequestRow
    consumed?: number
    code?: string | null
    definition?: RunCommit['definition']
    use?: MandateUse
  }): void {
    if (change.use) this.uses.push(change.use)
    if (change.definition) this.definition = change.definition
    if (change.effect) this.effects.push(change.effect)
    if (change.request) this.requests.push(change.request)
    if (change.consumed !== undefined) this.consumed.push(change.consumed)
    if (change.code !== undefined) this.code = change.code
  }

  /** Resolves when all that was appended so far is durable. Rejects with Unloaded when it never will be. */
  flush(): Promise<void> {
    if (this.dead) return Promise.reject(new Unloaded())
    if (this.committedSeq >= this.seq && !this.releasing) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.waiters.push({ seq: this.seq, resolve, reject })
      this.env.committer.request(this)
    })
  }

  /** Asks the store to tell this run when an effect of another has ended; stored with the next commit, asked for now. */
  awaitEffect(effectId: string): void {
    this.effects.push({ kind: 'await', effectId })
    this.env.committer.request(this)
  }

  /** Asks for a commit without waiting for it (ENGINE R2: after the outcome of an effect). */
  requestFlush(): void {
    if (!this.dead && this.committedSeq < this.seq) this.env.committer.request(this)
  }

  /** Commits everything and gives up the lease; false when something arrived meanwhile and the run goes on. */
  release(wakeAt: number | null): Promise<boolean> {
    if (this.dead) return Promise.reject(new Unloaded())
    this.releasing = true
    this.wakeAt = wakeAt
    return new Promise((resolve, reject) => {
      this.releaseWaiter = { resolve, reject }
      this.env.committer.request(this)
    })
  }

  takeCommit(): RunCommit | null {
    const nothing = this.buffer.length === 0 && this.consumed.length === 0 && this.effects.length === 0
    if (this.dead || (nothing && !this.releasing)) return null
    const records = this.buffer
    this.buffer = []
    const commit: RunCommit = {
      tenant: this.tenant,
      runId: this.runId,
      epoch: this.epoch,
      expectSeq: this.committedSeq,
      records,
      seq: this.seq,
      head: this.head,
      row: {
        status: this.fold.status,
        code: this.code,
        branch: this.fold.branch,
        checkpointSeq: this.fold.checkpointSeq,
        superstep: this.fold.checkpoint.superstep,
        wakeAt: this.releasing ? this.wakeAt : null,
        costNanoUsd: this.budget.spent.cost_nano_usd,
        updatedAt: this.env.host.now(),
      },
      ...(this.definition ? { definition: this.definition } : {}),
      release: this.releasing,
      consumed: this.consumed,
      // What a parked run was answered is read again when it goes on.
      left: this.fold.status === 'parked' ? this.responses.map((response) => response.row) : [],
      effects: this.effects,
      requests: this.requests,
      closed: this.closed,
      ...this.sliceChanges(),
      ...(this.uses.length > 0 ? { uses: this.uses } : {}),
    }
    this.definition = null
    this.consumed = []
    this.effects = []
    this.requests = []
    this.closed = []
    this.debts = []
    this.uses = []
    return commit
  }

  /** A run that gives up its lease gives back what it did not use (ENGINE R12). */
  private sliceChanges(): { readonly slices?: readonly SliceChange[] } {
    const changes = [...this.debts, ...(this.releasing && this.slices ? this.slices.giveBack() : [])]
    return changes.length > 0 ? { slices: changes } : {}
  }

  onCommitted(commit: RunCommit): void {
    this.committedSeq = commit.seq
    for (const record of this.parsed.splice(0, commit.records.length))
      this.env.hub.publish({ kind: 'record', runId: this.runId, record })
    const ready = this.waiters.filter((w) => w.seq <= commit.seq)
    this.waiters = this.waiters.filter((w) => w.seq > commit.seq)
    for (const waiter of ready) waiter.resolve()
    if (!commit.release) return
    if (commit.row.wakeAt !== null) this.env.scheduler.wakeAt(commit, commit.row.wakeAt)
    else this.env.scheduler.cancel(commit)
    const released = this.releaseWaiter
    this.releaseWaiter = null
    this.unload()
    released?.resolve(true)
  }

  onInboxNotEmpty(commit: RunCommit): void {
    // Nothing of it was stored: it goes with the next commit, without the release.
    this.buffer = [...commit.records, ...this.buffer]
    this.definition ??= commit.definition ?? null
    this.consumed = [...commit.consumed, ...this.consumed]
    this.effects = [...commit.effects, ...this.effects]
    this.requests = [...commit.requests, ...this.requests]
    this.closed = [...commit.closed, ...this.closed]
    this.debts = [...(commit.slices ?? []).filter((change) => change.kind === 'raise'), ...this.debts]
    this.uses = [...(commit.uses ?? []), ...this.uses]
    this.releasing = false
    this.releaseWaiter?.resolve(false)
    this.releaseWaiter = null
    // Who waits for durability meanwhile waits on: nothing of theirs was stored (invariant 3).
    if (this.waiters.length > 0) this.env.committer.request(this)
  }

  onLost(why: SignalboxError | 'fenced' | 'effect_claimed' | 'mandate_spent'): void {
    if (typeof why !== 'string') this.trouble = why
    this.isReturned = why !== 'fenced'
    this.unload()
  }

  /** Leaves the process: nothing more is written, everything that waits ends (ENGINE R4, R7). */
  unload(): void {
    if (this.dead) return
    this.dead = true
    this.abort.abort(new Unloaded())
    this.waits.clear()
    const waiting = this.waiters
    this.waiters = []
    for (const waiter of waiting) waiter.reject(new Unloaded())
    this.releaseWaiter?.reject(new Unloaded())
    this.releaseWaiter = null
    this.activity.end()
  }

  /** Something is going on: handler code, a stage of the door, a call. Paired with `leave`. */
  enter(): void {
    this.activity.enter()
  }

  leave(): void {
    this.activity.leave()
  }

  /** The worker stops: the run leaves at the next barrier, and at once when it only rests here. */
  drain(): void {
    this.draining = true
    if (this.activity.rests) this.unload()
  }

  /** The person's question is closed: its row says so with the next commit. */
  closeRequest(id: string, state: RequestState, decidedBy: string | null): void {
    this.closed.push({ id, state, decidedBy, decidedAt: this.env.host.now() })
  }

  /** Nothing new starts from here on; the first reason counts, but a stop goes before a park. */
  stopWith(halt: Halt): void {
    if (this.halt === null || (this.halt.kind === 'park' && halt.kind === 'stop')) this.halt = halt
  }

  /** What is spent, for a checkpoint: nothing is reserved at a barrier. */
  spent(): Amounts {
    return this.budget.spent
  }
}
