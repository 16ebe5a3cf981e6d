/** What a decision on record was asked, from the records alone, so that another bundle can be asked the same. */
import type { JsonObject, JsonValue } from '../../base/json.ts'
import type { ContentRef, EffectClass, Labels } from '../../contracts/common.ts'
import type { ApprovalFact, CatalogueTool, Decision, PolicyRequest } from '../../contracts/policy.ts'
import type { DecisionRecorded, Proposal, RunRecord, RunStarted } from '../../contracts/records.ts'
import { asVote } from '../approval-life.ts'
import { bundlePart } from '../chain.ts'
import { pointInput } from '../point-input.ts'

/** One decision on record, with references to what it was asked. */
export interface RecordedDecision {
  readonly runId: string
  readonly seq: number
  /** ISO 8601. */
  readonly at: string
  readonly decision: Decision
  /** Tool or model; at a point the node or workflow, or the point's own name where the record does not tell. */
  readonly name: string
  readonly kind: 'tool' | 'model' | 'point'
  readonly class: string
  readonly effect: EffectClass
  readonly agent: string | null
  readonly node: string | null
  readonly workflow: string
  readonly run: Pick<RunStarted, 'mode' | 'principal'>
  readonly labels: Labels
  readonly definitionHash: string
  /** Arguments of a tool call; at a point what was judged; null where there is nothing to open. */
  readonly asked: ContentRef | null
  readonly facts: ContentRef | null
  readonly approval: ApprovalFact | null
  /** The approval that this decision asked for, or used. */
  readonly approvalId: string | null
  /**
   * Why another bundle cannot be asked the same, or null: a fork's plan asked and no policy; or the record does not hold what was judged (a denied output, a history of an earlier version).
   */
  readonly notAgain: 'fork_plan' | 'not_recorded' | null
  /** True for a record that a fork took over: its parent holds the decision. */
  readonly isCopy: boolean
}

/** Types of the records that a reader of decisions needs. */
export const DECISION_RECORDS = [
  'run.started',
  'activity.intent',
  'activity.outcome',
  'approval.requested',
  'approval.decided',
  'decision.recorded',
] as const satisfies readonly RunRecord['type'][]

/** Reads decisions record by record, in their order; it keeps what later decisions of the run refer to. */
export class DecisionReader {
  private readonly started: RunStarted
  private readonly facts = new Map<string, ContentRef | null>()
  private readonly approvals = new Map<string, ApprovalFact>()
  private readonly seen = new Set<string>()
  /** Asks about which a person was asked. */
  private readonly asked = new Set<string>()

  constructor(started: RunStarted) {
    this.started = started
  }

  /** The decision that the record holds, when no record before it held the same one. */
  next(record: RunRecord): RecordedDecision | null {
    this.note(record)
    const found = record.type === 'decision.recorded' ? this.atPoint(record) : this.ofCall(record)
    if (!found || this.seen.has(found.decision.id) || isNotOfPolicies(found.decision)) return null
    this.seen.add(found.decision.id)
    return found
  }

  private note(record: RunRecord): void {
    if (record.type === 'activity.outcome' && record.ask.parent?.phase === 'facts' && record.status === 'succeeded')
      this.facts.set(record.ask.parent.key, record.result)
    if (record.type === 'approval.decided' && record.answer === 'approved' && record.by)
      this.approvals.set(record.approval_id, {
        ...{ id: record.approval_id, approver: record.by, bound: true, fresh: true },
        ...(record.votes ? { votes: record.votes.map(asVote) } : {}),
      })
  }

  private ofCall(record: RunRecord): RecordedDecision | null {
    if (record.type !== 'activity.intent' && record.type !== 'activity.outcome' && record.type !== 'approval.requested')
      return null
    const { proposal, decision, ask } = record
    // Reads of a call for itself are not decided.
    if (!proposal || !decision || ask.parent !== null) return null
    const used = record.type === 'approval.requested' ? null : record.approval_id
    // Taken up again after the wait, the same question was decided again before its answer was acted upon.
    if (record.type === 'activity.outcome' && decision.verdict === 'require_approval' && this.asked.has(ask.key))
      return null
    if (record.type === 'approval.requested') this.asked.add(ask.key)
    return {
      ...this.common(record, decision),
      ...ofProposal(proposal),
      node: ask.node,
      facts: this.facts.get(ask.key) ?? null,
      approval: used === null ? null : (this.approvals.get(used) ?? null),
      approvalId: record.approval_id,
      notAgain: decision.reason_code === 'FORK_REPEAT' ? 'fork_plan' : null,
    }
  }

  private atPoint(record: DecisionRecorded): RecordedDecision {
    const { decision, asked } = record
    return {
      ...this.common(record, decision),
      name: decision.point,
      kind: 'point',
      class: `point.${decision.point}`,
      effect: 'none',
      agent: null,
      node: null,
      labels: asked?.l ?? { integrity: 0, marks: [] },
      definitionHash: '',
      asked: asked ?? null,
      facts: null,
      approval: null,
      approvalId: null,
      notAgain: asked ? null : 'not_recorded',
    }
  }

  private common(record: RunRecord, decision: Decision) {
    const { run, workflow, mode, principal } = this.started
    const { seq, at } = record
    return {
      ...{ runId: run, seq, at, decision },
      workflow: workflow.name,
      run: { mode, principal },
      isCopy: record.origin !== undefined,
    }
  }
}

/** Decided by a step's list of tools, or by controls alone. */
function isNotOfPolicies(decision: Decision): boolean {
  return ['TOOL_NOT_IN_STEP', 'NO_RULE'].includes(bundlePart(decision).reason_code)
}

function ofProposal({ kind, name, class: toolClass, effect, agent, labels, definition_hash, args, edited }: Proposal) {
  const isModel = kind === 'model'
  const what = { name, kind: isModel ? ('model' as const) : ('tool' as const), class: toolClass, effect, agent, labels }
  return { ...what, definitionHash: definition_hash, asked: isModel ? null : (edited?.args ?? args) }
}

/** The decisions of a run, from its records in order, copies of a parent's left out. None where its start was pruned. */
export function recordedDecisions(records: readonly RunRecord[]): readonly RecordedDecision[] {
  const started = records.find((record) => record.type === 'run.started')
  if (!started) return []
  const reader = new DecisionReader(started)
  return records.flatMap((record) => {
    const found = reader.next(record)
    return found && !found.isCopy ? [found] : []
  })
}

/** What the references of a decision hold; null for what is not there any more. */
export interface OpenedDecision {
  readonly asked: JsonValue | null
  readonly facts: JsonValue | null
}

/**
 * The question of a decision on record, as another policy is asked it. Class and effect are that policy's own: its
 * catalogue rules over what code says. Null when what was asked is not there any more.
 */
export function requestOf(
  recorded: RecordedDecision,
  { asked, facts }: OpenedDecision,
  policy: { tool(name: string): CatalogueTool | null },
): PolicyRequest | null {
  if ((recorded.asked && asked === null) || (recorded.facts && facts === null)) return null
  const { runId, kind, decision, run, labels, approval, definitionHash } = recorded
  const point = kind === 'point' ? judgedOf(asked) : null
  const row = kind === 'tool' ? policy.tool(recorded.name) : null
  const agent = point ? point.agent : recorded.agent
  return {
    point: decision.point,
    run: { id: runId, workflow: recorded.workflow, agent, mode: run.mode },
    principal: run.principal,
    action: {
      name: point?.name ?? recorded.name,
      class: row?.class ?? recorded.class,
      effect: row?.effect ?? recorded.effect,
      definition_hash: definitionHash,
    },
    input: point ? pointInput(point.value) : kind === 'tool' ? asObject(asked) : {},
    facts: asObject(facts),
    labels,
    approval,
  }
}

/** What was judged at a point, as it is sealed beside its decision. */
export interface JudgedContent {
  readonly name: string
  readonly agent: string | null
  readonly value: JsonValue
}

function judgedOf(content: JsonValue): JudgedContent {
  const { name, agent, value } = asObject(content)
  return {
    name: typeof name === 'string' ? name : '',
    agent: typeof agent === 'string' ? agent : null,
    value: value ?? null,
  }
}

function asObject(value: JsonValue): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}
}
