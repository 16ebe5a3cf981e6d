import { ERROR_TABLE, type ErrorCode } from 'signalbox/errors'
import { z } from 'zod'

/** An error document (RFC 9457) with one of the closed codes. Every answer that is not a success has this shape. */
export const problemSchema = z.object({
  /** URI of the kind of problem: `urn:signalbox:problem:<code in lower case>`. */
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.enum(Object.keys(ERROR_TABLE) as [ErrorCode, ...ErrorCode[]]), // keys of the table are the closed codes
  /** One sentence that names the field and the fix. Never content of a run. */
  detail: z.string(),
  /** Path of the request. */
  instance: z.string(),
  /** Facts that go with the code, such as who decided an approval already. */
  details: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]))
    .optional(),
})
/** An error document (RFC 9457). */
export type Problem = z.output<typeof problemSchema>

/** What a signed-in principal may do. One word per endpoint group; roles map to these on the server. */
export const permissionSchema = z.enum([
  'read',
  'runs.start',
  'runs.cancel_own',
  'runs.cancel',
  'runs.operate',
  'approvals.decide',
  'questions.answer',
  'requests.respond',
  'kill_switches.write',
  'kill_switches.global',
  'overrides.write',
  'schedules.write',
  'outbox.write',
  'alerts.manage',
  'policy.propose',
  'policy.activate',
  'subjects.erase',
  'roles.sign_off',
  'exposure.audit',
  'evidence.export',
  'evidence.content',
])
/** What a signed-in principal may do. */
export type Permission = z.output<typeof permissionSchema>

/** An ISO 8601 time. */
export const timeSchema = z.string()

/** A whole number as decimal text: nano-USD for cost, since it may pass what a JSON number holds. */
export const integerTextSchema = z.string().regex(/^-?\d+$/)

/** Any JSON value. */
export const jsonSchema: z.ZodType<unknown> = z.unknown()

/** Who someone is, as their credential says. */
export const principalSchema = z.object({
  id: z.string(),
  kind: z.enum(['user', 'service', 'agent']),
  tenant: z.string(),
  roles: z.array(z.string()),
  /** The agent that acts for this user, where one does. */
  via: z.string().optional(),
})
/** Who someone is, as their credential says. */
export type PrincipalView = z.output<typeof principalSchema>

/** What an activity may change in the outside world. */
export const effectClassSchema = z.enum(['none', 'reversible', 'irreversible'])

/** States of a run. */
export const runStatusSchema = z.enum([
  'queued',
  'running',
  'waiting',
  'parked',
  'stopping',
  'completed',
  'stopped',
  'cancelled',
  'terminated',
])
/** States of a run. */
export type RunStatusView = z.output<typeof runStatusSchema>

/** States in which a run is over. */
export const ENDED: readonly RunStatusView[] = ['completed', 'stopped', 'cancelled', 'terminated']

/** How an activity ended. */
export const outcomeStatusSchema = z.enum([
  'succeeded',
  'failed',
  'unknown',
  'denied',
  'rejected',
  'expired',
  'cancelled',
  'refused',
  'not_sent',
])

/** Trust and confidentiality of a value. */
export const labelsSchema = z.object({ integrity: z.int().min(0).max(3), marks: z.array(z.string()) })

/** A reason a person gives: three to a thousand characters. */
export const reasonSchema = z.string().trim().min(3, 'give a reason of at least three characters').max(1000)

/** Path parameter of everything that has an id. */
export const idParamsSchema = z.object({ id: z.string().min(1).max(200) })

/** How many rows a list gives at most. */
export const limitSchema = z.coerce.number().int().min(1).max(500)

/** The answer to a change that a worker carries out: it is stored, not yet done. */
export const acceptedSchema = z.object({ accepted: z.literal(true), run_id: z.string() })
/** The answer to a change of something that has a name. */
export const acceptedNameSchema = z.object({ accepted: z.literal(true), name: z.string() })
