import { z } from 'zod'
import { type JsonValue, parseJson } from '../../base/json.ts'
import type { Shape } from '../../contracts/workflow.ts'
import { appended } from '../fields.ts'
import type { Field } from '../types.ts'

/**
 * What the participants of a pattern have said to each other: a list in the state of the run, appended and never
 * rewritten, so that an entry is stored once however long the conversation gets (ENGINE R8).
 */

/** One thing that somebody said. */
export const ENTRY = z.object({
  /** A participant's name, or `user`, `reviewer`, `person`. */
  speaker: z.string(),
  /** The text; an answer that is no text is JSON. */
  text: z.string(),
  /** Counts from 1; those who spoke in one superstep share it. */
  turn: z.int(),
})

/** One thing that somebody said. */
export type Entry = z.output<typeof ENTRY>

/** The field of the state that holds the transcript; call it `transcript`. */
export function transcriptField(): Field<never, readonly Entry[], Entry> {
  return appended(ENTRY)
}

/** The next entry after those that are there. */
export function entryAfter(transcript: readonly Entry[], speaker: string, said: JsonValue): Entry {
  return { speaker, text: textOf(said), turn: (transcript.at(-1)?.turn ?? 0) + 1 }
}

/** A text as it is, anything else as JSON. */
export function textOf(said: JsonValue): string {
  return typeof said === 'string' ? said : JSON.stringify(said)
}

/** What an entry says, as its speaker answered it: the text of a participant that answers with text, else its JSON. */
export function answerIn(shape: Shape, entry: Entry | null): JsonValue {
  const text = entry?.text ?? ''
  return isText(shape) ? text : parseJson(text, `the answer of \`${entry?.speaker ?? ''}\``)
}

function isText(shape: Shape): boolean {
  return shape.json.type === 'string'
}

/** What was said after the speaker's own last entry: all of it for one who has not spoken yet. */
export function newFor(transcript: readonly Entry[], speaker: string): readonly Entry[] {
  let from = transcript.length
  while (from > 0 && transcript[from - 1]?.speaker !== speaker) from -= 1
  return transcript.slice(from)
}

/** The last thing that this speaker said, or null. */
export function lastOf(transcript: readonly Entry[], speaker: string): Entry | null {
  return transcript.findLast((entry) => entry.speaker === speaker) ?? null
}

/**
 * Entries as text for a model. Each line that somebody said begins with `> `, so that nothing said can look like
 * another speaker.
 */
export function renderEntries(entries: readonly Entry[]): string {
  return entries.map(({ speaker, text }) => `${speaker}:\n${quoted(text)}`).join('\n\n')
}

/** A text as a quotation, each line of it. */
export function quoted(text: string): string {
  return text
    .split(/\r\n|[\n\r\u2028\u2029]/)
    .map((line) => `> ${line}`)
    .join('\n')
}
