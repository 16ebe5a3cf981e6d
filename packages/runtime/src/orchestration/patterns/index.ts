export { groupChat, type GroupChatOptions, type GroupChatResult, type GroupView } from './group-chat.ts'
export { magentic, type MagenticOptions, type MagenticResult, type PlanReviewOptions } from './magentic.ts'
export type { Facts, PlanStep } from './magentic-ledger.ts'
export { DEFAULT_BUDGET, type PatternOptions } from './options.ts'
export type { Member, Participant, ParticipantDef, Takes, TurnView } from './participant.ts'
export type { Entry } from './transcript.ts'
export { type FeedbackOptions, sequential, type SequentialOptions, type SequentialResult } from './sequential.ts'
export {
  type Aggregate,
  concurrent,
  type ConcurrentOptions,
  type ConcurrentResult,
  type ConflictOptions,
} from './concurrent.ts'
export type { Absence, Conflict, Contribution, FailurePolicy, Resolution } from './contributions.ts'
export { type AskOptions, handoff, type HandoffOptions, type HandoffResult, type HandoffView } from './handoff.ts'
export type { JudgedHandoff } from './handoff-desk.ts'
