import type { WorkflowContract } from 'signalbox'

/** What a review board wants to know of the newsletter before it may run in production. */
export const contract: WorkflowContract = {
  objective: 'customers learn of a release in one short letter',
  qualityMetric: 'share of letters that the reviewer lets pass without feedback',
  acceptedBy: 'the head of customer communication',
  escalation: 'the reviewer stops the letter; the head of customer communication writes it by hand',
  blastRadius:
    'one letter with a wrong sentence to all customers, which can be corrected by a second one and not taken back',
  adaptivity: 'the order is fixed; only the wording is left to the model',
  parallelSteps: 'none: each step works on what the one before it wrote',
  sideEffects: '`letters.send`, after a person has read the text',
  qualityStop: 'two rounds of feedback at most, then the run ends without a letter',
}
