import { z } from 'zod'
import { integerTextSchema, reasonSchema, timeSchema } from './common.ts'

/** Sums of calls that have something in common. Amounts are nano-USD. */
export const costGroupSchema = z.object({
  name: z.string(),
  /** Attempts of model calls. */
  calls: z.int(),
  /** Reserved before they were sent: the worst case. */
  estimate_nano_usd: integerTextSchema,
  /** What they were settled to. */
  actual_nano_usd: integerTextSchema,
  /** The part of it that had to be assumed, because the provider did not tell what was used. */
  estimated_nano_usd: integerTextSchema,
})
/** Sums of calls that have something in common. */
export type CostGroupView = z.output<typeof costGroupSchema>

/** One attempt of a model call. */
export const costAttemptSchema = z.object({
  key: z.string(),
  /** From 1, over all attempts of the call. */
  attempt: z.int(),
  seq: z.int(),
  outcome_seq: z.int().nullable(),
  at: timeSchema,
  model: z.string(),
  node: z.string(),
  agent: z.string().nullable(),
  /** As an outcome's; `sent`: under way; `lost`: its worker died or a restore left it behind. */
  status: z.string(),
  estimate_nano_usd: integerTextSchema,
  /** Null while it is under way. */
  actual_nano_usd: integerTextSchema.nullable(),
  /** What it cost at the least, where the cost had to be assumed. */
  least_nano_usd: integerTextSchema,
  source: z.enum(['provider', 'local', 'estimated']).nullable(),
  /** Why the cost had to be assumed. */
  why: z.enum(['no_usage', 'no_answer', 'partial_usage', 'lost']).nullable(),
  /** Entry of the price table. */
  price: z.string().nullable(),
  /** Entry of the tenant's own prices that changed it. */
  overlay: z.string().nullable(),
  /** Tokens by kind, as far as they were told. */
  tokens: z.record(z.string(), z.int()),
  corrected_nano_usd: integerTextSchema.nullable(),
})
/** One attempt of a model call. */
export type CostAttemptView = z.output<typeof costAttemptSchema>

/** What a run cost, by attempt and in sums. */
export const runCostSchema = z.object({
  run_id: z.string(),
  tenant: z.string(),
  total: costGroupSchema,
  held_nano_usd: integerTextSchema,
  /** What a fork took over from its parent's totals. */
  inherited_nano_usd: integerTextSchema,
  /** The total by the last corrections, or null where there are none. */
  corrected_nano_usd: integerTextSchema.nullable(),
  by_model: z.array(costGroupSchema),
  by_node: z.array(costGroupSchema),
  /** Under the empty name: calls of no agent. */
  by_agent: z.array(costGroupSchema),
  /** Under the empty name: calls at listed prices. */
  by_overlay: z.array(costGroupSchema),
  attempts: z.array(costAttemptSchema),
  corrections: z.array(z.object({ seq: z.int(), table: z.string(), by: z.string(), at: timeSchema })),
})
/** What a run cost, by attempt and in sums. */
export type RunCostView = z.output<typeof runCostSchema>

/** What the cost of many runs is told by. */
export const costBySchema = z.enum(['workflow', 'model', 'tenant', 'agent'])

/** Which runs are summed up, and by what. */
export const costReportQuerySchema = z.strictObject({
  by: costBySchema.default('workflow'),
  /** Only runs that were started since then (ISO 8601). */
  since: z.iso.datetime().optional(),
})

/** The cost of many runs: all that were started since then. What a fork took over from its parent counts there alone. */
export const costReportSchema = z.object({
  by: costBySchema,
  since: timeSchema.nullable(),
  /** Runs that were summed up, those included that called no model. */
  runs: z.int(),
  /** False while the index is behind the records: the newest calls are missing. */
  complete: z.boolean(),
  total_nano_usd: integerTextSchema,
  groups: z.array(costGroupSchema.extend({ runs: z.int() })),
})
/** The cost of many runs. */
export type CostReportView = z.output<typeof costReportSchema>

/** Computes the cost of a run again by a price table. */
export const recomputeCostSchema = z.strictObject({
  /** Text of a price file. */
  prices: z.string().min(2).max(4_000_000),
  /** True: the differences are put on record. What was settled stays, and no budget is refilled. */
  write: z.boolean().default(false),
  reason: reasonSchema.optional(),
})
/** What would be, or is, different. */
export const recomputedCostSchema = z.object({
  run_id: z.string(),
  table: z.string(),
  written: z.boolean(),
  lines: z.array(
    z.object({
      seq: z.int(),
      model: z.string(),
      settled_nano_usd: integerTextSchema,
      corrected_nano_usd: integerTextSchema,
      /** Entry of the tenant's own prices that it is by. */
      overlay: z.string().optional(),
    }),
  ),
  /** Models that the table has no price for: their calls were left out. */
  unpriced: z.array(z.string()),
})
/** What would be, or is, different. */
export type RecomputedCostView = z.output<typeof recomputedCostSchema>
