import type { WorkflowContract } from 'signalbox'

/** What a review board wants to know of the desk before it may run in production. */
export const contract: WorkflowContract = {
  objective: 'a customer gets an answer, or the refund that is due, in one conversation',
  qualityMetric: 'share of cases that are not opened again within two weeks',
  acceptedBy: 'the head of customer support',
  escalation: 'any helper hands the case to a person of the desk',
  blastRadius: 'one refund for one order that was not due',
  adaptivity: 'adaptive: the helpers choose who speaks next, on declared routes',
  parallelSteps: 'none: one helper has the case at a time',
  sideEffects: '`payments.refund`, by billing alone and once an order',
  qualityStop: 'a case that goes back and forth in the same state ends; turns and calls are limited',
}
