import { activationPath, nodePath, scopePath } from '../base/scope-id.ts'
import { traceIdOf } from '../base/trace-id.ts'
import { parseNano } from '../base/money.ts'
import type {
  ForkParent,
  RunCompleted,
  RunParked,
  RunRecord,
  RunStarted,
  RunStopped,
  RunStopping,
  SegmentStarted,
} from '../contracts/records.ts'
import { spendAfter } from './cost.ts'
import {
  endOpenCall,
  projectApprovalAnswer,
  projectApprovalRequest,
  projectDecision,
  projectIntent,
  projectOutcome,
} from './project-calls.ts'
import { budgetLimit, projectOther } from './project-others.ts'
import {
  newProjection,
  type ProjectionState,
  Projector,
  present,
  safeCode,
  safeName,
  superstepSpanId,
} from './projection.ts'
import type { Attributes, SpanLink, Telemetry } from './telemetry.ts'

/** Telemetry of a batch, and the state to continue from. */
export interface Projection extends Telemetry {
  readonly state: ProjectionState
}

/**
 * Computes spans, log events and metrics from the records of one run. A fold: give the state of the batch before, or
 * null at the first record; the given state is not changed. Equal records give equal telemetry, ids included, so that
 * sending again changes nothing. No content passes: only names, closed codes, numbers and keyed hashes (Invariant 14).
 */
export function projectRecords(before: ProjectionState | null, records: readonly RunRecord[]): Projection {
  const [first] = records
  const state = before ?? newProjection()
  if (!first) return { spans: [], logs: [], metrics: [], state }
  const to = new Projector(state, first)
  for (const record of records) {
    if (record.seq <= to.state.seq) continue
    to.record = record
    // What a fork took over was measured where it happened.
    if (!record.origin) projectOne(to, record)
    to.state.spend = spendAfter(to.state.spend, record)
    to.state.seq = record.seq
    to.state.lastMs = to.now
  }
  return { spans: to.spans, logs: to.logs, metrics: to.metrics, state: to.state }
}

function projectOne(to: Projector, record: RunRecord): void {
  switch (record.type) {
    case 'activity.intent':
      projectIntent(to, record)
      break
    case 'activity.outcome':
      projectOutcome(to, record)
      break
    case 'approval.requested':
      projectApprovalRequest(to, record)
      break
    case 'approval.decided':
      projectApprovalAnswer(to, record)
      break
    case 'decision.recorded':
      projectDecision(to, record.decision, {})
      break
    case 'activation.completed':
      endActivation(to, record.result.activation, null)
      break
    case 'activation.failed':
      projectFailure(to, record)
      break
    case 'superstep.completed':
      projectBarrier(to, record)
      break
    default:
      projectRunRecord(to, record)
      projectPersonRecord(to, record)
      projectOther(to, record)
  }
}

function projectRunRecord(to: Projector, record: RunRecord): void {
  const active = { 'signalbox.run.active_ms': Math.round(record.active_ms) }
  switch (record.type) {
    case 'run.started':
      projectStart(to, record)
      break
    case 'segment.started':
      projectSegment(to, record)
      break
    case 'branch.started':
      projectBranch(to, record.from, record.checkpoint_seq)
      break
    case 'run.waiting':
      to.log('signalbox.run.waiting', 'info', active)
      to.state.waitingSince = to.now
      endSegment(to, 'waiting', {})
      break
    case 'run.parked':
      projectParked(to, record, active)
      break
    case 'run.stopping':
      to.log('signalbox.run.stopping', 'warn', { ...stopAttributes(record), ...active })
      break
    case 'run.completed':
      projectEnd(to, 'completed', nearMisses(record), {})
      break
    case 'run.stopped':
    case 'run.cancelled':
    case 'run.terminated':
      projectStop(to, record)
      break
    default:
  }
}

function projectPersonRecord(to: Projector, record: RunRecord): void {
  switch (record.type) {
    case 'override.recorded':
      to.log('signalbox.override.recorded', 'warn', { 'signalbox.override.what': record.what })
      break
    case 'feedback.recorded':
      to.log('signalbox.feedback.recorded', 'info', { 'signalbox.feedback.verdict': record.verdict })
      break
    case 'cost.corrected':
      to.log('signalbox.cost.corrected', 'warn', { 'signalbox.price.id': record.table })
      break
    case 'question.asked':
      to.log('signalbox.question.asked', 'warn', {
        'signalbox.question.id': record.question_id,
        'signalbox.question.about': record.about,
      })
      break
    case 'question.answered':
      to.log('signalbox.question.answered', 'info', {
        'signalbox.question.id': record.question_id,
        'signalbox.question.answer': record.answer,
      })
      break
    case 'request.opened':
      // A timer asks nobody; that the run waits is told where it does.
      if (record.request.timer) break
      to.log('signalbox.port.requested', 'info', {
        'signalbox.port_request.id': record.request.request_id,
        'signalbox.node.name': safeName(nodePath(record.request.scope, record.request.node)),
      })
      break
    case 'request.answered':
      to.log('signalbox.port.answered', record.answer === 'expired' ? 'warn' : 'info', {
        'signalbox.port_request.id': record.request_id,
        'signalbox.port_request.answer': record.answer,
        'signalbox.node.name': safeName(record.ask.node),
      })
      break
    case 'response.received':
      if (record.scope === undefined) to.state.checkpointSeq = record.seq
      if (record.answer === 'fired') break
      to.log('signalbox.port.answered', record.answer === 'expired' ? 'warn' : 'info', {
        'signalbox.port_request.id': record.request_id,
        'signalbox.port_request.answer': record.answer,
        'signalbox.node.name': safeName(nodePath(record.scope, record.node)),
      })
      break
    case 'position.saved':
      to.log('signalbox.checkpoint.saved', 'info', {
        'signalbox.superstep.index': record.superstep,
        'signalbox.node.name': safeName(activationPath(record.activation, record.node)),
        'signalbox.attempt': record.attempt,
      })
      break
    case 'message.dropped':
      to.log('signalbox.message.dropped', 'warn', {
        'signalbox.drop.reason': record.reason,
        'signalbox.superstep.index': record.superstep,
        'signalbox.node.name': safeName(nodePath(record.scope, record.from)),
      })
      break
    case 'unmediated.call':
      to.log('signalbox.call.unmediated', 'error', {
        'signalbox.unmediated.where': record.where,
        'server.address': safeName(record.host),
      })
      break
    default:
  }
}

function projectStart(to: Projector, record: RunStarted): void {
  to.state.started = record
  to.state.checkpointSeq = record.seq
  to.state.superstep = record.checkpoint.superstep
  to.log('signalbox.run.started', 'info', {
    'signalbox.run.mode': record.mode,
    'signalbox.policy.bundle': safeName(record.bundle),
    ...present('signalbox.run.parent_id', record.parent?.run),
  })
}

function projectSegment(to: Projector, record: SegmentStarted): void {
  // A segment without an end was cut off: its worker stopped answering after its last record.
  if (to.state.segment) to.endAt(to.state.lastMs, () => endSegment(to, 'taken_over', {}))
  const { state } = to
  if (state.waitingSince !== null) state.waitingMs += Math.max(0, to.now - state.waitingSince)
  const waitingMs = state.waitingSince === null ? 0 : Math.max(0, to.now - state.waitingSince)
  state.waitingSince = null
  state.segment = {
    spanId: to.spanId(record.seq, 'segment'),
    startMs: to.now,
    record,
    links: segmentLinks(to, record),
    waitingMs,
  }
  state.restored = false
  to.superstepSpan()
  to.log('signalbox.run.segment_started', record.why === 'takeover' ? 'warn' : 'info', {
    'signalbox.segment.reason': record.why,
    'signalbox.worker.id': safeName(record.worker),
    'signalbox.run.waiting_ms': waitingMs,
  })
  if (record.why === 'takeover') to.metric('signalbox.takeovers', 1, { 'signalbox.workflow.id': to.workflow })
}

function segmentLinks(to: Projector, record: SegmentStarted): readonly SpanLink[] {
  const { previousSegment, restored, started } = to.state
  if (previousSegment === null) return started?.parent ? [forkLink(started.parent, started.checkpoint.superstep)] : []
  const kind = restored ? 'restore' : record.why === 'takeover' ? 'takeover' : 'resume'
  return [{ spanId: previousSegment, attributes: { 'signalbox.link.kind': kind } }]
}

/** From a fork to the run it was made of: to the span of the superstep that followed the shared checkpoint. */
function forkLink({ run, checkpoint_seq: seq }: ForkParent, superstep: number): SpanLink {
  const spanId = superstepSpanId(run, seq, superstep)
  return { traceId: traceIdOf(run), spanId, attributes: { 'signalbox.link.kind': 'fork' } }
}

/** Ends everything that is open in the segment, then the segment: no span stays open over a wait. */
function endSegment(to: Projector, status: 'waiting' | 'parked' | 'taken_over' | RunEnd, attributes: Attributes): void {
  const open = to.state.segment
  for (const call of [...to.state.calls.values()]) endOpenCall(to, call)
  if (to.state.nodes.size > 0) to.endSuperstep()
  to.state.superstepSpan = null
  to.state.endedNodes.clear()
  if (!open) return
  to.state.previousSegment = open.spanId
  const failed = present('error.type', attributes['error.type'])
  to.metric('gen_ai.invoke_workflow.duration', (to.now - open.startMs) / 1000, {
    'gen_ai.workflow.name': to.workflow,
    ...failed,
  })
  to.span({
    id: 'segment',
    name: `invoke_workflow ${to.workflow}`,
    spanId: open.spanId,
    parentSpanId: null,
    startMs: open.startMs,
    status: status === 'waiting' || status === 'completed' ? 'unset' : 'error',
    links: open.links,
    attributes: {
      'gen_ai.operation.name': 'invoke_workflow',
      'signalbox.segment.reason': open.record.why,
      'signalbox.worker.id': safeName(open.record.worker),
      'signalbox.run.status': status,
      'signalbox.run.active_ms': Math.round(to.record.active_ms),
      'signalbox.run.waiting_ms': open.waitingMs,
      ...present('signalbox.run.mode', to.state.started?.mode),
      ...present('signalbox.run.parent_id', to.state.started?.parent?.run),
      ...to.checkpoint(),
      ...attributes,
    },
  })
  to.state.segment = null
}

function projectBranch(to: Projector, from: number, checkpointSeq: number): void {
  endSegment(to, 'taken_over', {})
  to.state.restored = true
  to.state.attempts.clear()
  to.state.checkpointSeq = checkpointSeq
  to.log('signalbox.run.restored', 'warn', { 'signalbox.restore.from_seq': from })
  to.metric('signalbox.restores', 1, { 'signalbox.workflow.id': to.workflow })
}

function projectParked(to: Projector, record: RunParked, active: Attributes): void {
  const code = { 'error.type': safeCode(record.code) }
  to.log('signalbox.run.parked', 'error', { ...code, ...active })
  endSegment(to, 'parked', code)
}

type RunEnd = 'completed' | 'stopped' | 'cancelled' | 'terminated'

function projectStop(to: Projector, record: RunStopped): void {
  const limit = record.reason.kind === 'budget' ? budgetLimit(record.reason.subject) : null
  if (limit !== null) {
    to.log('signalbox.budget.exhausted', 'warn', { 'signalbox.budget.limit': limit })
    to.metric('signalbox.budget.exhausted', 1, {
      'signalbox.workflow.id': to.workflow,
      'signalbox.budget.limit': limit,
    })
  }
  const ends: Readonly<Record<RunStopped['type'], RunEnd>> = {
    'run.stopped': 'stopped',
    'run.cancelled': 'cancelled',
    'run.terminated': 'terminated',
  }
  projectEnd(to, ends[record.type], nearMisses(record), stopAttributes(record))
}

function stopAttributes(record: RunStopped | RunStopping): Attributes {
  return { 'signalbox.run.stop_reason': record.reason.kind, 'error.type': safeCode(record.reason.code) }
}

function nearMisses(record: RunCompleted | RunStopped): Attributes {
  return present('signalbox.budget.near_misses', record.near_misses?.map(budgetLimit))
}

function projectEnd(to: Projector, status: RunEnd, near: Attributes, reason: Attributes): void {
  const cost = parseNano(to.state.spend.spent.cost_nano_usd)
  to.log('signalbox.run.finished', status === 'completed' ? 'info' : 'warn', {
    ...reason,
    ...near,
    'signalbox.run.status': status,
    'signalbox.run.active_ms': Math.round(to.record.active_ms),
    'signalbox.run.waiting_ms': to.state.waitingMs,
    'signalbox.cost.nano_usd': Number(cost),
  })
  const labels = { 'signalbox.workflow.id': to.workflow, 'signalbox.run.status': status } as const
  to.metric('signalbox.runs', 1, {
    ...labels,
    ...present('signalbox.run.stop_reason', reason['signalbox.run.stop_reason']),
  })
  to.metric('signalbox.run.cost', Number(cost) / 1e9, labels)
  to.metric('signalbox.run.active.duration', to.record.active_ms / 1000, labels)
  endSegment(to, status, reason)
}

function endActivation(to: Projector, activation: string, code: string | null): void {
  const node = to.state.nodes.get(activation)
  if (node) to.endNode(node, code)
}

function projectFailure(to: Projector, record: Extract<RunRecord, { type: 'activation.failed' }>): void {
  const { spanId } = to.nodeOf(record)
  endActivation(to, record.activation, record.code)
  if (record.retry_at !== null) to.state.attempts.set(record.activation, spanId)
  to.log('signalbox.node.failed', 'error', {
    'signalbox.node.name': safeName(activationPath(record.activation, record.node)),
    'signalbox.superstep.index': record.superstep,
    'signalbox.attempt': record.attempt,
    'error.type': safeCode(record.code),
    'signalbox.retry.scheduled': record.retry_at !== null,
  })
}

function projectBarrier(to: Projector, record: Extract<RunRecord, { type: 'superstep.completed' }>): void {
  if (record.scope === undefined) to.state.superstep = record.superstep
  for (const { activation, node } of record.results) {
    const open = to.state.nodes.get(activation)
    // Of an activation that failed and has a fallback the end was told when it failed.
    if (!open && to.state.endedNodes.has(activation)) continue
    to.endNode(open ?? to.nodeOf({ activation, node, superstep: record.superstep, attempt: 1 }), null)
  }
  // The barrier of a nested scope is a save point inside the superstep of the run.
  if (record.scope !== undefined) {
    to.log('signalbox.checkpoint.saved', 'info', {
      'signalbox.superstep.index': record.superstep,
      'signalbox.node.name': safeName(scopePath(record.scope).join('/')),
      'signalbox.attempt': 1,
    })
    return
  }
  to.superstepSpan()
  to.endSuperstep()
  to.state.attempts.clear()
  to.state.checkpointSeq = record.seq
  to.state.superstep = record.checkpoint.superstep
  to.log('signalbox.superstep.committed', 'info', {
    'signalbox.superstep.index': record.superstep,
    'signalbox.run.active_ms': Math.round(record.active_ms),
  })
  to.superstepSpan()
}
