/** What waits for a person, as it is listed. */
import type { ApprovalLife } from './approval.ts'

/** State of an approval or question as people list it. */
export type RequestState = 'open' | 'approved' | 'rejected' | 'expired' | 'cancelled' | 'void' | 'answered'

/** A projection of something that waits for a person: an approval, a question, or a port request. */
export interface PersonRequestRow {
  readonly tenant: string
  readonly id: string
  readonly kind: 'approval' | 'question' | 'request'
  readonly runId: string
  readonly workflow: string
  /** Sequence of the record that asked (its sealed packet is there). */
  readonly seq: number
  readonly tool: string
  readonly class: string
  readonly effect: string
  /** Roles of which the reviewer must hold one for each asking policy; JSON-safe list of lists. */
  readonly approvers: readonly (readonly string[])[]
  /** Principal id of the requester, who cannot approve. */
  readonly requester: string
  readonly state: RequestState
  readonly decidedBy: string | null
  readonly requestedAt: number
  /** Milliseconds since 1970; silence after it denies. */
  readonly deadline: number
  readonly decidedAt: number | null
  /** Of an approval: what happened to it so far. `approvers` are those who can answer now: roles, and `user:<id>`. */
  readonly life?: ApprovalLife
  /** Of an approval: digest of what is asked. */
  readonly question?: string
}

/** A request to a person that is no longer open. */
export interface RequestClosing {
  readonly id: string
  readonly state: RequestState
  readonly decidedBy: string | null
  readonly decidedAt: number
}
