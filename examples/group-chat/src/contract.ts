import type { WorkflowContract } from 'signalbox'

/** What a review board wants to know of the board before it may run in production. */
export const contract: WorkflowContract = {
  objective: 'a change goes live only after all judges have looked at it',
  qualityMetric: 'share of scheduled changes that are not rolled back within a day',
  acceptedBy: 'the change manager',
  escalation: 'one objection ends the talk; the change manager takes the case',
  blastRadius: 'one change scheduled that should have waited; it can be taken off before its hour',
  adaptivity: 'who speaks follows from what was said, by rule; what is said is left to the model',
  parallelSteps: 'none: one speaks at a time',
  sideEffects: '`changes.schedule`, by the conclusion alone and once a change',
  qualityStop: 'nine rounds at most, then it is concluded with what was said',
}
