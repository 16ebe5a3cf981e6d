import type { Host } from '../base/host.ts'
import type { Mode } from '../contracts/common.ts'
import type { CredentialPort } from '../contracts/credential.ts'
import type { Control } from '../contracts/control.ts'
import type { ModelPort } from '../contracts/model.ts'
import type { OutletPort } from '../contracts/outlet.ts'
import type { PolicyPort } from '../contracts/policy.ts'
import type { Scheduler } from '../contracts/scheduler.ts'
import type { Store } from '../contracts/store.ts'
import type { Vault } from '../contracts/vault.ts'
import type { WorkflowSpec } from '../contracts/workflow.ts'
import type { OuterBudgets } from '../policy/index.ts'
import type { Committer } from './committer.ts'
import type { Hub } from './hub.ts'
import type { SwitchBoard } from './switches/board.ts'
import type { ReplayPort } from './replay/port.ts'

/**
 * Named points where a fault can be injected: each lies between two things that a crash can tear apart. The names are
 * those of the door's stages and of the commit.
 */
export const FAULT_POINTS = [
  'proposed',
  'decided',
  'reserved',
  'intent_durable',
  'sent',
  'answered',
  'outcome_recorded',
  'settled',
  'acknowledged',
  'barrier',
  'barrier_durable',
] as const

/** One of the named fault points. */
export type FaultPoint = (typeof FAULT_POINTS)[number]

/** Called at each point; may end the process, wait or throw. Undefined in normal operation. */
export type FaultHook = (
  point: FaultPoint,
  info: { readonly runId: string; readonly name: string },
) => void | Promise<void>

/** Limits of the engine that are not part of a workflow's budget. */
export interface EngineLimits {
  /** An approval that nobody answers in this time is denied. */
  readonly approvalSeconds: number
  /** A model call takes no longer. */
  readonly modelTimeoutSeconds: number
  /** How long a call has to end by itself after its signal was aborted; then it is given up. */
  readonly abortGraceSeconds: number
  /** Records kept for slow consumers of a stream before they are read from the store again. */
  readonly streamBuffer: number
}

/** Limits when none are given: a day for an approval, two minutes for a model call, a second of grace. */
export const DEFAULT_LIMITS: EngineLimits = {
  approvalSeconds: 86_400,
  modelTimeoutSeconds: 120,
  abortGraceSeconds: 1,
  streamBuffer: 1_000,
}

/** Everything that the engine waits on, behind ports; one value per process. */
export interface Env {
  readonly host: Host
  readonly store: Store
  readonly vault: Vault
  readonly policy: PolicyPort
  /** Controls of the operator, asked after the bundle in this order. */
  readonly controls: readonly Control[]
  readonly models: ModelPort
  /** By definition, in the order of registration. */
  readonly workflows: ReadonlyMap<string, WorkflowSpec>
  readonly mode: Mode
  /** Absent: no tool has a credential. */
  readonly credentials?: CredentialPort
  readonly limits: EngineLimits
  readonly outlet: OutletPort
  readonly committer: Committer
  readonly switches: SwitchBoard
  readonly hub: Hub
  readonly scheduler: Scheduler
  /** Budgets over many runs; null when none is declared. */
  readonly outer: OuterBudgets | null
  readonly fault: FaultHook | null
  readonly runtimeVersion: string
  /** Set only where a stored run is run again to compare; the door is shut then. */
  readonly replay?: ReplayPort
}
