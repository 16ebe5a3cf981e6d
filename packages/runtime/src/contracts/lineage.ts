/** Where a store finds the effects that somebody asks about, and which runs the lineage check found wanting. */
import type { OutcomeStatus } from './common.ts'
import type { RecordType, RunStatus } from './records.ts'

/** What effects can be looked up by. */
export const LINEAGE_TERMS = [
  'object',
  'approver',
  'tool',
  'rule',
  'response',
  'trace',
  'effect_hash',
  'idempotency_key',
] as const
/** What effects can be looked up by. Of `object` the value is a keyed digest (Invariant 14); of all others the plain text. */
export type LineageTerm = (typeof LINEAGE_TERMS)[number]

/** One record that a term leads to. The same one is stored once. */
export interface LineageTermRow {
  readonly tenant: string
  readonly term: LineageTerm
  readonly value: string
  /** Milliseconds since 1970 of the record. */
  readonly at: number
  readonly runId: string
  readonly seq: number
}

/** Rows of one term, newest first. `before` is the last row of the page before. */
export interface LineageTermFilter {
  readonly tenant: string
  readonly term: LineageTerm
  readonly value: string
  readonly limit: number
  readonly before?: Pick<LineageTermRow, 'at' | 'runId' | 'seq'>
}

/** What to look up. `value` is the name of an object, such as `invoice:4711` or `4711`, or the plain text of another term. */
export interface LookUpRequest {
  readonly tenant: string
  readonly term: LineageTerm
  readonly value: string
  readonly limit: number
  readonly before?: Pick<LineageTermRow, 'at' | 'runId' | 'seq'>
}

/** One record that was found, and the call that it is about. */
export interface FoundEffect {
  readonly runId: string
  readonly seq: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly workflow: string
  readonly runStatus: RunStatus | null
  /** On whose behalf the run acts. */
  readonly principal: string
  /** Null where the record was pruned. */
  readonly type: RecordType | null
  /** The tool or model; null for the start of a run and for an answer of a person. */
  readonly tool: string | null
  /** How the call ended; null at its intent. */
  readonly status: OutcomeStatus | null
  /** Closed code of how it ended, such as the reason of a denial; null where there is none. */
  readonly code: string | null
  /** True: this record tells of a change outside. False: nothing changed. Null: not known, or it ends no effect. */
  readonly happened: boolean | null
  readonly approvalId: string | null
  /** Who approved it, or whose answer it is; null where nobody did. */
  readonly approvedBy: string | null
}

/** What was found, newest first, and where the next page goes on. */
export interface FoundEffects {
  readonly found: readonly FoundEffect[]
  readonly next: Pick<LineageTermRow, 'at' | 'runId' | 'seq'> | null
}

/** A run in which the lineage check found gaps. Runs without gaps have no row. */
export interface LineageFindingRow {
  readonly tenant: string
  readonly runId: string
  readonly workflow: string
  /** The history was looked at up to this record. */
  readonly seq: number
  /** Milliseconds since 1970. */
  readonly checkedAt: number
  /** What is missing; text without content. */
  readonly gaps: readonly { readonly kind: string; readonly seq: number; readonly detail: string }[]
}

/** The part of a store that answers where effects came from. Its rows are computed from records and can be made again. */
export interface LineageStore {
  lineageTerms(filter: LineageTermFilter): Promise<readonly LineageTermRow[]>
  /** Adds rows that are missing, for histories of earlier versions. */
  putLineageTerms(rows: readonly LineageTermRow[]): Promise<void>
  /** Runs with gaps, by id, after `after`. */
  lineageFindings(filter: {
    readonly tenant: string
    readonly after?: string
    readonly limit: number
  }): Promise<readonly LineageFindingRow[]>
  /** Puts the row of each run that has gaps, and takes that of each other one away. */
  putLineageFindings(rows: readonly LineageFindingRow[]): Promise<void>
}
