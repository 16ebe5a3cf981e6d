/** What a bundle of evidence says of itself: the list of its files with their hashes, signed with the audit key. */
import { createHash } from 'node:crypto'
import { z } from 'zod'

const manifestSchema = z.strictObject({
  kind: z.literal('evidence'),
  v: z.literal(1),
  made_at: z.string(),
  /** Id of the principal who took it along. */
  made_by: z.string(),
  reason: z.string(),
  server_version: z.string(),
  tenant: z.string(),
  run_id: z.string(),
  run_status: z.string(),
  /** How many records the history had, and the hash of the last. */
  records: z.int(),
  head: z.string(),
  /** `opened`: contents are in it, as the redaction of the project left them. */
  contents: z.enum(['sealed', 'opened']),
  /** Contents that were erased, or that the redaction did not finish. */
  contents_left_out: z.int(),
  /** The tree head that covers the run; null when none did, with the reason. */
  proof: z.object({ tree_head: z.int(), seq: z.int() }).nullable(),
  no_proof: z.string().nullable(),
  files: z.array(z.strictObject({ name: z.string(), bytes: z.int(), sha256: z.string() })),
})

/** What a manifest says. */
export type Manifest = z.output<typeof manifestSchema>

/** Name of the manifest in the archive. */
export const MANIFEST = 'manifest.json'

/** A manifest of what a signed file holds; null when it is none. */
export function readManifest(value: unknown): Manifest | null {
  const parsed = manifestSchema.safeParse(value)
  return parsed.success ? parsed.data : null
}

/** SHA-256 (hex) of bytes. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
