import type { RecordType } from '../contracts/records.ts'
import type { EventName } from './contract.generated.ts'

/** What telemetry tells of a record: the log events that it can give, or why it gives none. */
export type RecordSignals = { readonly events: readonly EventName[] } | { readonly silent: string }

/**
 * Every record type with what telemetry tells of it. Total: a new type of record without a row does not compile, and a
 * test compares each row with what the projection gives (TEL-003).
 */
export const RECORD_SIGNALS: Readonly<Record<RecordType, RecordSignals>> = {
  'run.started': { events: ['signalbox.run.started'] },
  'segment.started': { events: ['signalbox.run.segment_started'] },
  'activity.intent': { events: ['signalbox.policy.decided', 'signalbox.effect.prepared'] },
  'activity.outcome': {
    events: [
      'signalbox.policy.decided',
      'signalbox.tool.blocked',
      'signalbox.budget.exhausted',
      'signalbox.effect.settled',
    ],
  },
  'activity.late': { events: ['signalbox.activity.late'] },
  'approval.requested': { events: ['signalbox.policy.decided', 'signalbox.approval.requested'] },
  'approval.changed': { events: ['signalbox.approval.changed'] },
  'approval.decided': { events: ['signalbox.approval.decided'] },
  'timer.set': { events: ['signalbox.timer.set'] },
  'step.failed': { events: ['signalbox.step.failed'] },
  'request.answered': { events: ['signalbox.port.answered'] },
  'question.asked': { events: ['signalbox.question.asked'] },
  'question.answered': { events: ['signalbox.question.answered'] },
  'position.saved': { events: ['signalbox.checkpoint.saved'] },
  'activation.completed': { silent: 'it ends the span of its node, and the barrier that takes it up is told' },
  'activation.failed': { events: ['signalbox.node.failed'] },
  'message.dropped': { events: ['signalbox.message.dropped'] },
  'superstep.completed': { events: ['signalbox.superstep.committed', 'signalbox.checkpoint.saved'] },
  'request.opened': { events: ['signalbox.port.requested'] },
  'response.received': { events: ['signalbox.port.answered'] },
  'run.upgraded': { events: ['signalbox.run.upgraded'] },
  'branch.started': { events: ['signalbox.run.restored'] },
  'cost.corrected': { events: ['signalbox.cost.corrected'] },
  'budget.slice': {
    silent: 'it moves money between a budget over many runs and this run, and nothing happens in the run',
  },
  'budget.warning': { events: ['signalbox.budget.warned'] },
  'run.waiting': { events: ['signalbox.run.waiting'] },
  'run.parked': { events: ['signalbox.run.parked'] },
  'override.recorded': { events: ['signalbox.override.recorded'] },
  'feedback.recorded': { events: ['signalbox.feedback.recorded'] },
  'run.stopping': { events: ['signalbox.run.stopping'] },
  'run.completed': { events: ['signalbox.run.finished'] },
  'run.stopped': { events: ['signalbox.run.finished', 'signalbox.budget.exhausted'] },
  'run.cancelled': { events: ['signalbox.run.finished', 'signalbox.budget.exhausted'] },
  'run.terminated': { events: ['signalbox.run.finished', 'signalbox.budget.exhausted'] },
  'decision.recorded': { events: ['signalbox.policy.decided'] },
  'unmediated.call': { events: ['signalbox.call.unmediated'] },
  'history.pruned': { events: ['signalbox.history.changed'] },
  'history.moved': { events: ['signalbox.history.changed'] },
  'subject.erased': { events: ['signalbox.history.changed'] },
}
