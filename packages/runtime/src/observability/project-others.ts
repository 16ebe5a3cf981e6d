import { activationPath } from '../base/scope-id.ts'
import type { AskRef, RunRecord } from '../contracts/records.ts'
import { ENUMS } from './contract.generated.ts'
import { type Projector, present, safeCode, safeName } from './projection.ts'
import type { Attributes } from './telemetry.ts'

/** A limit by its name in the contract; `other` for one that the contract does not list. */
export function budgetLimit(subject: string | null): string {
  const known = ENUMS['signalbox.budget.limit'].split(' ')
  const wanted = subject === 'cost' ? 'max_cost_nano_usd' : subject
  return known.find((limit) => limit === wanted || limit === `max_${wanted}`) ?? 'other'
}

/** Records that change nothing of a span: what happens while a run waits, and what is done to its history. */
export function projectOther(to: Projector, record: RunRecord): void {
  switch (record.type) {
    case 'approval.changed':
      to.log('signalbox.approval.changed', 'info', {
        'signalbox.approval.id': record.approval_id,
        'signalbox.approval.change': record.change.what,
        ...placeOf(record.ask),
        ...present('error.type', record.change.what === 'edit_refused' ? safeCode(record.change.code) : null),
      })
      break
    case 'timer.set':
      to.log('signalbox.timer.set', 'info', { ...placeOf(record.ask), 'signalbox.attempt': record.ask.attempt })
      break
    case 'step.failed':
      to.log('signalbox.step.failed', 'warn', {
        ...placeOf(record.ask),
        'signalbox.attempt': record.ask.attempt,
        'signalbox.step.attempt': record.attempt,
        'error.type': safeCode(record.code),
      })
      break
    case 'activity.late':
      to.log('signalbox.activity.late', 'warn', {
        ...placeOf(record.ask),
        'signalbox.attempt': record.ask.attempt,
        'signalbox.late.how': record.how,
        'signalbox.late_ms': record.late_ms,
      })
      break
    case 'run.upgraded':
      to.log('signalbox.run.upgraded', 'info', {
        'signalbox.upgrade.from_version': safeName(record.from.version),
        'signalbox.upgrade.to_version': safeName(record.to.version),
        'signalbox.upgrade.steps': record.steps.length,
      })
      break
    case 'budget.warning':
      projectWarning(to, record)
      break
    case 'history.pruned':
    case 'history.moved':
    case 'subject.erased':
      to.log('signalbox.history.changed', 'warn', { 'signalbox.history.change': HISTORY_CHANGE[record.type] })
      break
    default:
  }
}

const HISTORY_CHANGE = {
  'history.pruned': 'pruned',
  'history.moved': 'moved',
  'subject.erased': 'subject_erased',
} as const

function projectWarning(to: Projector, record: Extract<RunRecord, { type: 'budget.warning' }>): void {
  const limit = { 'signalbox.budget.limit': budgetLimit(record.limit), 'signalbox.budget.percent': record.percent }
  to.log('signalbox.budget.warned', 'warn', { ...limit, 'signalbox.budget.scope': safeName(record.scope) })
  to.metric('signalbox.budget.warnings', 1, { 'signalbox.workflow.id': to.workflow, ...limit })
}

function placeOf(ask: AskRef): Attributes {
  return {
    'signalbox.superstep.index': ask.superstep,
    'signalbox.node.name': safeName(activationPath(ask.activation, ask.node)),
  }
}
