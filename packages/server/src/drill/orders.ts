/** What a drill tells its worker processes, and how the points at which they die are grouped into stages. */
import type { FaultPoint } from 'signalbox'
import type { PlantedFault } from 'signalbox/testing'

/**
 * Where a worker can be killed: the runtime's fault points, and `answer_lost`: an outside system has answered a request
 * that changes something, and the runtime has not seen the answer.
 */
export type KillPoint = FaultPoint | 'answer_lost'

/** The stages of the door, and the points within each. */
export const STAGES = {
  proposed: ['proposed', 'decided'],
  reserved: ['reserved'],
  'intent durable, not sent': ['intent_durable'],
  'sent, no answer': ['sent', 'answer_lost'],
  'answered, not durable': ['answered', 'outcome_recorded'],
  'settled, not acknowledged': ['settled', 'acknowledged'],
  barrier: ['barrier', 'barrier_durable'],
} as const satisfies Record<string, readonly KillPoint[]>

/** One of the stages. */
export type Stage = keyof typeof STAGES

/** All stages, in the order in which a call passes them. */
// Object.keys widens to string; the keys are those of the table.
export const STAGE_NAMES = Object.keys(STAGES) as readonly Stage[]

/** The stage that a point lies in. */
export function stageOf(point: KillPoint): Stage {
  const found = STAGE_NAMES.find((stage) => (STAGES[stage] as readonly KillPoint[]).includes(point))
  if (found === undefined) throw new Error(`the point \`${point}\` is in no stage`)
  return found
}

/** Faults that a drill can plant to show that it would find them (Invariant 17). */
export const DRILL_FAULTS = [
  'intent_after_call',
  'approval_not_consumed',
  'budget_refilled',
  'event_dropped',
  'sync_off',
] as const satisfies readonly (PlantedFault | 'event_dropped' | 'sync_off')[]

/** One of the faults that a drill can plant. */
export type DrillFault = (typeof DRILL_FAULTS)[number]

/** End the process at the `nth` time that this run, or with null any run, reaches the point with that name. */
export interface KillOrder {
  readonly id: string
  readonly runId: string | null
  readonly point: KillPoint
  /** Beginning of a tool's name, a model's id, or a superstep's number; empty for all. The whole of it with `exact`. */
  readonly name: string
  readonly exact?: boolean
  readonly nth: number
  /** SIGKILL when not given. */
  readonly signal?: 'SIGSTOP'
}

/** The argument of a worker process, as JSON. */
export interface DrillWorkerStart {
  readonly configPath: string
  /** Which of the project's drills. */
  readonly workflow: string
  readonly dataDir: string
  readonly worker: string
  readonly planted?: DrillFault | null
  /** Runs that it advances at a time. Default 6, so that leases hold on a busy machine. */
  readonly concurrency?: number
  /** Prints a line `point <run> <point> <name>` for each point that a run reaches. */
  readonly observe?: boolean
  /** Prints a line `ack …` for each batch of commits that the store acknowledged. */
  readonly tellCommits?: boolean
  /** How it keeps what it knows of the kill switches, when they are drilled. */
  readonly switches?: SwitchOrders
}

/** How a worker keeps what it knows of the kill switches. */
export interface SwitchOrders {
  /** In place of the project's own. */
  readonly leaseSeconds: number
  /** A planted fault of this worker, or null. */
  readonly fault: SwitchFault | null
}

/**
 * Faults of a worker that a drill of the switches must find: `switch_ignored`, it goes on by what it read first;
 * `clock_stands_still`, it never sees its lease end.
 */
export const SWITCH_FAULTS = ['switch_ignored', 'clock_stands_still'] as const
/** One of the faults. */
export type SwitchFault = (typeof SWITCH_FAULTS)[number]

/**
 * What a worker is told: the orders that set it going; or that from now on its store does not answer about switches, that
 * it does again, or that its clocks stand still.
 */
export type DrillWorkerTold =
  | { readonly orders: readonly KillOrder[] }
  | { readonly switches: 'blocked' | 'readable' | 'frozen' }

/** How long a worker of a drill may be silent before its runs are taken over, in milliseconds. */
export const LEASE_MS = 2_000
/** The same for a worker with a fault of the switches, so that nobody takes its runs over while it is watched. */
export const PLANTED_LEASE_MS = 60_000
