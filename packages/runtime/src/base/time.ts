/** ISO 8601 text of a wall time in milliseconds. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}

/** Milliseconds of an ISO 8601 text that this program wrote. */
export function timeOf(iso: string): number {
  return Date.parse(iso)
}
