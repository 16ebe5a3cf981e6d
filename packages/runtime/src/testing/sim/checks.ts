/** The promises that a simulation checks, with the invariant that each stands for. */
export const SIM_CHECKS = {
  history: 'Invariant 9: sequence, chain and numbers of every record',
  status: 'Invariant 12: the status follows from what is open',
  record_before_act: 'Invariant 3: nothing is sent or shown before it is durable',
  never_twice: 'Invariant 4: no effect happens twice, and no finished activity is done again',
  never_guess: 'Invariant 5: what became of an effect is found out, never assumed',
  budget: 'Invariant 6: no limit is passed and nothing refills a budget',
  approval: 'Invariant 7: an approval is one use of one thing',
  ownership: 'Invariant 8: only owners write, and writes merge in one order',
  fenced: 'Invariant 10: a worker that lost its lease does nothing more',
  restore: 'Invariant 11: a branch starts at an earlier record and keeps the later ones',
  deterministic: 'Invariant 13: a replay asks for what is on record',
  inbox: 'ENGINE R3: what a person said is taken once',
  ends: 'every run ends or waits, by itself',
  same_end: 'ENGINE R9: the same end as without faults',
  audit: 'Invariant 15: chain and lineage are whole',
} as const

/** The name of a check. */
export type SimCheck = keyof typeof SIM_CHECKS

/** A promise that was not kept. */
export class SimViolation extends Error {
  override readonly name = 'SimViolation'
  readonly check: SimCheck

  constructor(check: SimCheck, message: string) {
    super(message)
    this.check = check
  }
}

/** Fails the check unless the condition holds. */
export function mustHold(condition: boolean, check: SimCheck, message: () => string): void {
  if (!condition) throw new SimViolation(check, message())
}
