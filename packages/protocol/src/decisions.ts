import { z } from 'zod'
import { pageFields } from './facts.ts'
import { effectClassSchema, idParamsSchema, jsonSchema, labelsSchema, principalSchema, timeSchema } from './common.ts'

const verdictSchema = z.enum(['allow', 'warn', 'deny', 'require_approval', 'transform'])
const comesOutSchema = z.enum(['allow', 'warn', 'deny', 'require_approval', 'transform', 'malfunction'])
const pointSchema = z.enum([
  'agent_startup',
  'input',
  'pre_model_call',
  'post_model_call',
  'pre_tool_call',
  'post_tool_call',
  'output',
  'agent_shutdown',
])

/** One decision as the log shows it. It holds no content. */
export const decisionRowSchema = z.object({
  id: z.string(),
  run_id: z.string(),
  seq: z.int(),
  at: timeSchema,
  point: pointSchema,
  kind: z.enum(['tool', 'model', 'point']),
  /** Tool, model or point. */
  name: z.string(),
  class: z.string(),
  effect: effectClassSchema,
  workflow: z.string(),
  node: z.string().nullable(),
  agent: z.string().nullable(),
  /** On whose behalf the run acts. */
  principal: z.string(),
  verdict: verdictSchema,
  reason_code: z.string(),
  policies: z.array(z.string()),
  /** Roles that may answer; empty unless a person was asked. */
  approvers: z.array(z.string()),
  approval_id: z.string().nullable(),
  /** `name@hash`. */
  bundle: z.string(),
})
/** One decision as the log shows it. */
export type DecisionRow = z.output<typeof decisionRowSchema>

/** Filter of the log of decisions. Without `since`: the last day. */
export const decisionsQuerySchema = z.strictObject({
  /** ISO 8601; decisions from then on, and before `until`. */
  since: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }).optional(),
  verdict: verdictSchema.optional(),
  /** Name of a tool, model or point. */
  tool: z.string().min(1).max(200).optional(),
  policy: z.string().min(1).max(200).optional(),
  /** Id such as `user:ana`. */
  principal: z.string().min(1).max(200).optional(),
  run_id: z.string().min(1).max(200).optional(),
  workflow: z.string().min(1).max(200).optional(),
  /** `next` of the page before. */
  before: z.string().min(3).max(400).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
})

/** Decisions, newest first. */
export const decisionListSchema = z.object({
  decisions: z.array(decisionRowSchema),
  since: timeSchema,
  until: timeSchema,
  /** Runs of which decisions are listed. */
  runs: z.int(),
  /** True when there may be more than were given: ask again with `next` as `before`. */
  more: z.boolean(),
  ...pageFields,
})

/** Decisions, newest first. */
export type DecisionListView = z.output<typeof decisionListSchema>

/** How one policy stood to a question. */
export const policyToldSchema = z.object({
  id: z.string(),
  kind: z.enum(['permit', 'forbid', 'require_approval', 'warn']),
  owner: z.string(),
  file: z.string(),
  line: z.int(),
  stood: z.enum(['decided', 'matched', 'not_matched', 'error']),
  /** The condition that kept it from matching. */
  because: z.string().nullable(),
  /** Values that the condition looks at. */
  values: z.record(z.string(), z.string()),
})

/** A decision, told under a bundle. */
export const decisionToldSchema = z.object({
  verdict: verdictSchema,
  reason_code: z.string(),
  sentence: z.string().nullable(),
  policies: z.array(policyToldSchema),
  /** Policies about other actions. */
  other_actions: z.int(),
  /** For each policy that asks: roles of which the reviewer must hold one. */
  approvers: z.array(z.object({ policy: z.string(), roles: z.array(z.string()) })),
  bundle: z.string(),
})
/** A decision, told under a bundle. */
export type DecisionToldView = z.output<typeof decisionToldSchema>

/** What policy was asked. Values are content and untrusted. */
export const askedSchema = z.object({
  principal: principalSchema.pick({ id: true, kind: true, tenant: true, roles: true }),
  /** Fields that the catalogue lets policy see, and what was not of its type is left out. */
  input: z.record(z.string(), jsonSchema),
  facts: z.record(z.string(), jsonSchema),
  labels: labelsSchema,
  approved_by: z.string().nullable(),
})

/** One decision on record, told. */
export const decisionDetailSchema = z.object({
  decision: decisionRowSchema,
  sentence: z.string().nullable(),
  /** Null when it was erased or never recorded. */
  asked: askedSchema.nullable(),
  /** Null when the bundle is not at hand or what was asked is not there: `not_told` says why. */
  told: decisionToldSchema.nullable(),
  not_told: z.string().nullable(),
  /** What became of the approval that it asked for or used. */
  approval: z
    .object({ id: z.string(), answer: z.string().nullable(), by: z.string().nullable(), at: timeSchema.nullable() })
    .nullable(),
})
/** One decision on record, told. */
export type DecisionDetail = z.output<typeof decisionDetailSchema>

/** Texts of a bundle's files by relative path. */
const filesSchema = z.record(z.string().max(300), z.string().max(500_000))

const personSchema = z.strictObject({
  id: z.string().min(1).max(200).default('user:somebody'),
  kind: z.enum(['user', 'service', 'agent']).default('user'),
  roles: z.array(z.string().max(100)).max(50),
})

/** A question that is asked of a bundle without a run. */
export const simulateSchema = z.strictObject({
  who: personSchema,
  tool: z.string().min(1).max(200).optional(),
  model: z.string().min(1).max(200).optional(),
  point: pointSchema.optional(),
  input: z.record(z.string(), jsonSchema).default({}),
  facts: z.record(z.string(), jsonSchema).default({}),
  labels: labelsSchema.optional(),
  workflow: z.string().min(1).max(200).optional(),
  agent: z.string().min(1).max(200).optional(),
  mode: z.enum(['development', 'production']).optional(),
  approved_by: personSchema.optional(),
  /** A draft; without it the bundle in force is asked. */
  files: filesSchema.optional(),
})

/** Asks a draft about the decisions of the last days. */
export const policyReplaySchema = z.strictObject({
  /** Time span, in days before now. */
  days: z.number().positive().max(3_660),
  /** The draft; without it the bundle in force is asked about decisions of earlier ones. */
  files: filesSchema.optional(),
})

const flipExampleSchema = z.object({ run_id: z.string(), seq: z.int(), decision_id: z.string(), at: timeSchema })

/** What came of asking a draft. */
export const policyReplayResultSchema = z.object({
  /** `name@hash` of what was asked. */
  bundle: z.string(),
  since: timeSchema,
  until: timeSchema,
  /** Same, flipped and not asked again add up to this. */
  decisions: z.int(),
  same: z.int(),
  flipped: z.int(),
  runs: z.int(),
  flips: z.array(
    z.object({
      before: verdictSchema,
      after: comesOutSchema,
      name: z.string(),
      policies: z.array(z.string()),
      reason_code: z.string(),
      approvers: z.array(z.string()),
      count: z.int(),
      runs: z.int(),
      /** Of those that pass in the draft: how many a person had refused. */
      refused_by_person: z.int(),
      examples: z.array(flipExampleSchema),
    }),
  ),
  not_again: z.object({
    erased: z.int(),
    not_recorded: z.int(),
    fork_plan: z.int(),
    not_reproduced: z.int(),
  }),
  not_reproduced: z.array(flipExampleSchema),
  /** Runs of the time span of which no records are left. */
  pruned_runs: z.int(),
  /** Decisions of bundles that are not at hand, so that what is on record could not be checked against them. */
  unchecked: z.int(),
  duration_ms: z.int(),
})
/** What came of asking a draft. */
export type PolicyReplayResult = z.output<typeof policyReplayResultSchema>

/** What a check of the bundle in force finds. */
export const policyFindingsSchema = z.object({
  bundle: z.string(),
  findings: z.array(
    z.object({
      code: z.string(),
      severity: z.enum(['error', 'warning', 'notice']),
      file: z.string(),
      line: z.int(),
      subject: z.string(),
      message: z.string(),
    }),
  ),
})

/** Endpoints about decisions, for authors of policies. */
export const DECISION_ENDPOINTS = {
  decisions: {
    method: 'get',
    path: '/policy/decisions',
    summary: 'Decisions on record, newest first',
    permission: 'read',
    status: 200,
    query: decisionsQuerySchema,
    response: decisionListSchema,
  },
  decision: {
    method: 'get',
    path: '/policy/decisions/{id}',
    summary: 'One decision in plain words: what was asked, which policies matched, and why the others did not',
    permission: 'read',
    status: 200,
    params: idParamsSchema,
    query: z.strictObject({ run_id: z.string().min(1).max(200).optional() }),
    response: decisionDetailSchema,
  },
  simulatePolicy: {
    method: 'post',
    path: '/policy/simulate',
    summary: 'What a bundle would decide; nothing is done',
    permission: 'read',
    status: 200,
    body: simulateSchema,
    response: decisionToldSchema,
  },
  replayPolicy: {
    method: 'post',
    path: '/policy/replay',
    summary: 'Ask a draft about the decisions of the last days',
    permission: 'read',
    status: 200,
    body: policyReplaySchema,
    response: policyReplayResultSchema,
  },
  policyFindings: {
    method: 'get',
    path: '/policy/findings',
    summary: 'What a check of the bundle in force finds',
    permission: 'read',
    status: 200,
    response: policyFindingsSchema,
  },
} as const
