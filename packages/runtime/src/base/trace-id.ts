import { sha256Hex } from './hash.ts'

/** The one trace of a run, over all its segments: 32 hex digits, derived from its id. */
export function traceIdOf(runId: string): string {
  return sha256Hex(`trace:${runId}`).slice(0, 32)
}
