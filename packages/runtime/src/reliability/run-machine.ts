import { SignalboxError } from '../base/errors.ts'
import type { RunStatus } from '../contracts/records.ts'

/** What can happen to a run. */
export type RunEvent =
  | 'segment'
  | 'wait'
  | 'park'
  | 'stop_asked'
  | 'complete'
  | 'stop'
  | 'cancel'
  | 'terminate'
  | 'resume'
  | 'branch'
  | 'move'

/** The next state, or a refusal. */
export type RunOutcome = RunStatus | 'refused'

const ended = (self: RunStatus): Record<RunEvent, RunOutcome> => ({
  segment: 'refused',
  wait: 'refused',
  park: 'refused',
  stop_asked: 'refused',
  complete: 'refused',
  stop: 'refused',
  cancel: 'refused',
  terminate: 'refused',
  resume: 'refused',
  // A restore takes a run up again from an earlier record, also after its end (ENGINE R13).
  branch: self === 'terminated' ? 'refused' : 'queued',
  move: 'refused',
})

/**
 * The life of a run as a total table (ENGINE R19). An end is reached from `running` or `stopping` only,
 * and never while an effect is open: the engine moves to `stopping` first.
 */
export const RUN_MACHINE: Record<RunStatus, Record<RunEvent, RunOutcome>> = {
  queued: {
    segment: 'running',
    wait: 'refused',
    park: 'refused',
    stop_asked: 'refused',
    complete: 'refused',
    stop: 'refused',
    cancel: 'refused',
    terminate: 'refused',
    resume: 'refused',
    branch: 'queued',
    move: 'stopped',
  },
  running: {
    segment: 'running',
    wait: 'waiting',
    park: 'parked',
    stop_asked: 'stopping',
    complete: 'completed',
    stop: 'stopped',
    cancel: 'cancelled',
    terminate: 'terminated',
    resume: 'refused',
    branch: 'queued',
    move: 'stopped',
  },
  waiting: {
    segment: 'running',
    wait: 'refused',
    park: 'refused',
    stop_asked: 'refused',
    complete: 'refused',
    stop: 'refused',
    cancel: 'refused',
    terminate: 'refused',
    resume: 'refused',
    branch: 'queued',
    move: 'stopped',
  },
  parked: {
    segment: 'parked',
    wait: 'refused',
    park: 'parked',
    stop_asked: 'stopping',
    complete: 'refused',
    stop: 'refused',
    cancel: 'cancelled',
    terminate: 'terminated',
    resume: 'running',
    branch: 'queued',
    move: 'stopped',
  },
  stopping: {
    segment: 'stopping',
    wait: 'stopping',
    park: 'parked',
    stop_asked: 'stopping',
    complete: 'refused',
    stop: 'stopped',
    cancel: 'cancelled',
    terminate: 'terminated',
    resume: 'refused',
    branch: 'queued',
    move: 'refused',
  },
  completed: ended('completed'),
  stopped: ended('stopped'),
  cancelled: ended('cancelled'),
  terminated: ended('terminated'),
}

/** True when nothing happens to the run any more, but a restore. */
export function isEnded(status: RunStatus): boolean {
  return status === 'completed' || status === 'stopped' || status === 'cancelled' || status === 'terminated'
}

/** The next state. Throws RUN_STATE for an event that the state refuses. */
export function nextStatus(status: RunStatus, event: RunEvent): RunStatus {
  const next = RUN_MACHINE[status][event]
  if (next === 'refused') throw new SignalboxError('RUN_STATE', `a run that is \`${status}\` cannot take \`${event}\``)
  return next
}
