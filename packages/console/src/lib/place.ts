/** A record of a run, as addresses and lists name it. */
export interface Place {
  readonly run_id: string
  readonly seq: number
}

/** A place as one text, and back; null for any other text. */
export function placeText({ run_id, seq }: Place): string {
  return `${run_id}~${seq}`
}

/** The place that a text names, or null. */
export function placeOf(text: string | null): Place | null {
  const [, run, seq] = /^(.+)~(\d{1,15})$/.exec(text ?? '') ?? []
  return run === undefined ? null : { run_id: run, seq: Number(seq) }
}
