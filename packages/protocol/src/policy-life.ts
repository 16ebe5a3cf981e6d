import { z } from 'zod'
import { principalSchema, reasonSchema, timeSchema } from './common.ts'

const bundleId = z.string().min(8).max(200)
const hash = { params: z.object({ id: bundleId }) } as const

/** A bundle in the history: how, when and by whom it came into force. */
export const activationSchema = z.object({
  /** Place in the policy history. */
  seq: z.int(),
  at: timeSchema,
  /** `name@sha256`. */
  bundle: z.string(),
  hash: z.string(),
  version: z.string(),
  /** What was in force before, `name@sha256`. */
  from: z.string().nullable(),
  way: z.enum(['reviewed', 'bootstrap', 'development', 'emergency']),
  /** True where a bundle came back that had been in force before. */
  rollback: z.boolean(),
  /** Who proposed it; null where nobody did. */
  author: principalSchema.nullable(),
  /** Who activated it; null for the folder of a development server. */
  by: principalSchema.nullable(),
  /** True where the names are those of the configuration, without a credential. */
  declared: z.boolean(),
  reason: z.string(),
  /** An emergency that somebody else still has to look at. */
  review_open: z.boolean(),
})
/** A bundle in the history: how, when and by whom it came into force. */
export type ActivationView = z.output<typeof activationSchema>

/** One difference between two bundles. */
export const bundleChangeSchema = z.object({
  what: z.string(),
  how: z.enum(['added', 'removed', 'changed']),
  name: z.string(),
  details: z.array(z.string()),
  /** May let something pass that was stopped, or stop asking a person. */
  loosens: z.boolean(),
})
/** One difference between two bundles. */
export type BundleChange = z.output<typeof bundleChangeSchema>

/** A draft that waits for somebody else. */
export const draftSchema = z.object({
  seq: z.int(),
  at: timeSchema,
  bundle: z.string(),
  hash: z.string(),
  version: z.string(),
  /** The bundle that it was proposed against; activation is refused when another is in force. */
  base: z.string().nullable(),
  stale: z.boolean(),
  rollback: z.boolean(),
  by: principalSchema.nullable(),
  reason: z.string(),
  /** Against the bundle in force; null where one of the two cannot be read by this version. */
  changes: z.array(bundleChangeSchema).nullable(),
})
/** A draft that waits for somebody else. */
export type DraftView = z.output<typeof draftSchema>

/** What one process holds. */
export const policyHolderSchema = z.object({
  process: z.string(),
  kind: z.enum(['server', 'worker']),
  pid: z.int(),
  bundle: z.string().nullable(),
  held_at: timeSchema,
  seen_at: timeSchema,
  /** False for one that has not told of itself for a while. */
  alive: z.boolean(),
  /** It holds the bundle in force. */
  current: z.boolean(),
  /** Milliseconds from the activation to when it held the bundle; null where it does not, or held it from its start. */
  reached_ms: z.number().nullable(),
  /** The bundle in force that it did not take up, and why. */
  refused: z.object({ bundle: z.string(), code: z.string(), detail: z.string() }).nullable(),
})
/** What one process holds. */
export type PolicyHolderView = z.output<typeof policyHolderSchema>

/** Which draft is evaluated beside the bundle in force, and what it would have done otherwise. */
export const shadowSchema = z.object({
  seq: z.int(),
  since: timeSchema,
  bundle: z.string(),
  hash: z.string(),
  by: principalSchema.nullable(),
  counts: z.object({
    same: z.int(),
    would_block: z.int(),
    would_allow: z.int(),
    would_ask: z.int(),
    error: z.int(),
    /** Questions that were not compared because too many came at once. */
    dropped: z.int(),
  }),
})
/** Which draft is evaluated beside the bundle in force. */
export type ShadowView = z.output<typeof shadowSchema>

/** How the policy stands. */
export const policyStatusSchema = z.object({
  mode: z.enum(['development', 'production']),
  /** `folder`: a changed folder is activated at once. `reviewed`: only what a second person activated. */
  activation: z.enum(['folder', 'reviewed']),
  in_force: activationSchema.nullable(),
  /** Hash of the project's folder; null where it cannot be read as a bundle, and `problem` says why. */
  folder: z.object({
    path: z.string(),
    hash: z.string().nullable(),
    same: z.boolean(),
    problem: z.string().nullable(),
  }),
  holders: z.array(policyHolderSchema),
  /** Milliseconds until the last process held the bundle in force; null while one does not, or where nothing is known. */
  reached_all_ms: z.number().nullable(),
  drafts: z.array(draftSchema),
  shadow: shadowSchema.nullable(),
  /** Sequences of emergency activations that somebody else still has to look at. */
  reviews_open: z.array(z.int()),
})
/** How the policy stands. */
export type PolicyStatus = z.output<typeof policyStatusSchema>

/** One entry of the policy history. */
export const policyEventSchema = z.object({
  seq: z.int(),
  at: timeSchema,
  type: z.enum([
    'bundle.proposed',
    'bundle.declined',
    'bundle.activated',
    'activation.reviewed',
    'shadow.started',
    'shadow.stopped',
    'bundles.imported',
    'roles.signed',
  ]),
  bundle: z.string().nullable(),
  way: z.string().nullable(),
  author: principalSchema.nullable(),
  by: principalSchema.nullable(),
  reason: z.string(),
  hash: z.string(),
})
/** One entry of the policy history. */
export type PolicyEventView = z.output<typeof policyEventSchema>

/** The policy history, newest first. */
export const policyHistorySchema = z.object({ events: z.array(policyEventSchema) })

/** A stored bundle with its files. */
export const storedBundleSchema = z.object({
  bundle: z.string(),
  hash: z.string(),
  version: z.string(),
  owner: z.string(),
  files: z.record(z.string(), z.string()),
  warnings: z.array(z.string()),
  /** Against the bundle in force; empty for itself. */
  changes: z.array(bundleChangeSchema),
})
/** A stored bundle with its files. */
export type StoredBundle = z.output<typeof storedBundleSchema>

/** What a shadow found, newest first. */
export const shadowReportSchema = z.object({
  shadow: shadowSchema.nullable(),
  findings: z.array(
    z.object({
      outcome: z.enum(['would_block', 'would_allow', 'would_ask', 'error']),
      run_id: z.string(),
      workflow: z.string(),
      point: z.string(),
      action: z.string(),
      at: timeSchema,
      now: z.object({ verdict: z.string(), reason_code: z.string() }),
      draft: z.object({ verdict: z.string(), reason_code: z.string(), policies: z.array(z.string()) }),
    }),
  ),
})
/** What a shadow found. */
export type ShadowReport = z.output<typeof shadowReportSchema>

/** New files, or a bundle that is stored: exactly one of the two. */
const what = {
  files: z.record(z.string().min(1).max(300), z.string()).optional(),
  hash: bundleId.optional(),
}
const exactlyOne = 'give either `files` or `hash`'

/** Proposes a bundle, or evaluates one beside the bundle in force. */
export const proposeSchema = z
  .strictObject({ ...what, reason: reasonSchema })
  .refine(({ files, hash: of }) => (files === undefined) !== (of === undefined), exactlyOne)
/** An order about a bundle of the path. */
export const policyOrderSchema = z.strictObject({ reason: reasonSchema })
/** Says that somebody else looked at an emergency activation. */
export const reviewSchema = z.strictObject({ activation: z.int().min(1), reason: reasonSchema })
/** The bundle that a change was about, `name@sha256`. */
export const policyChangedSchema = z.object({ bundle: z.string(), hash: z.string() })

/** Endpoints about the life of policy bundles. */
export const POLICY_LIFE_ENDPOINTS = {
  policyStatus: {
    method: 'get',
    path: '/policy',
    summary: 'The bundle in force, which processes hold it, drafts with their differences, and a draft in shadow',
    permission: 'read',
    status: 200,
    response: policyStatusSchema,
  },
  policyHistory: {
    method: 'get',
    path: '/policy/history',
    summary: 'Who proposed and activated which bundle, newest first',
    permission: 'read',
    status: 200,
    response: policyHistorySchema,
  },
  policyBundle: {
    ...hash,
    method: 'get',
    path: '/policy/bundles/{id}',
    summary: 'A stored bundle by its hash, with its difference to the one in force',
    permission: 'read',
    status: 200,
    response: storedBundleSchema,
  },
  proposeBundle: {
    method: 'post',
    path: '/policy/proposals',
    summary: 'Store a bundle as a draft, for somebody else to activate',
    permission: 'policy.propose',
    status: 201,
    body: proposeSchema,
    response: policyChangedSchema,
  },
  activateBundle: {
    ...hash,
    method: 'post',
    path: '/policy/bundles/{id}/activate',
    summary: 'Activate a draft of somebody else',
    permission: 'policy.activate',
    status: 200,
    body: policyOrderSchema,
    response: policyChangedSchema,
  },
  declineBundle: {
    ...hash,
    method: 'post',
    path: '/policy/bundles/{id}/decline',
    summary: 'Take a draft from the list',
    permission: 'policy.propose',
    status: 200,
    body: policyOrderSchema,
    response: policyChangedSchema,
  },
  takeBackBundle: {
    ...hash,
    method: 'post',
    path: '/policy/bundles/{id}/emergency',
    summary: 'Bring a bundle back that was in force, alone; somebody else has to look at it after',
    permission: 'policy.activate',
    status: 200,
    body: policyOrderSchema,
    response: policyChangedSchema,
  },
  reviewActivation: {
    method: 'post',
    path: '/policy/reviews',
    summary: 'Say that you looked at an emergency activation of somebody else',
    permission: 'policy.activate',
    status: 200,
    body: reviewSchema,
    response: z.object({ activation: z.int() }),
  },
  startShadow: {
    method: 'post',
    path: '/policy/shadow',
    summary: 'Evaluate a draft beside the bundle in force; it decides nothing',
    permission: 'policy.propose',
    status: 201,
    body: proposeSchema,
    response: policyChangedSchema,
  },
  stopShadow: {
    method: 'post',
    path: '/policy/shadow/stop',
    summary: 'Evaluate no draft any more',
    permission: 'policy.propose',
    status: 200,
    body: policyOrderSchema,
    response: z.object({ stopped: z.literal(true) }),
  },
  shadowReport: {
    method: 'get',
    path: '/policy/shadow',
    summary: 'What the draft in shadow would have done otherwise, newest first',
    permission: 'read',
    status: 200,
    response: shadowReportSchema,
  },
} as const
