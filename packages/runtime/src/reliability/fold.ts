import { SignalboxError } from '../base/errors.ts'
import type { CheckpointBody } from '../contracts/checkpoint.ts'
import type {
  ActivationFailed,
  ActivityIntent,
  ActivityOutcome,
  ApprovalChanged,
  ApprovalDecided,
  AskRef,
  DefinitionRef,
  PositionSaved,
  RequestAnswered,
  RequestOpened,
  QuestionAnswered,
  RunRecord,
  RunStarted,
  RunUpgraded,
} from '../contracts/records.ts'
import {
  closeBeneath,
  endScope,
  firstAttempt,
  foldScopeCheckpoint,
  gatherEffects,
  isAdopted,
  noteAttempt,
  openScope,
  scopeState,
  upwards,
} from './fold-scopes.ts'
import { ROOT_SCOPE, scopeOf } from '../base/scope-id.ts'
import type { ActivationFold, AskJournal, RunFold } from './run-fold.ts'
import { dropJudged, foldJudged } from './judged.ts'
import { isEnded, nextStatus } from './run-machine.ts'
import { isCheckpoint, isScopeCheckpoint } from './timeline.ts'

export { firstOf, proposedBy } from './first-record.ts'
export type { ActivationFold, AskJournal, OpenedByAsk, RunFold } from './run-fold.ts'

/** True for an outcome that is an end; `unknown` waits for its resolution (invariant 5), `retry` for another attempt. */
export function isTerminalOutcome(outcome: ActivityOutcome): boolean {
  return outcome.status !== 'unknown' && outcome.retry === undefined
}

/** The newest intent of an ask that no outcome has settled; an attempt that is tried again is settled. */
export function openIntent({ intents, outcome }: Pick<AskJournal, 'intents' | 'outcome'>): ActivityIntent | null {
  const intent = intents.at(-1) ?? null
  return intent && outcome?.retry && outcome.seq > intent.seq ? null : intent
}

/** Starts a fold from the genesis record. */
export function foldStart(started: RunStarted): RunFold {
  const { version, signature, shape } = started.workflow
  return {
    started,
    definition: { version, signature, shape },
    status: 'queued',
    checkpointSeq: started.seq,
    // A fork's handlers see the time of the checkpoint that it took over (ENGINE R1).
    checkpointAt: started.parent?.checkpoint_at ?? started.at,
    checkpoint: started.checkpoint,
    activations: new Map(),
    scopes: new Map(),
    opened: [],
    judged: new Map(),
    stopping: null,
    parkedCode: null,
    segment: started.segment,
    branch: started.branch,
    activeMs: started.active_ms,
    since: started.at,
    lastSeq: started.seq,
    lastAt: started.at,
  }
}

/** Applies one record of the timeline. Each record alone moves the run between legal states (ENGINE R13). */
export function foldRecord(fold: RunFold, record: RunRecord): void {
  foldUsed(fold, record)
  fold.segment = record.segment
  fold.branch = record.branch
  fold.activeMs = record.active_ms
  fold.lastSeq = record.seq
  fold.lastAt = record.at
  if (record.type === 'run.upgraded') foldUpgrade(fold, record)
  if (isCheckpoint(record) && record.type !== 'run.started') {
    foldCheckpoint(fold, record.seq, record.at, record.checkpoint)
    return
  }
  if (isScopeCheckpoint(record)) {
    foldScopeCheckpoint(fold, record, toldAt(record))
    return
  }
  foldLife(fold, record)
  foldWork(fold, record)
}

/** Active time passed for all activations that were at work; what an abandoned branch took counts for none of this one. */
function foldUsed(fold: RunFold, record: RunRecord): void {
  const passed = record.active_ms - fold.activeMs
  if (passed <= 0 || record.type === 'branch.started') return
  for (const one of fold.activations.values()) if (isAtWork(fold, one)) one.usedMs += passed
}

function isAtWork(fold: RunFold, one: ActivationFold): boolean {
  if (one.result !== null || one.dead !== null) return false
  // Between two attempts nothing is at work.
  if (one.asks.size === 0) return one.position?.attempt === one.attempt
  const open = [...one.asks.values()].filter(({ outcome }) => outcome === null || !isTerminalOutcome(outcome))
  return open.length === 0 || !open.every((ask) => isSetAside(fold, ask))
}

/** Waits for a person or a time; a scope that was entered does when all in it do. */
function isSetAside(fold: RunFold, { ask, approval, questions, timer }: AskJournal): boolean {
  if (fold.scopes.has(ask.key))
    return ![...fold.activations.values()].some((one) => one.scope === ask.key && isAtWork(fold, one))
  if (timer !== null || questions.some(({ answered }) => answered === null)) return true
  return approval !== null && approval.decided === null
}

/** Refuses an upgrade that starts from another version than the run is with, or cuts an open superstep in two. */
function foldUpgrade(fold: RunFold, record: RunUpgraded): void {
  const { from, to, seq, checkpoint } = record
  const { version, signature, shape } = fold.definition
  if (from.version !== version || from.signature !== signature || from.shape !== shape)
    throw new SignalboxError('STORE_CORRUPT', `record ${seq} upgrades from ${from.version}, the run is with ${version}`)
  if (checkpoint !== null && standsAt(fold) !== 'barrier')
    throw new SignalboxError('STORE_CORRUPT', `record ${seq} upgrades the state inside an open superstep`)
  fold.definition = to
}

/** What a checkpoint says of the version: nothing while it is the one that the run was started with. */
export function definitionPart({ started, definition }: RunFold): { readonly definition?: DefinitionRef } {
  const { version, signature, shape } = started.workflow
  const first = version === definition.version && signature === definition.signature && shape === definition.shape
  return first ? {} : { definition }
}

/** Where a run stands: between supersteps, in one whose open activations all are at a save point, or in the midst. */
export type Standpoint = 'barrier' | 'position' | 'open'

/** Where a run stands, as its records tell. A changed definition takes over at a barrier or position (ENGINE R14). */
export function standsAt(fold: RunFold): Standpoint {
  const begun = [...fold.activations.values()].filter(hasBegun)
  if (begun.length === 0 && fold.opened.length === 0) return 'barrier'
  const rests = (one: ActivationFold): boolean =>
    one.result !== null ||
    (!one.failed && !one.dead && (isInScope(fold, one) || (one.position !== null && one.asks.size === 0)))
  return begun.every(rests) ? 'position' : 'open'
}

/** True for an activation that did nothing but enter the scope that it is in: it stands where that scope stands. */
function isInScope(fold: RunFold, { position, asks }: ActivationFold): boolean {
  const [only] = asks.values()
  const scope = only && asks.size === 1 && position === null ? fold.scopes.get(only.ask.key) : undefined
  return scope !== undefined && !scope.ended
}

function hasBegun(one: ActivationFold): boolean {
  return one.asks.size > 0 || one.position !== null || one.result !== null || one.failed !== null || one.dead !== null
}

/** When what a record tells happened: for a record of a fork's parent, there (ENGINE R1). */
export function toldAt(record: Pick<RunRecord, 'at' | 'origin'>): string {
  return record.origin?.at ?? record.at
}

function foldCheckpoint(fold: RunFold, seq: number, at: string, checkpoint: CheckpointBody): void {
  fold.checkpointSeq = seq
  fold.checkpointAt = at
  fold.checkpoint = checkpoint
  // A response arrives between supersteps; nothing of an open superstep is lost at either kind.
  if (checkpoint.kind !== 'superstep') return
  fold.activations.clear()
  fold.scopes.clear()
  fold.judged.clear()
  fold.opened = []
}

function foldLife(fold: RunFold, record: RunRecord): void {
  switch (record.type) {
    case 'segment.started':
      fold.status = nextStatus(fold.status, 'segment')
      return
    case 'run.waiting':
      fold.status = nextStatus(fold.status, 'wait')
      return
    case 'run.parked':
      fold.status = nextStatus(fold.status, 'park')
      fold.parkedCode = record.code
      return
    case 'override.recorded':
      if (record.what !== 'resume_parked' && record.what !== 'release_quarantined') return
      fold.status = nextStatus(fold.status, 'resume')
      fold.parkedCode = null
      return
    case 'run.stopping':
      fold.status = nextStatus(fold.status, 'stop_asked')
      fold.stopping = record
      return
    case 'history.moved':
      // A run that has ended keeps its end.
      if (!isEnded(fold.status)) fold.status = nextStatus(fold.status, 'move')
      return
    case 'run.completed':
      fold.status = nextStatus(fold.status, 'complete')
      return
    case 'run.stopped':
      fold.status = nextStatus(fold.status, 'stop')
      return
    case 'run.cancelled':
      fold.status = nextStatus(fold.status, 'cancel')
      return
    case 'run.terminated':
      fold.status = nextStatus(fold.status, 'terminate')
      return
    case 'branch.started':
      fold.status = nextStatus(fold.status, 'branch')
      fold.stopping = null
      fold.parkedCode = null
      fold.since = record.at
      for (const id of record.asked_anew ?? []) dropApproval(fold, id)
      return
    default:
  }
}

/** What a branch cannot use any more is asked anew (invariant 7). */
function dropApproval(fold: RunFold, id: string): void {
  for (const { asks, carried } of fold.activations.values()) {
    for (const entry of asks.values()) if (entry.approval?.requested.approval_id === id) entry.approval = null
    for (const [key, { requested }] of carried) if (requested.approval_id === id) carried.delete(key)
  }
}

function foldWork(fold: RunFold, record: RunRecord): void {
  switch (record.type) {
    case 'activity.intent':
      foldIntent(fold, record)
      return
    case 'activity.outcome':
      foldOutcome(fold, record)
      return
    case 'decision.recorded':
      foldJudged(fold, record)
      return
    case 'approval.requested':
      journal(fold, record.ask).approval = { requested: record, changes: [], decided: null }
      return
    case 'approval.changed':
      approvalOf(fold, record).changes.push(record.change)
      return
    case 'approval.decided':
      foldDecided(fold, record)
      return
    case 'timer.set':
      journal(fold, record.ask).timer = record
      return
    case 'question.asked':
      journal(fold, record.ask).questions.push({ asked: record, answered: null })
      return
    case 'question.answered':
      foldAnswered(fold, record)
      return
    case 'request.opened':
      foldRequest(fold, record)
      return
    case 'request.answered':
      foldRequestAnswered(fold, record)
      return
    case 'step.failed':
      journal(fold, record.ask).failures.push(record)
      return
    case 'position.saved':
      foldPosition(fold, activation(fold, record.activation), record)
      return
    case 'activation.completed':
      activation(fold, record.result.activation).result = record.result
      return
    case 'activation.failed':
      foldFailed(fold, activation(fold, record.activation), record)
      return
    default:
  }
}

/** The journal of an ask, made when it is first on record. */
export function journal(fold: RunFold, ask: AskRef): AskJournal {
  const owner = activation(fold, ask.activation)
  let entry = owner.asks.get(ask.ordinal)
  if (!entry) {
    // What an activity asks for itself (facts, preview) may be on record before it: the journal is that of the activity.
    const own = ask.parent === null ? ask : { ...ask, key: ask.parent.key, parent: null }
    entry = emptyJournal(own)
    owner.asks.set(ask.ordinal, entry)
  }
  return entry
}

/** The first open or ended ask of the open superstep that is wanted, or null. */
export function findAsk(fold: RunFold, wanted: (entry: AskJournal) => boolean): AskJournal | null {
  for (const { asks } of fold.activations.values()) for (const entry of asks.values()) if (wanted(entry)) return entry
  return null
}

function emptyJournal(ask: AskRef): AskJournal {
  const nothing = { outcome: null, approval: null, timer: null, request: null }
  return { ask, ...nothing, intents: [], failures: [], questions: [], children: new Map() }
}

/** The fold of an activation, made when it is first on record. */
export function activation(fold: RunFold, id: string): ActivationFold {
  let entry = fold.activations.get(id)
  if (!entry) {
    const scope = scopeOf(id)
    const attempt = firstAttempt(fold, scope)
    entry = {
      id,
      scope,
      attempt,
      firstAttempt: attempt,
      beneath: 0,
      floor: 0,
      failed: null,
      dead: null,
      position: null,
      asks: new Map(),
      outcomes: [],
      result: null,
      usedMs: 0,
      effects: new Set(),
      adopted: new Set(),
      carried: new Map(),
    }
    fold.activations.set(id, entry)
    noteAttempt(fold, id, attempt)
  }
  return entry
}

function foldIntent(fold: RunFold, record: ActivityIntent): void {
  if (record.ask.parent !== null) return
  journal(fold, record.ask).intents.push(record)
  // An approval kept by a retry is used up by the first intent that names it (invariant 7).
  for (const { carried } of upwards(fold, record.ask.activation))
    for (const [key, { requested }] of carried) if (requested.approval_id === record.approval_id) carried.delete(key)
  openScope(fold, record, toldAt(record))
}

function foldOutcome(fold: RunFold, record: ActivityOutcome): void {
  const entry = journal(fold, record.ask)
  if (record.ask.parent !== null) {
    entry.children.set(record.ask.key.slice(record.ask.parent.key.length + 1), record)
    return
  }
  entry.outcome = record
  if (!isTerminalOutcome(record)) return
  dropJudged(fold, record)
  activation(fold, record.ask.activation).outcomes.push(record)
  endScope(fold, record)
}

function foldDecided(fold: RunFold, record: ApprovalDecided): void {
  approvalOf(fold, record).decided = record
}

function approvalOf(fold: RunFold, record: ApprovalDecided | ApprovalChanged): NonNullable<AskJournal['approval']> {
  const { approval } = journal(fold, record.ask)
  if (approval?.requested.approval_id === record.approval_id) return approval
  throw new SignalboxError('STORE_CORRUPT', `record ${record.seq} is about an approval that was not requested`)
}

function foldAnswered(fold: RunFold, record: QuestionAnswered): void {
  const question = journal(fold, record.ask).questions.find((q) => q.asked.question_id === record.question_id)
  if (!question) throw new SignalboxError('STORE_CORRUPT', `record ${record.seq} answers a question that was not asked`)
  question.answered = record
}

function foldRequest(fold: RunFold, record: RequestOpened): void {
  const { ask, proposal } = record
  if (ask && proposal) journal(fold, ask).request = { opened: { ...record, ask, proposal }, answered: null }
  else scopeState(fold, record.request.scope ?? ROOT_SCOPE).opened.push(record.request)
}

function foldRequestAnswered(fold: RunFold, record: RequestAnswered): void {
  const { request } = journal(fold, record.ask)
  if (request?.opened.request.request_id !== record.request_id)
    throw new SignalboxError('STORE_CORRUPT', `record ${record.seq} answers a request that was not opened`)
  request.answered = record
}

function foldPosition(fold: RunFold, entry: ActivationFold, record: PositionSaved): void {
  gatherEffects(entry, entry)
  closeBeneath(fold, entry.id, entry)
  entry.position = record
  entry.asks.clear()
  entry.outcomes = []
}

function foldFailed(fold: RunFold, entry: ActivationFold, record: ActivationFailed): void {
  if (record.retry_at === null) {
    entry.dead = record
    return
  }
  carryApprovals(entry, entry)
  for (const one of fold.activations.values())
    if (one.id.startsWith(`${entry.id}/`)) {
      for (const [key, approval] of one.carried) entry.carried.set(key, approval)
      carryApprovals(one, entry)
    }
  // What it entered is entered anew; its effects stay and are matched again (ENGINE R5).
  closeBeneath(fold, entry.id, null)
  entry.failed = record
  entry.usedMs = 0
  entry.attempt = record.attempt + 1
  entry.floor = Math.max(entry.floor, entry.beneath)
  entry.asks.clear()
  entry.outcomes = []
  noteAttempt(fold, entry.id, entry.attempt)
}

/** Approvals that were given and not used are kept for the next attempt. */
function carryApprovals(from: ActivationFold, to: ActivationFold): void {
  for (const { approval, intents } of from.asks.values()) {
    // An intent has used its approval up, whatever became of it (invariant 7).
    if (intents.length > 0 || !approval?.decided || approval.decided.answer !== 'approved') continue
    const key = `${approval.requested.proposal.name}|${approval.requested.proposal.args_digest}`
    to.carried.set(key, { ...approval, decided: approval.decided })
  }
}

/** Effects off this timeline that it was answered with from the ledger, those of the open superstep included (ENGINE R5). */
export function adoptedEffects(fold: RunFold): readonly string[] {
  const adopted = new Set(fold.checkpoint.adopted)
  for (const scope of fold.scopes.values()) for (const id of scope.adopted) adopted.add(id)
  for (const entry of fold.activations.values()) {
    for (const id of entry.adopted) adopted.add(id)
    for (const { outcome } of entry.asks.values())
      if (outcome?.effect_id && isAdopted(outcome)) adopted.add(outcome.effect_id)
  }
  return [...adopted]
}
