/** What others use of the incident drill. */
export { type IncidentDrillResult, type IncidentFinding, type IncidentResult, MOST_CALLS, MOST_MS } from './drill.ts'
export { type EndpointPlan, type EndpointTime, measureEndpoints } from './endpoints.ts'
export type { CheckTime } from './whole-checks.ts'
export { INCIDENT_DECOYS } from './crowd-store.ts'
export { INCIDENT_KINDS, type IncidentKind } from './kinds.ts'
export { incidentOnProject, type ProjectIncidentOptions, type ProjectIncidentResult } from './project-incident.ts'
export { type Lie as IncidentLie, LIES } from './lies.ts'
export { QUESTION_WORDS, QUESTIONS, type Question } from './truth.ts'
