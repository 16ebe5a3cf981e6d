/** Separation of duties between acts: what somebody did about something, and what they may then not do about it. */

/** A tool, and the field of its arguments that says whom or what the call is about. */
export interface DutyAct {
  readonly tool: string
  readonly field: string
}

/** A tool call that bars its caller from another one on the same subject. */
export interface ActDuty {
  readonly kind: 'acts'
  readonly id: string
  /** Reason code that bundle.json declares. */
  readonly reason: string
  readonly done: DutyAct
  readonly barred: DutyAct
}

/** That an effect of a tool on a subject was caused on behalf of somebody. Kept also when the run's history is pruned. */
export interface ActRow {
  readonly tenant: string
  readonly tool: string
  /** Keyed digest of the subject (Invariant 14). */
  readonly subject: string
  /** On whose behalf. */
  readonly principal: string
  readonly runId: string
}

/** The part of a store that remembers who did what about whom. */
export interface ActStore {
  /** Who caused an effect of the tool on the subject: ids of principals, sorted. */
  acted(tenant: string, tool: string, subject: string): Promise<readonly string[]>
}
