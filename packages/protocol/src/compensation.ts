import { z } from 'zod'
import { effectClassSchema, reasonSchema, timeSchema } from './common.ts'

/** One effect of a run and how it stands towards being undone. */
export const compensationItemSchema = z.object({
  /** Sequence of its outcome record: how it is chosen. */
  seq: z.int(),
  effect_id: z.string(),
  tool: z.string(),
  class: z.string(),
  effect: effectClassSchema,
  node: z.string(),
  at: timeSchema,
  state: z.enum([
    'undoable',
    'impossible',
    'undeclared',
    'too_late',
    'undone',
    'being_undone',
    'unknown',
    'not_loaded',
    'refused',
  ]),
  /** One sentence: why it is in this state. */
  why: z.string(),
  /** The tool that undoes it, or null. */
  undo: z.string().nullable(),
  until: timeSchema.nullable(),
  /** The run of its undo and the record, null while that is open. */
  undone_by: z.object({ run_id: z.string(), seq: z.int().nullable() }).nullable(),
  /** Other runs that take it for done. */
  shared_with: z.array(z.string()),
})
/** One effect of a run and how it stands towards being undone. */
export type CompensationItemView = z.output<typeof compensationItemSchema>

/** What can be undone of a run, newest effect first. */
export const compensationPlanSchema = z.object({
  run_id: z.string(),
  /** Why nothing of it can be undone now, or null. */
  refused: z.string().nullable(),
  items: z.array(compensationItemSchema),
})
/** What can be undone of a run. */
export type CompensationPlanView = z.output<typeof compensationPlanSchema>

/** Undoes effects of an ended run. Who asks is told by the credential alone. */
export const compensateSchema = z.strictObject({
  reason: reasonSchema,
  /** Sequences as the plan gives them. Default: all that are undoable. */
  effects: z.array(z.int().min(1)).min(1).max(1_000).optional(),
  on_failure: z.enum(['stop', 'continue']).optional(),
  /** Also effects that other runs take for done. */
  shared: z.boolean().optional(),
  /** Equal ids start one compensation only. */
  request_id: z.string().min(1).max(200).optional(),
})
