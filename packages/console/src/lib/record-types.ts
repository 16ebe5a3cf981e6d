/** Every type of record, in the order in which people look for them: how the run stands, what it did, who answered. */
export const RECORD_TYPES: readonly string[] = [
  ...['run.started', 'run.completed', 'run.stopped', 'run.cancelled', 'run.terminated', 'run.stopping'],
  ...['run.parked', 'run.waiting', 'run.upgraded', 'segment.started', 'branch.started'],
  ...['activity.intent', 'activity.outcome', 'activity.late', 'decision.recorded', 'unmediated.call'],
  ...['approval.requested', 'approval.changed', 'approval.decided', 'question.asked', 'question.answered'],
  ...['request.opened', 'request.answered', 'response.received', 'override.recorded', 'feedback.recorded'],
  ...['budget.warning', 'budget.slice', 'cost.corrected'],
  ...['superstep.completed', 'activation.completed', 'activation.failed', 'step.failed', 'position.saved'],
  ...['message.dropped', 'timer.set', 'history.moved', 'history.pruned', 'subject.erased'],
]
