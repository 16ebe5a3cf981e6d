import { z } from 'zod'
import { alertSummarySchema } from './alerts.ts'
import { timeSchema } from './common.ts'

/** Kinds of trouble that no run can record. */
export const troubleCodeSchema = z.enum([
  'STORE_FULL',
  'STORE_READ_ONLY',
  'STORE_UNAVAILABLE',
  'STORE_CORRUPT',
  'STORE_SLOW',
  'CLOCK_SET_BACK',
  'WORKER_HUNG',
  'ROLES_NOT_SIGNED',
  'POLICY_REFUSED',
  'POLICY_REVIEW_DUE',
  'ALERTS_BLIND',
  'OTHER',
])
/** A kind of trouble that no run can record. */
export type TroubleCode = z.output<typeof troubleCodeSchema>

/** Trouble that goes on now. Runs stand where they are, and go on by themselves when it ends. */
export const troubleSchema = z.object({
  code: troubleCodeSchema,
  /** What is wrong, in a few words. */
  title: z.string(),
  /** What was last told of it. Never content of a run. */
  detail: z.string(),
  /** What to do. */
  advice: z.string(),
  since: timeSchema,
  last_at: timeSchema,
  /** Processes that told of it: `server`, `worker-1`. */
  told_by: z.array(z.string()),
})
/** Trouble that goes on now. */
export type TroubleView = z.output<typeof troubleSchema>

/** How telemetry is delivered; computed from the store, but for the state of the sender. */
export const telemetryStandingSchema = z.object({
  /** `off`: no collector is named. `standby`: another process sends. `failing`: the collector does not take it. */
  state: z.enum(['off', 'sending', 'standby', 'failing']),
  /** Why it fails, without content. */
  problem: z.string().nullable(),
  /** Delivered part of the records older than a minute, 0 to 1. */
  completeness: z.number(),
  /** Records that wait, young ones too. */
  lag_records: z.int(),
  /** Since when the oldest of them waits. */
  oldest_waiting_at: timeSchema.nullable(),
  /** Effect hashes among the records that should have been delivered, of the first 2,000. */
  waiting_effects: z.int(),
  /** Records without telemetry: damaged, pruned before, or refused by the collector. */
  left_out_records: z.int(),
  /** Items that the collector rejected although it took their request. */
  rejected_items: z.int(),
  acknowledged_at: timeSchema.nullable(),
})
/** How telemetry is delivered. */
export type TelemetryStanding = z.output<typeof telemetryStandingSchema>

/** How the server stands. */
export const statusSchema = z.object({
  ok: z.boolean(),
  version: z.string(),
  mode: z.enum(['development', 'production']),
  now: timeSchema,
  troubles: z.array(troubleSchema),
  /** Absent where nothing is known of it. */
  telemetry: telemetryStandingSchema.optional(),
  /** How the alerts stand; absent where none are kept. */
  alerts: alertSummarySchema.optional(),
  /** Messages that wait or were given up (up to a thousand each are counted), and channels that are disabled. */
  notifications: z.object({ queued: z.int(), dead: z.int(), disabled_channels: z.array(z.string()) }).optional(),
})
/** How the server stands. */
export type StatusView = z.output<typeof statusSchema>
