import { EVERY_TENANT, type KillSwitch, type SwitchMode, type SwitchScope } from '../contracts/switches.ts'

/** What a kill switch could stand against. What is not concerned is null: starting a run has no tool and no run yet. */
export interface SwitchSubject {
  readonly tenant: string
  readonly workflow: string
  readonly tool: string | null
  readonly class: string | null
  /** MCP server that the tool comes from. */
  readonly server?: string | null
  readonly run?: string | null
}

/** `new`: may something start? `send`: may this be sent? `run`: may this run go on at all? */
export type SwitchPurpose = 'new' | 'send' | 'run'

/** States of a kill switch over time. `lift_asked` stands like `engaged`: one of two persons wants it lifted. */
export type SwitchState = 'engaged' | 'lift_asked' | 'lifted' | 'expired'

/** What can happen to a kill switch. `ask_lift` and `confirm_lift` are the two persons of a lift that takes two. */
export type SwitchAct = 'lift' | 'ask_lift' | 'confirm_lift' | 'expire'

/** The life of a kill switch as a total table. An end is final: to stop again, a new one is engaged. */
export const SWITCH_MACHINE: Record<SwitchState, Record<SwitchAct, SwitchState | 'refused'>> = {
  engaged: { lift: 'lifted', ask_lift: 'lift_asked', confirm_lift: 'refused', expire: 'expired' },
  lift_asked: { lift: 'refused', ask_lift: 'refused', confirm_lift: 'lifted', expire: 'expired' },
  lifted: { lift: 'refused', ask_lift: 'refused', confirm_lift: 'refused', expire: 'refused' },
  expired: { lift: 'refused', ask_lift: 'refused', confirm_lift: 'refused', expire: 'refused' },
}

/** What each mode stands against. */
const STOPS: Record<SwitchMode, readonly SwitchPurpose[]> = {
  stop_new: ['new'],
  pause: ['new', 'send', 'run'],
  stop_now: ['new', 'send', 'run'],
}

/** Scopes of whole runs: their runs wait or end. A tool, class or server stops its calls and leaves the run alone. */
const OF_RUNS: ReadonlySet<SwitchScope> = new Set(['global', 'tenant', 'workflow', 'run'])

/** True for a switch that is about whole runs: it ends or pauses them, where others stop calls alone. */
export function endsRuns({ scope }: Pick<KillSwitch, 'scope'>): boolean {
  return OF_RUNS.has(scope)
}

/** The state of a switch at a time (milliseconds since 1970). What was lifted stays so when the clock is set back. */
export function switchState(row: KillSwitch, now: number): SwitchState {
  if (row.liftedAt !== null) return 'lifted'
  if (row.expiresAt !== null && row.expiresAt <= now) return 'expired'
  return row.liftAskedBy === undefined ? 'engaged' : 'lift_asked'
}

/** True while it stands. */
export function stands(row: KillSwitch, now: number): boolean {
  const state = switchState(row, now)
  return state === 'engaged' || state === 'lift_asked'
}

/**
 * The switch that decides about the subject, or null: one that stops before one that pauses, then the oldest. Rows of
 * another tenant never count (invariant 16), but for those of every tenant.
 */
export function engaged(
  switches: readonly KillSwitch[],
  subject: SwitchSubject,
  now: number,
  purpose: SwitchPurpose,
): KillSwitch | null {
  let found: KillSwitch | null = null
  for (const row of switches)
    if (STOPS[row.mode].includes(purpose) && concerns(row, subject, purpose) && stands(row, now))
      found = found === null || comesBefore(row, found) ? row : found
  return found
}

function comesBefore(row: KillSwitch, other: KillSwitch): boolean {
  const [a, b] = [row.mode === 'pause' ? 1 : 0, other.mode === 'pause' ? 1 : 0]
  return a === b ? row.createdAt < other.createdAt : a < b
}

/** Whether a switch is about the subject at all, whatever its state and mode. */
export function concerns(
  row: Pick<KillSwitch, 'tenant' | 'scope' | 'target'>,
  subject: SwitchSubject,
  purpose?: SwitchPurpose,
): boolean {
  if (row.tenant !== subject.tenant && row.tenant !== EVERY_TENANT) return false
  if (purpose === 'run' && !endsRuns(row)) return false
  switch (row.scope) {
    case 'global':
      return row.tenant === EVERY_TENANT
    case 'tenant':
      return true
    case 'workflow':
      return row.target === subject.workflow
    case 'tool':
      return row.target === subject.tool
    case 'class':
      return row.target === subject.class
    case 'server':
      return row.target === subject.server
    case 'run':
      return row.target === subject.run
    default:
      return row.scope satisfies never
  }
}

/** A lift that takes two persons. What is not told holds for all. */
export interface TwoPersonLift {
  readonly scope?: SwitchScope
  readonly mode?: SwitchMode
}

/** True when one of the rules names this switch. */
export function needsTwo(rules: readonly TwoPersonLift[], row: Pick<KillSwitch, 'scope' | 'mode'>): boolean {
  return rules.some(
    ({ scope, mode }) => (scope === undefined || scope === row.scope) && (mode === undefined || mode === row.mode),
  )
}
