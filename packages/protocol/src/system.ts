import { z } from 'zod'
import { answersSchema } from './answers.ts'
import { integerTextSchema, jsonSchema, permissionSchema, principalSchema, timeSchema } from './common.ts'

/** The server answers. Open to everyone; says nothing about runs. */
export const healthSchema = z.object({
  status: z.literal('ok'),
  name: z.literal('signalbox'),
  version: z.string(),
  mode: z.enum(['development', 'production']),
})

/** Runs can go on. Open to everyone. */
export const readySchema = z.object({ status: z.literal('ready') })

/** Endpoints for whatever watches the server: whether it answers, and whether runs can go on. */
export const HEALTH_ENDPOINTS = {
  health: {
    method: 'get',
    path: '/health',
    summary: 'Whether the server answers',
    permission: 'open',
    status: 200,
    response: healthSchema,
  },
  ready: {
    method: 'get',
    path: '/ready',
    summary: 'Whether runs can go on: 503 with NOT_READY while the store cannot be read or written',
    permission: 'open',
    status: 200,
    response: readySchema,
  },
} as const

/** Who is signed in, and what they may do. */
export const meSchema = z.object({ principal: principalSchema, permissions: z.array(permissionSchema) })
/** Who is signed in, and what they may do. */
export type Me = z.output<typeof meSchema>

/** A workflow's graph for somebody who draws it; `:input` and `:output` are its two ends. */
export const graphSchema = z.object({
  nodes: z.array(z.object({ name: z.string(), kind: z.string(), lines: z.array(z.string()) })),
  arrows: z.array(z.object({ from: z.string(), to: z.string(), label: z.string(), dashed: z.boolean() })),
})
/** A workflow's graph for somebody who draws it. */
export type Graph = z.output<typeof graphSchema>

/** One workflow that this server's workers have. */
export const workflowSchema = z.object({
  name: z.string(),
  version: z.string(),
  signature: z.string(),
  /** Mermaid text of the graph. */
  diagram: z.string(),
  graph: graphSchema,
  contract: z
    .object({
      objective: z.string(),
      quality_metric: z.string(),
      accepted_by: z.string(),
      escalation: z.string(),
      blast_radius: z.string(),
    })
    .nullable(),
  budget: z.object({
    max_turns: z.int(),
    max_tool_calls: z.int(),
    max_runtime_seconds: z.number(),
    max_tokens: z.int(),
    max_cost_nano_usd: integerTextSchema,
  }),
  max_supersteps: z.int(),
  /** JSON Schema of the input. */
  input_schema: jsonSchema,
  /** Models its agents use, and whether their answers come from a script. */
  models: z.array(z.object({ id: z.string(), scripted: z.boolean() })),
})
/** One workflow that this server's workers have. */
export type Workflow = z.output<typeof workflowSchema>
/** All workflows, by name. */
export const workflowListSchema = z.object({ workflows: z.array(workflowSchema) })

/** A sentence of an explanation and the record it rests on. */
export const sentenceSchema = z.object({ seq: z.int().nullable(), at: timeSchema.nullable(), text: z.string() })

/** A run told in plain language, from its records alone. */
export const explanationSchema = z.object({
  /** Version of this form: fields may come in, and none changes its meaning, while it is the same. */
  schema: z.literal('signalbox.explanation/1'),
  run_id: z.string(),
  answers: answersSchema,
  status: z.string(),
  /** The whole in a few sentences. */
  summary: z.array(sentenceSchema),
  story: z.array(sentenceSchema),
  /** The story by superstep, with what only repeats itself told once. */
  chapters: z.array(
    z.object({
      title: z.string(),
      lines: z.array(
        z.object({
          /** Places in `story`, from 0. */
          sentences: z.array(z.int()),
          /** What several sentences say in common; null where the line is the one sentence. */
          text: z.string().nullable(),
          /** True when the records do not tell how this ended. */
          unknown: z.boolean(),
        }),
      ),
    }),
  ),
  effects: z.array(sentenceSchema),
  open: z.array(sentenceSchema),
  resume: z.array(sentenceSchema),
  unknown: z.array(sentenceSchema),
  cost: z.string(),
  /** The whole explanation as text without colours. */
  text: z.string(),
})
/** A run told in plain language. */
export type ExplanationView = z.output<typeof explanationSchema>

/** What is wrong in a history: where, a closed code, and a sentence. */
export const findingSchema = z.object({ seq: z.int().nullable(), code: z.string(), text: z.string() })
/** What is wrong in a history. */
export type Finding = z.output<typeof findingSchema>

/** Where one effect came from: each field is the record's sequence, or null when it is not there. */
export const effectLineageSchema = z.object({
  effect_id: z.string(),
  tool: z.string(),
  node: z.string(),
  superstep: z.int(),
  status: z.string(),
  model_seq: z.int().nullable(),
  /** True when a deterministic node asked, so that no model call is expected. */
  deterministic: z.boolean(),
  intent_seq: z.int().nullable(),
  outcome_seq: z.int().nullable(),
  decision_id: z.string().nullable(),
  /** What was decided, by which policies of which bundle, and what each control beside it answered. */
  decision: z
    .object({
      verdict: z.string(),
      reason_code: z.string(),
      policies: z.array(z.string()),
      bundle: z.string(),
      elements: z.array(z.object({ element: z.string(), verdict: z.string(), reason_code: z.string() })),
    })
    .nullable(),
  approval: z
    .object({
      approval_id: z.string(),
      seq: z.int(),
      by: z.string().nullable(),
      seen: z.string().nullable(),
      /** Everybody who said yes. */
      votes: z.array(
        z.object({
          by: z.string(),
          acting_for: z.object({ id: z.string(), delegation: z.string() }).nullable(),
          at: timeSchema,
          seen: z.string().nullable(),
        }),
      ),
      /** The standing approval that answered in place of a person. */
      standing: z.string().nullable(),
      edited: z.boolean(),
    })
    .nullable(),
  idempotency_key: z.string().nullable(),
  /** Nodes that lead to the nested workflow it lies in, outermost first. */
  path: z.array(z.string()),
  /** Set where the ledger answered: the run and record in which it happened. */
  from_ledger: z.object({ run_id: z.string(), seq: z.int() }).nullable(),
  resolved_by: z.string().nullable(),
  checkpoint_seq: z.int().nullable(),
  effect_hash: z.string().nullable(),
  /** For a call of a compensation: the effect that it undoes. */
  undoes: z.object({ run_id: z.string(), seq: z.int(), tool: z.string() }).nullable(),
  /** The run and record that undid it; the record is null while that is under way. */
  undone_by: z.object({ run_id: z.string(), seq: z.int().nullable() }).nullable(),
})
/** Lineage of every effect of a run, and what is missing in it. */
export const lineageSchema = z.object({
  run_id: z.string(),
  complete: z.boolean(),
  effects: z.array(effectLineageSchema),
  gaps: z.array(findingSchema),
})
/** Lineage of every effect of a run. */
export type Lineage = z.output<typeof lineageSchema>

/** Verification of one run's chain and meaning. */
export const auditSchema = z.object({
  run_id: z.string(),
  ok: z.boolean(),
  records: z.int(),
  head: z.string(),
  findings: z.array(findingSchema),
})
/** Verification of one run. */
export type Audit = z.output<typeof auditSchema>

/** Verification of every run of the tenant. */
export const auditAllSchema = z.object({
  ok: z.boolean(),
  runs: z.int(),
  records: z.int(),
  /** Runs with findings only. */
  failed: z.array(auditSchema),
  /** The history of the policy, and whether what decided these runs was ever in force; null where none is kept. */
  policy: z.object({ ok: z.boolean(), events: z.int(), findings: z.array(findingSchema) }).nullable(),
  /** The history of the tenant's alerts; absent where none are kept. */
  alerts: z.object({ ok: z.boolean(), events: z.int(), findings: z.array(z.string()) }).optional(),
  /** The history of the tenant's kill switches, and whether they stand as it tells; absent where it is not read. */
  switches: z.object({ ok: z.boolean(), events: z.int(), findings: z.array(z.string()) }).optional(),
})
/** Verification of every run of the tenant. */
export type AuditAll = z.output<typeof auditAllSchema>
