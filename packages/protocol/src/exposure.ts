import { z } from 'zod'
import { timeSchema } from './common.ts'

/** One secret in one place. It names where, and never what. */
export const exposureFindingSchema = z.object({
  place: z.string(),
  /** Names and numbers: run, record, field, table, file. */
  where: z.record(z.string(), z.union([z.string(), z.number()])),
  /** The setting that lets it be there, or null. */
  explained: z.string().nullable(),
  /** Name of the known value, or the form. */
  secret: z.string(),
  kind: z.string(),
  /** Keyed digest: equal for equal values. */
  fingerprint: z.string(),
  /** `plain`, `encoded`, `split` or `reversed`. */
  writing: z.string(),
  count: z.int(),
})

/** The last audit of exposure, and whether one is under way. */
export const exposureAuditSchema = z.object({
  running: z.boolean(),
  /** Closed code of why the last one that was started here gave no report, or null. */
  failed: z.string().nullable(),
  /** How the file of the last report turned out: only a `signed` one is told. Null when there is none. */
  file: z.object({ name: z.string(), status: z.enum(['signed', 'unreadable', 'changed', 'forged']) }).nullable(),
  report: z
    .object({
      made_at: timeSchema,
      project: z.string(),
      result: z.enum(['passed', 'failed']),
      capture: z.string(),
      identity: z.boolean(),
      known_secrets: z.int(),
      forms: z.array(z.string()),
      places: z.array(z.object({ place: z.string(), texts: z.int(), findings: z.int() })),
      findings_total: z.int(),
      /** Findings that no setting explains. */
      unexplained: z.int(),
      /** At most 1,000. */
      findings: z.array(exposureFindingSchema),
    })
    .nullable(),
})
/** The last audit of exposure, and whether one is under way. */
export type ExposureAuditView = z.output<typeof exposureAuditSchema>

/** Endpoints about the audit of exposure. */
export const EXPOSURE_ENDPOINTS = {
  exposureAudit: {
    method: 'get',
    path: '/audit/exposure',
    summary: 'The last audit of what left or lies where it should not',
    permission: 'exposure.audit',
    status: 200,
    response: exposureAuditSchema,
  },
  startExposureAudit: {
    method: 'post',
    path: '/audit/exposure',
    summary: 'Start an audit of what left or lies where it should not',
    permission: 'exposure.audit',
    status: 202,
    body: z.strictObject({}),
    response: exposureAuditSchema,
  },
} as const
