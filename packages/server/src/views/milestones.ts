import type { RunDetail } from '@signalbox/protocol'
import { nodePath, type RunRecord } from 'signalbox'

/** Records that belong to the run as a whole, one plain sentence each, in order. */
export function milestonesOf(records: readonly RunRecord[]): RunDetail['milestones'] {
  return records.flatMap((record) => {
    const text = textOf(record)
    return text === null ? [] : [{ seq: record.seq, at: record.at, type: record.type, text }]
  })
}

function textOf(record: RunRecord): string | null {
  switch (record.type) {
    case 'run.started':
      return record.parent
        ? `${record.parent.by.id} forked it from record ${record.parent.seq} of \`${record.parent.run}\``
        : `${record.principal.id} started ${record.workflow.name} ${record.workflow.version}`
    case 'segment.started':
      return `worker ${record.worker} took it up (${record.why})`
    case 'branch.started':
      return `${record.by.id} restored it to record ${record.from}, as branch ${record.branch}`
    case 'run.upgraded':
      return `worker ${record.by} took it over from version ${record.from.version} with ${record.to.version}`
    case 'run.waiting':
      return `waits for ${record.on.map((each) => each.kind).join(', ')}`
    case 'run.parked':
      return `stands still with ${record.code}`
    case 'override.recorded':
      return `${record.by.id} ordered: ${record.what.replace('_', ' ')}`
    case 'feedback.recorded':
      return `${record.by.id} judged the result: ${record.verdict}`
    case 'cost.corrected':
      return `costs computed again by ${record.by.id}, by table ${record.table}`
    case 'history.moved':
      return `moved to another store by ${record.by.id}`
    case 'history.pruned':
      return `pruned by ${record.by.id}: ${record.keep} is kept`
    case 'subject.erased':
      return `its contents were erased by ${record.by.id}`
    case 'run.stopping':
    case 'run.stopped':
    case 'run.cancelled':
    case 'run.terminated':
      return `${record.type.slice(4)}: ${record.reason.kind}, ${record.reason.code}${record.reason.subject ? ` (${record.reason.subject})` : ''}`
    case 'run.completed':
      return 'completed'
    default:
      return pointText(record)
  }
}

function pointText(record: RunRecord): string | null {
  switch (record.type) {
    case 'decision.recorded':
      return `policy at ${record.decision.point}: ${record.decision.verdict} (${record.decision.reason_code})`
    case 'unmediated.call':
      return `a call to ${record.host} went out beside the door, in a ${record.where}`
    case 'request.opened':
      if (record.request.timer)
        return `\`${nodePath(record.request.scope, record.request.node)}\` holds a message back until ${record.request.deadline}`
      return `\`${nodePath(record.request.scope, record.request.node)}\` asked for an answer`
    case 'request.answered':
      if (record.answer === 'cancelled') return `a request of \`${record.ask.node}\` was taken back`
      return record.answer === 'expired'
        ? `nobody answered \`${record.ask.node}\` in time`
        : `${record.by?.id ?? 'someone'} answered \`${record.ask.node}\``
    case 'step.failed':
      return `step \`${record.proposal.name}\` failed with ${record.code}; tried again at ${record.retry_at}`
    case 'response.received':
      if (record.answer === 'fired') return `timer \`${nodePath(record.scope, record.node)}\` fired`
      return record.answer === 'expired'
        ? `nobody answered \`${nodePath(record.scope, record.node)}\` in time`
        : `${record.by?.id ?? 'someone'} answered \`${nodePath(record.scope, record.node)}\``
    default:
      return null
  }
}
