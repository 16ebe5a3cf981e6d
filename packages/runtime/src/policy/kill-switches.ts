import type { KillSwitch } from '../contracts/store.ts'

/** What a kill switch could stand against. Tool and class are null where none is concerned: starting a run. */
export interface SwitchSubject {
  readonly tenant: string
  readonly workflow: string
  readonly tool: string | null
  readonly class: string | null
}

/** `new`: may something start? `send`: may this be sent? */
export type SwitchPurpose = 'new' | 'send'

/** States of a kill switch over time. */
export type SwitchState = 'engaged' | 'lifted' | 'expired'

/** What can happen to a kill switch. */
export type SwitchEvent = 'lift' | 'expire'

/** The life of a kill switch as a total table. An end is final: to stop again, a new one is engaged. */
export const SWITCH_MACHINE: Record<SwitchState, Record<SwitchEvent, SwitchState | 'refused'>> = {
  engaged: { lift: 'lifted', expire: 'expired' },
  lifted: { lift: 'refused', expire: 'refused' },
  expired: { lift: 'refused', expire: 'refused' },
}

/** The state of a switch at a time (milliseconds since 1970). What was lifted stays so when the clock is set back. */
export function switchState(row: KillSwitch, now: number): SwitchState {
  if (row.liftedAt !== null) return 'lifted'
  return row.expiresAt !== null && row.expiresAt <= now ? 'expired' : 'engaged'
}

/**
 * The oldest switch that stands against the subject, or null. `stop_now` stops new work and sends; `stop_new` only new
 * work. Rows of another tenant never count (invariant 16).
 */
export function engaged(
  switches: readonly KillSwitch[],
  subject: SwitchSubject,
  now: number,
  purpose: SwitchPurpose,
): KillSwitch | null {
  const hits = switches
    .filter((row) => row.tenant === subject.tenant && switchState(row, now) === 'engaged')
    .filter((row) => row.mode === 'stop_now' || purpose === 'new')
    .filter((row) => concerns(row, subject))
  return hits.reduce<KillSwitch | null>(
    (oldest, row) => (oldest === null || row.createdAt < oldest.createdAt ? row : oldest),
    null,
  )
}

function concerns(row: KillSwitch, subject: SwitchSubject): boolean {
  switch (row.scope) {
    case 'tenant':
      return true
    case 'workflow':
      return row.target === subject.workflow
    case 'tool':
      return row.target === subject.tool
    case 'class':
      return row.target === subject.class
  }
}
