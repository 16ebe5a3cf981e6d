/** In whose place people answer, and to whom a question goes on. */

/** Who may answer too when a policy has not got its answers in time. */
export interface ApprovalEscalation {
  readonly roles: readonly string[]
  /** Ids of persons. */
  readonly users: readonly string[]
  /** Counted from the start of the policy's stage. */
  readonly after_seconds: number
}

/** In whose place somebody answered: a reviewer who declared a delegate for a time. */
export interface ActingFor {
  readonly id: string
  /** Roles of that reviewer which the delegation passes on: the answer counts with these and no others. */
  readonly roles: readonly string[]
  /** Id of the delegation. */
  readonly delegation: string
}
