import { z } from 'zod'
import { reasonSchema, timeSchema } from './common.ts'

const seqSchema = z.int().min(1)

/** An effect that was recorded after a point, and what happens to it when the run is taken up again from there. */
export const laterEffectSchema = z.object({
  effect_id: z.string(),
  tool: z.string(),
  /** The run and intent record of the effect: forks of the run have effects of their own. */
  run_id: z.string(),
  seq: z.int(),
  outcome_seq: z.int().nullable(),
  state: z.enum(['open', 'unknown', 'succeeded', 'failed', 'not_sent', 'released']),
  /**
   * `ledger`: an equal call is answered from the record, another one asks a person. `asked`: a person is asked.
   * `repeated`: done again after a new approval. `again`: it did not happen. `kept`: it was open at the point and takes
   * the end that it had. `waits`: open in another run, and waited for. `blocks`: open, and in the way.
   */
  handling: z.enum(['ledger', 'asked', 'repeated', 'again', 'kept', 'waits', 'blocks']),
})
/** An effect that was recorded after a point. */
export type LaterEffectView = z.output<typeof laterEffectSchema>

/** What a restore to a record, or a fork from it, would do. */
export const movePlanSchema = z.object({
  kind: z.enum(['restore', 'fork']),
  run_id: z.string(),
  /** The record that would be the last one kept. */
  seq: z.int(),
  type: z.string(),
  at: timeSchema,
  /** The checkpoint from which the work is taken up. */
  checkpoint_seq: z.int(),
  superstep: z.int(),
  effects: z.array(laterEffectSchema),
  /** Calls after the point that are made again when they are asked for. */
  again: z.object({ model_calls: z.int(), reads: z.int() }),
  /** Tools whose approvals are asked anew. */
  asked_anew: z.array(z.string()),
  /** Why it would be refused now, or null. */
  refused: z.object({ code: z.string(), message: z.string() }).nullable(),
})
/** What a restore to a record, or a fork from it, would do. */
export type MovePlanView = z.output<typeof movePlanSchema>

/** Which move is asked about. */
export const movePlanQuerySchema = z.strictObject({
  kind: z.enum(['restore', 'fork']),
  seq: z.coerce.number().int().min(1),
})

/** Moves the head to any recorded event, as a new branch. */
export const restoreSchema = z.strictObject({ seq: seqSchema, reason: reasonSchema })

/** What a fork does about one later effect, named by its run and record. */
export const forkChoiceSchema = z.strictObject({
  /** Default: the run that is forked. */
  run_id: z.string().min(1).max(200).optional(),
  seq: seqSchema,
  action: z.enum(['reuse', 'ask', 'repeat']),
})

/** Makes a new run from any recorded event. Who makes it is told by the credential alone. */
export const forkSchema = z.strictObject({
  seq: seqSchema,
  reason: reasonSchema,
  /** Later effects that are not simply answered from the ledger. */
  plan: z.array(forkChoiceSchema).max(1_000).optional(),
  /** Equal ids make one fork only. */
  request_id: z.string().min(1).max(200).optional(),
})
