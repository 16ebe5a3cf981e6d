import type { ApprovalDetail, DelegationView, ReviewStatsView, StandingView } from '@signalbox/protocol'
import {
  type DelegationBody,
  holdsAt,
  type MandateRow,
  type Principal,
  type ReviewApi,
  type ReviewStats,
  type StandingBody,
  type StandingConstraint,
} from 'signalbox'
import { isoOf, isoOrNull } from './runs.ts'

type StandingRow = Awaited<ReturnType<ReviewApi['standing']>>[number]

function common(row: MandateRow, now: number) {
  return {
    id: row.id,
    created_by: row.createdBy,
    created_at: isoOf(row.createdAt),
    starts_at: isoOf(row.startsAt),
    expires_at: isoOf(row.expiresAt),
    revoked_by: row.revokedBy,
    revoked_at: isoOrNull(row.revokedAt),
    in_force: holdsAt(row, now),
    reason: row.reason,
  }
}

/** A delegation as the API gives it. */
export function delegationView(row: MandateRow, now: number): DelegationView {
  const { delegate, roles } = JSON.parse(row.body) as DelegationBody // The runtime wrote it from this type.
  return { ...common(row, now), delegate, roles: [...roles] }
}

/** A standing approval with its uses, as the API gives it. */
export function standingView(row: MandateRow & Partial<Pick<StandingRow, 'uses'>>, now: number): StandingView {
  const body = JSON.parse(row.body) as StandingBody // The runtime wrote it from this type.
  const uses = row.uses ?? []
  return {
    ...common(row, now),
    tool: body.tool,
    workflow: body.workflow,
    principal: body.principal,
    constraints: body.constraints.map(constraintView),
    amount_field: body.amount_field,
    max_uses: row.maxUses ?? 0,
    max_amount: row.maxAmount,
    used: uses.length,
    used_amount: uses.reduce((sum, use) => sum + (use.amount ?? 0), 0),
    uses: uses.map((use) => ({ approval: use.useId, run_id: use.runId, amount: use.amount, at: isoOf(use.at) })),
  }
}

function constraintView(one: StandingConstraint): StandingView['constraints'][number] {
  return 'one_of' in one ? { ...one, one_of: [...one.one_of] } : { ...one }
}

/** Statistics as the API gives them. */
export function reviewStatsView(stats: ReviewStats): ReviewStatsView {
  return {
    ...stats,
    decided: { ...stats.decided },
    open_by_role: stats.open_by_role.map((one) => ({ ...one })),
    reviewers: stats.reviewers.map((one) => ({ ...one })),
  }
}

/**
 * An approval as somebody sees it who may answer in another's place. Whether they hold the right to stand in is the
 * bundle's to say, when they answer.
 */
export function standingIn(
  detail: ApprovalDetail,
  viewer: Principal,
  now: number,
  delegations: readonly MandateRow[],
): ApprovalDetail {
  const found = delegations.find((row) => {
    const { delegate, roles } = JSON.parse(row.body) as DelegationBody // The runtime wrote it from this type.
    return (
      delegate === viewer.id &&
      holdsAt(row, now) &&
      row.createdBy !== detail.requester &&
      detail.approvers.every((needed) => needed.some((role) => roles.includes(role)))
    )
  })
  return found ? { ...detail, can_decide: true, cannot_decide_code: null, acts_for: found.createdBy } : detail
}
