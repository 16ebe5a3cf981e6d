import type { RecordType } from '../contracts/records.ts'

/** Who tells a type of record; or why nothing is told of it. */
export type Telling = 'run' | 'people' | 'work' | { readonly silent: string }

/** Every type of record, and what becomes of it in the story of a run. A new type does not compile before it is here. */
export const TELLINGS: Readonly<Record<RecordType, Telling>> = {
  'run.started': 'run',
  'segment.started': 'run',
  'branch.started': 'run',
  'run.upgraded': 'run',
  'budget.slice': 'run',
  'budget.warning': 'run',
  'run.waiting': 'run',
  'run.parked': 'run',
  'override.recorded': 'run',
  'feedback.recorded': 'run',
  'cost.corrected': 'run',
  'history.moved': 'run',
  'history.pruned': 'run',
  'subject.erased': 'run',
  'run.stopping': 'run',
  'run.completed': 'run',
  'run.stopped': 'run',
  'run.cancelled': 'run',
  'run.terminated': 'run',
  'approval.requested': 'people',
  'approval.changed': 'people',
  'approval.decided': 'people',
  'question.asked': 'people',
  'question.answered': 'people',
  'activity.late': 'people',
  'step.failed': 'people',
  'request.opened': 'people',
  'request.answered': 'people',
  'response.received': 'people',
  'timer.set': 'people',
  'activity.intent': 'work',
  'activity.outcome': 'work',
  'activation.failed': 'work',
  'message.dropped': 'work',
  'superstep.completed': 'work',
  'decision.recorded': 'work',
  'unmediated.call': 'work',
  'activation.completed': { silent: 'the record of its superstep tells that it was committed' },
  'position.saved': { silent: 'a save point changes nothing; where to go on is told in a section of its own' },
}

/** Every type of record, in the order of the table. */
// The keys of the table are exactly the types.
export const RECORD_TYPES = Object.keys(TELLINGS) as readonly RecordType[]
