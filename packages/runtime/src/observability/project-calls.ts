import type { Amounts } from '../contracts/common.ts'
import type { Decision } from '../contracts/policy.ts'
import type {
  ActivityIntent,
  ActivityOutcome,
  ApprovalDecided,
  ApprovalRequested,
  AskRef,
  Proposal,
} from '../contracts/records.ts'
import { type OpenCall, type Projector, present, retryLinks, safeCode, safeName } from './projection.ts'
import type { Attributes, SpanData, SpanLink } from './telemetry.ts'
import { leftUnknown } from './words.ts'

/** Statuses of calls that were proposed and never sent. */
const BLOCKED = new Set(['denied', 'rejected', 'expired', 'cancelled', 'refused', 'not_sent'])

/** An intent begins the span of its call, and tells the decision and the effect that is about to be sent. */
export function projectIntent(to: Projector, intent: ActivityIntent): void {
  const { ask, proposal } = intent
  const open = to.state.calls.get(ask.key)
  if (open) endOpenCall(to, open)
  const parent = parentOf(to, ask, proposal.agent)
  const retryOf = to.state.lost.get(ask.key) ?? null
  to.state.lost.delete(ask.key)
  const call: OpenCall = { intent, spanId: to.spanId(intent.seq, 'call'), startMs: to.now, retryOf }
  to.state.calls.set(ask.key, call)
  const asked = intent.approval_id === null ? undefined : to.state.approvals.get(intent.approval_id)
  if (asked?.decisionId !== intent.decision.id)
    projectDecision(to, intent.decision, proposalAttributes(proposal, ask), parent)
  if (proposal.effect === 'none') return
  to.log(
    'signalbox.effect.prepared',
    'info',
    {
      ...proposalAttributes(proposal, ask),
      ...decisionAttributes(intent.decision, intent.approval_id),
      ...present('signalbox.effect.id', intent.effect_id),
      ...estimate(intent.reserved),
      'signalbox.effect.phase': 'prepared',
    },
    call.spanId,
  )
  countEffect(to, proposal, 'prepared')
}

/** An outcome ends the span of its call; without an intent the span begins and ends with it. */
export function projectOutcome(to: Projector, outcome: ActivityOutcome): void {
  const { ask } = outcome
  const open = outcome.ledger === null ? to.state.calls.get(ask.key) : undefined
  if (open) to.state.calls.delete(ask.key)
  const lost = open ? undefined : to.state.lost.get(ask.key)
  if (lost !== undefined && outcome.status !== 'unknown') to.state.lost.delete(ask.key)
  const spanId = open?.spanId ?? to.spanId(outcome.seq, 'call')
  if (open && outcome.status === 'unknown') to.state.lost.set(ask.key, spanId)
  const decision = open?.intent.decision ?? outcome.decision
  const agent = outcome.agent
  const attributes: Attributes = {
    ...callAttributes(outcome, ask, open?.intent.seq ?? outcome.seq),
    ...proposedBy(open?.intent.proposal ?? outcome.proposal, outcome.kind),
    ...(decision ? decisionAttributes(decision, open?.intent.approval_id ?? outcome.approval_id) : {}),
    ...(open ? estimate(open.intent.reserved) : {}),
    ...settled(outcome),
    ...present('signalbox.model.trouble', outcome.trouble),
    ...to.checkpoint(),
  }
  to.span({
    id: spanKind(outcome.kind),
    name: spanName(outcome.kind, attributes),
    spanId,
    parentSpanId: parentOf(to, ask, agent),
    startMs: open?.startMs ?? to.now,
    status: outcome.status === 'failed' || outcome.status === 'unknown' ? 'error' : 'unset',
    attributes,
    links: lost === undefined ? retryLinks(open?.retryOf ?? null) : [resolutionOf(lost)],
  })
  if (outcome.decision && !open) projectDecision(to, outcome.decision, callNames(outcome, ask), spanId)
  outcomeEvents(to, outcome, spanId, decision)
  if (outcome.trouble) {
    const labels = { 'signalbox.workflow.id': to.workflow, ...modelNames(outcome.name) }
    to.metric('signalbox.model.troubles', 1, { ...labels, 'signalbox.model.trouble': outcome.trouble })
  }
  if (open) outcomeDurations(to, outcome)
}

/** From what became of a call to the call itself. */
function resolutionOf(spanId: string): SpanLink {
  return { spanId, attributes: { 'signalbox.link.kind': 'resolution' } }
}

function outcomeEvents(to: Projector, outcome: ActivityOutcome, spanId: string, decision: Decision | null): void {
  const names = callNames(outcome, outcome.ask)
  const failed = outcome.status !== 'succeeded' && outcome.code !== null
  const code = present('error.type', failed ? safeCode(outcome.code) : null)
  if (outcome.kind === 'tool' && BLOCKED.has(outcome.status) && !leftUnknown(outcome.status, outcome.code)) {
    const why = decision ? decisionAttributes(decision, outcome.approval_id) : {}
    const blocked = { ...names, ...why, 'error.type': '_OTHER', ...code, 'signalbox.activity.outcome': outcome.status }
    to.log('signalbox.tool.blocked', 'warn', blocked, spanId)
    const labels = { 'signalbox.activity.outcome': outcome.status, ...toolLabels(to, outcome) }
    to.metric('signalbox.tool.blocked', 1, labels)
  }
  if (outcome.status === 'refused') {
    to.log(
      'signalbox.budget.exhausted',
      'warn',
      { ...placeOf(outcome), ...code, 'signalbox.budget.limit': 'other' },
      spanId,
    )
    to.metric('signalbox.budget.exhausted', 1, {
      'signalbox.workflow.id': to.workflow,
      'signalbox.budget.limit': 'other',
    })
  }
  const phase = effectPhase(outcome)
  if (phase === null) return
  const event = {
    ...names,
    ...code,
    ...effectAttributes(outcome, phase),
    ...present('signalbox.approval.id', outcome.approval_id),
    'signalbox.latency_ms': outcome.latency_ms,
    'signalbox.cost.nano_usd': Number(outcome.settled.cost_nano_usd),
  }
  to.log('signalbox.effect.settled', phase === 'unknown' ? 'error' : 'info', event, spanId)
  countEffect(to, outcome, phase)
}

function outcomeDurations(to: Projector, outcome: ActivityOutcome): void {
  const error = present('error.type', outcome.status === 'succeeded' ? null : safeCode(outcome.code ?? ''))
  const seconds = outcome.latency_ms / 1000
  if (outcome.kind === 'tool') {
    const labels = { 'gen_ai.tool.name': toolName(outcome), 'signalbox.tool.risk_class': safeName(outcome.class) }
    to.metric('gen_ai.execute_tool.duration', seconds, { ...labels, ...error })
  }
  if (outcome.kind !== 'model') return
  const labels = { 'gen_ai.operation.name': 'chat', ...modelNames(outcome.name) } as const
  to.metric('gen_ai.client.inference.duration', seconds, { ...labels, ...error })
  usageMetrics(to, outcome, labels)
}

/** Counters for totals, and histograms of the sizes of calls. What a provider did not tell is not counted. */
function usageMetrics(to: Projector, { usage }: ActivityOutcome, labels: Attributes): void {
  if (!usage) return
  const sizes = { input_tokens: usage.input_tokens, output_tokens: usage.output_tokens } as const
  for (const [what, count] of [
    ['input_tokens', sizes.input_tokens],
    ['output_tokens', sizes.output_tokens],
  ] as const)
    if (count != null) to.metric(`gen_ai.client.inference.operation.${what}`, count, labels)
  const counts = {
    ...sizes,
    'cache_read.input_tokens': usage.cache_read_tokens,
    'cache_write.input_tokens': usage.cache_write_tokens,
    'reasoning.output_tokens': usage.reasoning_tokens,
  } as const
  for (const [what, count] of Object.entries(counts))
    if (count)
      // The keys of the table above are the ends of names of the contract.
      to.metric(`gen_ai.client.inference.usage.${what as keyof typeof counts}`, count, {
        ...labels,
        'gen_ai.token.modality': 'unknown',
      })
}

/** Ends the span of a call whose segment ended before its outcome; a later outcome links to it. */
export function endOpenCall(to: Projector, call: OpenCall): void {
  const { ask, proposal } = call.intent
  to.state.calls.delete(ask.key)
  to.state.lost.set(ask.key, call.spanId)
  const attributes: Attributes = {
    ...callAttributes({ ...proposal, status: 'open', code: null }, ask, call.intent.seq),
    ...proposedBy(proposal, proposal.kind),
    ...decisionAttributes(call.intent.decision, call.intent.approval_id),
    ...estimate(call.intent.reserved),
    ...to.checkpoint(),
  }
  to.span({
    id: spanKind(proposal.kind),
    name: spanName(proposal.kind, attributes),
    spanId: call.spanId,
    parentSpanId: parentOf(to, ask, proposal.agent),
    startMs: call.startMs,
    status: 'error',
    links: retryLinks(call.retryOf),
    attributes,
  })
}

/** A decision as an event and a count. */
export function projectDecision(to: Projector, decision: Decision, names: Attributes, spanId?: string): void {
  const point = { 'signalbox.policy.point': decision.point } as const
  const severity = decision.verdict === 'deny' || decision.verdict === 'warn' ? 'warn' : 'info'
  to.log(
    'signalbox.policy.decided',
    severity,
    { ...names, ...decisionAttributes(decision, null, false), ...point },
    spanId,
  )
  to.metric('signalbox.policy.decisions', 1, {
    'signalbox.workflow.id': to.workflow,
    'signalbox.policy.verdict': decision.verdict,
    'signalbox.policy.reason_code': safeCode(decision.reason_code),
    ...point,
  })
}

/** The request of an approval: an event, and the decision that asked for it. */
export function projectApprovalRequest(to: Projector, asked: ApprovalRequested): void {
  const { proposal, decision } = asked
  const names = proposalAttributes(proposal, asked.ask)
  to.state.approvals.set(asked.approval_id, {
    tool: toolName({ ...proposal, code: null }),
    riskClass: safeName(proposal.class),
    decisionId: decision.id,
  })
  projectDecision(to, decision, names)
  const { 'signalbox.policy.verdict': _verdict, ...why } = decisionAttributes(decision, asked.approval_id)
  to.log('signalbox.approval.requested', 'info', { ...names, ...why, 'signalbox.approval.required': true })
}

/** The end of an approval: an event, a count and its wait. */
export function projectApprovalAnswer(to: Projector, answer: ApprovalDecided): void {
  const asked = to.state.approvals.get(answer.approval_id)
  to.log('signalbox.approval.decided', answer.answer === 'approved' ? 'info' : 'warn', {
    'signalbox.approval.id': answer.approval_id,
    'signalbox.approval.decision': answer.answer,
    'signalbox.approval.actor.kind': answer.by?.kind ?? 'none',
    'signalbox.approval.wait_ms': Math.round(answer.wait_ms),
    ...placeOf(answer),
    ...present('error.type', answer.code === null ? null : safeCode(answer.code)),
    ...present('gen_ai.tool.name', asked?.tool),
    ...present('signalbox.tool.risk_class', asked?.riskClass),
  })
  const labels = {
    'signalbox.workflow.id': to.workflow,
    'signalbox.tool.risk_class': asked?.riskClass ?? '_OTHER',
    'signalbox.approval.decision': answer.answer,
  } as const
  to.metric('signalbox.approvals', 1, labels)
  to.metric('signalbox.approval.wait.duration', answer.wait_ms / 1000, labels)
}

function parentOf(to: Projector, ask: AskRef, agent: string | null): string {
  const node = to.nodeOf(ask)
  return agent === null ? node.spanId : to.agentOf(node, agent).spanId
}

type Named = Pick<ActivityOutcome, 'kind' | 'name' | 'class' | 'effect' | 'agent' | 'code'>

function toolName(call: Pick<Named, 'name' | 'code'>): string {
  // The name of a tool that does not exist is the model's own text.
  return call.code === 'TOOL_UNKNOWN' ? '_OTHER' : safeName(call.name)
}

/** Provider and model of a model id such as `openai/gpt-5`. */
function modelNames(id: string): { 'gen_ai.provider.name': string; 'gen_ai.request.model': string } {
  const cut = id.indexOf('/')
  const provider = cut > 0 ? id.slice(0, cut) : 'unknown'
  const known = provider === 'azure' ? 'azure.ai.openai' : provider
  return { 'gen_ai.provider.name': safeName(known), 'gen_ai.request.model': safeName(id.slice(cut + 1)) }
}

function placeOf({ ask }: { readonly ask: AskRef }): Attributes {
  return { 'signalbox.superstep.index': ask.superstep, 'signalbox.node.name': safeName(ask.node) }
}

/** Names of a call as events carry them. */
function callNames(call: Named, ask: AskRef): Attributes {
  const names: Attributes =
    call.kind === 'model'
      ? modelNames(call.name)
      : {
          'gen_ai.tool.name': toolName(call),
          'signalbox.tool.risk_class': safeName(call.class),
          'signalbox.tool.effect': call.effect,
        }
  const agent = present('gen_ai.agent.name', call.agent === null ? null : safeName(call.agent))
  return { ...names, ...agent, ...placeOf({ ask }), 'signalbox.attempt': ask.attempt }
}

function proposalAttributes(proposal: Proposal, ask: AskRef): Attributes {
  return {
    ...callNames({ ...proposal, code: null }, ask),
    ...present('gen_ai.tool.call.id', callId(proposal, proposal.kind)),
  }
}

/** What only the proposal tells of a call: the model's id, and the MCP server that the tool comes from. */
function proposedBy(proposal: Proposal | null, kind: Proposal['kind']): Attributes {
  const server = kind === 'tool' ? proposal?.server : undefined
  return {
    ...present('gen_ai.tool.call.id', callId(proposal, kind)),
    ...(server === undefined ? {} : { 'signalbox.tool.server': safeName(server), 'mcp.method.name': 'tools/call' }),
  }
}

/** A call id comes from a model: it passes only when it looks like one. */
function callId(proposal: Proposal | null, kind: Proposal['kind']): string | null {
  const id = kind === 'tool' ? (proposal?.call_id ?? null) : null
  return id !== null && safeName(id) === id ? id : null
}

function callAttributes(
  call: Omit<Named, 'code'> & { readonly status: ActivityOutcome['status'] | 'open'; readonly code: string | null },
  ask: AskRef,
  seq: number,
): Attributes {
  const operation = call.kind === 'model' ? 'chat' : call.kind === 'tool' ? 'execute_tool' : null
  const {
    'gen_ai.tool.name': tool,
    'signalbox.tool.risk_class': risk,
    'signalbox.tool.effect': effect,
    ...names
  } = callNames(call, ask)
  return {
    ...names,
    ...(call.kind === 'tool'
      ? {
          ...present('gen_ai.tool.name', tool),
          ...present('signalbox.tool.risk_class', risk),
          ...present('signalbox.tool.effect', effect),
          'gen_ai.tool.type': 'function',
        }
      : {}),
    ...present('gen_ai.operation.name', operation),
    ...present('error.type', call.code === null || call.status === 'succeeded' ? null : safeCode(call.code)),
    ...present('signalbox.ask.phase', ask.parent?.phase),
    'signalbox.activity.kind': call.kind === 'request' ? 'human' : call.kind,
    'signalbox.activity.outcome': call.status,
    'signalbox.record.seq': seq,
  }
}

function decisionAttributes(decision: Decision, approvalId: string | null, required = approvalId !== null): Attributes {
  return {
    'signalbox.policy.verdict': decision.verdict,
    'signalbox.policy.decision_id': decision.id,
    'signalbox.policy.reason_code': safeCode(decision.reason_code),
    'signalbox.policy.rules': decision.policies.map(safeName),
    'signalbox.policy.bundle': safeName(decision.bundle),
    'signalbox.approval.required': required || decision.verdict === 'require_approval',
    ...present('signalbox.approval.id', approvalId),
  }
}

function estimate(reserved: Amounts): Attributes {
  return { 'signalbox.cost.estimate_nano_usd': Number(reserved.cost_nano_usd) }
}

/** What an outcome settled and, for tools, what became of the effect. */
function settled(outcome: ActivityOutcome): Attributes {
  const phase = effectPhase(outcome)
  const used =
    outcome.kind === 'model'
      ? {
          ...usageAttributes(outcome),
          ...present('signalbox.price.id', outcome.price === null ? null : safeName(outcome.price)),
          ...present('signalbox.price.overlay_id', outcome.cost?.overlay ? safeName(outcome.cost.overlay) : null),
          ...present('signalbox.cost.source', outcome.cost?.source ?? null),
        }
      : {}
  return {
    'signalbox.latency_ms': outcome.latency_ms,
    'signalbox.cost.nano_usd': Number(outcome.settled.cost_nano_usd),
    ...used,
    ...(phase === null ? {} : effectAttributes(outcome, phase)),
  }
}

function usageAttributes({ usage }: ActivityOutcome): Attributes {
  return {
    ...present('gen_ai.usage.input_tokens', usage?.input_tokens),
    ...present('gen_ai.usage.output_tokens', usage?.output_tokens),
    ...present('gen_ai.usage.cache_read.input_tokens', usage?.cache_read_tokens),
    ...present('gen_ai.usage.cache_write.input_tokens', usage?.cache_write_tokens),
    ...present('gen_ai.usage.reasoning.output_tokens', usage?.reasoning_tokens),
  }
}

type EffectPhase = 'prepared' | 'committed' | 'deduplicated' | 'unknown' | 'failed' | 'not_sent'

/** How far an effect came, or null for calls without effect and for those that were blocked. */
function effectPhase(outcome: ActivityOutcome): EffectPhase | null {
  if (outcome.effect === 'none' || outcome.kind !== 'tool') return null
  if (outcome.ledger !== null) return 'deduplicated'
  if (outcome.status === 'succeeded') return 'committed'
  if (leftUnknown(outcome.status, outcome.code)) return 'unknown'
  const { status } = outcome
  return status === 'unknown' || status === 'failed' || status === 'not_sent' ? status : null
}

function effectAttributes(outcome: ActivityOutcome, phase: EffectPhase): Attributes {
  return {
    'signalbox.effect.phase': phase,
    ...present('signalbox.effect.id', outcome.effect_id),
    ...present('signalbox.effect.hash', outcome.effect_hash),
    ...present('signalbox.effect.resolved_by', outcome.resolved_by),
    ...present('signalbox.effect.ledger_run', outcome.ledger?.run),
  }
}

function toolLabels(
  to: Projector,
  call: Pick<Named, 'name' | 'class'> & { readonly code?: string | null },
): Attributes {
  return {
    'signalbox.workflow.id': to.workflow,
    'gen_ai.tool.name': toolName({ name: call.name, code: call.code ?? null }),
    'signalbox.tool.risk_class': safeName(call.class),
  }
}

function countEffect(to: Projector, call: Pick<Named, 'name' | 'class'>, phase: EffectPhase): void {
  to.metric('signalbox.effects', 1, { ...toolLabels(to, call), 'signalbox.effect.phase': phase })
}

function spanKind(kind: Proposal['kind']): SpanData['id'] {
  return kind === 'model' ? 'model_call' : kind === 'tool' ? 'tool_call' : 'activity'
}

function spanName(kind: Proposal['kind'], attributes: Attributes): string {
  if (kind === 'model') return `chat ${attributes['gen_ai.request.model'] ?? '_OTHER'}`
  if (kind === 'tool') return `execute_tool ${attributes['gen_ai.tool.name'] ?? '_OTHER'}`
  return `activity ${attributes['signalbox.activity.kind'] ?? '_OTHER'}`
}
