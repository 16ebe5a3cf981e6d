/** Types of the life of an approval: what the asking policies demand, what happens to it, and how it is projected. */
import type { ActingFor } from './acting.ts'
import type { ContentRef, Principal } from './common.ts'
import type { AskingPolicy } from './policy.ts'

/** One person's yes. */
export interface Vote {
  readonly by: Principal
  readonly for?: ActingFor
  /** ISO 8601: when the person answered. */
  readonly given_at: string
  /** Sealed reason text, or null. */
  readonly reason: ContentRef | null
  /** Keyed hash of the packet that the reviewer saw. */
  readonly seen: string | null
  /** Ids of the policies for which it counts because they were escalated to this person. */
  readonly escalated?: readonly string[]
}

/** What happened to an approval while it was open. `given_at` is when the person acted, in ISO 8601. */
export type ApprovalChange =
  | ({ readonly what: 'voted' } & Vote)
  | { readonly what: 'claimed'; readonly by: Principal; readonly given_at: string; readonly until: string }
  | { readonly what: 'unclaimed'; readonly by: Principal; readonly given_at: string }
  | {
      readonly what: 'information_asked'
      readonly by: Principal
      readonly given_at: string
      readonly text: ContentRef | null
    }
  | {
      readonly what: 'information_given'
      readonly by: Principal
      readonly given_at: string
      readonly text: ContentRef | null
    }
  | { readonly what: 'snoozed'; readonly by: Principal; readonly given_at: string; readonly until: string }
  /** A reviewer opened the details. */
  | { readonly what: 'seen'; readonly by: Principal; readonly given_at: string }
  /** A reviewer proposes other arguments and approves them; policy judges them next. */
  | ({ readonly what: 'edited'; readonly args: ContentRef; readonly args_digest: string } & Vote)
  /** Policy denies the changed arguments, or they are not usable: the approval is open as before. */
  | { readonly what: 'edit_refused'; readonly by: Principal; readonly given_at: string; readonly code: string }
  /** All answers of a stage are there, and the next begins. */
  | {
      readonly what: 'stage_begun'
      readonly stage: number
      readonly given_at: string
      /** ISO 8601: silence until then denies. */
      readonly deadline: string
    }
  /** Nobody answered in time: others may answer too. */
  | {
      readonly what: 'escalated'
      readonly policy: string
      readonly roles: readonly string[]
      readonly users: readonly string[]
      readonly given_at: string
    }
  /** The time of a `not now` is over. */
  | { readonly what: 'reminded'; readonly whom: string; readonly given_at: string }

/** The arguments that a reviewer put in the place of those that were proposed. */
export interface EditedArguments {
  readonly args: ContentRef
  /** HMAC as that of a proposal's arguments. */
  readonly args_digest: string
  /** Principal id of the reviewer. */
  readonly by: string
  readonly approval: string
}

/** An edit that policy let pass: what the approval is bound to since. */
export interface EditedApproval extends EditedArguments {
  readonly target_digest: string
  /** The policies that ask for what it is now. */
  readonly asks: readonly AskingPolicy[]
}

/** The standing approval that let an action happen, and which of its uses this is. */
export interface StandingUse {
  readonly mandate: string
  /** Amount that was counted against it, or null where it counts uses only. */
  readonly amount: number | null
}

/** What an asking policy demands, as people are shown it. */
export interface DemandView {
  readonly policy: string
  readonly approvers: readonly string[]
  readonly quorum: number
  readonly stage: number
  /** Ids of persons whose answers count for it. */
  readonly given: readonly string[]
  readonly escalated_to: readonly string[]
}

/** The state of an approval that is listed with its row: derived from its records, replaced with each of them. Times in ISO 8601. */
export interface ApprovalLife {
  /** From 1. */
  readonly stage: number
  readonly stages: number
  readonly demands: readonly DemandView[]
  readonly votes: readonly {
    readonly by: string
    readonly for: string | null
    readonly stage: number
    readonly at: string
  }[]
  readonly claim: { readonly by: string; readonly until: string } | null
  readonly information: {
    readonly by: string
    readonly asked_at: string
    readonly given_at: string | null
    readonly stops_deadline: boolean
  } | null
  /** Person to the time until which it is not now. */
  readonly snoozed: Readonly<Record<string, string>>
  readonly editing: string | null
  /** Person to when the details were opened first. */
  readonly seen: Readonly<Record<string, string>>
  readonly escalations: readonly { readonly policy: string; readonly to: readonly string[]; readonly at: string }[]
  /** Who edited, when what was let happen is not what was proposed. */
  readonly edited_by: string | null
  /** Id of the standing approval that answered, or null. */
  readonly standing: string | null
  /** The one who stands behind a rejection, an approval or a withdrawal; null while open. */
  readonly ended_by: string | null
}
