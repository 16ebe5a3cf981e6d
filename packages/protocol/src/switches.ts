import { z } from 'zod'
import { idParamsSchema, reasonSchema, timeSchema } from './common.ts'

/** What a kill switch stands against; `global` is every tenant. */
export const switchScopeSchema = z.enum(['global', 'tenant', 'workflow', 'tool', 'class', 'server', 'run'])
/** `stop_new` refuses new runs, `pause` also holds up sends and runs, `stop_now` refuses sends and ends runs. */
export const switchModeSchema = z.enum(['stop_new', 'pause', 'stop_now'])

/** A kill switch. */
export const killSwitchSchema = z.object({
  id: z.string(),
  scope: switchScopeSchema,
  /** Name of the workflow, tool, class or server, or id of the run; `*` for the tenant and for every tenant. */
  target: z.string(),
  mode: switchModeSchema,
  reason: z.string(),
  by: z.string(),
  created_at: timeSchema,
  expires_at: timeSchema.nullable(),
  lifted_at: timeSchema.nullable(),
  lifted_by: z.string().nullable(),
  /** Who asked to lift it where that takes two persons; the second one confirms. */
  lift_asked_by: z.string().nullable(),
  /** Where it was thrown: here, by a file of the data folder, or by a signal. */
  channel: z.enum(['api', 'file', 'signal']),
  /** In force now. */
  engaged: z.boolean(),
})
/** A kill switch. */
export type KillSwitchView = z.output<typeof killSwitchSchema>
/** Kill switches, newest first, lifted ones included. */
export const killSwitchListSchema = z.object({ kill_switches: z.array(killSwitchSchema) })

/** Against what a switch is thrown. */
const target = { scope: switchScopeSchema, target: z.string().min(1).max(200) } as const

/** Engages a kill switch. */
export const engageSchema = z.strictObject({
  ...target,
  mode: switchModeSchema,
  reason: reasonSchema,
  /** Lifts itself after this many seconds. */
  expires_in_seconds: z.int().min(1).optional(),
})
/** Lifts a kill switch. */
export const liftSchema = z.strictObject({ reason: reasonSchema })
/** Kill switches after a lift, and whether it was lifted: where that takes two persons, the first one only asks. */
export const liftedSchema = killSwitchListSchema.extend({ lifted: z.boolean() })

/** What a switch would touch, before it is thrown. Lists show 50 at most; numbers count all. */
export const blastRadiusSchema = z.object({
  open_runs: z.int(),
  runs: z.array(z.object({ run_id: z.string(), workflow: z.string(), status: z.string() })),
  waiting_approvals: z.int(),
  approvals: z.array(z.object({ approval_id: z.string(), run_id: z.string(), tool: z.string() })),
  effects_in_flight: z.int(),
  in_flight: z.array(z.object({ run_id: z.string(), tool: z.string(), state: z.string() })),
  schedules: z.array(z.string()),
  /** More runs are open than were looked at: the numbers are lower bounds. */
  cut: z.boolean(),
})
/** What a switch would touch. */
export type BlastRadiusView = z.output<typeof blastRadiusSchema>

/** Whether a worker acts on a switch. `dead`: silent for two leases; it sends nothing before it has read the switches again. */
export const acknowledgementSchema = z.object({
  worker: z.string(),
  state: z.enum(['acknowledged', 'waiting', 'dead', 'ended']),
  seen_at: timeSchema,
  /** Null where it did not take it up. */
  at: timeSchema.nullable(),
})
/** Where switches stand with the workers, and overrides that nobody has reviewed. */
export const switchStatusSchema = z.object({
  switches: z.array(
    z.object({
      kill_switch: killSwitchSchema,
      /** Every live worker acts on it. */
      acknowledged: z.boolean(),
      workers: z.array(acknowledgementSchema),
    }),
  ),
  unreviewed_overrides: z.int(),
})
/** Where switches stand with the workers. */
export type SwitchStatusView = z.output<typeof switchStatusSchema>

/** One entry of the history of switches. */
export const switchEventSchema = z.object({
  seq: z.int(),
  at: timeSchema,
  kind: z.enum([
    'thrown',
    'lift_asked',
    'lifted',
    'override_asked',
    'override_confirmed',
    'override_used',
    'override_reviewed',
  ]),
  switch_id: z.string(),
  override_id: z.string().nullable(),
  by: z.string(),
  reason: z.string(),
  scope: switchScopeSchema,
  target: z.string(),
  mode: switchModeSchema,
  channel: z.enum(['api', 'file', 'signal']),
})
/** The history of switches, oldest first, and what is wrong with its chain. */
export const switchHistorySchema = z.object({
  ok: z.boolean(),
  findings: z.array(z.string()),
  events: z.array(switchEventSchema),
})
/** The history of switches. */
export type SwitchHistoryView = z.output<typeof switchHistorySchema>

/** Leave for one exact blocked call to pass one switch, once; never to pass a policy. */
export const overrideSchema = z.object({
  id: z.string(),
  switch_id: z.string(),
  run_id: z.string(),
  /** The ask that the run waits with, as its page names it. */
  ask: z.string(),
  reason: z.string(),
  asked_by: z.string(),
  confirmed_by: z.string().nullable(),
  created_at: timeSchema,
  expires_at: timeSchema,
  used_at: timeSchema.nullable(),
  reviewed_by: z.string().nullable(),
})
/** Leave for one exact blocked call. */
export type OverrideView = z.output<typeof overrideSchema>
/** Overrides, newest first. */
export const overrideListSchema = z.object({ overrides: z.array(overrideSchema) })
/** Asks for leave; somebody else confirms it. */
export const askOverrideSchema = z.strictObject({
  switch_id: z.string().min(1).max(200),
  run_id: z.string().min(1).max(200),
  ask: z.string().min(1).max(500),
  reason: reasonSchema,
  expires_in_seconds: z.int().min(1).max(86_400).default(900),
})

const one = { params: idParamsSchema } as const

/** Endpoints about kill switches. */
export const SWITCH_ENDPOINTS = {
  killSwitches: {
    method: 'get',
    path: '/kill-switches',
    summary: 'Kill switches, newest first',
    permission: 'read',
    status: 200,
    response: killSwitchListSchema,
  },
  engageKillSwitch: {
    method: 'post',
    path: '/kill-switches',
    summary: 'Engage a kill switch; the global scope takes the permission kill_switches.global',
    permission: 'kill_switches.write',
    status: 201,
    body: engageSchema,
    response: killSwitchSchema,
  },
  liftKillSwitch: {
    ...one,
    method: 'post',
    path: '/kill-switches/{id}/lift',
    summary: 'Lift a kill switch, or ask for the second person where that takes two',
    permission: 'kill_switches.write',
    status: 200,
    body: liftSchema,
    response: liftedSchema,
  },
  blastRadius: {
    method: 'get',
    path: '/kill-switches/blast-radius',
    summary: 'What a kill switch would touch, before it is thrown',
    permission: 'read',
    status: 200,
    query: z.object(target),
    response: blastRadiusSchema,
  },
  switchStatus: {
    method: 'get',
    path: '/kill-switches/status',
    summary: 'Which workers act on the switches in force, and overrides that nobody has reviewed',
    permission: 'read',
    status: 200,
    query: z.object({ id: z.string().max(200).optional() }),
    response: switchStatusSchema,
  },
  switchHistory: {
    method: 'get',
    path: '/kill-switches/history',
    summary: 'Throws, lifts and overrides, oldest first, with a check of their chain',
    permission: 'read',
    status: 200,
    response: switchHistorySchema,
  },
  overrides: {
    method: 'get',
    path: '/overrides',
    summary: 'Leave to pass a switch, newest first',
    permission: 'read',
    status: 200,
    response: overrideListSchema,
  },
  askOverride: {
    method: 'post',
    path: '/overrides',
    summary: 'Ask for leave to let one blocked call pass a switch',
    permission: 'overrides.write',
    status: 201,
    body: askOverrideSchema,
    response: overrideSchema,
  },
  confirmOverride: {
    ...one,
    method: 'post',
    path: '/overrides/{id}/confirm',
    summary: 'Confirm it as the second person',
    permission: 'overrides.write',
    status: 200,
    body: liftSchema,
    response: overrideSchema,
  },
  reviewOverride: {
    ...one,
    method: 'post',
    path: '/overrides/{id}/review',
    summary: 'Say that somebody looked at what was done by it',
    permission: 'overrides.write',
    status: 200,
    body: liftSchema,
    response: overrideSchema,
  },
} as const
