import { z } from 'zod'
import { integerTextSchema } from './common.ts'

/** One limit of a budget over many runs, and what was given out of it. Amounts are decimal text; cost in nano-USD. */
export const budgetLineSchema = z.object({
  count: z.enum(['cost', 'tokens', 'effects', 'runs']),
  limit: integerTextSchema.nullable(),
  /** Used by runs that ended or wait, and held by those under way. */
  given: integerTextSchema,
  /** Null without a limit; 0 when it is reached or passed. */
  left: integerTextSchema.nullable(),
  /** What is given out at the end of the period if it goes on as before; null where the period has no end or just began. */
  forecast: integerTextSchema.nullable(),
})
/** A budget over many runs. */
export const outerBudgetSchema = z.object({
  /** `<kind>:<name>/<period>`, such as `workflow:payables/2026-11`. */
  scope: z.string(),
  /** False for a period that is over. */
  current: z.boolean(),
  lines: z.array(budgetLineSchema),
})
/** A budget over many runs. */
export type OuterBudgetView = z.output<typeof outerBudgetSchema>

/** Budgets over many runs, by name. */
export const outerBudgetListSchema = z.object({ budgets: z.array(outerBudgetSchema) })
