import { z } from 'zod'
import { timeSchema } from './common.ts'

/** An order to erase a person, or with `dry_run` the question what it would reach. */
export const eraseSubjectSchema = z.strictObject({
  /** The id of the person, as runs were started with. */
  subject: z.string().min(1).max(500),
  reason: z.string().min(3).max(2_000),
  dry_run: z.boolean().optional(),
  /** Cancels the runs about the person that have not ended; the order has to be given again once they have. */
  cancel: z.boolean().optional(),
})

/** What an erasure reached, or would reach. */
export const erasureSchema = z.object({
  /** `erased`: done. `planned`: a dry run. `cancelling`: runs about the person have not ended yet, nothing was destroyed. */
  state: z.enum(['erased', 'planned', 'cancelling']),
  /** Keyed digest of the person's id: records name them by it. */
  subject_digest: z.string(),
  /** When their key was destroyed before this order, or null. */
  erased_before: timeSchema.nullable(),
  /** Runs about them. */
  runs: z.int(),
  /** Ids of those that have not ended, at most 100. */
  open_runs: z.array(z.string()),
  /** Records that held sealed contents. */
  contents: z.int(),
  /** Runs that this order destroyed the contents of. */
  erased_runs: z.int(),
})
/** What an erasure reached, or would reach. */
export type ErasureView = z.output<typeof erasureSchema>

/** Endpoints about data subjects. */
export const SUBJECT_ENDPOINTS = {
  eraseSubject: {
    method: 'post',
    path: '/subjects/erasure',
    summary: 'Erase a person, or tell what that would reach',
    permission: 'subjects.erase',
    status: 200,
    body: eraseSubjectSchema,
    response: erasureSchema,
  },
} as const
