import type { Principal } from './common.ts'
import type { KillSwitch, SwitchEvent, SwitchOverride, SwitchScope, SwitchWorker } from './switches.ts'

/** Against what a switch is thrown. */
export interface SwitchTarget {
  readonly scope: SwitchScope
  /** Name or run id; any text for the scopes tenant and global. */
  readonly target: string
}

/** What a switch would touch, before it is thrown. Lists are cut at their `limit`; numbers are not. */
export interface BlastRadius {
  /** Runs of the scope that have not ended. */
  readonly runs: readonly { readonly runId: string; readonly workflow: string; readonly status: string }[]
  readonly openRuns: number
  /** Approvals of the scope that wait for a person. */
  readonly approvals: readonly { readonly id: string; readonly runId: string; readonly tool: string }[]
  readonly waitingApprovals: number
  /** Effects that were sent or may be sent any moment, and whose end is not known. */
  readonly inFlight: readonly { readonly runId: string; readonly tool: string; readonly state: string }[]
  readonly effectsInFlight: number
  /** Schedules that start runs of the scope. */
  readonly schedules: readonly string[]
  /** True when more runs are open than were looked at: the numbers are lower bounds. */
  readonly cut: boolean
}

/** Whether a worker acts on a switch. */
export interface Acknowledgement {
  readonly worker: string
  /** `dead`: silent for longer than its lease, so that it sends nothing until it has read the switches again. */
  readonly state: 'acknowledged' | 'waiting' | 'dead' | 'ended'
  readonly seenAt: number
  /** When it took the switch up, at the latest; null where it did not. */
  readonly at: number | null
}

/** Where a switch stands with the workers. */
export interface SwitchStatus {
  readonly switch: KillSwitch
  /** Null for one of before histories were kept. */
  readonly position: number | null
  readonly workers: readonly Acknowledgement[]
  /** Every live worker acts on it. */
  readonly acknowledged: boolean
}

/** What the tenant's history of switches says when it is checked. */
export interface SwitchAudit {
  readonly ok: boolean
  readonly events: number
  readonly findings: readonly string[]
}

/** What is known of kill switches, and leave to pass one; `RunsApi` throws and lifts them. Identity comes from the credential that the caller presented. */
export interface SwitchesApi {
  blastRadius(tenant: string, target: SwitchTarget): Promise<BlastRadius>
  /** Where every standing switch stands with every worker; with `id`, that one only. */
  status(tenant: string, id?: string): Promise<readonly SwitchStatus[]>
  workers(): Promise<readonly SwitchWorker[]>
  /** The history of the tenant's switches, oldest first. */
  events(tenant: string): Promise<readonly SwitchEvent[]>
  audit(tenant: string): Promise<SwitchAudit>
  overrides(tenant: string): Promise<readonly SwitchOverride[]>
  /** Asks for leave; a second person confirms it. Throws INPUT_INVALID, NOT_FOUND, RUN_STATE when nothing waits there. */
  askOverride(request: {
    readonly switchId: string
    readonly runId: string
    readonly ask: string
    readonly by: Principal
    readonly reason: string
    readonly expiresAt: number
  }): Promise<SwitchOverride>
  /** Throws NOT_FOUND, CONFLICT, APPROVAL_SELF. */
  confirmOverride(request: {
    readonly id: string
    readonly by: Principal
    readonly reason: string
  }): Promise<SwitchOverride>
  /** Says that somebody looked at what was done by it. Throws NOT_FOUND, CONFLICT. */
  reviewOverride(request: {
    readonly id: string
    readonly by: Principal
    readonly reason: string
  }): Promise<SwitchOverride>
}
