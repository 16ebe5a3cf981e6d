/** What people are told of, and what became of telling them. Nothing in it is content (invariant 14): ids, codes, counts. */

/** How much it matters when it is read: `urgent` is never held back for a digest. */
export type NoticeSeverity = 'info' | 'warning' | 'urgent'

/** Severities, from the least. */
export const NOTICE_SEVERITIES = ['info', 'warning', 'urgent'] as const satisfies readonly NoticeSeverity[]

/** Every kind of notice. A channel chooses among them. */
export const NOTICE_KINDS = [
  'approval.requested',
  'approval.reminder',
  'approval.escalated',
  'approval.decided',
  'question.asked',
  'question.answered',
  'request.asked',
  'request.answered',
  'run.parked',
  'kill_switch.engaged',
  'kill_switch.lifted',
  'policy.activated',
  'policy.refused',
  'budget.warning',
  'budget.near_miss',
  'budget.debt',
  'alert.opened',
  'alert.escalated',
  'alert.resolved',
  'channel.test',
] as const
/** One kind of notice. */
export type NoticeKind = (typeof NOTICE_KINDS)[number]

/** One value of a notice's facts. */
export type NoticeFact = string | number | boolean | null

/**
 * Something that people should be told, written in the transaction of the change that it tells of (invariant 9). It names
 * no channel: which ones carry it is decided when it is routed.
 */
export interface Notice {
  readonly tenant: string
  /** Unique within the tenant; made from what it tells of, so that the same change tells once (`<run>.<seq>`). */
  readonly id: string
  readonly kind: NoticeKind
  readonly severity: NoticeSeverity
  readonly runId: string | null
  readonly workflow: string | null
  /** What it is about: id of an approval, question, request or kill switch; name of a budget. */
  readonly subject: string | null
  /** Roles of those who can act on it; empty when it is for nobody in particular. */
  readonly roles: readonly string[]
  /** More for the message: tool, class, code, amounts. Never arguments, names of persons or free text of a model. */
  readonly facts: Readonly<Record<string, NoticeFact>>
  /** Milliseconds since 1970. */
  readonly at: number
}

/** A notice with its row number, in the order in which they were stored. */
export interface StoredNotice extends Notice {
  readonly entry: number
}

/** How a delivery stands. `dead`: given up after the declared number of attempts; `dropped`: by a person, with a reason. */
export type DeliveryState = 'queued' | 'delivered' | 'dead' | 'dropped'

/** One message for one channel, of one notice or of several (a digest). */
export interface Delivery {
  readonly tenant: string
  readonly channel: string
  /** The message's id, which the receiver sees with every attempt. */
  readonly id: string
  /** Ids of the notices that it tells of. Fixed once it was tried. */
  readonly notices: readonly string[]
  readonly state: DeliveryState
  /** Attempts that were begun. */
  readonly attempts: number
  /** Milliseconds since 1970: not tried before. */
  readonly nextAt: number
  /** Raised by one with each change; a change made for another revision is refused. */
  readonly revision: number
  /** Why the last attempt failed, or why it was dropped; one sentence, no answer of the receiver. */
  readonly detail: string
  /** `outbox`, or the id of the principal that made the last change. */
  readonly changedBy: string
  readonly createdAt: number
  readonly updatedAt: number
}

/** A channel that is disabled for a tenant, or was. */
export interface ChannelState {
  readonly tenant: string
  readonly channel: string
  /** Milliseconds since 1970; null while it is in use. */
  readonly disabledAt: number | null
  readonly detail: string
  readonly changedBy: string
}

/** One atomic change of the outbox. */
export interface OutboxCommit {
  /** The lease under which the leader writes; null for a person's change, which the revisions alone guard. */
  readonly lease: { readonly name: string; readonly epoch: number } | null
  /** Row numbers of notices that are routed now. */
  readonly routed: readonly number[]
  /** Stored, or replaced where the stored revision is one less. */
  readonly deliveries: readonly Delivery[]
  readonly channels: readonly ChannelState[]
  /**
   * Deliveries that are no longer queued, and then routed notices that no delivery tells of, are deleted when they are older
   * than this (ms since 1970).
   */
  readonly forgetBefore: number | null
}

/** `fenced`: another leader wrote since; `changed`: a delivery has another revision. Nothing is stored then. */
export type OutboxCommitResult = 'committed' | 'fenced' | 'changed'

/** Which deliveries are read, and in which order; what is absent does not narrow. */
export interface DeliveryFilter {
  /** Absent: of all tenants, for the leader. */
  readonly tenant?: string
  readonly channel?: string
  readonly id?: string
  readonly state?: DeliveryState
  /** Only those with `nextAt` at or before this. */
  readonly dueAt?: number
  /** `due`: the next one first; `newest`: by creation. */
  readonly order: 'due' | 'newest'
  readonly limit: number
}

/** The part of a store that notices and their deliveries live in. */
export interface OutboxStore {
  /** Stores notices that belong to no run's commit; one whose id is there already is left out. */
  notify(notices: readonly Notice[]): Promise<void>
  /** Notices of all tenants that are not routed, in the order in which they were stored. */
  unrouted(limit: number): Promise<readonly StoredNotice[]>
  /** The notices with these ids, in the order in which they were stored; those that were forgotten are left out. */
  notices(tenant: string, ids: readonly string[]): Promise<readonly Notice[]>
  deliveries(filter: DeliveryFilter): Promise<readonly Delivery[]>
  /** Channels of a tenant that are or were disabled, by name. */
  channelStates(tenant: string): Promise<readonly ChannelState[]>
  commitOutbox(commit: OutboxCommit): Promise<OutboxCommitResult>
}
