export { DEFAULT_BUDGET, type PatternOptions } from './options.ts'
export type { Member, Participant, ParticipantDef, Takes, TurnView } from './participant.ts'
export type { Entry } from './transcript.ts'
