/**
 * Comparing the ledger of effects with what outside systems hold. A tool with an effect names another tool that only
 * reads and lists; a built-in workflow calls it through the door (invariant 1) and compares. What differs is told, and
 * never settled by a guess (invariant 5).
 */
import { z } from 'zod'
import type { JsonObject } from '../base/json.ts'

/**
 * Name of the built-in workflow that compares. The policy catalogue says who may start it, as of any workflow; where it
 * is not listed nobody may.
 */
export const RECONCILE_WORKFLOW = 'signalbox-reconcile'

const time = z.iso.datetime({ offset: true })

/** What a listing tool is asked: what became so from `from` on and before `to`; `cursor` is the `next` of the page before. */
export const listingRequestSchema = z.object({ from: time, to: time, cursor: z.string().nullable() })
/** What a listing tool is asked. */
export type ListingRequest = z.output<typeof listingRequestSchema>

/** One thing that an outside system holds. It is found again by `key`, else by `ref`, else by `object`. */
export const outsideEntrySchema = z.object({
  /** The idempotency key under which it was made, where the system keeps it. */
  key: z.string().min(1).nullable(),
  /** What the system calls it; the effect's `touches` names it as `ref:...`. */
  ref: z.string().min(1).nullable(),
  /** What it is about, such as `invoice:4711`, as the effect's `touches` names it. */
  object: z.string().min(1).nullable(),
  /** ISO 8601: when it became so, by the system's clock. */
  at: time,
  /** What is compared, field by field. */
  what: z.record(z.string(), z.json()),
})
/** One thing that an outside system holds. */
export type OutsideEntry = z.output<typeof outsideEntrySchema>

/** One page of a listing, and where the next begins; null after the last. */
export const listingPageSchema = z.object({ entries: z.array(outsideEntrySchema), next: z.string().nullable() })
/** One page of a listing. */
export type ListingPage = z.output<typeof listingPageSchema>

/** What a comparison is started with. */
export const reconcileInputSchema = z.strictObject({
  from: time,
  to: time,
  /** Only effects of these tools. Default: of all that can be listed. */
  tools: z.array(z.string().min(1)).max(100).optional(),
})
/** What a comparison is started with. Times are ISO 8601; `from` is before `to`. */
export type ReconcileInput = z.output<typeof reconcileInputSchema>

/** One effect as the ledger has it. */
export interface LedgerEntry {
  readonly tool: string
  readonly run: string
  /** Sequence of the outcome, or of the intent while there is none. */
  readonly seq: number
  /** ISO 8601 of that record. */
  readonly at: string
  readonly key: string
  readonly status: 'succeeded' | 'failed' | 'unknown' | 'open'
  /** Names that its `touches` gives. */
  readonly names: readonly string[]
  /** What the outside must hold; null while nobody knows it, and where its content was erased or pruned. */
  readonly expected: JsonObject | null
}

/**
 * How the two sides can differ.
 * `missing_outside`: it succeeded here, and the listing does not have it. `unknown_to_us`: the listing has it, and no
 * effect on record made it. `differs`: both have it, and not the same. `doubled_outside`: the listing has it more than
 * once. `happened_after_all`: on record as failed, and the listing has it. `unknown_happened`, `unknown_absent`: nobody
 * knew what became of it, and the listing has it, or has not; a look-up or a person settles it.
 */
export const DIFFERENCES = [
  'missing_outside',
  'unknown_to_us',
  'differs',
  'doubled_outside',
  'happened_after_all',
  'unknown_happened',
  'unknown_absent',
] as const
/** How the two sides can differ. */
export type DifferenceKind = (typeof DIFFERENCES)[number]

/** One difference. Of what differs the fields are named, never their values (invariant 14). */
export interface OutsideDifference {
  readonly kind: DifferenceKind
  /** The effect; null where none is on record. */
  readonly tool: string | null
  readonly run: string | null
  readonly seq: number | null
  readonly key: string | null
  /** What the outside calls it. */
  readonly ref: string | null
  readonly fields: readonly string[]
}

/** What came of one listing. */
export interface ListingReport {
  /** The tool that listed. */
  readonly list: string
  /** The tools whose effects it lists. */
  readonly tools: readonly string[]
  /** False: something was not looked at, as `why` says; no difference then says nothing. */
  readonly complete: boolean
  readonly why: string
  /** Entries of the outside, and effects on record. */
  readonly listed: number
  readonly effects: number
  readonly matched: number
  /** Matched by key alone: what was done is not on record any more. */
  readonly not_compared: number
  readonly differences: readonly OutsideDifference[]
}

/** What a comparison found. It holds when `complete` is true and there are no differences. */
export interface ReconcileReport {
  readonly version: 1
  readonly from: string
  readonly to: string
  readonly complete: boolean
  readonly differences: number
  readonly listings: readonly ListingReport[]
  /** Tools with effects that say no listing: of these nothing was compared. */
  readonly unlisted: readonly string[]
}
