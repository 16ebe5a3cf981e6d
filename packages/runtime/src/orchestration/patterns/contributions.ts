import { z } from 'zod'
import type { JsonValue } from '../../base/json.ts'
import { answerShape, type Participant, type State, type Takes, transcriptOf } from './participant.ts'
import { answerIn, lastOf } from './transcript.ts'

/** What became of each participant that worked beside others: pure functions over the state at the barrier. */

/**
 * What happens when a participant fails after its last attempt. `fail` ends the run, `skip` goes on without it, a
 * participant or a value takes its place. A stand-in that fails too ends the run.
 */
export type FailurePolicy = 'fail' | 'skip' | { readonly fallBack: Takes } | { readonly value: JsonValue }

/** One place at the table, with who takes it when its participant fails. */
export interface Place {
  readonly participant: Participant
  readonly onFailure: 'fail' | 'skip' | 'fall_back' | 'value'
  readonly standIn: Participant | null
  readonly value: JsonValue
}

/** A participant that failed and did not end the run. */
export const ABSENCE = z.object({ participant: z.string(), code: z.string(), reason: z.string() })

/** A participant that failed and did not end the run. */
export type Absence = z.output<typeof ABSENCE>

/** What one place gave, in the order of the participants. */
export interface Contribution {
  readonly participant: string
  /** Who answered in the end: the participant, or the one that took its place; null for a value. */
  readonly speaker: string | null
  readonly by: 'answer' | 'fall_back' | 'value'
  readonly answer: JsonValue
}

/** Two or more participants that cannot both be right. */
export const CONFLICT = z.object({
  /** What they disagree about; names the conflict, so it must be unique among those of one run. */
  about: z.string().min(1),
  positions: z.array(z.object({ participant: z.string(), says: z.string() })),
})

/** Two or more participants that cannot both be right. */
export type Conflict = z.output<typeof CONFLICT>

/** What counts in the place of a conflict. */
export const RESOLUTION = z.object({ about: z.string().min(1), decision: z.string().min(1), why: z.string().min(1) })

/** What counts in the place of a conflict. */
export type Resolution = z.output<typeof RESOLUTION>

/** What every place gave, those that were skipped left out. */
export function contributionsOf(places: readonly Place[], state: State): readonly Contribution[] {
  const transcript = transcriptOf(state)
  const absent = new Set(absencesOf(state).map((absence) => absence.participant))
  return places.flatMap((place): Contribution[] => {
    const { participant, standIn, value } = place
    const { name } = participant
    if (!absent.has(name)) {
      const answer = answerIn(answerShape(participant), lastOf(transcript, name))
      return [{ participant: name, speaker: name, by: 'answer', answer }]
    }
    if (place.onFailure === 'value') return [{ participant: name, speaker: null, by: 'value', answer: value }]
    if (!standIn) return []
    const answer = answerIn(answerShape(standIn), lastOf(transcript, standIn.name))
    return [{ participant: name, speaker: standIn.name, by: 'fall_back', answer }]
  })
}

/** Participants that failed, in the order in which it was recorded. */
export function absencesOf(state: State): readonly Absence[] {
  // Only absences are appended to the field, and each was parsed by its schema.
  return (state.absences ?? []) as unknown as readonly Absence[]
}

/** Those of them in whose place nothing came. */
export function skippedOf(places: readonly Place[], state: State): readonly Absence[] {
  const skipping = new Set(places.filter((one) => one.onFailure === 'skip').map((one) => one.participant.name))
  return absencesOf(state).filter((absence) => skipping.has(absence.participant))
}

/** Conflicts that no resolution names. */
export function openConflicts(conflicts: readonly Conflict[], resolutions: readonly Resolution[]): readonly string[] {
  const settled = new Set(resolutions.map((one) => one.about))
  return conflicts.map((one) => one.about).filter((about) => !settled.has(about))
}
