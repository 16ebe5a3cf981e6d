import type { Proposal } from '../contracts/records.ts'
import type { AskJournal, FirstRecord } from './run-fold.ts'

/** The first record of an ask itself: of what it proposed. Null while there is none. */
export function firstOf({ intents, approval, timer, request, failures, outcome }: AskJournal): FirstRecord | null {
  return intents[0] ?? approval?.requested ?? timer ?? request?.opened ?? failures[0] ?? outcome
}

/** What was proposed by an ask, as its first record tells. */
export function proposedBy(entry: AskJournal): Proposal | null {
  return firstOf(entry)?.proposal ?? null
}
