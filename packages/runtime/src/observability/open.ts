import { ROOT_SCOPE, isWithin, nodePath } from '../base/scope-id.ts'
import type { RunRecord, RunStatus } from '../contracts/records.ts'
import { activitiesOf, isOpen, presentBranch } from './view.ts'
import { name } from './words.ts'

/** Something that a run waits for, or that nobody has answered yet. */
export interface OpenItem {
  readonly kind: 'approval' | 'question' | 'request' | 'timer' | 'retry' | 'switch' | 'call'
  readonly id: string
  readonly seq: number
  /** A few words for the status sentence. */
  readonly short: string
  /** A sentence that says what is open. */
  readonly text: string
  /** A sentence that says what a person can do about it. */
  readonly action: string
}

/** What is open on the present branch of a history, oldest first (Invariant 12). Nothing is open in a run that ended. */
export function openItems(records: readonly RunRecord[]): readonly OpenItem[] {
  const path = presentBranch(records)
  if (endOf(path)) return []
  return [
    ...openApprovals(path),
    ...openQuestions(path),
    ...openRequests(path),
    ...openTimers(path),
    ...openSteps(path),
    ...openRetries(path),
    ...openAttempts(path),
    ...openSwitches(path),
    ...openCalls(path),
  ].sort((a, b) => a.seq - b.seq)
}

function openApprovals(path: readonly RunRecord[]): readonly OpenItem[] {
  const answered = new Set(path.map((record) => (record.type === 'approval.decided' ? record.approval_id : null)))
  return path.flatMap((record): OpenItem[] => {
    if (record.type !== 'approval.requested' || answered.has(record.approval_id)) return []
    const tool = name(record.proposal.name)
    const roles = [...new Set(record.asks.flatMap((ask) => ask.approvers))].join(' or ')
    return [
      {
        kind: 'approval',
        id: record.approval_id,
        seq: record.seq,
        short: `a person has to answer for ${tool}`,
        text: `Approval ${name(record.approval_id)} of ${tool} is open until ${record.deadline}; silence denies it.`,
        action: `Someone with the role ${roles}, other than the requester, can approve or reject ${name(record.approval_id)}; waiting is safe.`,
      },
    ]
  })
}

const ABOUT = {
  unknown_effect: 'an effect with an unknown outcome',
  other_arguments: 'an effect that was asked again with other arguments',
  undone_effect: 'an effect that was asked again after it was undone',
  asked_again: 'an effect that a fork asked for again',
} as const

function openQuestions(path: readonly RunRecord[]): readonly OpenItem[] {
  const answered = new Set(path.map((record) => (record.type === 'question.answered' ? record.question_id : null)))
  return path.flatMap((record): OpenItem[] => {
    if (record.type !== 'question.asked' || answered.has(record.question_id)) return []
    const id = name(record.question_id)
    const about = ABOUT[record.about]
    return [
      {
        kind: 'question',
        id: record.question_id,
        seq: record.seq,
        short: `a person has to say what became of ${about}`,
        text: `Question ${id} about ${about} (key ${name(record.ask.key)}) is open.`,
        action: `Look at the outside system, then answer ${id}: it happened, it did not, or stop. Do not answer "did not" on a guess: it permits a repeat.`,
      },
    ]
  })
}

function openRequests(path: readonly RunRecord[]): readonly OpenItem[] {
  const answered = new Set(
    path.flatMap((record) =>
      record.type === 'response.received' || record.type === 'request.answered' ? [record.request_id] : [],
    ),
  )
  return path.flatMap((record, index): OpenItem[] => {
    if (record.type !== 'request.opened' || answered.has(record.request.request_id)) return []
    const { scope } = record.request
    if (scope !== undefined && endedAfter(path.slice(index + 1), scope)) return []
    const node = name(nodePath(record.request.scope, record.request.node))
    if (record.request.timer) return [timerItem(record.request.request_id, record.seq, record.request)]
    const id = name(record.request.request_id)
    return [
      {
        kind: 'request',
        id: record.request.request_id,
        seq: record.seq,
        short: `port ${node} has to be answered`,
        text: `Request ${id} of port ${node} is open until ${record.request.deadline}.`,
        action: `Answer request ${id}; waiting is safe until its deadline.`,
      },
    ]
  })
}

/** True where a nested scope, or one around it, ended or was entered anew after a record: what it asked is asked no more. */
function endedAfter(later: readonly RunRecord[], scope: string): boolean {
  return later.some((record) => {
    const ends =
      record.type === 'activity.outcome'
        ? record.kind === 'scope'
        : record.type === 'activity.intent' && record.opens !== undefined
    return ends && 'ask' in record && (record.ask.key === scope || isWithin(scope, record.ask.key))
  })
}

/** Timers of handlers whose activation still waits for them. */
function openTimers(path: readonly RunRecord[]): readonly OpenItem[] {
  return path.flatMap((record, index): OpenItem[] => {
    if (record.type !== 'timer.set') return []
    const over = path
      .slice(index + 1)
      .some(
        (other) =>
          (other.type === 'activity.outcome' && other.ask.key === record.ask.key) ||
          (other.type === 'activation.failed' && other.activation === record.ask.activation),
      )
    return over ? [] : [timerItem(record.ask.key, record.seq, { node: record.ask.node, deadline: record.due })]
  })
}

/** Local steps that failed and are tried again. */
function openSteps(path: readonly RunRecord[]): readonly OpenItem[] {
  return path.flatMap((record, index): OpenItem[] => {
    if (record.type !== 'step.failed') return []
    const { ask, retry_at: at, proposal } = record
    const over = path
      .slice(index + 1)
      .some(
        (other) =>
          ((other.type === 'activity.outcome' || other.type === 'step.failed') && other.ask.key === ask.key) ||
          (other.type === 'activation.failed' && other.activation === ask.activation),
      )
    if (over) return []
    const step = name(proposal.name)
    return [
      {
        kind: 'retry',
        id: ask.key,
        seq: record.seq,
        short: `step ${step} is tried again at ${at}`,
        text: `Step ${step} failed with ${record.code} and is tried again at ${at}.`,
        action: `Nothing needs to be done: step ${step} is tried again by itself.`,
      },
    ]
  })
}

function timerItem(id: string, seq: number, timer: { readonly node: string; readonly deadline: string }): OpenItem {
  const node = name(timer.node)
  return {
    kind: 'timer',
    id,
    seq,
    short: `${node} goes on at ${timer.deadline}`,
    text: `A timer of ${node} runs until ${timer.deadline}.`,
    action: `Nothing needs to be done: ${node} goes on by itself at ${timer.deadline}.`,
  }
}

/** Calls whose next attempt was not made yet: models in trouble, and what a pause held up. */
function openAttempts(path: readonly RunRecord[]): readonly OpenItem[] {
  const last = new Map<string, RunRecord>()
  for (const record of path)
    if (record.type === 'activity.intent' || record.type === 'activity.outcome') last.set(record.ask.key, record)
  return [...last.values()].flatMap((record): OpenItem[] => {
    if (record.type !== 'activity.outcome' || !record.retry) return []
    if (!record.trouble && (record.code === 'KILL_SWITCH' || record.code === 'SWITCHES_STALE')) return [heldUp(record)]
    const model = name(record.name)
    return [
      {
        kind: 'retry',
        id: record.ask.key,
        seq: record.seq,
        short: `model ${model} is called again at ${record.retry.at}`,
        text: `The provider of model ${model} was in trouble (${record.trouble}); it is called again at ${record.retry.at}.`,
        action: `Nothing needs to be done: model ${model} is called again by itself.`,
      },
    ]
  })
}

/** A call that a pause held up after its intent, or one of which nobody knew whether it was paused. */
function heldUp(record: Extract<RunRecord, { type: 'activity.outcome' }>): OpenItem {
  const call = name(record.name)
  return {
    kind: 'retry',
    id: record.ask.key,
    seq: record.seq,
    short: `${call} waits for the kill switches (${record.code})`,
    text: `${call} was not sent (${record.code}); it goes out when the kill switches allow it.`,
    action: 'Lift the pause when its reason is gone; the call goes on by itself.',
  }
}

/** What a pause holds up before its intent: calls, or the whole run, by the last wait on record. */
function openSwitches(path: readonly RunRecord[]): readonly OpenItem[] {
  const turn = path.findLast((record) => TURNS.has(record.type))
  if (turn?.type !== 'run.waiting') return []
  return turn.on.flatMap(({ kind, id }): OpenItem[] => {
    if (kind !== 'switch') return []
    const what = id.startsWith('ksw_')
      ? `The run is held up by kill switch ${name(id)}.`
      : `A kill switch holds up the call ${name(id)}.`
    return [
      {
        kind: 'switch',
        id,
        seq: turn.seq,
        short: 'a kill switch holds it up',
        text: what,
        action:
          'Lift the pause when its reason is gone, or let two persons override it for this call; waiting is safe.',
      },
    ]
  })
}

function openRetries(path: readonly RunRecord[]): readonly OpenItem[] {
  return path.flatMap((record, index): OpenItem[] => {
    if (record.type !== 'activation.failed' || record.retry_at === null) return []
    const later = path.slice(index + 1)
    const over = later.some(
      (other) =>
        (other.type === 'superstep.completed' && isWithin(record.activation, other.scope ?? ROOT_SCOPE)) ||
        (other.type === 'activation.failed' && other.activation === record.activation) ||
        (other.type === 'activation.completed' && other.result.activation === record.activation) ||
        (other.type === 'activity.intent' &&
          other.ask.activation === record.activation &&
          other.ask.attempt > record.attempt),
    )
    if (over) return []
    const node = name(record.node)
    return [
      {
        kind: 'retry',
        id: record.activation,
        seq: record.seq,
        short: `node ${node} is tried again at ${record.retry_at}`,
        text: `Node ${node} failed with ${record.code} and is tried again at ${record.retry_at}.`,
        action: `Nothing needs to be done: node ${node} is tried again by itself.`,
      },
    ]
  })
}

function openCalls(path: readonly RunRecord[]): readonly OpenItem[] {
  const activities = activitiesOf(path)
  return activities.flatMap((activity, index): OpenItem[] => {
    const { intent } = activity
    const again = activities.slice(index + 1).some((other) => other.key === activity.key)
    // A nested workflow that is entered waits for what lies in it, and that is told.
    if (!intent || intent.opens || !isOpen(activity) || again) return []
    const tool = name(intent.proposal.name)
    const effect = intent.proposal.effect !== 'none'
    return [
      {
        kind: 'call',
        id: intent.idempotency_key,
        seq: intent.seq,
        short: `${tool} has no recorded answer`,
        text: `${tool} was recorded as about to be sent, and no final outcome is on record.`,
        action: effect
          ? `Leave ${tool} to the runtime: it looks the effect up after ${intent.not_after}, and asks a person when that does not settle it. Do not send it by hand.`
          : `Nothing needs to be done for ${tool}: it changes nothing outside and is asked again.`,
      },
    ]
  })
}

const TURNS: ReadonlySet<RunRecord['type']> = new Set(['segment.started', 'run.parked', 'run.waiting'])

const ENDS: Readonly<Partial<Record<RunRecord['type'], RunStatus>>> = {
  'run.completed': 'completed',
  'run.stopped': 'stopped',
  'run.cancelled': 'cancelled',
  'run.terminated': 'terminated',
  'history.moved': 'stopped',
}

function endOf(path: readonly RunRecord[]): RunStatus | undefined {
  for (const record of path) {
    const end = ENDS[record.type]
    if (end) return end
  }
  return undefined
}

/** The state of a run from the present branch of its history (Invariant 12). */
export function statusFrom(records: readonly RunRecord[]): RunStatus {
  const path = presentBranch(records)
  const end = endOf(path)
  if (end) return end
  const turn = path.findLast((record) => TURNS.has(record.type))
  if (turn?.type === 'run.parked') return 'parked'
  if (path.some((record) => record.type === 'run.stopping')) return 'stopping'
  if (turn?.type === 'run.waiting') return 'waiting'
  return path.some((record) => record.type === 'segment.started') ? 'running' : 'queued'
}
