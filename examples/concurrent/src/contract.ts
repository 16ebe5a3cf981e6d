import type { WorkflowContract } from 'signalbox'

/** What a review board wants to know of the claims before it may run in production. */
export const contract: WorkflowContract = {
  objective: 'expense claims are paid in the amount that receipts and rules allow',
  qualityMetric: 'share of paid claims that the yearly audit leaves as they are',
  acceptedBy: 'the head of travel accounting',
  escalation: 'checks that disagree are put to a person of travel accounting',
  blastRadius: 'one claim paid in a wrong amount, which is settled with the next one',
  adaptivity: 'which checks run is fixed; what each of them finds is left to the model',
  parallelSteps: 'the three checks: each writes its own finding, and only the clerk writes the payment',
  sideEffects: '`claims.pay`, once a claim',
  qualityStop: 'a check that fails is left out or counts as nothing to pay; disagreement goes to a person',
}
