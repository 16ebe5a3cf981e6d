/** What the server tells of the life of policy bundles. */
import type {
  ActivationView,
  BundleChange,
  DraftView,
  PolicyEventView,
  PolicyHolderView,
  PrincipalView,
  ShadowView,
} from '@signalbox/protocol'
import {
  type BundleActivated,
  type BundleProposed,
  bundleDifferences,
  bundleHash,
  type PolicyBundle,
  type PolicyEvent,
  type PolicyHistory,
  type PolicyHolder,
  POLICY_HOLDER_GONE_MS,
  type PolicyLogRow,
  type Principal,
  policyEvent,
  type ShadowOutcome,
  type ShadowStarted,
} from 'signalbox'
import { isoOf } from './runs.ts'

/** A principal as others are shown it. */
function personOf(who: Principal | null): PrincipalView | null {
  if (who === null) return null
  const { id, kind, tenant, roles } = who
  return { id, kind, tenant, roles: [...roles] }
}

/** An activation; `unreviewed` holds the emergencies that somebody still has to look at. */
export function activationView(event: BundleActivated, { unreviewed }: PolicyHistory): ActivationView {
  const { seq, at, bundle, version, from, way, rollback, author, by, reason } = event
  return {
    ...{ seq, at, bundle, hash: bundleHash(bundle), version, from, way, rollback, reason },
    author: personOf(author),
    by: personOf(by),
    declared: event.declared === true,
    review_open: unreviewed.some((each) => each.seq === seq),
  }
}

/** A draft with its difference to the bundle in force. */
export function draftView(
  draft: BundleProposed,
  history: PolicyHistory,
  changes: readonly BundleChange[] | null,
): DraftView {
  const { seq, at, bundle, version, base, rollback, by, reason } = draft
  const stale = base !== (history.inForce?.bundle ?? null)
  const shown = changes === null ? null : [...changes]
  return {
    ...{ seq, at, bundle, hash: bundleHash(bundle), version, base, stale, rollback, reason },
    by: personOf(by),
    changes: shown,
  }
}

/** Every difference between two bundles as it is shown. */
export function changesBetween(before: PolicyBundle, after: PolicyBundle): BundleChange[] {
  return bundleDifferences(before, after).map(({ details, ...rest }) => ({ ...rest, details: [...details] }))
}

/** What a process holds, compared with what is in force. */
export function holderView(row: PolicyHolder, inForce: BundleActivated | null, now: number): PolicyHolderView {
  const current = inForce !== null && row.bundle === inForce.bundle
  const since = inForce === null ? 0 : row.heldAt - Date.parse(inForce.at)
  return {
    process: row.process,
    kind: row.kind,
    pid: row.pid,
    bundle: row.bundle,
    held_at: isoOf(row.heldAt),
    seen_at: isoOf(row.seenAt),
    alive: now - row.seenAt <= POLICY_HOLDER_GONE_MS,
    current,
    // One that started later held it from its start.
    reached_ms: current && row.activation === inForce.seq ? Math.max(0, since) : null,
    refused: row.refused === null ? null : { ...row.refused },
  }
}

/** How long it took until the last process that lives held the bundle; null while one does not. */
export function reachedAll(holders: readonly PolicyHolderView[]): number | null {
  const alive = holders.filter((each) => each.alive)
  if (alive.some((each) => !each.current)) return null
  const times = alive.flatMap(({ reached_ms: ms }) => (ms === null ? [] : [ms]))
  return times.length === 0 ? null : Math.max(...times)
}

/** One entry of the history. */
export function eventView(row: PolicyLogRow): PolicyEventView {
  const event: PolicyEvent = policyEvent(row)
  return {
    seq: row.seq,
    at: event.at,
    type: event.type,
    bundle: 'bundle' in event ? event.bundle : null,
    way: event.type === 'bundle.activated' ? event.way : null,
    author: event.type === 'bundle.activated' ? personOf(event.author) : null,
    by: personOf(event.by),
    reason: event.reason,
    hash: row.hash,
  }
}

/** The draft in shadow with what was counted for one tenant. */
export function shadowView(
  { seq, at, bundle, by }: ShadowStarted,
  counts: Readonly<Partial<Record<ShadowOutcome, number>>>,
): ShadowView {
  const none = { same: 0, would_block: 0, would_allow: 0, would_ask: 0, error: 0, dropped: 0 }
  return { seq, since: at, bundle, hash: bundleHash(bundle), by: personOf(by), counts: { ...none, ...counts } }
}
