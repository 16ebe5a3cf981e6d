/** The life of an approval on the API: who said what, and what people allow ahead. */
import { z } from 'zod'
import { idParamsSchema, jsonSchema, reasonSchema, timeSchema } from './common.ts'

/** Where an approval stands. */
export const approvalLifeSchema = z.object({
  /** The stage that is answered now, and how many there are. */
  stage: z.int(),
  stages: z.int(),
  /** What each asking policy demands, and who has said yes for it so far. */
  demands: z.array(
    z.object({
      policy: z.string(),
      approvers: z.array(z.string()),
      quorum: z.int(),
      stage: z.int(),
      given: z.array(z.string()),
      escalated_to: z.array(z.string()),
    }),
  ),
  votes: z.array(z.object({ by: z.string(), for: z.string().nullable(), stage: z.int(), at: timeSchema })),
  claim: z.object({ by: z.string(), until: timeSchema }).nullable(),
  information: z
    .object({
      by: z.string(),
      asked_at: timeSchema,
      given_at: timeSchema.nullable(),
      stops_deadline: z.boolean(),
    })
    .nullable(),
  /** Person to the time until which it is not now. */
  snoozed: z.record(z.string(), timeSchema),
  /** Who proposed other arguments that policy has not judged yet, or null. */
  editing: z.string().nullable(),
  /** Person to when the details were opened first. */
  seen: z.record(z.string(), timeSchema),
  escalations: z.array(z.object({ policy: z.string(), to: z.array(z.string()), at: timeSchema })),
  edited_by: z.string().nullable(),
  /** Id of the standing approval that answered, or null. */
  standing: z.string().nullable(),
  ended_by: z.string().nullable(),
})
/** Where an approval stands. */
export type ApprovalLifeView = z.output<typeof approvalLifeSchema>

/** One thing that happened to an approval; its texts are untrusted and shown as text. */
export const approvalEventSchema = z.object({
  at: timeSchema,
  what: z.enum([
    'voted',
    'claimed',
    'unclaimed',
    'information_asked',
    'information_given',
    'snoozed',
    'seen',
    'edited',
    'edit_refused',
    'stage_begun',
    'escalated',
    'reminded',
    'approved',
    'rejected',
    'expired',
    'cancelled',
    'void',
  ]),
  /** Null where time did it. */
  by: z.string().nullable(),
  /** In whose place. */
  for: z.string().nullable(),
  /** Reason, question, answer, or the edited arguments as JSON text. Null when there is none, or it was erased. */
  text: z.string().nullable(),
  /** `until`, stage, policy or code, where there is one. */
  detail: z.string().nullable(),
})
/** One thing that happened to an approval. */
export type ApprovalEventView = z.output<typeof approvalEventSchema>

/** Claims an approval for a time. */
export const claimSchema = z.strictObject({ seconds: z.int().min(1).max(86_400).default(900) })
/** A question to the requester, or the answer to it. */
export const informationSchema = z.strictObject({ text: reasonSchema })
/** Other arguments in the place of those that were proposed. */
export const editSchema = z.strictObject({
  arguments: jsonSchema,
  reason: reasonSchema,
  packet_hash: z.string().min(1),
})
/** Not now, but in so many seconds. */
export const snoozeSchema = z.strictObject({
  seconds: z
    .int()
    .min(60)
    .max(30 * 86_400),
})
/** A change that needs no more than a reason. */
export const reasonOnlySchema = z.strictObject({ reason: reasonSchema })
const nothingSchema = z.strictObject({})

/** Names somebody who answers in one's place. */
export const delegateSchema = z.strictObject({
  delegate: z.string().min(1).max(200),
  /** Default: all roles of the reviewer. */
  roles: z.array(z.string()).min(1).optional(),
  starts_at: timeSchema.optional(),
  expires_at: timeSchema,
  reason: reasonSchema,
})

const mandateFields = {
  id: z.string(),
  created_by: z.string(),
  created_at: timeSchema,
  starts_at: timeSchema,
  expires_at: timeSchema,
  revoked_by: z.string().nullable(),
  revoked_at: timeSchema.nullable(),
  /** True while it holds. */
  in_force: z.boolean(),
  reason: z.string(),
}
/** Who stands in for whom, until when. */
export const delegationSchema = z.object({ ...mandateFields, delegate: z.string(), roles: z.array(z.string()) })
/** Who stands in for whom, until when. */
export type DelegationView = z.output<typeof delegationSchema>
/** Delegations, oldest first. */
export const delegationListSchema = z.object({ delegations: z.array(delegationSchema) })

/** What one field of the arguments, as policy sees them, has to be. */
export const constraintSchema = z.union([
  z.strictObject({ field: z.string(), equals: z.union([z.string(), z.int(), z.boolean()]) }),
  z.strictObject({ field: z.string(), at_most: z.int() }),
  z.strictObject({ field: z.string(), one_of: z.array(z.union([z.string(), z.int()])).min(1) }),
])
/** A standing approval to be given. */
export const giveStandingSchema = z.strictObject({
  tool: z.string().min(1),
  workflow: z.string().min(1),
  principal: z.string().min(1),
  constraints: z.array(constraintSchema).min(1),
  amount_field: z.string().optional(),
  max_uses: z.int().min(1),
  max_amount: z.int().min(1).optional(),
  expires_at: timeSchema,
  reason: reasonSchema,
})
/** A standing approval with what was used of it. */
export const standingSchema = z.object({
  ...mandateFields,
  tool: z.string(),
  workflow: z.string(),
  principal: z.string(),
  constraints: z.array(constraintSchema),
  amount_field: z.string().nullable(),
  max_uses: z.int(),
  max_amount: z.int().nullable(),
  used: z.int(),
  used_amount: z.int(),
  uses: z.array(z.object({ approval: z.string(), run_id: z.string(), amount: z.int().nullable(), at: timeSchema })),
})
/** A standing approval with what was used of it. */
export type StandingView = z.output<typeof standingSchema>
/** Standing approvals, oldest first. */
export const standingListSchema = z.object({ standing: z.array(standingSchema) })

/** From when on answers are counted, and what is quick. */
export const statsQuerySchema = z.strictObject({
  days: z.coerce.number().int().min(1).max(366).default(30),
  quick_seconds: z.coerce.number().int().min(1).max(86_400).default(30),
})
const seconds = z.number().nullable()
/** Load and decision times of approvals, and signs of answers that are given without reading. */
export const reviewStatsSchema = z.object({
  since: timeSchema,
  quick_seconds: z.number(),
  open: z.int(),
  open_by_role: z.array(z.object({ role: z.string(), open: z.int(), oldest_seconds: z.number() })),
  decided: z.object({
    approved: z.int(),
    rejected: z.int(),
    expired: z.int(),
    cancelled: z.int(),
    void: z.int(),
  }),
  median_decision_seconds: seconds,
  escalated: z.int(),
  /** True where there were more than are counted: the oldest of those open, and the newest of those decided, are. */
  cut: z.boolean(),
  reviewers: z.array(
    z.object({
      reviewer: z.string(),
      approved: z.int(),
      rejected: z.int(),
      median_decision_seconds: seconds,
      median_reading_seconds: seconds,
      unread_share: seconds,
      streak: z.int(),
      rubber_stamp: z.boolean(),
    }),
  ),
})
/** Load and decision times of approvals. */
export type ReviewStatsView = z.output<typeof reviewStatsSchema>

const storedSchema = z.object({ accepted: z.literal(true), id: z.string() })
const one = { params: idParamsSchema, method: 'post', status: 202, response: storedSchema } as const
const reviewer = { ...one, permission: 'approvals.decide' } as const

/** Endpoints about the life of approvals. Who acts is always the credential's principal. */
export const APPROVAL_ENDPOINTS = {
  claimApproval: {
    ...reviewer,
    path: '/approvals/{id}/claim',
    summary: 'Say that you are looking at it',
    body: claimSchema,
  },
  unclaimApproval: {
    ...reviewer,
    path: '/approvals/{id}/unclaim',
    summary: 'Give a claim back',
    body: nothingSchema,
  },
  seeApproval: {
    ...reviewer,
    path: '/approvals/{id}/seen',
    summary: 'Record that you opened the details',
    body: nothingSchema,
  },
  askInformation: {
    ...reviewer,
    path: '/approvals/{id}/question',
    summary: 'Ask the requester for information',
    body: informationSchema,
  },
  giveInformation: {
    ...one,
    permission: 'runs.start',
    path: '/approvals/{id}/information',
    summary: 'Answer the question of a reviewer, as the requester',
    body: informationSchema,
  },
  editApproval: {
    ...reviewer,
    path: '/approvals/{id}/edit',
    summary: 'Change the arguments and approve them so',
    body: editSchema,
  },
  snoozeApproval: {
    ...reviewer,
    path: '/approvals/{id}/snooze',
    summary: 'Not now: be reminded later',
    body: snoozeSchema,
  },
  withdrawApproval: {
    ...one,
    permission: 'runs.cancel_own',
    path: '/approvals/{id}/withdraw',
    summary: 'Take a request back, as the requester',
    body: reasonOnlySchema,
  },
  liftDecline: {
    ...reviewer,
    path: '/approvals/{id}/lift',
    summary: 'Let the question be asked again that was rejected',
    body: reasonOnlySchema,
  },
  delegations: {
    method: 'get',
    path: '/review/delegations',
    summary: 'Who stands in for whom',
    permission: 'read',
    status: 200,
    response: delegationListSchema,
  },
  delegate: {
    method: 'post',
    path: '/review/delegations',
    summary: 'Name somebody who answers in your place',
    permission: 'approvals.decide',
    status: 201,
    body: delegateSchema,
    response: delegationSchema,
  },
  standingApprovals: {
    method: 'get',
    path: '/review/standing',
    summary: 'Standing approvals with their uses',
    permission: 'read',
    status: 200,
    response: standingListSchema,
  },
  giveStanding: {
    method: 'post',
    path: '/review/standing',
    summary: 'Let a kind of action happen without asking each time',
    permission: 'approvals.decide',
    status: 201,
    body: giveStandingSchema,
    response: standingSchema,
  },
  revokeMandate: {
    ...one,
    permission: 'approvals.decide',
    path: '/review/mandates/{id}/revoke',
    summary: 'End a delegation or a standing approval',
    body: reasonOnlySchema,
  },
  reviewStats: {
    method: 'get',
    path: '/review/stats',
    summary: 'Load and decision times of approvals',
    permission: 'read',
    status: 200,
    query: statsQuerySchema,
    response: reviewStatsSchema,
  },
} as const
