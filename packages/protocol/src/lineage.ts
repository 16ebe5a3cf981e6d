import { z } from 'zod'
import { timeSchema } from './common.ts'
import { findingSchema } from './system.ts'

/** What effects can be looked up by. */
export const lineageTermSchema = z.enum([
  'object',
  'approver',
  'tool',
  'rule',
  'response',
  'trace',
  'effect_hash',
  'idempotency_key',
])

/** Looks records up. `value` of `object`: `invoice:4711`, or `4711` alone; of what the target calls it: `ref:...`. */
export const lookUpQuerySchema = z.strictObject({
  term: lineageTermSchema,
  value: z.string().trim().min(1).max(500),
  limit: z.coerce.number().int().min(1).max(200).default(20),
  /** The `next` of the page before. */
  before: z.string().max(300).optional(),
})

/** One record that was found, and the call that it is about. */
export const foundEffectSchema = z.object({
  run_id: z.string(),
  seq: z.int(),
  at: timeSchema,
  workflow: z.string(),
  run_status: z.string().nullable(),
  /** On whose behalf the run acts. */
  principal: z.string(),
  /** Type of the record; null where it was pruned. */
  type: z.string().nullable(),
  tool: z.string().nullable(),
  /** How the call ended; null at its intent. */
  status: z.string().nullable(),
  /** Closed code of how it ended, such as the reason of a denial. */
  code: z.string().nullable(),
  /** True: something changed outside. False: nothing changed. Null: not known, or this record ends no effect. */
  happened: z.boolean().nullable(),
  approval_id: z.string().nullable(),
  approved_by: z.string().nullable(),
})
/** One record that was found. */
export type FoundEffectView = z.output<typeof foundEffectSchema>

/** What was found, newest first. */
export const lookUpSchema = z.object({ found: z.array(foundEffectSchema), next: z.string().nullable() })

/** A run whose lineage has gaps. */
export const gapsOfRunSchema = z.object({
  run_id: z.string(),
  workflow: z.string(),
  /** The history was looked at up to this record. */
  seq: z.int(),
  checked_at: timeSchema,
  gaps: z.array(findingSchema),
})
/** A run whose lineage has gaps. */
export type GapsOfRun = z.output<typeof gapsOfRunSchema>

/** Runs with gaps as the last check of each left them, by id. */
export const standingGapsSchema = z.object({ runs: z.array(gapsOfRunSchema), next: z.string().nullable() })

/** One page of a check: of what changed since the last one, or of all runs. */
export const checkLineageSchema = z.strictObject({
  mode: z.enum(['new', 'all']).default('new'),
  /** Of all: only runs that changed since then. */
  since: z.iso.datetime({ offset: true }).optional(),
  workflow: z.string().min(1).max(200).optional(),
  /** Of all: the `next` of the page before. */
  before: z.string().max(300).optional(),
})

/** What one page of a check found. */
export const lineagePageSchema = z.object({
  runs: z.int(),
  effects: z.int(),
  /** Runs of which only hashes are left. */
  pruned: z.int(),
  findings: z.array(gapsOfRunSchema),
  more: z.boolean(),
  next: z.string().nullable(),
})

/** One difference between the ledger and an outside system. Values of fields are not told. */
export const outsideDifferenceSchema = z.object({
  kind: z.enum([
    'missing_outside',
    'unknown_to_us',
    'differs',
    'doubled_outside',
    'happened_after_all',
    'unknown_happened',
    'unknown_absent',
  ]),
  tool: z.string().nullable(),
  run: z.string().nullable(),
  seq: z.int().nullable(),
  key: z.string().nullable(),
  /** What the outside calls it. */
  ref: z.string().nullable(),
  fields: z.array(z.string()),
})
/** One difference between the ledger and an outside system. */
export type OutsideDifferenceView = z.output<typeof outsideDifferenceSchema>

/** What a comparison of the ledger with outside systems found. */
export const reconciliationSchema = z.object({
  version: z.literal(1),
  from: timeSchema,
  to: timeSchema,
  /** False: a list could not be read to its end. */
  complete: z.boolean(),
  differences: z.int(),
  listings: z.array(
    z.object({
      list: z.string(),
      tools: z.array(z.string()),
      complete: z.boolean(),
      why: z.string(),
      listed: z.int(),
      effects: z.int(),
      matched: z.int(),
      not_compared: z.int(),
      differences: z.array(outsideDifferenceSchema),
    }),
  ),
  /** Tools with effects that say no listing. */
  unlisted: z.array(z.string()),
})
/** What a comparison of the ledger with outside systems found. */
export type Reconciliation = z.output<typeof reconciliationSchema>

/** Endpoints about where effects came from, over all runs. */
export const LINEAGE_ENDPOINTS = {
  lookUp: {
    method: 'get',
    path: '/lineage',
    summary: 'Effects by object, approver, tool, rule or id, newest first',
    permission: 'read',
    status: 200,
    query: lookUpQuerySchema,
    response: lookUpSchema,
  },
  standingGaps: {
    method: 'get',
    path: '/lineage/gaps',
    summary: 'Runs whose lineage has gaps',
    permission: 'read',
    status: 200,
    query: z.strictObject({
      after: z.string().max(200).optional(),
      limit: z.coerce.number().int().min(1).max(500).default(100),
    }),
    response: standingGapsSchema,
  },
  checkLineage: {
    method: 'post',
    path: '/lineage/check',
    summary: 'Check the lineage of a page of runs',
    permission: 'read',
    status: 200,
    body: checkLineageSchema,
    response: lineagePageSchema,
  },
  reconcile: {
    method: 'post',
    path: '/lineage/reconciliations',
    summary: 'Compare the ledger of effects with what outside systems list, in a run',
    permission: 'runs.operate',
    status: 201,
    body: z.strictObject({
      from: z.iso.datetime({ offset: true }),
      to: z.iso.datetime({ offset: true }),
      tools: z.array(z.string().min(1).max(200)).max(100).optional(),
    }),
    response: z.object({ run_id: z.string() }),
  },
  reconciliation: {
    method: 'get',
    path: '/lineage/reconciliations/{id}',
    summary: 'What a run of `signalbox-reconcile` found; null while it is not over',
    permission: 'read',
    status: 200,
    params: z.strictObject({ id: z.string() }),
    response: z.object({ run_id: z.string(), status: z.string(), report: reconciliationSchema.nullable() }),
  },
  reindexLineage: {
    method: 'post',
    path: '/lineage/reindex',
    summary: 'Make what effects are looked up by again, for a page of runs',
    permission: 'runs.operate',
    status: 200,
    body: z.strictObject({ before: z.string().max(300).optional() }),
    response: z.object({ runs: z.int(), terms: z.int(), next: z.string().nullable() }),
  },
} as const
