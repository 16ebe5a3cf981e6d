export { DEFAULT_BUDGET, type PatternOptions } from './options.ts'
export type { Member, Participant, ParticipantDef, Takes, TurnView } from './participant.ts'
export type { Entry } from './transcript.ts'
export { type FeedbackOptions, sequential, type SequentialOptions, type SequentialResult } from './sequential.ts'
