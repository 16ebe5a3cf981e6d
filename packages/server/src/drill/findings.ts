/**
 * What can be wrong: `lost`, an effect that only one side has; `doubled`, one that was done twice; `budget`, amounts that
 * do not add up or went down; `approval`, one used twice; `ledger` and `history`, a record that does not fit the others;
 * `stuck`, a run that did not end; `difference`, one that ended otherwise than the undisturbed run; `flush`, a commit
 * acknowledged before it was on the disk; `late`, an effect that came after the lease of a kill switch; `switch`, one that
 * did not do what it says.
 */
export type FindingKind =
  | 'lost'
  | 'doubled'
  | 'budget'
  | 'approval'
  | 'ledger'
  | 'history'
  | 'stuck'
  | 'difference'
  | 'flush'
  | 'late'
  | 'switch'

/** One thing that is wrong, in a sentence without content of runs. */
export interface Finding {
  readonly kind: FindingKind
  readonly detail: string
}
