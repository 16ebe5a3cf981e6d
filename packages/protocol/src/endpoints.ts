import type { z } from 'zod'
import {
  costReportQuerySchema,
  costReportSchema,
  recomputeCostSchema,
  recomputedCostSchema,
  runCostSchema,
} from './cost.ts'
import { ACCESS_ENDPOINTS } from './access.ts'
import { ALERT_ENDPOINTS } from './alerts.ts'
import { APPROVAL_ENDPOINTS } from './approvals.ts'
import { acceptedSchema, idParamsSchema, type Permission } from './common.ts'
import { outerBudgetListSchema } from './budgets.ts'
import { DECISION_ENDPOINTS } from './decisions.ts'
import { FACT_ENDPOINTS } from './facts.ts'
import { compensateSchema, compensationPlanSchema } from './compensation.ts'
import { EVIDENCE_ENDPOINTS } from './evidence.ts'
import { EXPOSURE_ENDPOINTS } from './exposure.ts'
import { forkSchema, movePlanQuerySchema, movePlanSchema, restoreSchema } from './moves.ts'
import {
  answeredSchema,
  answerRequestSchema,
  approvalDetailSchema,
  approvalListSchema,
  decisionRequestSchema,
  questionDetailSchema,
  questionListSchema,
  portRequestDetailSchema,
  portRequestListSchema,
  requestsQuerySchema,
  respondRequestSchema,
} from './people.ts'
import { POLICY_LIFE_ENDPOINTS } from './policy-life.ts'
import {
  cancelSchema,
  checkpointListSchema,
  eventListSchema,
  eventsQuerySchema,
  listRunsQuerySchema,
  feedbackSchema,
  resumeSchema,
  runDetailSchema,
  runListSchema,
  startedSchema,
  startRunSchema,
} from './runs.ts'
import { LINEAGE_ENDPOINTS } from './lineage.ts'
import { OUTBOX_ENDPOINTS } from './outbox.ts'
import { SCHEDULE_ENDPOINTS } from './schedules.ts'
import { statusSchema } from './status.ts'
import { SUBJECT_ENDPOINTS } from './subjects.ts'
import { SWITCH_ENDPOINTS } from './switches.ts'
import {
  auditAllSchema,
  auditSchema,
  explanationSchema,
  HEALTH_ENDPOINTS,
  lineageSchema,
  meSchema,
  workflowListSchema,
} from './system.ts'

/** Where the API lives on the server. */
export const API_BASE = '/api/v1'

/** One endpoint: server, client and OpenAPI page are all made from this table. */
export interface EndpointSpec {
  readonly method: 'get' | 'post'
  /** Below the API base; parameters as `{id}`. */
  readonly path: string
  readonly summary: string
  /** What the caller must be allowed to do. `open` needs no credential; `any` needs a credential only. */
  readonly permission: Permission | 'open' | 'any'
  readonly status: 200 | 201 | 202
  readonly params?: z.ZodType
  readonly query?: z.ZodType
  readonly body?: z.ZodType
  readonly response: z.ZodType
}

const one = { params: idParamsSchema } as const

/** Every JSON endpoint of the API. The event stream of a run is `GET /runs/{id}/stream` beside it (stream.ts). */
export const ENDPOINTS = {
  ...HEALTH_ENDPOINTS,
  status: {
    method: 'get',
    path: '/status',
    summary: 'What is wrong now, since when, and what to do',
    permission: 'read',
    status: 200,
    response: statusSchema,
  },
  me: { method: 'get', path: '/me', summary: 'Who is signed in', permission: 'any', status: 200, response: meSchema },
  workflows: {
    method: 'get',
    path: '/workflows',
    summary: 'Workflows that can be started',
    permission: 'read',
    status: 200,
    response: workflowListSchema,
  },
  budgets: {
    method: 'get',
    path: '/budgets',
    summary: 'Budgets over many runs, and what is left of them',
    permission: 'read',
    status: 200,
    response: outerBudgetListSchema,
  },
  costReport: {
    method: 'get',
    path: '/cost',
    summary: 'What runs cost, by workflow, model, tenant or agent',
    permission: 'read',
    status: 200,
    query: costReportQuerySchema,
    response: costReportSchema,
  },

  startRun: {
    method: 'post',
    path: '/runs',
    summary: 'Start a run',
    permission: 'runs.start',
    status: 201,
    body: startRunSchema,
    response: startedSchema,
  },
  listRuns: {
    method: 'get',
    path: '/runs',
    summary: 'Runs, newest first',
    permission: 'read',
    status: 200,
    query: listRunsQuerySchema,
    response: runListSchema,
  },
  run: {
    ...one,
    method: 'get',
    path: '/runs/{id}',
    summary: 'One run with its timeline',
    permission: 'read',
    status: 200,
    response: runDetailSchema,
  },
  events: {
    ...one,
    method: 'get',
    path: '/runs/{id}/events',
    summary: 'Stored records of a run',
    permission: 'read',
    status: 200,
    query: eventsQuerySchema,
    response: eventListSchema,
  },
  checkpoints: {
    ...one,
    method: 'get',
    path: '/runs/{id}/checkpoints',
    summary: 'Where a run can be restored to',
    permission: 'read',
    status: 200,
    response: checkpointListSchema,
  },
  cancel: {
    ...one,
    method: 'post',
    path: '/runs/{id}/cancel',
    summary: 'Cancel or terminate a run',
    permission: 'runs.cancel_own',
    status: 202,
    body: cancelSchema,
    response: acceptedSchema,
  },
  resume: {
    ...one,
    method: 'post',
    path: '/runs/{id}/resume',
    summary: 'Let a parked run go on',
    permission: 'runs.operate',
    status: 202,
    body: resumeSchema,
    response: acceptedSchema,
  },
  release: {
    ...one,
    method: 'post',
    path: '/runs/{id}/release',
    summary: 'Let a quarantined run be tried again',
    permission: 'runs.operate',
    status: 202,
    body: resumeSchema,
    response: acceptedSchema,
  },
  movePlan: {
    ...one,
    method: 'get',
    path: '/runs/{id}/move',
    summary: 'What a restore to a record, or a fork from it, would do',
    permission: 'read',
    status: 200,
    query: movePlanQuerySchema,
    response: movePlanSchema,
  },
  restore: {
    ...one,
    method: 'post',
    path: '/runs/{id}/restore',
    summary: 'Restore a run to any of its records',
    permission: 'runs.operate',
    status: 202,
    body: restoreSchema,
    response: acceptedSchema,
  },
  fork: {
    ...one,
    method: 'post',
    path: '/runs/{id}/fork',
    summary: 'Make a new run from any record of a run',
    permission: 'runs.operate',
    status: 201,
    body: forkSchema,
    response: startedSchema,
  },
  compensationPlan: {
    ...one,
    method: 'get',
    path: '/runs/{id}/compensation',
    summary: 'What can be undone of a run',
    permission: 'read',
    status: 200,
    response: compensationPlanSchema,
  },
  compensate: {
    ...one,
    method: 'post',
    path: '/runs/{id}/compensation',
    summary: 'Undo effects of an ended run, by a run of its own',
    permission: 'runs.operate',
    status: 201,
    body: compensateSchema,
    response: startedSchema,
  },
  runCost: {
    ...one,
    method: 'get',
    path: '/runs/{id}/cost',
    summary: 'What a run cost, by attempt, model, node and agent',
    permission: 'read',
    status: 200,
    response: runCostSchema,
  },
  recomputeCost: {
    ...one,
    method: 'post',
    path: '/runs/{id}/cost/recompute',
    summary: 'Compute the cost of an ended run again by another price table',
    permission: 'runs.operate',
    status: 200,
    body: recomputeCostSchema,
    response: recomputedCostSchema,
  },
  feedback: {
    ...one,
    method: 'post',
    path: '/runs/{id}/feedback',
    summary: 'Say what became of the result of an ended run',
    permission: 'runs.start',
    status: 202,
    body: feedbackSchema,
    response: acceptedSchema,
  },
  explain: {
    ...one,
    method: 'get',
    path: '/runs/{id}/explain',
    summary: 'A run in plain language',
    permission: 'read',
    status: 200,
    response: explanationSchema,
  },
  lineage: {
    ...one,
    method: 'get',
    path: '/runs/{id}/lineage',
    summary: 'Where every effect came from',
    permission: 'read',
    status: 200,
    response: lineageSchema,
  },
  audit: {
    ...one,
    method: 'get',
    path: '/runs/{id}/audit',
    summary: 'Verify one history',
    permission: 'read',
    status: 200,
    response: auditSchema,
  },

  approvals: {
    method: 'get',
    path: '/approvals',
    summary: 'Approvals, oldest first',
    permission: 'read',
    status: 200,
    query: requestsQuerySchema,
    response: approvalListSchema,
  },
  approval: {
    ...one,
    method: 'get',
    path: '/approvals/{id}',
    summary: 'One approval with what the reviewer sees',
    permission: 'read',
    status: 200,
    response: approvalDetailSchema,
  },
  decide: {
    ...one,
    method: 'post',
    path: '/approvals/{id}/decision',
    summary: 'Approve or reject',
    permission: 'approvals.decide',
    status: 202,
    body: decisionRequestSchema,
    response: answeredSchema,
  },
  questions: {
    method: 'get',
    path: '/questions',
    summary: 'Questions about effects, oldest first',
    permission: 'read',
    status: 200,
    query: requestsQuerySchema,
    response: questionListSchema,
  },
  question: {
    ...one,
    method: 'get',
    path: '/questions/{id}',
    summary: 'One question about an effect',
    permission: 'read',
    status: 200,
    response: questionDetailSchema,
  },
  answer: {
    ...one,
    method: 'post',
    path: '/questions/{id}/answer',
    summary: 'Tell whether an effect happened',
    permission: 'questions.answer',
    status: 202,
    body: answerRequestSchema,
    response: answeredSchema,
  },
  requests: {
    method: 'get',
    path: '/requests',
    summary: 'Requests of port nodes, oldest first',
    permission: 'read',
    status: 200,
    query: requestsQuerySchema,
    response: portRequestListSchema,
  },
  request: {
    ...one,
    method: 'get',
    path: '/requests/{id}',
    summary: 'One request of a port node with the shape of its answer',
    permission: 'read',
    status: 200,
    response: portRequestDetailSchema,
  },
  respond: {
    ...one,
    method: 'post',
    path: '/requests/{id}/response',
    summary: 'Answer a port request',
    permission: 'requests.respond',
    status: 202,
    body: respondRequestSchema,
    response: answeredSchema,
  },

  ...SWITCH_ENDPOINTS,
  ...APPROVAL_ENDPOINTS,
  ...POLICY_LIFE_ENDPOINTS,
  ...SCHEDULE_ENDPOINTS,
  ...OUTBOX_ENDPOINTS,
  ...ALERT_ENDPOINTS,
  ...LINEAGE_ENDPOINTS,
  ...SUBJECT_ENDPOINTS,
  ...EVIDENCE_ENDPOINTS,
  ...EXPOSURE_ENDPOINTS,
  ...ACCESS_ENDPOINTS,
  ...DECISION_ENDPOINTS,
  ...FACT_ENDPOINTS,
  auditAll: {
    method: 'get',
    path: '/audit/verify',
    summary: 'Verify every history of the tenant',
    permission: 'read',
    status: 200,
    response: auditAllSchema,
  },
} as const satisfies Record<string, EndpointSpec>

/** Name of an endpoint. */
export type EndpointName = keyof typeof ENDPOINTS

type Part<N extends EndpointName, K extends 'params' | 'query' | 'body'> = (typeof ENDPOINTS)[N] extends {
  [key in K]: infer S extends z.ZodType
}
  ? S
  : never

/** What a caller sends to an endpoint. Query values are what the caller writes, before defaults. */
export type EndpointInput<N extends EndpointName> = ([Part<N, 'params'>] extends [never]
  ? unknown
  : { readonly params: z.input<Part<N, 'params'>> }) &
  ([Part<N, 'query'>] extends [never]
    ? unknown
    : { readonly query?: Readonly<Record<string, string | number | undefined>> }) &
  ([Part<N, 'body'>] extends [never] ? unknown : { readonly body: z.input<Part<N, 'body'>> })

/** What a handler gets: parsed parts; parts that the endpoint does not have are undefined. */
export interface EndpointParsed<N extends EndpointName> {
  readonly params: [Part<N, 'params'>] extends [never] ? undefined : z.output<Part<N, 'params'>>
  readonly query: [Part<N, 'query'>] extends [never] ? undefined : z.output<Part<N, 'query'>>
  readonly body: [Part<N, 'body'>] extends [never] ? undefined : z.output<Part<N, 'body'>>
}

/** What an endpoint answers with. */
export type EndpointOutput<N extends EndpointName> = z.output<(typeof ENDPOINTS)[N]['response']>
