import { z } from 'zod'
import { effectClassSchema, integerTextSchema, timeSchema } from './common.ts'

/** Sequences of the records that an answer rests on. */
const seqs = z.array(z.int()).readonly()
const texts = z.array(z.string()).readonly()
const placeSchema = z.object({ run: z.string(), seq: z.int() })

const whoSchema = z.object({
  seqs,
  principal: z.string().nullable(),
  kind: z.string().nullable(),
  roles: texts,
  via: z.string().nullable(),
  credential: z.string().nullable(),
  request_id: z.string().nullable(),
  tenant: z.string().nullable(),
})

const ranSchema = z.object({
  seqs,
  run: z.string(),
  workflow: z.string().nullable(),
  version: z.string().nullable(),
  signature: z.string().nullable(),
  runtime: z.string().nullable(),
  status: z.string(),
  code: z.string().nullable(),
  reason: z.string().nullable(),
  fork_of: placeSchema.nullable(),
  compensates: z.string().nullable(),
  takeovers: z.int(),
  overrides: z.array(z.object({ what: z.string(), by: z.string(), seq: z.int() })).readonly(),
})

const whySchema = z.object({
  seqs,
  /** Verdicts about effects, and every other verdict that was no plain permission. */
  rules: z
    .array(
      z.object({
        seq: z.int(),
        decision: z.string(),
        subject: z.string(),
        effect: z.string(),
        verdict: z.string(),
        reason_code: z.string(),
        policies: texts,
        bundle: z.string(),
        controls: z.array(z.object({ element: z.string(), verdict: z.string(), reason_code: z.string() })).readonly(),
      }),
    )
    .readonly(),
})

/** What a reviewer was shown: content, and untrusted. */
const shownSchema = z.object({
  summary: z.string(),
  target: z.object({ type: z.string(), id: z.string(), version: z.string() }).nullable(),
  money: z.object({ minor: z.number(), currency: z.string() }).nullable(),
  rollback: z.string().nullable(),
})

const approvalAnswerSchema = z.object({
  seqs,
  approval: z.string(),
  tool: z.string(),
  answer: z.enum(['approved', 'rejected', 'expired', 'cancelled', 'void', 'open']),
  by: z.string().nullable(),
  /** Everybody who said yes; their words are content, and untrusted. */
  votes: z
    .array(
      z.object({
        by: z.string(),
        for: z.string().nullable(),
        at: timeSchema,
        reason: z.string().nullable(),
        seen: z.string().nullable(),
      }),
    )
    .readonly(),
  code: z.string().nullable(),
  wait_ms: z.number().nullable(),
  reason: z.string().nullable(),
  asked_by: z
    .array(
      z.object({
        policy: z.string(),
        reason_code: z.string(),
        approvers: texts,
        quorum: z.int(),
        stage: z.int(),
      }),
    )
    .readonly(),
  packet_hash: z.string(),
  seen_hash: z.string().nullable(),
  shown: shownSchema.nullable(),
  standing: z.string().nullable(),
  edited_by: z.string().nullable(),
})

const modelSchema = z.object({
  seqs,
  models: z
    .array(
      z.object({
        model: z.string(),
        agents: texts,
        calls: z.int(),
        not_succeeded: z.int(),
        instead_of: z.array(z.object({ model: z.string(), trouble: z.string() })).readonly(),
        troubles: texts,
      }),
    )
    .readonly(),
  /** Null where no build is on record. */
  prompts: z
    .array(z.object({ agent: z.string(), sha256: z.string(), seq: z.int() }))
    .readonly()
    .nullable(),
})

const outsideSchema = z.object({
  seqs,
  effects: z
    .array(
      z.object({
        seq: z.int().nullable(),
        tool: z.string(),
        class: z.string(),
        effect: effectClassSchema,
        status: z.string(),
        /** Null: nobody knows. */
        happened: z.boolean().nullable(),
        code: z.string().nullable(),
        from_ledger: placeSchema.nullable(),
        origin: placeSchema.nullable(),
        resolved_by: z.enum(['lookup', 'same_key', 'person']).nullable(),
        effect_hash: z.string().nullable(),
        effect_id: z.string().nullable(),
        idempotency_key: z.string().nullable(),
        undoes: placeSchema.extend({ tool: z.string() }).nullable(),
        /** JSON text: content, and untrusted. */
        arguments: z.string().nullable(),
      }),
    )
    .readonly(),
  unmediated: z.array(z.object({ host: z.string(), seq: z.int() })).readonly(),
})

const resumeSchema = z.object({
  seqs,
  goes_on: z.enum(['ended', 'by_itself', 'person', 'elsewhere', 'gone']),
  open: z.array(z.object({ kind: z.string(), id: z.string(), seq: z.int(), action: z.string() })).readonly(),
  /** Latest first; the entry of the run is the last. */
  points: z
    .array(
      z.object({
        seq: z.int(),
        at: timeSchema,
        type: z.string(),
        superstep: z.int().nullable(),
        safe: z.boolean(),
        effects: z
          .array(
            z.object({
              tool: z.string(),
              seq: z.int().nullable(),
              effect_id: z.string().nullable(),
              handling: z.enum(['ledger', 'blocks', 'again']),
            }),
          )
          .readonly(),
      }),
    )
    .readonly(),
})

const costSchema = z.object({
  seqs,
  cost_nano_usd: integerTextSchema,
  held_nano_usd: integerTextSchema,
  limit_nano_usd: integerTextSchema.nullable(),
  turns: z.int(),
  tool_calls: z.int(),
  tokens: z.int(),
  estimated_seqs: seqs,
  limits_nearly_used: texts,
})

/** The eight questions of an incident, each with the records that its answer rests on. */
export const answersSchema = z.object({
  who: whoSchema,
  ran: ranSchema,
  why: whySchema,
  approved: z.object({ seqs, approvals: z.array(approvalAnswerSchema).readonly() }),
  model: modelSchema,
  outside: outsideSchema,
  resume: resumeSchema,
  cost: costSchema,
})
/** The eight questions of an incident. */
export type AnswersView = z.output<typeof answersSchema>
