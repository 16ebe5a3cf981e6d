import { z } from 'zod'

/** What is written beside the golden database of version 0.2.0. */
export const OrdersManifest = z.strictObject({
  /** Version of the stored format. */
  format: z.string(),
  file_sha256: z.string(),
  /** Base64 of 32 bytes. Made for this file alone and published with it: it protects nothing. */
  master_key_for_tests_only: z.string(),
  /** Wall time of the last record in milliseconds. */
  closed_at: z.int(),
  definition: z.string(),
  runs: z.strictObject({
    pruned: z.string(),
    completed: z.string(),
    asked: z.string(),
    waiting: z.string(),
    inside: z.string(),
    forked: z.string(),
    restored: z.string(),
    undone: z.string(),
    compensation: z.string(),
    erased: z.string(),
  }),
})

/** What is written beside it. */
export type OrdersManifest = z.output<typeof OrdersManifest>
