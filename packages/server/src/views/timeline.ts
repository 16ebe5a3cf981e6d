/**
 * The timeline of a run: its records grouped by superstep, one activity a row. Intent, request and outcome of an activity
 * find each other by the key of its ask; an answer finds its approval or question by the id of that.
 */
import type { Activity, Superstep } from '@signalbox/protocol'
import {
  activationPath,
  type ActivityIntent,
  type ActivityOutcome,
  type ApprovalDecided,
  type ApprovalRequested,
  type AskRef,
  type Decision,
  type Proposal,
  type RunRecord,
  nodePath,
  runSuperstep,
  scopePath,
} from 'signalbox'
import type { Opener } from './contents.ts'

interface ActivityDraft {
  readonly ask: AskRef
  readonly seq: number
  readonly startedAt: string
  proposal: Proposal | null
  decision: Decision | null
  intent: ActivityIntent | null
  outcome: ActivityOutcome | null
  requested: ApprovalRequested | null
  decided: ApprovalDecided | null
  question: boolean
}

interface StepDraft {
  readonly superstep: number
  readonly branch: number
  readonly nodes: Set<string>
  readonly activities: ActivityDraft[]
  readonly savePoints: Superstep['save_points']
  readonly notes: Superstep['notes']
  startedAt: string
  endedAt: string | null
  checkpointSeq: number | null
  lastSeq: number
}

interface Fold {
  readonly steps: Map<string, StepDraft>
  /** The latest activity of each ask key; an ask of another branch starts a new one. */
  readonly byKey: Map<string, ActivityDraft>
  readonly branchOf: Map<ActivityDraft, number>
  /** By id of an approval or question: what its answer belongs to. */
  readonly byRequest: Map<string, ActivityDraft>
}

/** Supersteps of a run in order of their first record. `onTimeline` tells whether a record leads to the present head. */
export async function timelineOf(
  records: readonly RunRecord[],
  onTimeline: (seq: number) => boolean,
  open: Opener,
): Promise<Superstep[]> {
  const fold: Fold = { steps: new Map(), byKey: new Map(), branchOf: new Map(), byRequest: new Map() }
  for (const record of records) take(fold, record)
  return await Promise.all([...fold.steps.values()].map((step) => stepView(step, onTimeline(step.lastSeq), open)))
}

function take(fold: Fold, record: RunRecord): void {
  switch (record.type) {
    case 'activity.intent':
    case 'activity.outcome':
    case 'approval.requested':
    case 'approval.decided':
    case 'question.asked':
    case 'question.answered':
    case 'timer.set':
    case 'step.failed':
    case 'request.answered':
      takeAsk(fold, record)
      return
    case 'request.opened':
      if (record.ask) takeAsk(fold, { ...record, ask: record.ask })
      return
    case 'position.saved': {
      const step = stepFor(fold, record, runSuperstep(record.activation))
      const node = activationPath(record.activation, record.node)
      step.nodes.add(node)
      step.savePoints.push({ seq: record.seq, node, position: record.position, at: record.at })
      return
    }
    case 'activation.completed': {
      const { activation, node } = record.result
      stepFor(fold, record, runSuperstep(activation)).nodes.add(activationPath(activation, node))
      return
    }
    case 'activation.failed': {
      const step = stepFor(fold, record, runSuperstep(record.activation))
      const node = activationPath(record.activation, record.node)
      step.nodes.add(node)
      const again = record.retry_at === null ? 'no attempt is left' : `tried again at ${record.retry_at}`
      note(step, record, `attempt ${record.attempt} of \`${node}\` failed with ${record.code}; ${again}`)
      return
    }
    case 'message.dropped':
      note(
        stepFor(fold, record, record.scope === undefined ? record.superstep : runSuperstep(record.scope)),
        record,
        `a message of \`${nodePath(record.scope, record.from)}\` was dropped: ${record.reason}`,
      )
      return
    case 'superstep.completed': {
      const step = stepFor(fold, record, record.scope === undefined ? record.superstep : runSuperstep(record.scope))
      for (const { activation, node } of record.results) step.nodes.add(activationPath(activation, node))
      // The barrier of a nested workflow is a save point of the superstep that it lies in.
      if (record.scope !== undefined) {
        const node = scopePath(record.scope).join('/')
        step.savePoints.push({ seq: record.seq, node, position: record.checkpoint.superstep, at: record.at })
        return
      }
      step.startedAt = record.started_at < step.startedAt ? record.started_at : step.startedAt
      step.endedAt = record.at
      step.checkpointSeq = record.seq
      return
    }
    default:
      return
  }
}

function note(step: StepDraft, record: RunRecord, text: string): void {
  step.notes.push({ seq: record.seq, at: record.at, text })
}

function stepFor(fold: Fold, record: RunRecord, superstep: number): StepDraft {
  const key = `${record.branch}/${superstep}`
  const known = fold.steps.get(key)
  if (known) {
    known.lastSeq = record.seq
    return known
  }
  const made: StepDraft = {
    superstep,
    branch: record.branch,
    nodes: new Set(),
    activities: [],
    savePoints: [],
    notes: [],
    startedAt: record.at,
    endedAt: null,
    checkpointSeq: null,
    lastSeq: record.seq,
  }
  fold.steps.set(key, made)
  return made
}

type AskRecord =
  | Extract<RunRecord, { ask: AskRef }>
  | (Extract<RunRecord, { type: 'request.opened' }> & { readonly ask: AskRef })

function takeAsk(fold: Fold, record: AskRecord): void {
  const step = stepFor(fold, record, runSuperstep(record.ask.activation))
  step.nodes.add(activationPath(record.ask.activation, record.ask.node))
  const draft = answered(fold, record) ?? draftFor(fold, step, record)
  switch (record.type) {
    case 'activity.intent':
      draft.intent = record
      draft.proposal = record.proposal
      draft.decision = record.decision
      return
    case 'activity.outcome':
      draft.outcome = record
      draft.question = false
      draft.proposal ??= record.proposal
      draft.decision ??= record.decision
      return
    case 'approval.requested':
      fold.byRequest.set(record.approval_id, draft)
      draft.requested = record
      draft.decided = null
      draft.proposal = record.proposal
      draft.decision = record.decision
      return
    case 'approval.decided':
      draft.decided = record
      return
    case 'question.asked':
      fold.byRequest.set(record.question_id, draft)
      draft.question = true
      return
    case 'question.answered':
      draft.question = false
      return
    case 'timer.set':
    case 'step.failed':
    case 'request.opened':
      draft.proposal = record.proposal ?? null
      return
    case 'request.answered':
      return
  }
}

function answered(fold: Fold, record: AskRecord): ActivityDraft | undefined {
  if (record.type === 'approval.decided') return fold.byRequest.get(record.approval_id)
  return record.type === 'question.answered' ? fold.byRequest.get(record.question_id) : undefined
}

function draftFor(fold: Fold, step: StepDraft, record: AskRecord): ActivityDraft {
  const known = fold.byKey.get(record.ask.key)
  if (known && continues(fold, known, record)) return known
  const made: ActivityDraft = {
    ask: record.ask,
    seq: record.seq,
    startedAt: record.at,
    proposal: null,
    decision: null,
    intent: null,
    outcome: null,
    requested: null,
    decided: null,
    question: false,
  }
  fold.byKey.set(record.ask.key, made)
  fold.branchOf.set(made, record.branch)
  step.activities.push(made)
  return made
}

/** Same branch, or the end of something that was open when the branch started. */
function continues(fold: Fold, known: ActivityDraft, record: AskRecord): boolean {
  if (fold.branchOf.get(known) === record.branch) return true
  const unsettled = known.outcome === null || known.outcome.status === 'unknown'
  return unsettled && record.type !== 'activity.intent' && record.type !== 'approval.requested'
}

async function stepView(step: StepDraft, current: boolean, open: Opener): Promise<Superstep> {
  return {
    superstep: step.superstep,
    branch: step.branch,
    current,
    status: step.checkpointSeq === null ? 'open' : 'completed',
    nodes: [...step.nodes],
    started_at: step.startedAt,
    ended_at: step.endedAt,
    checkpoint_seq: step.checkpointSeq,
    save_points: step.savePoints,
    activities: await Promise.all(step.activities.map((draft) => activityView(draft, open))),
    notes: step.notes,
  }
}

async function activityView(draft: ActivityDraft, open: Opener): Promise<Activity> {
  const { ask, proposal, decision, outcome } = draft
  const [args, result] = await Promise.all([
    open.text(proposal?.edited?.args ?? proposal?.args),
    open.text(outcome?.result),
  ])
  return {
    key: ask.key,
    seq: draft.seq,
    outcome_seq: outcome?.seq ?? null,
    node: activationPath(ask.activation, ask.node),
    agent: proposal?.agent ?? outcome?.agent ?? null,
    attempt: ask.attempt,
    kind: proposal?.kind ?? outcome?.kind ?? 'tool',
    name: proposal?.name ?? outcome?.name ?? '',
    class: proposal?.class ?? outcome?.class ?? '',
    effect: proposal?.effect ?? outcome?.effect ?? 'none',
    ...statusOf(draft),
    parent: ask.parent === null ? null : { key: ask.parent.key, phase: ask.parent.phase },
    decision: decision === null ? null : decisionView(decision),
    approval: await approvalView(draft, open),
    arguments: args,
    result,
    ...amountsOf(draft),
    started_at: draft.startedAt,
    ended_at: outcome?.at ?? null,
    idempotency_key: draft.intent?.idempotency_key ?? outcome?.idempotency_key ?? null,
    effect_id: draft.intent?.effect_id ?? outcome?.effect_id ?? null,
    effect_hash: outcome?.effect_hash ?? null,
    from_ledger: outcome?.ledger ? { run_id: outcome.ledger.run, seq: outcome.ledger.seq } : null,
    resolved_by: outcome?.resolved_by ?? null,
  }
}

function statusOf(draft: ActivityDraft): Pick<Activity, 'status' | 'code'> {
  if (draft.question) return { status: 'question', code: draft.outcome?.code ?? null }
  if (draft.outcome) return { status: draft.outcome.status, code: draft.outcome.code }
  if (draft.intent) return { status: 'sent', code: null }
  return { status: 'waiting', code: null }
}

function amountsOf(draft: ActivityDraft): Pick<Activity, 'cost_nano_usd' | 'tokens' | 'latency_ms'> {
  // What is open counts as reserved: that is what it would be charged after a crash.
  const amounts = draft.outcome?.settled ?? draft.intent?.reserved
  return {
    cost_nano_usd: amounts?.cost_nano_usd ?? '0',
    tokens: amounts?.tokens ?? 0,
    latency_ms: draft.outcome?.latency_ms ?? null,
  }
}

function decisionView(decision: Decision): NonNullable<Activity['decision']> {
  const { id, verdict, reason_code, policies, bundle, elements } = decision
  const shown = elements?.map(({ element, verdict: said, reason_code: code }) => ({
    element,
    verdict: said,
    reason_code: code,
  }))
  return { id, verdict, reason_code, policies: [...policies], bundle, ...(shown ? { elements: shown } : {}) }
}

async function approvalView({ requested, decided }: ActivityDraft, open: Opener): Promise<Activity['approval']> {
  if (!requested) return null
  return {
    approval_id: requested.approval_id,
    answer: decided?.answer ?? 'open',
    by: decided?.by?.id ?? null,
    requested_at: requested.at,
    deadline: requested.deadline,
    decided_at: decided?.at ?? null,
    reason: await open.words(decided?.reason),
  }
}
