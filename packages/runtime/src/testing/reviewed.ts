import type { WorkflowContract } from '../contracts/workflow.ts'

/** A contract in which every question has an answer: for tests of workflows in production mode, never for a workflow that runs. */
export const REVIEWED: Required<WorkflowContract> = {
  objective: 'to be tested',
  qualityMetric: 'the share of tests that pass',
  acceptedBy: 'the tests',
  escalation: 'a failed test',
  blastRadius: 'a test',
  adaptivity: 'deterministic, as tests are',
  parallelSteps: 'those that the test declares',
  sideEffects: 'those of the test, on servers of its own',
  qualityStop: 'the budget of the test',
}
