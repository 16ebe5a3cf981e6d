import { z } from 'zod'

/** What is written beside a golden database: how to open it, and what it must hold. */
export const Manifest = z.strictObject({
  /** Version of the runtime that wrote it. */
  runtime_version: z.string(),
  file_sha256: z.string(),
  /** Base64 of 32 bytes. Made for this file alone and published with it: it protects nothing. */
  master_key_for_tests_only: z.string(),
  /** Wall time of the last record in milliseconds: a test goes on from here, so that no deadline has passed. */
  closed_at: z.int(),
  signature: z.string(),
  runs: z.strictObject({
    completed: z.string(),
    waiting: z.string(),
    out_of_budget: z.string(),
    restored: z.string(),
    in_doubt: z.string(),
    erased: z.string(),
  }),
})

/** The runs of a golden database by what they show. */
export type GoldenRuns = z.output<typeof Manifest>['runs']
