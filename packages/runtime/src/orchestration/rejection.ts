import { z } from 'zod'

/** What a node gets that is the declared fallback of a rejected, denied or expired call. */
export const REJECTION = z.object({
  /** Closed reason code. */
  code: z.string(),
  reason: z.string(),
  /** Names of the calls that were not made any more. */
  leftUndone: z.array(z.string()),
})
