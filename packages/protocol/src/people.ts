import { z } from 'zod'
import { approvalEventSchema, approvalLifeSchema } from './approvals.ts'
import { effectClassSchema, jsonSchema, labelsSchema, limitSchema, reasonSchema, timeSchema } from './common.ts'

/** State of an approval, question or request. */
export const requestStateSchema = z.enum(['open', 'approved', 'rejected', 'expired', 'cancelled', 'void', 'answered'])

/** Money at stake, in minor units of the currency. */
export const moneySchema = z.object({ minor: z.int(), currency: z.string() })

/** An approval, question or port request as a list shows it. `summary` and `impact` come from the sealed packet. */
export const requestSummarySchema = z.object({
  id: z.string(),
  kind: z.enum(['approval', 'question', 'request']),
  run_id: z.string(),
  workflow: z.string(),
  tool: z.string(),
  class: z.string(),
  effect: z.string(),
  state: requestStateSchema,
  /** One list per asking policy: the reviewer must hold one role of each. */
  approvers: z.array(z.array(z.string())),
  /** Principal id of the requester, who cannot approve. */
  requester: z.string(),
  requested_at: timeSchema,
  deadline: timeSchema,
  decided_by: z.string().nullable(),
  decided_at: timeSchema.nullable(),
  /** Untrusted text: show as text. Null when the content was erased. */
  summary: z.string().nullable(),
  impact: z.object({ money: moneySchema.optional(), text: z.string().optional() }).nullable(),
  /** Of an approval: where it stands; null for all else, and for one of an earlier version. */
  life: approvalLifeSchema.nullable(),
})
/** An approval, question or port request as a list shows it. */
export type RequestSummary = z.output<typeof requestSummarySchema>

/** What the reviewer sees. Its texts are untrusted and must be shown as text. */
export const approvalPacketSchema = z.object({
  summary: z.string(),
  target: z.object({ type: z.string(), id: z.string(), version: z.string() }),
  impact: z.object({ money: moneySchema.optional(), text: z.string().optional() }),
  rollback: z.string(),
  tool: z.string(),
  class: z.string(),
  effect: effectClassSchema,
  /** The arguments as JSON text. */
  arguments: z.string(),
  requested_by: z.string(),
  why: z.array(z.string()),
  labels: labelsSchema,
  /** Set where the arguments are what this reviewer made of those that were proposed. */
  edited_by: z.string().optional(),
})

/** What a person sees who is asked about an effect. */
export const questionPacketSchema = z.object({
  tool: z.string(),
  class: z.string(),
  arguments: z.string(),
  idempotency_key: z.string(),
  sent_at: timeSchema,
  /** For other arguments under one identity: what the ledger holds. */
  earlier: z.object({ run: z.string(), arguments: z.string().nullable(), status: z.string() }).nullable(),
})

const detailFields = {
  /** Keyed hash of the packet: a decision says with it what was seen. */
  packet_hash: z.string(),
  /** The reason that was given, or null. */
  reason: z.string().nullable(),
  /** Whether the signed-in person may answer now. */
  can_decide: z.boolean(),
  /** Why not: a closed code, or null. */
  cannot_decide_code: z.string().nullable(),
}

/** One approval with its packet; the packet is null when the content was erased. */
export const approvalDetailSchema = requestSummarySchema.extend({
  packet: approvalPacketSchema.nullable(),
  /** JSON Schema of the tool's arguments, for an edit; null when no worker here has the workflow. */
  arguments_schema: jsonSchema,
  ...detailFields,
  /** What happened to it, in order. */
  history: z.array(approvalEventSchema),
  /** Whether the signed-in person is the requester, and a question to them is open. */
  can_inform: z.boolean(),
  can_withdraw: z.boolean(),
  /** In whose place the signed-in person would answer, or null. */
  acts_for: z.string().nullable(),
})
/** One approval with its packet. */
export type ApprovalDetail = z.output<typeof approvalDetailSchema>

/** One question about an effect with its packet. */
export const questionDetailSchema = requestSummarySchema.extend({
  packet: questionPacketSchema.nullable(),
  ...detailFields,
})
/** One question about an effect with its packet. */
export type QuestionDetail = z.output<typeof questionDetailSchema>

/** One request of a port node: what it asks, and the shape of the answer. */
export const portRequestDetailSchema = requestSummarySchema.extend({
  /** What is asked, as JSON text; untrusted. Null when the content was erased. */
  payload: z.string().nullable(),
  /** JSON Schema of the answer; null when no worker here has the workflow. */
  response_schema: jsonSchema,
  can_decide: z.boolean(),
  cannot_decide_code: z.string().nullable(),
})
/** One request of a port node. */
export type PortRequestDetail = z.output<typeof portRequestDetailSchema>

/** Filter of approvals and questions. */
export const requestsQuerySchema = z.strictObject({
  state: requestStateSchema.optional(),
  run_id: z.string().optional(),
  limit: limitSchema.default(100),
})
/** Approvals, oldest first. */
export const approvalListSchema = z.object({ approvals: z.array(requestSummarySchema) })
/** Questions with their packets, oldest first. */
export const questionListSchema = z.object({ questions: z.array(questionDetailSchema) })

/** Requests of port nodes, oldest first. */
export const portRequestListSchema = z.object({ requests: z.array(portRequestDetailSchema) })

/** A reviewer's answer. `packet_hash` says what was seen; another one is refused as APPROVAL_VOID. */
export const decisionRequestSchema = z.strictObject({
  answer: z.enum(['approved', 'rejected']),
  reason: reasonSchema,
  packet_hash: z.string().min(1),
})
/** A person's answer about an effect: it happened, it did not, or stop the run. */
export const answerRequestSchema = z.strictObject({
  answer: z.enum(['happened', 'did_not', 'stop']),
  reason: reasonSchema,
})
/** The answer to a port request, checked against the port's schema. */
export const respondRequestSchema = z.strictObject({ value: z.unknown() })
/** The answer is stored; the run's worker takes it up. */
export const answeredSchema = z.object({ accepted: z.literal(true), id: z.string() })
