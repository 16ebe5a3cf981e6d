import { z } from 'zod'
import { idParamsSchema, limitSchema, reasonSchema, timeSchema } from './common.ts'

/** How an alert stands. */
export const alertStateSchema = z.enum(['open', 'acknowledged', 'silenced', 'resolved'])
/** How much an alert matters. */
export const alertSeveritySchema = z.enum(['page', 'ticket', 'info'])

/** What an evaluation saw and compared it with, kept with the alert. */
export const alertInputsSchema = z.object({
  /** Version of the evaluation. */
  version: z.int(),
  at: timeSchema,
  /** How far back it looked; null for what is so at that moment. */
  window_seconds: z.number().nullable(),
  values: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  limits: z.record(z.string(), z.number()),
  /** The newest records behind it, at most twenty. */
  refs: z.array(z.object({ run_id: z.string(), seq: z.int() })),
})
/** What an evaluation saw. */
export type AlertInputsView = z.output<typeof alertInputsSchema>

/** An alert: the same trouble is one alert, however often it is found. */
export const alertSchema = z.object({
  id: z.string(),
  kind: z.string(),
  /** What tells two troubles of a kind apart: a workflow, a channel, a switch. */
  key: z.string(),
  /** What is wrong, in one sentence. */
  title: z.string(),
  state: alertStateSchema,
  severity: alertSeveritySchema,
  workflow: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
  /** True while the condition was found at the last evaluation. */
  holds: z.boolean(),
  /** How often it was found anew since it was opened. */
  count: z.int(),
  /** 1, and one more for each time that it was opened again. */
  openings: z.int(),
  opened_at: timeSchema,
  last_seen_at: timeSchema,
  acknowledged_by: z.string().nullable(),
  acknowledged_at: timeSchema.nullable(),
  silenced_until: timeSchema.nullable(),
  resolved_by: z.string().nullable(),
  resolved_at: timeSchema.nullable(),
  /** When people were told again because nobody acknowledged it. */
  escalated_at: timeSchema.nullable(),
  /** The kill switch that a rule of the project throws for it. */
  kill_switch: z
    .object({ id: z.string(), rule: z.string(), state: z.enum(['wanted', 'thrown', 'held_back']) })
    .nullable(),
  /** Path of the page that says what to do. */
  runbook: z.string(),
  /** What opened it. */
  inputs: alertInputsSchema,
  /** What was seen last. */
  latest: alertInputsSchema,
})
/** An alert: the same trouble is one, however often it is found. */
export type AlertView = z.output<typeof alertSchema>

/** One entry of an alert's history. */
export const alertEventSchema = z.object({
  /** Place in the history of the tenant's alerts. */
  seq: z.int(),
  at: timeSchema,
  kind: z.enum([
    'opened',
    'reopened',
    'escalated',
    'acknowledged',
    'silenced',
    'resolved',
    'switch_thrown',
    'switch_held_back',
  ]),
  opening: z.int(),
  state: alertStateSchema,
  by: z.string(),
  reason: z.string(),
  until: timeSchema.nullable(),
  switch_id: z.string().nullable(),
  inputs: alertInputsSchema,
})
/** One entry of an alert's history. */
export type AlertEventView = z.output<typeof alertEventSchema>

/** An alert with its history, oldest first, and what an evaluation of its kind looks at. */
export const alertDetailSchema = alertSchema.extend({ about: z.string(), events: z.array(alertEventSchema) })
/** An alert with its history. */
export type AlertDetailView = z.output<typeof alertDetailSchema>

/** How the alerts stand as a whole, and whether anybody evaluates them. */
export const alertSummarySchema = z.object({
  /** Null before the first evaluation. */
  evaluated_at: timeSchema.nullable(),
  /** Alerts that are open or acknowledged, up to a thousand. */
  open: z.object({ page: z.int(), ticket: z.int(), info: z.int() }),
  silenced: z.int(),
  /** Set when the evaluation does not work: a sentence. */
  blind: z.string().nullable(),
})
/** How the alerts stand as a whole. */
export type AlertSummaryView = z.output<typeof alertSummarySchema>

/** A page of alerts, the newest opening first. `next` is the cursor of the next page, or null. */
export const alertListSchema = z.object({
  summary: alertSummarySchema,
  alerts: z.array(alertSchema),
  next: z.string().nullable(),
})

/** Which alerts are listed; without `state`, those that are not resolved. */
export const alertsQuerySchema = z.object({
  state: z.enum([...alertStateSchema.options, 'unresolved', 'all']).default('unresolved'),
  kind: z.string().min(1).max(100).optional(),
  severity: alertSeveritySchema.optional(),
  workflow: z.string().min(1).max(200).optional(),
  cursor: z.string().min(1).max(200).optional(),
  limit: limitSchema.default(50),
})

/** A kind of alert as the project has it. */
export const alertRuleSchema = z.object({
  kind: z.string(),
  /** What is looked at. */
  about: z.string(),
  severity: alertSeveritySchema,
  off: z.boolean(),
  limits: z.record(z.string(), z.number()),
  labels: z.array(z.string()),
  runbook: z.string(),
  /** Null: a person resolves it. */
  resolve_after_seconds: z.number().nullable(),
  overrides: z.array(
    z.object({
      tenant: z.string().nullable(),
      workflow: z.string().nullable(),
      off: z.boolean(),
      limits: z.record(z.string(), z.number()),
    }),
  ),
  /** Kill switches that rules of the project throw for it. */
  switches: z.array(
    z.object({
      rule: z.string(),
      workflow: z.string().nullable(),
      scope: z.string(),
      target: z.string(),
      mode: z.string(),
      expires_in_minutes: z.number(),
    }),
  ),
})
/** A kind of alert as the project has it. */
export type AlertRuleView = z.output<typeof alertRuleSchema>

/** What alerts were like: of the newest ones, at most a thousand. */
export const alertStatsSchema = z.object({
  summary: alertSummarySchema,
  by_kind: z.array(
    z.object({
      kind: z.string(),
      alerts: z.int(),
      unresolved: z.int(),
      openings: z.int(),
      /** Median seconds from opening to acknowledgement and to resolution; null where there was none. */
      to_acknowledge_seconds: z.number().nullable(),
      to_resolve_seconds: z.number().nullable(),
    }),
  ),
  /** Whether the history of alerts verifies, and what is wrong with it. */
  history: z.object({ ok: z.boolean(), events: z.int(), findings: z.array(z.string()) }),
})
/** What alerts were like. */
export type AlertStatsView = z.output<typeof alertStatsSchema>

const one = { params: idParamsSchema } as const

/** Endpoints about alerts. */
export const ALERT_ENDPOINTS = {
  alerts: {
    method: 'get',
    path: '/alerts',
    summary: 'Alerts, the newest opening first',
    permission: 'read',
    status: 200,
    query: alertsQuerySchema,
    response: alertListSchema,
  },
  alert: {
    ...one,
    method: 'get',
    path: '/alerts/{id}',
    summary: 'One alert with what it saw and its history',
    permission: 'read',
    status: 200,
    response: alertDetailSchema,
  },
  acknowledgeAlert: {
    ...one,
    method: 'post',
    path: '/alerts/{id}/acknowledge',
    summary: 'Say that somebody has taken it up',
    permission: 'alerts.manage',
    status: 200,
    body: z.strictObject({ reason: z.string().trim().max(1000).default('') }),
    response: alertSchema,
  },
  silenceAlert: {
    ...one,
    method: 'post',
    path: '/alerts/{id}/silence',
    summary: 'Tell nobody of it for a time',
    permission: 'alerts.manage',
    status: 200,
    body: z.strictObject({ reason: reasonSchema, for_seconds: z.int().min(60).max(2_592_000) }),
    response: alertSchema,
  },
  resolveAlert: {
    ...one,
    method: 'post',
    path: '/alerts/{id}/resolve',
    summary: 'Say that it is over',
    permission: 'alerts.manage',
    status: 200,
    body: z.strictObject({ reason: reasonSchema }),
    response: alertSchema,
  },
  alertRules: {
    method: 'get',
    path: '/alert-rules',
    summary: 'What is looked at, with limits, severity and what happens then',
    permission: 'read',
    status: 200,
    response: z.object({ rules: z.array(alertRuleSchema) }),
  },
  alertStats: {
    method: 'get',
    path: '/alert-stats',
    summary: 'How many alerts there were, how fast people were, and whether their history verifies',
    permission: 'read',
    status: 200,
    response: alertStatsSchema,
  },
} as const
