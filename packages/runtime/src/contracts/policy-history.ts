/**
 * The life of policy bundles as it is stored. It belongs to the project and not to a tenant, as the definitions of its
 * workflows do: one process decides for all tenants by one bundle. Who acted is on record with their tenant.
 */
import type { Principal } from './common.ts'
import type { Decision, InterventionPoint } from './policy.ts'

/** Version of the events of the policy history. */
export const POLICY_EVENT_VERSION = 1

/** How a bundle came into force: by whose leave. */
export type ActivationWay =
  /** A second person reviewed what an author proposed. */
  | 'reviewed'
  /** The first one: its roles come from the proposed bundle itself, or both names from the project's configuration. */
  | 'bootstrap'
  /** A changed folder of a development server; nobody reviewed it. */
  | 'development'
  /** One person took back a bundle that had been in force, without a second one; to be reviewed after. */
  | 'emergency'

/** What every event of the policy history carries. */
export interface PolicyEventBase {
  readonly v: number
  readonly seq: number
  /** ISO 8601. */
  readonly at: string
  /** SHA-256 (hex) of the body before; 64 zeros for the first. */
  readonly prev: string
  /** Null where no person acted: a development server, an import. */
  readonly by: Principal | null
  /** Why; given by the person. */
  readonly reason: string
}

/** A bundle was stored as a draft, to be activated by somebody else. */
export interface BundleProposed extends PolicyEventBase {
  readonly type: 'bundle.proposed'
  /** `name@sha256`. */
  readonly bundle: string
  readonly version: string
  /** The bundle in force when it was proposed, which its difference was shown against; null for none. */
  readonly base: string | null
  /** True for one that had been in force before. */
  readonly rollback: boolean
}

/** A draft was taken back by its author, or declined by a reviewer. */
export interface BundleDeclined extends PolicyEventBase {
  readonly type: 'bundle.declined'
  readonly proposal: number
  readonly bundle: string
}

/** A bundle came into force. */
export interface BundleActivated extends PolicyEventBase {
  readonly type: 'bundle.activated'
  readonly bundle: string
  readonly version: string
  readonly from: string | null
  readonly way: ActivationWay
  /** Sequence of the proposal; null where nobody proposed it. */
  readonly proposal: number | null
  /** Who proposed it; never the one who activated it. Null where nobody did. */
  readonly author: Principal | null
  readonly rollback: boolean
  /** True where the names are those of the configuration and no credential stands behind them. */
  readonly declared?: true
}

/** Somebody else looked at an emergency activation after it. */
export interface ActivationReviewed extends PolicyEventBase {
  readonly type: 'activation.reviewed'
  readonly activation: number
}

/** A draft is evaluated beside the bundle in force from here on; it decides nothing. */
export interface ShadowStarted extends PolicyEventBase {
  readonly type: 'shadow.started'
  readonly bundle: string
  readonly version: string
}

/** No draft is evaluated any more. */
export interface ShadowStopped extends PolicyEventBase {
  readonly type: 'shadow.stopped'
}

/** Runs of another store came in, decided by bundles that were in force there. */
export interface BundlesImported extends PolicyEventBase {
  readonly type: 'bundles.imported'
  readonly bundles: readonly string[]
}

/** The owner of the table of roles and tools signed it as it was. */
export interface RolesSigned extends PolicyEventBase {
  readonly type: 'roles.signed'
  /** The bundle that the table was computed from, `name@sha256`. */
  readonly bundle: string
  /** SHA-256 (hex) of the table; its content is a definition, under `matrixDefinition`. */
  readonly matrix: string
  /** ISO 8601: from here on it does not count. */
  readonly expires_at: string
}

/** One entry of the policy history: append-only, each with the hash of the one before (Invariant 9). */
export type PolicyEvent =
  | BundleProposed
  | BundleDeclined
  | BundleActivated
  | ActivationReviewed
  | ShadowStarted
  | ShadowStopped
  | BundlesImported
  | RolesSigned

/** An event as it is stored. */
export interface PolicyLogRow {
  readonly seq: number
  /** JSON text, exactly as hashed. */
  readonly body: string
  /** SHA-256 (hex) over `body`. */
  readonly hash: string
}

/** What one process holds, as it told itself. */
export interface PolicyHolder {
  /** Unique for each process. */
  readonly process: string
  readonly kind: 'server' | 'worker'
  readonly pid: number
  /** `name@sha256`, or null while it holds none. */
  readonly bundle: string | null
  /** Sequence of the activation by which it took the bundle up while it ran; 0 for the one that it started with. */
  readonly activation: number
  /** Milliseconds since 1970: when it took the bundle up. */
  readonly heldAt: number
  readonly seenAt: number
  /** An activation that it could not take up, so that it stays with the bundle above; null when there is none. */
  readonly refused: { readonly bundle: string; readonly code: string; readonly detail: string } | null
}

/** What a draft would have done otherwise. `same` is counted and not listed. */
export type ShadowOutcome = 'same' | 'would_block' | 'would_allow' | 'would_ask' | 'error' | 'dropped'

/** One decision that the draft would have made otherwise. It lies outside the run's history: the draft decided nothing. */
export interface ShadowFinding {
  readonly tenant: string
  readonly outcome: Exclude<ShadowOutcome, 'same' | 'dropped'>
  readonly runId: string
  readonly workflow: string
  readonly point: InterventionPoint
  readonly action: string
  /** Milliseconds since 1970. */
  readonly at: number
  /** Bundle in force, `name@sha256`. */
  readonly bundle: string
  readonly now: Pick<Decision, 'verdict' | 'reason_code'>
  readonly draft: Pick<Decision, 'verdict' | 'reason_code' | 'policies'>
}

/** Counts and findings of one process since it told the last time. */
export interface ShadowBatch {
  /** Sequence of the `shadow.started` that they belong to. */
  readonly shadow: number
  readonly counts: readonly { readonly tenant: string; readonly outcome: ShadowOutcome; readonly count: number }[]
  readonly findings: readonly ShadowFinding[]
}

/** Most findings of one shadow that are kept; all are counted. */
export const SHADOW_FINDINGS_KEPT = 10_000

/**
 * The part of a store that the life of bundles lies in. Contents of bundles are definitions, under `bundleDefinition`;
 * they are stored once and never changed.
 */
export interface PolicyStore {
  /** Sequence of the last event, 0 for none. Cheap: every process asks again and again. */
  policyHead(): Promise<number>
  /** Events after a sequence, in order. */
  policyLog(after: number): Promise<readonly PolicyLogRow[]>
  /** Appends the event with the next sequence, durable. False, and nothing is stored, when another was first. */
  appendPolicyLog(row: PolicyLogRow): Promise<boolean>
  /** What processes hold, by name. */
  policyHolders(): Promise<readonly PolicyHolder[]>
  /** Stores or replaces what a process holds. */
  putPolicyHolder(row: PolicyHolder): Promise<void>
  dropPolicyHolder(process: string): Promise<void>
  /** Adds counts, and findings up to `SHADOW_FINDINGS_KEPT` for each shadow. */
  addShadow(batch: ShadowBatch): Promise<void>
  /** Counts of one tenant by outcome. */
  shadowCounts(tenant: string, shadow: number): Promise<Readonly<Partial<Record<ShadowOutcome, number>>>>
  /** Findings of one tenant, newest first. */
  shadowFindings(tenant: string, shadow: number, limit: number): Promise<readonly ShadowFinding[]>
}

/** Where the content of a bundle lies among the definitions: canonical JSON of its files by path. */
export function bundleDefinition(hash: string): string {
  return `policy-bundle:${hash}`
}

/** Where a signed table of roles and tools lies among the definitions. */
export function matrixDefinition(hash: string): string {
  return `role-matrix:${hash}`
}

/** The hash of a bundle's id `name@sha256`. */
export function bundleHash(bundle: string): string {
  return bundle.slice(bundle.lastIndexOf('@') + 1)
}

/** The bundles (`name@sha256`) that records name. Records hold no content, so that what looks like a bundle is one. */
export function bundlesIn(records: readonly { readonly body: string }[]): ReadonlySet<string> {
  const found = records.flatMap(({ body }) => [...body.matchAll(BUNDLE)].map(([, bundle]) => bundle ?? ''))
  return new Set(found)
}

const BUNDLE = /"bundle":"([^"]{1,80}@[0-9a-f]{64})"/g
