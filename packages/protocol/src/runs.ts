import { z } from 'zod'
import {
  effectClassSchema,
  integerTextSchema,
  jsonSchema,
  limitSchema,
  outcomeStatusSchema,
  principalSchema,
  reasonSchema,
  runStatusSchema,
  timeSchema,
} from './common.ts'

/** One run as a list shows it. */
export const runSummarySchema = z.object({
  run_id: z.string(),
  workflow: z.string(),
  version: z.string(),
  status: runStatusSchema,
  /** Closed code of the reason when parked, stopping or stopped. */
  code: z.string().nullable(),
  /** Principal id on whose behalf it runs. */
  principal: z.string(),
  request_id: z.string(),
  superstep: z.int(),
  branch: z.int(),
  /** Sequence of its last record. */
  seq: z.int(),
  cost_nano_usd: integerTextSchema,
  created_at: timeSchema,
  updated_at: timeSchema,
  /** When it goes on by itself, or null. */
  wake_at: timeSchema.nullable(),
  /** Worker that holds it now, or null. */
  worker: z.string().nullable(),
})
/** One run as a list shows it. */
export type RunSummary = z.output<typeof runSummarySchema>

/** One hard limit and what is used of it. Amounts are decimal text in `unit`. */
export const budgetBarSchema = z.object({
  name: z.enum(['turns', 'tool_calls', 'runtime', 'tokens', 'cost']),
  unit: z.enum(['count', 'milliseconds', 'nano_usd']),
  limit: integerTextSchema,
  spent: integerTextSchema,
  /** Reserved for calls that are under way. */
  held: integerTextSchema,
  /** (spent + held) / limit, 0 or more; above 1 when a settle passed the limit. */
  fraction: z.number(),
})
/** One hard limit and what is used of it. */
export type BudgetBar = z.output<typeof budgetBarSchema>

/** One policy verdict. */
export const decisionSchema = z.object({
  id: z.string(),
  verdict: z.enum(['allow', 'warn', 'deny', 'require_approval', 'transform']),
  reason_code: z.string(),
  policies: z.array(z.string()),
  bundle: z.string(),
  /** What the bundle (`cedar`) and each control answered, in order; not there where no control was in force. */
  elements: z.array(z.object({ element: z.string(), verdict: z.string(), reason_code: z.string() })).optional(),
})

/** The approval of one activity, as the timeline shows it. */
export const activityApprovalSchema = z.object({
  approval_id: z.string(),
  /** `open` while nobody answered. */
  answer: z.enum(['open', 'approved', 'rejected', 'expired', 'cancelled', 'void']),
  by: z.string().nullable(),
  requested_at: timeSchema,
  deadline: timeSchema,
  decided_at: timeSchema.nullable(),
  /** The reviewer's words, or null when there are none or they were erased. */
  reason: z.string().nullable(),
})

/** One activity of a run: everything that went, or would have gone, through the door. */
export const activitySchema = z.object({
  /** Same on every attempt, branch and worker. */
  key: z.string(),
  /** Sequence of its first record. */
  seq: z.int(),
  outcome_seq: z.int().nullable(),
  node: z.string(),
  agent: z.string().nullable(),
  attempt: z.int(),
  kind: z.enum(['tool', 'model', 'timer', 'scope', 'step', 'request']),
  name: z.string(),
  class: z.string(),
  effect: effectClassSchema,
  /** `waiting`: for an approval. `question`: for a person to tell what happened. `sent`: intent durable, no outcome yet. */
  status: z.union([outcomeStatusSchema, z.enum(['waiting', 'question', 'sent'])]),
  /** Reason code when it did not succeed. */
  code: z.string().nullable(),
  /** Set for reads that another activity made: its key and what for. */
  parent: z.object({ key: z.string(), phase: z.enum(['facts', 'preview', 'reconcile']) }).nullable(),
  decision: decisionSchema.nullable(),
  approval: activityApprovalSchema.nullable(),
  /** Arguments as JSON text; null when erased, not opened, or cut off as too long. */
  arguments: z.string().nullable(),
  /** Result or error as JSON text; null as above. */
  result: z.string().nullable(),
  cost_nano_usd: integerTextSchema,
  tokens: z.int(),
  latency_ms: z.number().nullable(),
  started_at: timeSchema,
  ended_at: timeSchema.nullable(),
  idempotency_key: z.string().nullable(),
  effect_id: z.string().nullable(),
  effect_hash: z.string().nullable(),
  /** Set when the answer came from the ledger instead of a new call. */
  from_ledger: z.object({ run_id: z.string(), seq: z.int() }).nullable(),
  resolved_by: z.enum(['lookup', 'same_key', 'person']).nullable(),
})
/** One activity of a run. */
export type Activity = z.output<typeof activitySchema>

/** One round of a run: activities by order of their first record, and the checkpoint that ends it. */
export const superstepSchema = z.object({
  superstep: z.int(),
  branch: z.int(),
  /** False when it lies on a branch that a restore left. */
  current: z.boolean(),
  status: z.enum(['open', 'completed']),
  nodes: z.array(z.string()),
  started_at: timeSchema,
  ended_at: timeSchema.nullable(),
  /** Sequence of the barrier's checkpoint, or null while open. */
  checkpoint_seq: z.int().nullable(),
  save_points: z.array(z.object({ seq: z.int(), node: z.string(), position: z.int(), at: timeSchema })),
  activities: z.array(activitySchema),
  /** Failed attempts of nodes, and messages that nobody accepted. */
  notes: z.array(z.object({ seq: z.int(), at: timeSchema, text: z.string() })),
})
/** One round of a run. */
export type Superstep = z.output<typeof superstepSchema>

/** Something that waits for a person. */
export const openRequestSchema = z.object({
  id: z.string(),
  kind: z.enum(['approval', 'question', 'request']),
  tool: z.string(),
  class: z.string(),
  requested_at: timeSchema,
  deadline: timeSchema,
})

/** Records of a run that are not part of a superstep: starts, take-overs, waits, parks, restores, the end. */
export const milestoneSchema = z.object({ seq: z.int(), at: timeSchema, type: z.string(), text: z.string() })

/** Which version a run is with, and what the definitions that the server has can do with it. */
export const definitionSchema = z.object({
  version: z.string(),
  /** The version of its workflow that is here, or null. */
  here: z.string().nullable(),
  /** `refused`: nothing here can go on with it; `same_graph`: code alone differs; `upgrade`: steps are declared. */
  standing: z.enum(['same', 'same_graph', 'upgrade', 'refused']),
  /** Between supersteps, at save points, or in the midst of a superstep. */
  stands: z.enum(['barrier', 'position', 'open']),
  /** The steps that will carry it, such as `1.0.0 to 1.1.0`. */
  steps: z.array(z.string()),
  /** What differs, a sentence each. */
  changes: z.array(z.string()),
  /** Why it is refused and what to do, or null. */
  reason: z.string().nullable(),
})
/** Which version a run is with, and what the definitions that the server has can do with it. */
export type DefinitionView = z.output<typeof definitionSchema>

/** What a run was started with, and what was another one where a later segment went on; null where it is not on record. */
const buildSchema = z.object({
  runtime: z.string(),
  bundle: z.string(),
  version: z.string(),
  definition: z.string(),
  models: z.record(z.string(), z.string()),
  prompts: z.record(z.string(), z.string()),
  tools: z.record(z.string(), z.string()),
  prices: z.record(z.string(), z.string().nullable()),
  /** A sentence for each segment that went on with something else. */
  changes: z.array(z.object({ segment: z.int(), seq: z.int(), what: z.string() })),
})

/** How a run ended: by what, with which code, and what was left undone, each with its reason. */
export const endingSchema = z.object({
  by: z.string(),
  code: z.string().nullable(),
  subject: z.string().nullable(),
  left_undone: z.array(z.object({ what: z.string(), why: z.string() })),
  turns: z.int(),
  cost_nano_usd: integerTextSchema,
  /** Of a loop: the nodes that it went through, in order. */
  cycle: z.array(z.string()),
})

/** One run with everything that its page shows. */
export const runDetailSchema = z.object({
  run: runSummarySchema,
  principal: principalSchema,
  signature: z.string(),
  bundle: z.string(),
  build: buildSchema.nullable(),
  mode: z.enum(['development', 'production']),
  trace_id: z.string(),
  /** One plain sentence: what state it is in and why. */
  why: z.string(),
  /** Null for a run that has ended. */
  definition: definitionSchema.nullable(),
  budget: z.array(budgetBarSchema),
  cost_nano_usd: integerTextSchema,
  open: z.array(openRequestSchema),
  /** Names of what was left undone when it stopped. */
  /** What a kill switch holds up: the key of the call, or the id of the switch that holds the whole run. */
  held_up: z.array(z.object({ key: z.string(), text: z.string(), action: z.string() })),
  undone: z.array(z.string()),
  /** Null while it has not ended; its partial result is `output`. */
  ending: endingSchema.nullish(),
  /** Input and output, opened; null when erased or there is none yet. */
  input: jsonSchema,
  output: jsonSchema,
  timeline: z.array(superstepSchema),
  milestones: z.array(milestoneSchema),
})
/** One run with everything that its page shows. */
export type RunDetail = z.output<typeof runDetailSchema>

/** A stored record: the common fields, and the fields of its type beside them. Contents are references, never text. */
export const recordSchema = z.looseObject({
  v: z.int(),
  run: z.string(),
  seq: z.int(),
  type: z.string(),
  at: timeSchema,
  prev: z.string(),
  branch: z.int(),
  segment: z.int(),
  cause: z.int().nullable(),
  active_ms: z.number(),
})
/** A stored record. */
export type RecordView = z.output<typeof recordSchema>

/** A place where a run can be restored to. */
export const restorePointSchema = z.object({
  seq: z.int(),
  kind: z.enum(['entry', 'superstep', 'response', 'upgrade', 'save_point']),
  at: timeSchema,
  superstep: z.int(),
  node: z.string().nullable(),
  position: z.int().nullable(),
  /** False when it lies on an abandoned branch. */
  current: z.boolean(),
  /** Effects recorded after it: on a restore they are answered from the ledger or a person is asked. */
  later_effects: z.array(z.object({ tool: z.string(), seq: z.int(), status: outcomeStatusSchema })),
})
/** A place where a run can be restored to. */
export type RestorePointView = z.output<typeof restorePointSchema>

/** Starts a run. Who starts it is told by the credential alone. */
export const startRunSchema = z.strictObject({
  workflow: z.string().min(1).max(200),
  input: z.unknown(),
  /** Equal ids start one run only. */
  request_id: z.string().min(1).max(200).optional(),
  /** The person that the run is about: their key seals its contents, and erasing them erases these. Default: the run alone. */
  subject: z.string().min(1).max(500).optional(),
})
/** Answer to a start: `existed` when the request id had started this run before. */
export const startedSchema = z.object({ run_id: z.string(), existed: z.boolean() })

/** Filter and cursor of the list of runs. `status` is a comma-separated list. */
export const listRunsQuerySchema = z.strictObject({
  status: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(runStatusSchema))
    .optional(),
  workflow: z.string().optional(),
  /** The caller's own id of the start, such as the number of an invoice. */
  request_id: z.string().min(1).max(200).optional(),
  limit: limitSchema.default(50),
  /** The `next` of the page before. */
  before: z.string().optional(),
})
/** A page of runs, newest first. */
export const runListSchema = z.object({ runs: z.array(runSummarySchema), next: z.string().nullable() })

/** Filter of a run's records. */
export const eventsQuerySchema = z.strictObject({
  after: z.coerce.number().int().min(0).default(0),
  limit: limitSchema.default(200),
})
/** Records in order of sequence; `next_after` continues, null at the end. */
export const eventListSchema = z.object({ events: z.array(recordSchema), next_after: z.int().nullable() })

/** Restore points, newest first. */
export const checkpointListSchema = z.object({ checkpoints: z.array(restorePointSchema) })

/** Cancels a run; `terminate` ends it without waiting for the node that runs now. */
export const cancelSchema = z.strictObject({ reason: reasonSchema, terminate: z.boolean().optional() })
/** Lets a parked run go on. */
export const resumeSchema = z.strictObject({ reason: reasonSchema })
/** What a person says of an ended run's result. */
export const feedbackSchema = z.strictObject({
  verdict: z.enum(['accepted', 'edited', 'rejected', 'reopened']),
  reason: reasonSchema,
})
