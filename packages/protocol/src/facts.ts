import { z } from 'zod'
import { effectClassSchema, timeSchema } from './common.ts'

const name = z.string().min(1).max(200)
/** ISO 8601. */
const instant = z.iso.datetime({ offset: true })

/** What every list over runs takes: a time span, a run, a workflow, and where the page before ended. */
export const spanQuery = {
  /** From then on, and before `until`. */
  since: instant.optional(),
  until: instant.optional(),
  run_id: name.optional(),
  workflow: name.optional(),
  /** `next` of the page before. */
  before: z.string().min(3).max(400).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
}

/** What every list over runs tells about itself. */
export const pageFields = {
  /** Ask for the next page with it as `before`; null at the end. */
  next: z.string().nullable(),
  /** False while stored records are still being read into the index: ask again a little later. */
  complete: z.boolean(),
}

/** One record, as the list of events shows it. It holds no content. */
export const eventRowSchema = z.object({
  run_id: z.string(),
  seq: z.int(),
  at: timeSchema,
  type: z.string(),
  workflow: z.string(),
  node: z.string().nullable(),
  /** The person or service whose act it tells of. */
  actor: z.string().nullable(),
  /** On whose behalf the run acts. */
  principal: z.string(),
  /** Tool, model, point or host. */
  name: z.string().nullable(),
  code: z.string().nullable(),
})
/** One record, as the list of events shows it. */
export type EventRow = z.output<typeof eventRowSchema>

/** Filter of the list of events. */
export const eventsOverRunsQuerySchema = z.strictObject({
  ...spanQuery,
  type: name.optional(),
  node: name.optional(),
  actor: name.optional(),
  principal: name.optional(),
  tool: name.optional(),
  code: name.optional(),
})

/** Events over runs, newest first. */
export const eventRowListSchema = z.object({ events: z.array(eventRowSchema), ...pageFields })

/** How an effect stands. */
export const effectPhaseSchema = z.enum([
  ...(['waiting', 'open', 'succeeded', 'failed', 'unknown', 'denied'] as const),
  ...(['rejected', 'expired', 'cancelled', 'refused', 'not_sent'] as const),
])

/** One effect as its latest record tells it. It holds no content. */
export const effectLogRowSchema = z.object({
  run_id: z.string(),
  /** Its latest record. */
  seq: z.int(),
  at: timeSchema,
  workflow: z.string(),
  node: z.string().nullable(),
  principal: z.string(),
  tool: z.string(),
  class: z.string(),
  effect: effectClassSchema,
  agent: z.string().nullable(),
  phase: effectPhaseSchema,
  code: z.string().nullable(),
  approval_id: z.string().nullable(),
  approver: z.string().nullable(),
  effect_id: z.string().nullable(),
  effect_hash: z.string().nullable(),
  resolved_by: z.enum(['lookup', 'same_key', 'person']).nullable(),
  /** Where it was answered from the ledger and not sent again: the record that holds it. */
  from_ledger: z.object({ run: z.string(), seq: z.int() }).nullable(),
})
/** One effect as its latest record tells it. */
export type EffectLogRow = z.output<typeof effectLogRowSchema>

/** Filter of the log of effects. */
export const effectsQuerySchema = z.strictObject({
  ...spanQuery,
  tool: name.optional(),
  class: name.optional(),
  phase: effectPhaseSchema.optional(),
  approver: name.optional(),
})

/** Effects over runs, newest first. */
export const effectLogSchema = z.object({ effects: z.array(effectLogRowSchema), ...pageFields })

/** Endpoints about what happened over all runs. */
export const FACT_ENDPOINTS = {
  eventsOverRuns: {
    method: 'get',
    path: '/events',
    summary: 'Records of all runs, newest first, without content',
    permission: 'read',
    status: 200,
    query: eventsOverRunsQuerySchema,
    response: eventRowListSchema,
  },
  effectsOverRuns: {
    method: 'get',
    path: '/effects',
    summary: 'Effects of all runs and how they stand, newest first',
    permission: 'read',
    status: 200,
    query: effectsQuerySchema,
    response: effectLogSchema,
  },
} as const
