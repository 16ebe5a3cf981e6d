import { sha256Hex } from '../../base/hash.ts'
import type { ActivityIntent, RunRecord } from '../../contracts/records.ts'
import type { NewRun, RunCommit, RunRow, StoredRecord } from '../../contracts/store.ts'
import type { WorkflowSpec } from '../../contracts/workflow.ts'
import { CHAIN_START, decodeRecord } from '../../reliability/chain.ts'
import { foldRecord, foldStart, isTerminalOutcome, type RunFold } from '../../reliability/fold.ts'
import { openRequestsIn } from '../../reliability/fold-scopes.ts'
import { isEnded } from '../../reliability/run-machine.ts'
import { foldPrefix } from '../check-history.ts'
import { checkApproval } from './approval-check.ts'
import { checkBarrier } from './barrier-check.ts'
import { mustHold, SimViolation } from './checks.ts'
import { checkIntent, checkOutcome } from './effect-check.ts'
import type { ApprovalWatch, RunFacts } from './run-facts.ts'
import { BudgetTally } from './tally.ts'

/** What is known of one run from what was made durable, and from nothing else. */
export class RunWatch implements RunFacts {
  readonly spec: WorkflowSpec
  readonly records: RunRecord[] = []
  readonly approvals = new Map<string, ApprovalWatch>()
  /** Intents of effects by idempotency key. */
  readonly intents = new Map<string, ActivityIntent>()
  readonly happened = new Map<string, string>()
  readonly epochs = new Map<number, number>()
  readonly consumed = new Set<number>()
  fold: RunFold
  head = CHAIN_START
  epoch = 0
  owner: string | null = null
  readonly said: string[] = []
  /** What people and operators asked of the run, by kind. */
  posted = new Map<string, number>()
  private readonly tally: BudgetTally
  private readonly clocksJump: boolean

  constructor(spec: WorkflowSpec, run: NewRun, clocksJump: boolean) {
    const { genesis, copied = [] } = run
    const started = decodeRecord(genesis)
    if (started.type !== 'run.started') throw new SimViolation('history', 'the first record is not run.started')
    this.spec = spec
    this.clocksJump = clocksJump
    this.tally = new BudgetTally(started.budget, started.checkpoint.spent)
    this.fold = foldStart(started)
    this.chain(genesis, started)
    this.records.push(started)
    for (const stored of copied) this.copy(stored)
  }

  get seq(): number {
    return this.records.length
  }

  get ended(): boolean {
    return isEnded(this.fold.status)
  }

  /** True when the run neither goes on nor is held by anybody. */
  get rests(): boolean {
    return this.owner === null && (this.ended || this.fold.status === 'parked')
  }

  claimed(row: RunRow): void {
    mustHold(
      row.epoch === this.epoch + 1,
      'fenced',
      () => `a claim raises the epoch from ${this.epoch} to ${row.epoch}`,
    )
    this.epoch = row.epoch
    this.owner = row.leaseOwner
  }

  /** A commit that the store took. */
  committed(commit: RunCommit): void {
    mustHold(
      commit.epoch === this.epoch,
      'fenced',
      () => `epoch ${commit.epoch} commits while ${this.epoch} holds the run`,
    )
    for (const stored of commit.records) this.take(stored)
    mustHold(this.seq === commit.seq && this.head === commit.head, 'history', () => `the row is not at its head`)
    const { status } = this.fold
    mustHold(commit.row.status === status, 'status', () => `the row says ${commit.row.status}, the records ${status}`)
    for (const row of commit.consumed) {
      mustHold(!this.consumed.has(row), 'inbox', () => `the inbox row ${row} is consumed twice`)
      this.consumed.add(row)
    }
    if (!commit.release) return
    this.owner = null
    if (status === 'waiting') this.checkWakes(commit)
  }

  /** How long an effect of this run may still be on its way: the intents that nobody has settled. */
  openIntent(key: string): ActivityIntent | null {
    const intent = this.intents.get(key) ?? null
    if (!intent) return null
    const outcome = this.fold.activations.get(intent.ask.activation)?.asks.get(intent.ask.ordinal)?.outcome ?? null
    return outcome !== null && outcome.seq > intent.seq && isTerminalOutcome(outcome) ? null : intent
  }

  /** True when a model call with a durable reservation has no outcome yet. */
  get hasOpenModelCall(): boolean {
    for (const activation of this.fold.activations.values())
      for (const { intents, outcome } of activation.asks.values()) {
        const intent = intents.at(-1)
        if (intent?.proposal.kind === 'model' && (outcome === null || outcome.seq < intent.seq)) return true
      }
    return false
  }

  /** A record that a fork took over: it was judged where it was made, and what it used is in the genesis. */
  private copy(stored: StoredRecord): void {
    const record = decodeRecord(stored)
    this.chain(stored, record)
    this.records.push(record)
    foldRecord(this.fold, record)
    if (record.type === 'activity.intent' && record.effect_id) this.intents.set(record.idempotency_key, record)
    if (record.type === 'approval.requested')
      this.approvals.set(record.approval_id, { requested: record, decided: null, usedBy: null })
    const approval = record.type === 'approval.decided' ? this.approvals.get(record.approval_id) : null
    if (approval && record.type === 'approval.decided') approval.decided = record
  }

  private take(stored: StoredRecord): void {
    const record = decodeRecord(stored)
    this.chain(stored, record)
    this.tally.take(record)
    this.judge(record)
    this.checkEpoch(record)
    this.records.push(record)
    try {
      if (record.type === 'branch.started') this.fold = foldPrefix(this.records, this.records.length)
      else {
        foldRecord(this.fold, record)
        if (record.type === 'activity.intent' && record.effect_id) this.intents.set(record.idempotency_key, record)
      }
    } catch (thrown) {
      throw new SimViolation('status', `record ${record.seq} (${record.type}): ${String(thrown)}`)
    }
    this.checkStatus(record)
  }

  private chain(stored: StoredRecord, record: RunRecord): void {
    const last = this.records.at(-1)
    const bad = (what: string): string => `record ${stored.seq} (${stored.type}) ${what}`
    mustHold(stored.seq === this.seq + 1 && record.seq === stored.seq, 'history', () => bad('has a gap before it'))
    mustHold(record.prev === this.head, 'history', () => bad('breaks the chain'))
    mustHold(sha256Hex(stored.body) === stored.hash, 'history', () => bad('has another hash than its bytes'))
    mustHold(record.active_ms >= (last?.active_ms ?? 0), 'budget', () => bad('takes active time back'))
    mustHold(record.segment >= (last?.segment ?? 0), 'history', () => bad('takes the segment number back'))
    mustHold(record.branch >= (last?.branch ?? 0), 'history', () => bad('takes the branch number back'))
    this.head = stored.hash
  }

  private judge(record: RunRecord): void {
    switch (record.type) {
      case 'segment.started':
        this.epochs.set(record.segment, record.epoch)
        return
      case 'activity.intent':
        checkIntent(this, record, this.clocksJump)
        return
      case 'activity.outcome':
        checkOutcome(this, record)
        return
      case 'approval.requested':
      case 'approval.decided':
        checkApproval(this, record)
        return
      case 'activation.completed':
      case 'superstep.completed':
        checkBarrier(this, record)
        return
      case 'branch.started':
        mustHold(record.from < record.seq, 'restore', () => `branch ${record.branch} starts at a later record`)
        return
      case 'override.recorded':
        this.checkOverride(record.what)
        return
      case 'run.parked': {
        const diverged = record.code === 'REPLAY_DIVERGED' || record.code === 'NONDETERMINISTIC_WAIT'
        throw new SimViolation(diverged ? 'deterministic' : 'ends', `the run parks with ${record.code}`)
      }
      default:
    }
  }

  /** A segment belongs to one lease; a person's branch or word is written between two. */
  private checkEpoch(record: RunRecord): void {
    if (record.type === 'branch.started' || record.type === 'feedback.recorded') return
    const epoch = this.epochs.get(record.segment)
    const held = epoch === this.epoch
    mustHold(
      held,
      'fenced',
      () => `record ${record.seq} of epoch ${epoch} is written while ${this.epoch} holds the run`,
    )
  }

  /** As many orders on record as were given. */
  private checkOverride(what: string): void {
    const taken = this.records.filter((one) => one.type === 'override.recorded' && one.what === what).length + 1
    mustHold(taken <= (this.posted.get(what) ?? 0), 'inbox', () => `\`${what}\` is on record ${taken} times`)
  }

  private checkStatus(record: RunRecord): void {
    const { fold } = this
    if (this.ended && record.type.startsWith('run.')) {
      const open = openEffects(fold)
      mustHold(open.length === 0, 'status', () => `the run ends over the open effect ${open.join(', ')}`)
    }
    if (record.type === 'run.completed') {
      const { queue, requests } = fold.checkpoint
      mustHold(queue.length + requests.length === 0, 'status', () => 'the run completes with work left')
    }
    if (record.type !== 'run.waiting') return
    for (const { kind, id } of record.on)
      mustHold(isOpen(fold, kind, id), 'status', () => `the run waits for ${kind} ${id}, which is not open`)
  }

  /** A run that waits and is not in memory must be woken by a time, a person, or somebody else's effect. */
  private checkWakes(commit: RunCommit): void {
    const last = this.records.findLast((record) => record.type === 'run.waiting')
    const on = last?.type === 'run.waiting' ? last.on : []
    const byTime = on.some(({ kind }) => kind === 'retry' || kind === 'settle' || kind === 'switch' || kind === 'timer')
    mustHold(on.length > 0, 'status', () => 'the run waits for nothing')
    mustHold(!byTime || commit.row.wakeAt !== null, 'status', () => 'the run waits for a time and is never woken')
  }
}

function openEffects(fold: RunFold): string[] {
  const asks = [...fold.activations.values()].flatMap((activation) => [...activation.asks.values()])
  return asks
    .filter(({ intents, outcome }) => {
      const effect = intents.at(-1)?.proposal.effect ?? 'none'
      return effect !== 'none' && (outcome === null || !isTerminalOutcome(outcome))
    })
    .map(({ ask }) => ask.key)
}

function isOpen(fold: RunFold, kind: string, id: string): boolean {
  if (kind === 'retry' || kind === 'settle' || kind === 'switch') return true
  if (kind === 'request' || (kind === 'timer' && !id.includes('/')))
    return openRequestsIn(fold).some((request) => request.request_id === id)
  for (const activation of fold.activations.values())
    for (const { ask, approval, timer, outcome, questions } of activation.asks.values()) {
      if (kind === 'timer' && timer && ask.key === id) return outcome === null
      if (approval?.requested.approval_id === id && approval.decided === null) return true
      if (questions.some(({ asked, answered }) => asked.question_id === id && answered === null)) return true
    }
  return false
}
