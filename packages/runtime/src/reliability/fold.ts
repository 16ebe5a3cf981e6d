import { SignalboxError } from '../base/errors.ts'
import type { CheckpointBody, OpenRequest } from '../contracts/checkpoint.ts'
import type {
  ActivationFailed,
  ActivationResult,
  ActivityIntent,
  ActivityOutcome,
  ApprovalDecided,
  ApprovalRequested,
  AskRef,
  DefinitionRef,
  PositionSaved,
  QuestionAnswered,
  QuestionAsked,
  RunRecord,
  RunStarted,
  RunStatus,
  RunStopping,
  RunUpgraded,
  TimerSet,
} from '../contracts/records.ts'
import { isEnded, nextStatus } from './run-machine.ts'
import { isCheckpoint } from './timeline.ts'

/** All that is on record of one ask. */
export interface AskJournal {
  readonly ask: AskRef
  intents: ActivityIntent[]
  /** The latest outcome; an `unknown` one of an effect is not its end. */
  outcome: ActivityOutcome | null
  approval: { requested: ApprovalRequested; decided: ApprovalDecided | null } | null
  /** When the ask is a timer: until when it sleeps. */
  timer: TimerSet | null
  questions: { asked: QuestionAsked; answered: QuestionAnswered | null }[]
  /** Outcomes of what the activity itself asked, by `<phase>/<n>`. */
  children: Map<string, ActivityOutcome>
}

/** All that is on record of one activation since its last save point, in its present attempt. */
export interface ActivationFold {
  readonly id: string
  attempt: number
  /** The failure after which the present attempt started or will start. */
  failed: ActivationFailed | null
  /** The failure that ended it for good. */
  dead: ActivationFailed | null
  position: PositionSaved | null
  asks: Map<number, AskJournal>
  /** Ends in log order: the order in which the handler got them (ENGINE R1). */
  outcomes: ActivityOutcome[]
  result: ActivationResult | null
  /** Effects of the turns before the last save point. */
  effects: Set<string>
  /** Those of them that the ledger answered with: they lie on an abandoned branch or an earlier attempt. */
  adopted: Set<string>
  /** Approved and unused on an earlier attempt, by `<tool>|<args digest>`: kept by a retry (ENGINE R5). */
  carried: Map<string, { requested: ApprovalRequested; decided: ApprovalDecided }>
}

/** A run as its records tell it: the last checkpoint and what happened since (ENGINE resume). */
export interface RunFold {
  readonly started: RunStarted
  /** The version that the run is with (ENGINE R14). */
  definition: DefinitionRef
  status: RunStatus
  checkpointSeq: number
  checkpointAt: string
  checkpoint: CheckpointBody
  activations: Map<string, ActivationFold>
  /** Port requests opened since the checkpoint; the next barrier carries them. */
  opened: OpenRequest[]
  stopping: RunStopping | null
  parkedCode: string | null
  segment: number
  branch: number
  activeMs: number
  lastSeq: number
  lastAt: string
}

/** True for an outcome that is an end; `unknown` waits for its resolution (invariant 5). */
export function isTerminalOutcome(outcome: ActivityOutcome): boolean {
  return outcome.status !== 'unknown'
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
    opened: [],
    stopping: null,
    parkedCode: null,
    segment: started.segment,
    branch: started.branch,
    activeMs: started.active_ms,
    lastSeq: started.seq,
    lastAt: started.at,
  }
}

/** Applies one record of the timeline. Each record alone moves the run between legal states (ENGINE R13). */
export function foldRecord(fold: RunFold, record: RunRecord): void {
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
  foldLife(fold, record)
  foldWork(fold, record)
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
    one.result !== null || (one.position !== null && one.asks.size === 0 && !one.failed && !one.dead)
  return begun.every(rests) ? 'position' : 'open'
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
    case 'approval.requested':
      journal(fold, record.ask).approval = { requested: record, decided: null }
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
      fold.opened.push(record.request)
      return
    case 'position.saved':
      foldPosition(activation(fold, record.activation), record)
      return
    case 'activation.completed':
      activation(fold, record.result.activation).result = record.result
      return
    case 'activation.failed':
      foldFailed(activation(fold, record.activation), record)
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
    entry = { ask: own, intents: [], outcome: null, approval: null, timer: null, questions: [], children: new Map() }
    owner.asks.set(ask.ordinal, entry)
  }
  return entry
}

/** The fold of an activation, made when it is first on record. */
export function activation(fold: RunFold, id: string): ActivationFold {
  let entry = fold.activations.get(id)
  if (!entry) {
    entry = {
      id,
      attempt: 1,
      failed: null,
      dead: null,
      position: null,
      asks: new Map(),
      outcomes: [],
      result: null,
      effects: new Set(),
      adopted: new Set(),
      carried: new Map(),
    }
    fold.activations.set(id, entry)
  }
  return entry
}

function foldIntent(fold: RunFold, record: ActivityIntent): void {
  if (record.ask.parent !== null) return
  journal(fold, record.ask).intents.push(record)
  // An approval kept by a retry is used up by the first intent that names it (invariant 7).
  const { carried } = activation(fold, record.ask.activation)
  for (const [key, { requested }] of carried) if (requested.approval_id === record.approval_id) carried.delete(key)
}

function foldOutcome(fold: RunFold, record: ActivityOutcome): void {
  const entry = journal(fold, record.ask)
  if (record.ask.parent !== null) {
    entry.children.set(record.ask.key.slice(record.ask.parent.key.length + 1), record)
    return
  }
  entry.outcome = record
  if (isTerminalOutcome(record)) activation(fold, record.ask.activation).outcomes.push(record)
}

function foldDecided(fold: RunFold, record: ApprovalDecided): void {
  const approval = journal(fold, record.ask).approval
  if (approval?.requested.approval_id !== record.approval_id)
    throw new SignalboxError('STORE_CORRUPT', `record ${record.seq} decides an approval that was not requested`)
  approval.decided = record
}

function foldAnswered(fold: RunFold, record: QuestionAnswered): void {
  const question = journal(fold, record.ask).questions.find((q) => q.asked.question_id === record.question_id)
  if (!question) throw new SignalboxError('STORE_CORRUPT', `record ${record.seq} answers a question that was not asked`)
  question.answered = record
}

function foldPosition(entry: ActivationFold, record: PositionSaved): void {
  for (const ask of entry.asks.values()) {
    const id = ask.outcome?.effect_id
    if (id) entry.effects.add(id)
    if (id && isAdopted(ask.outcome)) entry.adopted.add(id)
  }
  entry.position = record
  entry.asks.clear()
  entry.outcomes = []
}

function foldFailed(entry: ActivationFold, record: ActivationFailed): void {
  if (record.retry_at === null) {
    entry.dead = record
    return
  }
  for (const ask of entry.asks.values()) {
    const { approval } = ask
    // An intent has used its approval up, whatever became of it (invariant 7).
    if (ask.intents.length > 0 || !approval?.decided || approval.decided.answer !== 'approved') continue
    const key = `${approval.requested.proposal.name}|${approval.requested.proposal.args_digest}`
    entry.carried.set(key, { requested: approval.requested, decided: approval.decided })
  }
  entry.failed = record
  entry.attempt = record.attempt + 1
  entry.asks.clear()
  entry.outcomes = []
}

/** True for an answer from the ledger of this run or its family, which nothing else on the timeline may be answered with. */
function isAdopted(outcome: ActivityOutcome | null): boolean {
  return outcome?.ledger != null && (outcome.ledger.family === true || outcome.ledger.run === outcome.run)
}

/** Effects off this timeline that it was answered with from the ledger, those of the open superstep included (ENGINE R5). */
export function adoptedEffects(fold: RunFold): readonly string[] {
  const adopted = new Set(fold.checkpoint.adopted)
  for (const entry of fold.activations.values()) {
    for (const id of entry.adopted) adopted.add(id)
    for (const { outcome } of entry.asks.values())
      if (outcome?.effect_id && isAdopted(outcome)) adopted.add(outcome.effect_id)
  }
  return [...adopted]
}
