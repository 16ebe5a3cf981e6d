/** What people do with approvals beside saying yes or no, and what they allow ahead. */
import type { JsonValue } from '../base/json.ts'
import type { ApprovalChange } from './approval.ts'
import type { Principal } from './common.ts'
import type { MandateRow, MandateUseRow, StandingConstraint } from './mandates.ts'
import type { ApprovalDecided } from './wait-records.ts'

/** One thing that happened to an approval. Its text is untrusted. */
export interface ApprovalEvent {
  /** ISO 8601: when the person acted. */
  readonly at: string
  readonly what: ApprovalChange['what'] | ApprovalDecided['answer']
  /** Principal id; null where time did it. */
  readonly by: string | null
  readonly for: string | null
  /** Reason, question, answer, or edited arguments as JSON text; null when none or erased. */
  readonly text: string | null
  readonly detail: string | null
}

/** A person acts on one approval. Identity comes from the credential that the caller presented. */
export interface ReviewRequest {
  readonly approvalId: string
  readonly by: Principal
}

/** A standing approval to be given. */
export interface StandingRequest {
  readonly by: Principal
  readonly tool: string
  readonly workflow: string
  /** Principal id on whose behalf the runs act. */
  readonly principal: string
  readonly constraints: readonly StandingConstraint[]
  readonly amountField?: string
  readonly maxUses: number
  readonly maxAmount?: number
  /** Milliseconds since 1970. */
  readonly expiresAt: number
  readonly reason: string
}

/** A reviewer names somebody who answers in the reviewer's place. */
export interface DelegationRequest {
  readonly by: Principal
  readonly delegate: string
  /** Default: all roles of the reviewer. */
  readonly roles?: readonly string[]
  /** Milliseconds since 1970; default: now. */
  readonly startsAt?: number
  readonly expiresAt: number
  readonly reason: string
}

/** How one person reviews. Times in seconds; null where there is nothing to measure. */
export interface ReviewerStats {
  readonly reviewer: string
  readonly approved: number
  readonly rejected: number
  /** Median time from the request to the answer. */
  readonly median_decision_seconds: number | null
  /** Median time from opening the details to the answer. */
  readonly median_reading_seconds: number | null
  /** Share of the yeses that came within `quick_seconds` of the request, or without the details opened. */
  readonly unread_share: number | null
  /** Yeses one after another up to now, without a no. */
  readonly streak: number
  /** True where the numbers suggest that answers are given without reading. */
  readonly rubber_stamp: boolean
}

/** Load and decision times of approvals. */
export interface ReviewStats {
  /** ISO 8601: approvals decided since are counted. */
  readonly since: string
  /** A yes within this time counts as unread where the details were not opened. */
  readonly quick_seconds: number
  readonly open: number
  /** Open approvals by who can answer now, with the age of the oldest in seconds. */
  readonly open_by_role: readonly { readonly role: string; readonly open: number; readonly oldest_seconds: number }[]
  readonly decided: Readonly<Record<'approved' | 'rejected' | 'expired' | 'cancelled' | 'void', number>>
  readonly median_decision_seconds: number | null
  readonly escalated: number
  /** True where there were more than are counted: the oldest of those open, and the newest of those decided, are. */
  readonly cut: boolean
  readonly reviewers: readonly ReviewerStats[]
}

/** The part of `RunsApi` that is about reviewing. Each method throws the closed codes that `decide` throws. */
export interface ReviewApi {
  /** Says that it is being looked at, for `seconds` (default 900). Throws APPROVAL_CLAIMED while another claim lasts. */
  claim(request: ReviewRequest & { readonly seconds?: number }): Promise<void>
  unclaim(request: ReviewRequest): Promise<void>
  /** Puts a question to the requester. */
  askInformation(request: ReviewRequest & { readonly text: string }): Promise<void>
  /** The requester answers it. */
  giveInformation(request: ReviewRequest & { readonly text: string }): Promise<void>
  /** Changes the arguments and approves them so: checked by the tool's schema here, and by policy before it counts. */
  edit(
    request: ReviewRequest & { readonly args: JsonValue; readonly reason: string; readonly seen: string | null },
  ): Promise<void>
  /** Not now: the reviewer is reminded in so many seconds. */
  snooze(request: ReviewRequest & { readonly seconds: number }): Promise<void>
  /** The requester takes it back. */
  withdraw(request: ReviewRequest & { readonly reason: string }): Promise<void>
  /** The reviewer opened the details; told once for each person. */
  markSeen(request: ReviewRequest): Promise<void>

  delegate(request: DelegationRequest): Promise<MandateRow>
  /** Delegations of the tenant, oldest first, ended ones too. */
  delegations(tenant: string): Promise<readonly MandateRow[]>
  giveStanding(request: StandingRequest): Promise<MandateRow>
  standing(tenant: string): Promise<readonly (MandateRow & { readonly uses: readonly MandateUseRow[] })[]>
  /** Ends a delegation of one's own, or a standing approval. Throws MANDATE_NOT_FOUND, FORBIDDEN. */
  revoke(request: { readonly id: string; readonly by: Principal; readonly reason: string }): Promise<MandateRow>
  /** A no is not remembered any longer: the same question is asked again. Throws RUN_STATE unless it was rejected. */
  liftDecline(request: ReviewRequest & { readonly reason: string }): Promise<void>
  stats(request: {
    readonly tenant: string
    readonly since: number
    readonly quickSeconds?: number
  }): Promise<ReviewStats>
}
