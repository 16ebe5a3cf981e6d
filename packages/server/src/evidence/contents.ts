/** The contents of a run for somebody outside: each as the redaction of the project leaves it. */
import type { ContentReader, ContentRef, JsonValue, Redactor, RunRecord } from 'signalbox'

/** Contents by their place. */
export interface OutgoingContents {
  /** As JSON text; null when it was erased or left out. */
  text(ref: Pick<ContentRef, 's' | 'i' | 'r'>): string | null
  /** One line of JSON for each, with why it is not there where it is not. */
  readonly lines: readonly OutgoingLine[]
  readonly leftOut: number
}

/** A content as it stands in a bundle. */
export interface OutgoingLine {
  readonly seq: number
  readonly index: number
  /** The run whose content it is, where a fork took it over. */
  readonly run?: string
  readonly value: JsonValue | null
  readonly left_out: 'erased' | 'redaction_failed' | 'redaction_slow' | null
}

/** Opens every content that records refer to. */
export async function outgoingContents(
  records: readonly RunRecord[],
  reader: ContentReader | null,
  redactor: Pick<Redactor, 'clean'>,
): Promise<OutgoingContents> {
  const refs = new Map<string, ContentRef>()
  for (const record of records) for (const ref of refsIn(record)) refs.set(placeOf(ref), ref)
  const texts = new Map<string, string>()
  const lines: OutgoingLine[] = []
  for (const [place, ref] of refs) {
    const line = await outgoingContent(ref, reader, redactor)
    lines.push(line)
    if (line.left_out === null) texts.set(place, JSON.stringify(line.value))
  }
  const leftOut = lines.filter((line) => line.left_out !== null).length
  return { text: (ref) => texts.get(placeOf(ref)) ?? null, lines, leftOut }
}

/** One content as it may leave. */
export async function outgoingContent(
  ref: ContentRef,
  reader: ContentReader | null,
  redactor: Pick<Redactor, 'clean'>,
): Promise<OutgoingLine> {
  const place = { seq: ref.s, index: ref.i, ...(ref.r === undefined ? {} : { run: ref.r }) }
  // An erased content is a normal answer here: the history stands without it (Invariant 14).
  const found = await reader?.read(ref).then(
    (value) => ({ value }),
    () => null,
  )
  if (!found) return { ...place, value: null, left_out: 'erased' }
  const cleaned = await redactor.clean('export', found.value)
  return cleaned.status === 'clean'
    ? { ...place, value: cleaned.value, left_out: null }
    : { ...place, value: null, left_out: cleaned.why }
}

function placeOf({ s, i, r }: Pick<ContentRef, 's' | 'i' | 'r'>): string {
  return `${r ?? ''}/${s}/${i}`
}

/** References of contents, wherever they stand in a record. */
export function* refsIn(value: unknown): Generator<ContentRef> {
  if (typeof value !== 'object' || value === null) return
  // Nothing else in records has these three fields with these types.
  const { s, i, h } = value as Partial<ContentRef>
  if (typeof s === 'number' && typeof i === 'number' && typeof h === 'string') yield value as ContentRef
  for (const one of Object.values(value)) yield* refsIn(one)
}
