import { SignalboxError } from '../base/errors.ts'
import { sha256Hex } from '../base/hash.ts'
import type { Principal } from '../contracts/common.ts'
import {
  type ActivationReviewed,
  type BundleActivated,
  type BundleDeclined,
  type BundleProposed,
  type BundlesImported,
  POLICY_EVENT_VERSION,
  type PolicyEvent,
  type PolicyLogRow,
  type RolesSigned,
  type ShadowStarted,
  type ShadowStopped,
} from '../contracts/policy-history.ts'

/** Where the chain of the policy history begins. */
export const POLICY_CHAIN_START = '0'.repeat(64)

/** What the policy history amounts to. */
export interface PolicyHistory {
  readonly seq: number
  /** Hash of the last event. */
  readonly head: string
  /** The activation that is in force, or null before the first. */
  readonly inForce: BundleActivated | null
  /** Proposals that were neither activated nor declined, oldest first. */
  readonly drafts: readonly BundleProposed[]
  readonly activations: readonly BundleActivated[]
  /** Emergency activations that nobody else has looked at yet. */
  readonly unreviewed: readonly BundleActivated[]
  /** The draft that is evaluated beside, or null. */
  readonly shadow: ShadowStarted | null
  /** Bundles (`name@sha256`) by which runs were decided: in force here once, or in force where they came from. */
  readonly known: ReadonlySet<string>
  /** Signatures of the table of roles and tools, oldest first. */
  readonly signed: readonly RolesSigned[]
}

/** The history before anything happened. */
export const NO_POLICY_HISTORY: PolicyHistory = {
  seq: 0,
  head: POLICY_CHAIN_START,
  inForce: null,
  drafts: [],
  activations: [],
  unreviewed: [],
  shadow: null,
  known: new Set(),
  signed: [],
}

/** Reads the stored events. Throws STORE_CORRUPT for a body that is none; the audit says what is wrong with the others. */
export function policyEvent(row: PolicyLogRow): PolicyEvent {
  try {
    // Written by `policyRow` alone, with the type's fields; the audit compares hash and chain.
    return JSON.parse(row.body) as PolicyEvent
  } catch (cause) {
    throw new SignalboxError(
      'STORE_CORRUPT',
      `event ${row.seq} of the policy history cannot be read: see \`signalbox audit verify\``,
      { cause },
    )
  }
}

/** What an event says beside its place in the chain. */
export type PolicyEventBody =
  | Told<BundleProposed>
  | Told<BundleDeclined>
  | Told<BundleActivated>
  | Told<ActivationReviewed>
  | Told<ShadowStarted>
  | Told<ShadowStopped>
  | Told<BundlesImported>
  | Told<RolesSigned>

type Told<T> = Omit<T, 'v' | 'seq' | 'at' | 'prev'>

/** The row that continues the history. `at` is ISO 8601. */
export function policyRow(
  before: Pick<PolicyHistory, 'seq' | 'head'>,
  at: string,
  told: PolicyEventBody,
): PolicyLogRow {
  const place = { v: POLICY_EVENT_VERSION, seq: before.seq + 1, at, prev: before.head }
  const body = JSON.stringify({ ...place, ...told })
  return { seq: place.seq, body, hash: sha256Hex(body) }
}

/** Continues a history by stored events. */
export function foldPolicyHistory(before: PolicyHistory, rows: readonly PolicyLogRow[]): PolicyHistory {
  return rows.reduce((history, row) => {
    const next = foldEvent(history, policyEvent(row))
    return { ...next, seq: row.seq, head: row.hash }
  }, before)
}

function foldEvent(history: PolicyHistory, event: PolicyEvent): PolicyHistory {
  const { drafts, unreviewed, known } = history
  const without = (seq: number | null) => drafts.filter((each) => each.seq !== seq)
  switch (event.type) {
    case 'bundle.proposed':
      return { ...history, drafts: [...without(draftOf(history, event.bundle)?.seq ?? null), event] }
    case 'bundle.declined':
      return { ...history, drafts: without(event.proposal) }
    case 'bundle.activated':
      return {
        ...history,
        inForce: event,
        drafts: without(event.proposal),
        activations: [...history.activations, event],
        unreviewed: event.way === 'emergency' ? [...unreviewed, event] : unreviewed,
        shadow: history.shadow?.bundle === event.bundle ? null : history.shadow,
        known: new Set([...known, event.bundle]),
      }
    case 'activation.reviewed':
      return { ...history, unreviewed: unreviewed.filter((each) => each.seq !== event.activation) }
    case 'shadow.started':
      return { ...history, shadow: event }
    case 'shadow.stopped':
      return { ...history, shadow: null }
    case 'bundles.imported':
      return { ...history, known: new Set([...known, ...event.bundles]) }
    case 'roles.signed':
      return { ...history, signed: [...history.signed, event] }
    default:
      return event satisfies never
  }
}

/** The open proposal of a bundle, or null. */
export function draftOf(history: PolicyHistory, bundle: string): BundleProposed | null {
  return history.drafts.find((each) => each.bundle === bundle) ?? null
}

/** Who may change the policy: roles that the bundle in force names, or the proposed one where none is in force. */
export interface PolicyRoles {
  readonly authors: readonly string[]
  readonly approvers: readonly string[]
  readonly emergency: readonly string[]
  /** People of this tenant alone: the bundle decides for all tenants. */
  readonly tenant: string
}

/** Throws FORBIDDEN unless the principal is a person of the right tenant who holds one of the roles. */
export function requirePolicyRole(who: Principal, roles: readonly string[], tenant: string, what: string): void {
  if (who.tenant !== tenant)
    throw new SignalboxError(
      'FORBIDDEN',
      `\`${who.id}\` may not ${what}: the policy is kept by people of another tenant`,
    )
  if (who.kind !== 'user') throw new SignalboxError('FORBIDDEN', `\`${who.id}\` may not ${what}: it takes a person`)
  if (roles.some((role) => who.roles.includes(role))) return
  throw new SignalboxError('FORBIDDEN', `\`${who.id}\` may not ${what}: it takes the role ${roles.join(' or ')}`, {
    details: { roles: [...roles] },
  })
}

/**
 * The activation of a draft by a reviewer. Throws FORBIDDEN (role), POLICY_SELF_REVIEW (it is their own draft) and
 * POLICY_DRAFT_STALE (another bundle came into force since, so that nobody has seen this change).
 */
export function activationBy(
  history: PolicyHistory,
  draft: BundleProposed,
  reviewer: { readonly by: Principal; readonly reason: string },
  roles: PolicyRoles,
): Told<BundleActivated> {
  const { by, reason } = reviewer
  requirePolicyRole(by, roles.approvers, roles.tenant, 'activate a bundle')
  const author = draft.by
  if (author === null || author.id === by.id)
    throw new SignalboxError(
      'POLICY_SELF_REVIEW',
      `\`${by.id}\` proposed this bundle: somebody else has to activate it`,
    )
  const from = history.inForce?.bundle ?? null
  if (draft.base !== from)
    throw new SignalboxError(
      'POLICY_DRAFT_STALE',
      `another bundle came into force since \`${draft.bundle}\` was proposed: propose it again, so that its difference to the present one is seen`,
    )
  const { bundle, version, rollback, seq: proposal } = draft
  const way = history.inForce === null ? 'bootstrap' : 'reviewed'
  return { type: 'bundle.activated', bundle, version, from, way, proposal, author, rollback, by, reason }
}
