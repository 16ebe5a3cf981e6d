import { z } from 'zod'
import { acceptedNameSchema, idParamsSchema, reasonSchema, timeSchema } from './common.ts'

/** One firing of a schedule, or a change of it. */
export const firingSchema = z.object({
  id: z.string(),
  kind: z.enum(['slot', 'manual', 'change']),
  /** When it was due, or asked for. */
  due_at: timeSchema,
  state: z.enum(['queued', 'running', 'succeeded', 'failed', 'timed_out', 'skipped', 'recorded']),
  /** More than one when a job was begun again after its leader died. */
  attempt: z.int(),
  run_id: z.string().nullable(),
  /** Closed code of a failure. */
  code: z.string().nullable(),
  detail: z.string(),
  by: z.string(),
  started_at: timeSchema.nullable(),
  ended_at: timeSchema.nullable(),
  duration_ms: z.number().nullable(),
})
/** One firing of a schedule, or a change of it. */
export type FiringView = z.output<typeof firingSchema>

/** A schedule with its newest firings. */
export const scheduleSchema = z.object({
  name: z.string(),
  /** For people: `every 5 minutes`, `0 3 * * 1 Europe/Berlin`. */
  when: z.string(),
  does: z.object({ kind: z.enum(['workflow', 'job']), name: z.string() }),
  catch_up: z.enum(['all', 'last', 'skip']),
  overlap: z.enum(['skip', 'queue']),
  timeout_seconds: z.number(),
  paused: z.boolean(),
  /** Null while it is paused, or when it is never due again. */
  next_at: timeSchema.nullable(),
  /** Newest first. */
  firings: z.array(firingSchema),
})
/** A schedule with its newest firings. */
export type ScheduleView = z.output<typeof scheduleSchema>
/** Schedules of the project, in its order. */
export const scheduleListSchema = z.object({ schedules: z.array(scheduleSchema) })

/** How many entries of the history are shown. */
export const historyQuerySchema = z.object({ limit: z.coerce.number().int().min(1).max(500).default(50) })
/** Pauses or resumes a schedule. */
export const pauseSchema = z.strictObject({ reason: reasonSchema })

const one = { params: idParamsSchema } as const

/** Endpoints about schedules. */
export const SCHEDULE_ENDPOINTS = {
  schedules: {
    method: 'get',
    path: '/schedules',
    summary: 'Schedules with their next due time and newest firings',
    permission: 'read',
    status: 200,
    response: scheduleListSchema,
  },
  schedule: {
    ...one,
    method: 'get',
    path: '/schedules/{id}',
    summary: 'One schedule with its history',
    permission: 'read',
    status: 200,
    query: historyQuerySchema,
    response: scheduleSchema,
  },
  runSchedule: {
    ...one,
    method: 'post',
    path: '/schedules/{id}/run',
    summary: 'Fire a schedule now, beside its due times',
    permission: 'schedules.write',
    status: 202,
    body: z.strictObject({}),
    response: firingSchema,
  },
  pauseSchedule: {
    ...one,
    method: 'post',
    path: '/schedules/{id}/pause',
    summary: 'Let due times pass without firing',
    permission: 'schedules.write',
    status: 200,
    body: pauseSchema,
    response: acceptedNameSchema,
  },
  resumeSchedule: {
    ...one,
    method: 'post',
    path: '/schedules/{id}/resume',
    summary: 'Fire again from now on',
    permission: 'schedules.write',
    status: 200,
    body: pauseSchema,
    response: acceptedNameSchema,
  },
} as const
