import type { JsonValue } from '../base/json.ts'
import type { ModelDelta } from './model.ts'
import type { RunRecord } from './records.ts'

/** What a consumer of a run's stream sees: durable records with ids, and provisional deltas without (ENGINE R17). */
export type StreamItem =
  | { readonly kind: 'record'; readonly runId: string; readonly record: RunRecord }
  | { readonly kind: 'delta'; readonly runId: string; readonly ask: string; readonly attempt: number; readonly offset: number; readonly delta: ModelDelta }
  /** Deltas of this ask shown so far are void: the call starts again. */
  | { readonly kind: 'attempt_restarted'; readonly runId: string; readonly ask: string; readonly attempt: number }

/** Opens contents of a run for someone who may see them. */
export interface ContentReader {
  /** The JSON value behind a reference of this run. Throws CONTENT_ERASED. */
  read(ref: { readonly s: number; readonly i: number; readonly r?: string }): Promise<JsonValue>
}
