import { z } from 'zod'
import { idParamsSchema, jsonSchema, reasonSchema, timeSchema } from './common.ts'

/** What to hand out of a run. */
export const exportEvidenceSchema = z.strictObject({
  /** With contents, as the redaction of the project leaves them; takes the permission `evidence.content` too. */
  content: z.boolean().default(false),
  /** Goes on record. */
  reason: reasonSchema,
})

/** A signed bundle of evidence. */
export const evidenceSchema = z.object({
  run_id: z.string(),
  /** Name for the file. */
  file: z.string(),
  sha256: z.string(),
  records: z.int(),
  contents: z.enum(['sealed', 'opened']),
  contents_left_out: z.int(),
  /** Number of the tree head that covers the run, or null with why none does. */
  tree_head: z.int().nullable(),
  no_proof: z.string().nullable(),
  /** The archive (tar) in base64. */
  archive: z.string(),
})
/** A signed bundle of evidence. */
export type EvidenceView = z.output<typeof evidenceSchema>

/** One content, by the record and place that a reference of telemetry names. */
export const readContentSchema = z.strictObject({
  seq: z.int().min(1),
  index: z.int().min(0),
  /** Goes on record. */
  reason: reasonSchema,
})
/** One content as the redaction of the project leaves it. */
export const contentSchema = z.object({
  run_id: z.string(),
  seq: z.int(),
  index: z.int(),
  value: jsonSchema,
  left_out: z.enum(['erased', 'redaction_failed', 'redaction_slow']).nullable(),
})

/** One thing that was handed out. */
export const disclosureSchema = z.object({
  number: z.int(),
  at: timeSchema,
  /** Null where all runs of the tenant were. */
  run_id: z.string().nullable(),
  what: z.enum(['evidence', 'store_export', 'content']),
  content: z.boolean(),
  ref: z.object({ seq: z.int(), index: z.int() }).nullable(),
  by: z.string(),
  reason: z.string(),
  sha256: z.string().nullable(),
})
/** One thing that was handed out. */
export type DisclosureView = z.output<typeof disclosureSchema>

/** Endpoints about what is handed out of runs. */
export const EVIDENCE_ENDPOINTS = {
  exportEvidence: {
    params: idParamsSchema,
    method: 'post',
    path: '/runs/{id}/evidence',
    summary: 'A signed bundle of all that is on record of a run',
    permission: 'evidence.export',
    status: 200,
    body: exportEvidenceSchema,
    response: evidenceSchema,
  },
  readContent: {
    params: idParamsSchema,
    method: 'post',
    path: '/runs/{id}/content',
    summary: 'One content that telemetry names by reference',
    permission: 'evidence.content',
    status: 200,
    body: readContentSchema,
    response: contentSchema,
  },
  disclosures: {
    method: 'get',
    path: '/disclosures',
    summary: 'What was handed out, oldest first',
    permission: 'evidence.export',
    status: 200,
    query: z.strictObject({ run: z.string().min(1).max(200).optional() }),
    response: z.object({ disclosures: z.array(disclosureSchema) }),
  },
} as const
