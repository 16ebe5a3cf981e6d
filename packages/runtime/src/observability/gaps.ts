import { isPruningType, PRUNING_TYPES } from '../contracts/pruning.ts'
import type { ActivityIntent, ActivityOutcome, ApprovalRequested, RunRecord } from '../contracts/records.ts'
import { addAmounts, heldIn, isLower, limitsPassed, NO_SPEND, spendAfter } from './cost.ts'
import { approvalFaults } from './gaps-approval.ts'
import { insideGaps } from './gaps-inside.ts'
import {
  type Approvals,
  approvalsOf,
  type CheckpointBefore,
  checkpointsOf,
  type Gap,
  type GapKind,
  limitsOf,
  proposalOf,
} from './lineage.ts'
import { type ActivityView, activitiesOf, type Branches, branchesOf, millisOf } from './view.ts'

interface Context {
  readonly records: readonly RunRecord[]
  readonly bySeq: ReadonlyMap<number, RunRecord>
  readonly byAsk: ReadonlyMap<string, readonly RunRecord[]>
  readonly activities: readonly ActivityView[]
  readonly activitiesByAsk: ReadonlyMap<string, readonly ActivityView[]>
  readonly checkpointBefore: CheckpointBefore
  readonly approvals: Approvals
  readonly branches: Branches
  readonly requester: string | null
  readonly ended: boolean
}

const AFTER_THE_END = new Set<string>(['feedback.recorded', 'cost.corrected', 'history.moved', ...PRUNING_TYPES])
const ENDS = new Set(['run.completed', 'run.stopped', 'run.cancelled', 'run.terminated'])

/**
 * The lineage query (Invariant 15): every place where a history does not tell what it must about an activity. A release
 * gate: an empty list means that each effect has its run, checkpoint, model call or deterministic node, tool call,
 * decision, approval where the decision asked, intent before its outcome, and effect hash; that no approval was used
 * for two things, nothing was sent twice, and no intent went past the budget. Calls that are open in a run that has
 * not ended are no gap. Works on any prefix of a history.
 */
export function lineageGaps(records: readonly RunRecord[]): readonly Gap[] {
  const first = records[0]
  const activities = activitiesOf(records)
  const branches = branchesOf(records)
  const context: Context = {
    records,
    bySeq: new Map(records.map((record) => [record.seq, record])),
    byAsk: Map.groupBy(records, (record) => ('ask' in record && record.ask ? record.ask.key : '')),
    activities,
    activitiesByAsk: Map.groupBy(activities, ({ key }) => key),
    checkpointBefore: checkpointsOf(records, branches),
    approvals: approvalsOf(records),
    branches,
    requester: first?.type === 'run.started' ? first.principal.id : null,
    ended: ENDS.has(records.findLast((record) => !AFTER_THE_END.has(record.type))?.type ?? ''),
  }
  // Of a history that was pruned to its hashes the markers are left; the audit of the chain says whether it may be so.
  const begins = first === undefined || first.type === 'run.started' || isPruningType(first.type)
  const gaps = begins ? [] : [runGap(first.seq)]
  for (const activity of context.activities) gaps.push(...activityGaps(activity, context))
  gaps.push(...approvalUses(context), ...orphanApprovals(context), ...repeats(context), ...budgetGaps(records))
  gaps.push(...undoGaps(context))
  return gaps.sort((a, b) => a.seq - b.seq)
}

function gap(kind: GapKind, seq: number, detail: string): Gap {
  return { kind, seq, detail }
}

function runGap(seq: number): Gap {
  return gap('run', seq, 'the history does not begin with run.started')
}

function activityGaps(activity: ActivityView, context: Context): readonly Gap[] {
  const [first] = activity.outcomes
  if (first?.kind === 'timer') return timerGaps(first, context)
  if (first?.kind === 'step' || first?.kind === 'request') return insideGaps(first, recordsBefore(first, context))
  return [
    ...intentGaps(activity),
    ...callGaps(activity, context),
    ...decisionGaps(activity, context),
    ...approvalGaps(activity, context),
    ...outcomeGaps(activity, context),
    ...ledgerGaps(activity, context),
  ]
}

/** The records of an ask before one of them, on the way that led to it. */
function recordsBefore({ ask, seq }: ActivityOutcome, { byAsk, branches }: Context): readonly RunRecord[] {
  return (byAsk.get(ask.key) ?? []).filter((record) => record.seq < seq && branches.leadsTo(record.seq, seq))
}

/** A timer sends nothing, so nobody decides on it: it was set, fires once, and not before its time. */
function timerGaps(fired: ActivityOutcome, { byAsk, branches }: Context): readonly Gap[] {
  const gaps: Gap[] = []
  const own = byAsk.get(fired.ask.key) ?? []
  const here = (seq: number): boolean => branches.leadsTo(seq, fired.seq)
  const set = own.findLast((record) => record.type === 'timer.set' && here(record.seq))
  if (set?.type !== 'timer.set') return [gap('intent', fired.seq, 'a timer fired that nobody had set')]
  const told = fired.origin?.at ?? fired.at
  if (fired.status === 'succeeded' && millisOf(told) < millisOf(set.due))
    gaps.push(gap('outcome', fired.seq, `a timer fired before its time, ${set.due}`))
  const again = own.some(
    (record) =>
      record.type === 'activity.outcome' && record.seq > set.seq && record.seq < fired.seq && here(record.seq),
  )
  if (again) gaps.push(gap('outcome', fired.seq, 'a timer fired twice'))
  return gaps
}

/** Statuses of calls that never left the process: they need no intent. */
const NOT_SENT = new Set(['denied', 'rejected', 'expired', 'cancelled', 'refused', 'not_sent', 'failed'])

function intentGaps(activity: ActivityView): readonly Gap[] {
  const [outcome] = activity.outcomes
  const { intent } = activity
  // Also in a history that something else wrote.
  if (intent && intent.proposal.effect !== 'none' && !intent.idempotency_key)
    return [gap('intent', intent.seq, `\`${intent.proposal.name}\` has no idempotency key`)]
  if (intent || !outcome || outcome.ledger !== null) return []
  // A read that an activity asks for itself is free and without effect: its outcome tells all of it.
  const ownRead = outcome.ask.parent !== null && outcome.kind === 'tool' && outcome.effect === 'none'
  if (!NOT_SENT.has(outcome.status) && !ownRead) {
    return [gap('intent', outcome.seq, `\`${outcome.name}\` ${outcome.status} without an intent on record before it`)]
  }
  if (outcome.proposal === null) {
    return [gap('intent', outcome.seq, `\`${outcome.name}\` has neither an intent nor a proposal of its own`)]
  }
  return []
}

function callGaps(activity: ActivityView, context: Context): readonly Gap[] {
  const seq = firstSeq(activity)
  const proposal = proposalOf(activity)
  if (!proposal) return [gap('tool_call', seq, 'no proposal tells what was asked')]
  const gaps: Gap[] = []
  const ask = activity.intent?.ask ?? activity.outcomes[0]?.ask
  if (ask && context.checkpointBefore(seq, ask) === null)
    gaps.push(gap('checkpoint', seq, `no checkpoint of superstep ${ask.superstep} is on record before the call`))
  if (proposal.kind === 'model' || ask?.parent) return gaps
  const ownRead = proposal.context !== undefined && proposal.effect === 'none'
  // A workflow that stands as an agent is entered by its node: no model asked for it, and there is no call id.
  const ownScope = proposal.kind === 'scope' && proposal.call_id === null
  if (proposal.agent !== null && proposal.model_seq === null && !ownRead && !ownScope)
    gaps.push(gap('model_call', seq, `agent \`${proposal.agent}\` asked, but no model call is named`))
  if (proposal.model_seq !== null) gaps.push(...modelGaps(proposal.model_seq, proposal.call_id, seq, context))
  return gaps
}

function modelGaps(modelSeq: number, callId: string | null, seq: number, context: Context): readonly Gap[] {
  const gaps: Gap[] = []
  const model = context.bySeq.get(modelSeq)
  const answered = model?.type === 'activity.outcome' && model.kind === 'model' && model.status === 'succeeded'
  if (!answered || !context.branches.leadsTo(modelSeq, seq))
    gaps.push(gap('model_call', seq, `record ${modelSeq} is no model answer that led to this call`))
  if (callId === null) gaps.push(gap('tool_call', seq, "the model's call id is missing"))
  return gaps
}

/** Codes with which the door refuses a call before it asks policy. */
const BEFORE_POLICY: ReadonlySet<string> = new Set(['TOOL_UNKNOWN', 'TOOL_NOT_IN_STEP'])

function decisionGaps(activity: ActivityView, context: Context): readonly Gap[] {
  const seq = firstSeq(activity)
  const outcome = activity.outcomes[0]
  const decision = activity.intent?.decision ?? outcome?.decision ?? null
  // What was refused before policy was asked (unknown tool, unreadable arguments) has no decision, and no effect.
  if (!decision) {
    const byTheDoor = outcome?.status === 'denied' && BEFORE_POLICY.has(outcome.code ?? '')
    const unasked = outcome?.status === 'failed' || outcome?.status === 'cancelled' || byTheDoor
    const unsent = activity.intent === null && unasked
    return unsent ? [] : [gap('decision', seq, 'no policy decision is on record')]
  }
  const gaps: Gap[] = []
  if (decision.bundle === '') gaps.push(gap('decision', seq, 'the decision names no bundle'))
  if (activity.intent && decision.verdict === 'deny')
    gaps.push(gap('decision', seq, 'an intent follows a decision that denied it'))
  const asked = askedFor(activity, context)
  if (asked && asked.decision.id === decision.id && asked.decision.bundle !== decision.bundle)
    gaps.push(gap('decision', seq, 'one decision is on record under two bundles'))
  return gaps
}

function askedFor(activity: ActivityView, context: Context): ApprovalRequested | undefined {
  const id = activity.intent?.approval_id ?? activity.outcomes[0]?.approval_id
  return id ? context.approvals.requested.get(id) : undefined
}

function approvalGaps(activity: ActivityView, context: Context): readonly Gap[] {
  const { intent } = activity
  if (!intent) return []
  if (intent.approval_id === null) {
    return intent.decision.verdict === 'require_approval'
      ? [gap('approval', intent.seq, 'the decision asked for a person, and the intent names no approval')]
      : []
  }
  const asked = context.approvals.requested.get(intent.approval_id)
  const answer = context.approvals.decided.get(intent.approval_id)
  if (!asked || !answer)
    return [
      gap('approval', intent.seq, `the ${asked ? 'answer to' : 'request of'} \`${intent.approval_id}\` is missing`),
    ]
  const { records, requester, branches } = context
  const leads = branches.leadsTo(answer.seq, intent.seq)
  const faults = approvalFaults(intent, { asked, answer, records, requester, leads })
  return faults.map((detail) => gap('approval', intent.seq, detail))
}

function outcomeGaps(activity: ActivityView, context: Context): readonly Gap[] {
  const gaps: Gap[] = []
  const { intent } = activity
  if (intent && activity.outcomes.length === 0 && context.ended && !superseded(intent, context))
    gaps.push(gap('outcome', intent.seq, `\`${intent.proposal.name}\` was sent, and the run ended without its outcome`))
  for (const outcome of activity.outcomes) {
    if (intent) gaps.push(...mismatches(intent, outcome))
    if (outcome.touched === null)
      gaps.push(gap('object', outcome.seq, `\`${outcome.name}\` could not name what it was about`))
    const happened = outcome.effect !== 'none' && outcome.status === 'succeeded'
    if (happened && outcome.effect_hash === null)
      gaps.push(gap('effect_hash', outcome.seq, `\`${outcome.name}\` happened without an effect hash`))
    if (happened && outcome.effect_id === null)
      gaps.push(gap('effect_hash', outcome.seq, `\`${outcome.name}\` happened without an effect id`))
  }
  const last = activity.outcomes.at(-1)
  if (last?.status === 'unknown' && last.effect !== 'none' && context.ended && !(intent && superseded(intent, context)))
    gaps.push(gap('outcome', last.seq, `whether \`${last.name}\` happened was never resolved`))
  return gaps
}

function mismatches(intent: ActivityIntent, outcome: ActivityOutcome): readonly Gap[] {
  const { proposal } = intent
  const gaps: Gap[] = []
  if (outcome.name !== proposal.name || outcome.kind !== proposal.kind || outcome.effect !== proposal.effect)
    gaps.push(gap('tool_call', outcome.seq, `the outcome is of another call than the intent in record ${intent.seq}`))
  if (outcome.effect_id !== null && outcome.effect_id !== intent.effect_id)
    gaps.push(
      gap('effect_hash', outcome.seq, `the outcome names another effect than the intent in record ${intent.seq}`),
    )
  return gaps
}

/** A call that was never answered and was asked again: the later one carries the outcome. */
function superseded(intent: ActivityIntent, context: Context): boolean {
  return (context.activitiesByAsk.get(intent.ask.key) ?? []).some((other) => firstSeq(other) > intent.seq)
}

function ledgerGaps(activity: ActivityView, context: Context): readonly Gap[] {
  return activity.outcomes.flatMap((outcome): Gap[] => {
    if (outcome.ledger === null || outcome.ledger.run !== outcome.run) return []
    const source = context.bySeq.get(outcome.ledger.seq)
    const earlier =
      outcome.ledger.seq < outcome.seq && (source?.type === 'activity.outcome' || source?.type === 'activity.intent')
    const name = source?.type === 'activity.outcome' ? source.name : earlier ? source?.proposal.name : null
    if (earlier && name === outcome.name) return []
    return [gap('ledger', outcome.seq, `the ledger entry in record ${outcome.ledger.seq} is not of this effect`)]
  })
}

/**
 * Invariant 7: one approval, one thing. A repeat of the same call under the same key is the same thing; under another
 * key it needs a person who said that the first did not happen.
 */
function approvalUses(context: Context): readonly Gap[] {
  const used = new Map<string, ActivityIntent>()
  const gaps: Gap[] = []
  for (const { intent } of context.activities) {
    if (!intent || intent.approval_id === null) continue
    const before = used.get(intent.approval_id)
    const same = before?.ask.key === intent.ask.key && before.proposal.args_digest === intent.proposal.args_digest
    const repeat = same && (before.idempotency_key === intent.idempotency_key || orderedBy(intent, context))
    if (before && !repeat) {
      const detail = `approval \`${intent.approval_id}\` was already used in record ${before.seq}`
      gaps.push(gap('approval_reused', intent.seq, detail))
    }
    used.set(intent.approval_id, intent)
  }
  return gaps
}

/** True when a person answered before the intent that this effect did not happen. */
function orderedBy(intent: ActivityIntent, context: Context): boolean {
  return (context.byAsk.get(intent.ask.key) ?? []).some(
    (record) => record.type === 'question.answered' && record.answer === 'did_not' && record.seq < intent.seq,
  )
}

/** An approval that was asked for a call whose intent does not name it, and answers to questions nobody asked. */
function orphanApprovals(context: Context): readonly Gap[] {
  const gaps: Gap[] = []
  for (const answer of context.approvals.decided.values()) {
    if (!context.approvals.requested.has(answer.approval_id))
      gaps.push(gap('approval', answer.seq, `the answer \`${answer.approval_id}\` has no request`))
  }
  for (const asked of context.approvals.requested.values()) {
    const bare = context.activitiesByAsk
      .get(asked.ask.key)
      ?.find(
        ({ intent }) =>
          intent !== null &&
          intent.approval_id === null &&
          intent.seq > asked.seq &&
          context.branches.leadsTo(asked.seq, intent.seq),
      )
    if (bare?.intent)
      gaps.push(
        gap(
          'approval',
          bare.intent.seq,
          `approval \`${asked.approval_id}\` was asked, and the intent does not name it`,
        ),
      )
  }
  return gaps
}

/** Invariant 4: an effect is on record as done once; every other answer comes from the ledger. */
function repeats(context: Context): readonly Gap[] {
  const done = new Map<string, number>()
  const gaps: Gap[] = []
  for (const record of context.records) {
    if (record.type === 'activity.intent' && record.effect_id !== null) {
      const before = done.get(record.effect_id)
      if (before !== undefined && !orderedBy(record, context))
        gaps.push(gap('sent_twice', record.seq, `the effect had already happened in record ${before}`))
    }
    if (record.type !== 'activity.outcome' || record.effect_id === null) continue
    if (record.status === 'succeeded' && record.ledger === null) done.set(record.effect_id, record.seq)
  }
  return gaps
}

/** Invariant 6: no intent passes the limits with everything spent and reserved, and no later total is lower. */
function budgetGaps(records: readonly RunRecord[]): readonly Gap[] {
  const limits = limitsOf(records)
  if (!limits) return []
  const gaps: Gap[] = []
  let fold = NO_SPEND
  for (const record of records) {
    fold = spendAfter(fold, record)
    const told =
      'checkpoint' in record
        ? (record.checkpoint?.spent ?? null)
        : record.type === 'branch.started'
          ? record.spent
          : null
    // A barrier that a fork took over tells the totals of where it was made; one of a nested scope those of a moment in
    // which calls beside it may be open or unknown. Nothing is ever continued from the totals of either.
    const binds = record.origin === undefined && !('scope' in record)
    if (told && binds && isLower(told, fold.spent))
      gaps.push(gap('budget', record.seq, 'the totals it tells are lower than what the records before it spent'))
    if (record.type !== 'activity.intent') continue
    const passed = limitsPassed(addAmounts(fold.spent, heldIn(fold)), limits)
    if (passed.length > 0) gaps.push(gap('budget', record.seq, `the intent passes ${passed.join(', ')}`))
  }
  return gaps
}

function firstSeq(activity: ActivityView): number {
  return activity.intent?.seq ?? activity.outcomes[0]?.seq ?? 0
}

/** A compensation undoes effects of the run that it names and does nothing else; no other run undoes anything. */
function undoGaps({ records, activities }: Context): readonly Gap[] {
  const [started] = records
  const run = started?.type === 'run.started' ? (started.compensates?.run ?? null) : null
  return activities.flatMap((activity): Gap[] => {
    const proposal = proposalOf(activity)
    if (!proposal || proposal.effect === 'none') return []
    const { undoes } = proposal
    const seq = firstSeq(activity)
    if (!undoes)
      return run === null ? [] : [gap('undo', seq, `\`${proposal.name}\` does not tell which effect it undoes`)]
    if (undoes.run !== run)
      return [gap('undo', seq, `it undoes an effect of run \`${undoes.run}\`, which this run is not for`)]
    return []
  })
}
