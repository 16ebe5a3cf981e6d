/** What people allow beside a single approval: delegations, standing approvals, and the end of a remembered no. */

/** Something that a person allows for a time. It is never deleted: it runs out or is revoked. */
export interface MandateRow {
  readonly tenant: string
  readonly id: string
  readonly kind: 'delegation' | 'standing' | 'lift'
  /** The delegate's id, the tool, or the digest of the question. */
  readonly subject: string
  /** JSON text: DelegationBody, StandingBody or LiftBody. */
  readonly body: string
  readonly reason: string
  readonly createdBy: string
  readonly createdAt: number
  /** From when it holds. */
  readonly startsAt: number
  readonly expiresAt: number
  readonly revokedAt: number | null
  readonly revokedBy: string | null
  /** Of a standing approval: how often it may be used at most. */
  readonly maxUses: number | null
  /** Of a standing approval: how much all uses together may amount to, or null. */
  readonly maxAmount: number | null
}

/** A reviewer names somebody who answers in the reviewer's place for a time. */
export interface DelegationBody {
  readonly delegate: string
  /** Roles that are passed on; the reviewer held each when the delegation was made. */
  readonly roles: readonly string[]
}

/** What one field of the typed projection has to be. */
export type StandingConstraint =
  | { readonly field: string; readonly equals: string | number | boolean }
  | { readonly field: string; readonly at_most: number }
  | { readonly field: string; readonly one_of: readonly (string | number)[] }

/** What a standing approval lets happen. Every part has to fit exactly. */
export interface StandingBody {
  readonly tool: string
  readonly workflow: string
  /** Principal id of the one on whose behalf the run acts. */
  readonly principal: string
  /** Over the fields of `input` that the catalogue lists for the tool. Never empty. */
  readonly constraints: readonly StandingConstraint[]
  /** The whole-number field that counts against `maxAmount`, or null. */
  readonly amount_field: string | null
  /** Roles that the giver held: they have to be those that the asking policies require. */
  readonly roles: readonly string[]
}

/** A no that need not be remembered any longer. */
export interface LiftBody {
  readonly approval: string
}

/** One use of a standing approval, counted in the commit that records it. */
export interface MandateUse {
  readonly mandateId: string
  /** Id of the approval that it answered: counted once, however often the commit is tried. */
  readonly useId: string
  readonly amount: number | null
  readonly at: number
}

/** A use with the run that it belongs to. */
export interface MandateUseRow extends MandateUse {
  readonly tenant: string
  readonly runId: string
}

/** The part of a store that keeps what people allowed. */
export interface MandateStore {
  /** Stores a new mandate; an id that is known is left as it is. */
  putMandate(row: MandateRow): Promise<void>
  /** Ends a mandate; one that is revoked already keeps who did so first. Null when there is none. */
  revokeMandate(tenant: string, id: string, by: string, at: number): Promise<MandateRow | null>
  mandate(tenant: string, id: string): Promise<MandateRow | null>
  /** Mandates of a kind, oldest first, ended ones too. */
  mandates(filter: { tenant: string; kind: MandateRow['kind']; subject?: string }): Promise<readonly MandateRow[]>
  /** Uses of a mandate in the order in which they were counted. */
  mandateUses(tenant: string, mandateId: string): Promise<readonly MandateUseRow[]>
}

/** Whether a mandate holds at a time. */
export function holdsAt(mandate: MandateRow, at: number): boolean {
  return mandate.startsAt <= at && at < mandate.expiresAt && (mandate.revokedAt === null || at < mandate.revokedAt)
}

/** Whether a use fits into what is left of a mandate. */
export function hasRoom(mandate: MandateRow, before: readonly MandateUse[], use: MandateUse): boolean {
  const amount = before.reduce((sum, one) => sum + (one.amount ?? 0), 0) + (use.amount ?? 0)
  return before.length < (mandate.maxUses ?? 0) && (mandate.maxAmount === null || amount <= mandate.maxAmount)
}
