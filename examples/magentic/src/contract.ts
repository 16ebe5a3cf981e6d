import type { WorkflowContract } from 'signalbox'

/** What a review board wants to know of the incident before it may run in production. */
export const contract: WorkflowContract = {
  objective: 'an incident is explained, and the release that caused it is rolled back',
  qualityMetric: 'share of incidents whose cause the review on the next day confirms',
  acceptedBy: 'the lead of operations',
  escalation: 'the person who reviews the plan stops it and takes the incident over',
  blastRadius: 'one release rolled back without need, which can be put live again',
  adaptivity: 'adaptive: the manager plans and plans again, within the reviewed plan and the limits',
  parallelSteps: 'none: one of the team works at a time',
  sideEffects: '`releases.roll_back`, by the operator alone, after a person has seen the plan',
  qualityStop: 'a round without progress is allowed, then one new plan, then the run ends',
}
