import type { Notice } from './outbox.ts'

/** What a kill switch stands against. `global` is every tenant; `server` is an MCP server that tools come from. */
export const SWITCH_SCOPES = ['global', 'tenant', 'workflow', 'tool', 'class', 'server', 'run'] as const
/** One of the scopes of a kill switch. */
export type SwitchScope = (typeof SWITCH_SCOPES)[number]

/**
 * `stop_new`: no new run, and no nested workflow is entered. `pause`: also, nothing is sent, and runs wait at the next
 * door or superstep and go on by themselves. `stop_now`: nothing is sent, and runs of its scope end.
 */
export const SWITCH_MODES = ['stop_new', 'pause', 'stop_now'] as const
/** One of the modes of a kill switch. */
export type SwitchMode = (typeof SWITCH_MODES)[number]

/** The tenant of what concerns every tenant. No tenant may have this name. */
export const EVERY_TENANT = '*'

/** Where a switch was thrown: at the API, by the file of a data folder, or by a signal to a process. */
export type SwitchChannel = 'api' | 'file' | 'signal'

/** A kill switch as it stands (ENGINE R4). */
export interface KillSwitch {
  readonly id: string
  /** `*` for the global scope. */
  readonly tenant: string
  readonly scope: SwitchScope
  /** Name of the workflow, tool, class or server, or id of the run; `*` for the scopes tenant and global. */
  readonly target: string
  readonly mode: SwitchMode
  readonly reason: string
  readonly by: string
  /** Milliseconds since 1970, as all times here. */
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly liftedAt: number | null
  readonly liftedBy: string | null
  /** Who asked to lift it where that takes two persons; absent while nobody did. */
  readonly liftAskedBy?: string
  /** Absent: at the API. */
  readonly channel?: SwitchChannel
}

/** What happened to a switch, or to an override of one. */
export type SwitchEventKind =
  | 'thrown'
  | 'lift_asked'
  | 'lifted'
  | 'override_asked'
  | 'override_confirmed'
  | 'override_used'
  | 'override_reviewed'

/** One entry of the history of switches of a tenant: stored once, never changed, chained by hash (invariant 9). */
export interface SwitchEvent {
  readonly v: 1
  readonly tenant: string
  /** From 1 within the tenant. */
  readonly seq: number
  /** ISO 8601. */
  readonly at: string
  /** Hash of the event before it; 64 zeros for the first. */
  readonly prev: string
  readonly kind: SwitchEventKind
  readonly switch_id: string
  readonly override_id: string | null
  /** Principal, or the process for what came by file or signal. */
  readonly by: string
  readonly reason: string
  readonly scope: SwitchScope
  readonly target: string
  readonly mode: SwitchMode
  readonly expires_at: string | null
  readonly channel: SwitchChannel
}

/** An event as it is stored. */
export interface StoredSwitchEvent {
  /** Place among the events of all tenants: what workers acknowledge. */
  readonly position: number
  readonly tenant: string
  readonly seq: number
  /** JSON text of a SwitchEvent, exactly as hashed. */
  readonly body: string
  /** SHA-256 hex over `body`. */
  readonly hash: string
}

/** Leave for one exact blocked call to pass one switch, once; never to pass a policy. */
export interface SwitchOverride {
  readonly id: string
  readonly tenant: string
  readonly switchId: string
  readonly runId: string
  /** Key of the ask within the run. */
  readonly ask: string
  readonly reason: string
  readonly askedBy: string
  readonly confirmedBy: string | null
  readonly createdAt: number
  readonly expiresAt: number
  readonly usedAt: number | null
  readonly reviewedBy: string | null
}

/** What a process tells of the switches that it acts by. */
export interface SwitchWorker {
  /** Name of the worker; one row each. */
  readonly worker: string
  /** When it said so: milliseconds since 1970. */
  readonly seenAt: number
  /** Position of the newest event that it has taken up. */
  readonly version: number
  /** Since when it has had that position. */
  readonly since: number
  /** For how long it acts on what it knows. */
  readonly leaseMs: number
  /** Set once it ended in good order. */
  readonly ended: boolean
}

/** All that a worker must know to act: read in one transaction. */
export interface SwitchBook {
  readonly version: number
  /** Of all tenants, oldest first; those that are lifted are not among them. */
  readonly switches: readonly KillSwitch[]
  /** Of all tenants: confirmed and not used. */
  readonly overrides: readonly SwitchOverride[]
}

/** One change, stored in one transaction with the event that tells of it. */
export interface SwitchChange {
  /** Refused as a whole when the tenant has an event with this sequence already. */
  readonly event: Omit<StoredSwitchEvent, 'position'>
  /** Inserted or replaced by id. */
  readonly row?: KillSwitch
  readonly override?: SwitchOverride
  /** What people are told of it. */
  readonly notices?: readonly Notice[]
}

/** The part of a store that kill switches live in. */
export interface SwitchStore {
  /** Switches of a tenant, oldest first, lifted ones too. */
  killSwitches(tenant: string): Promise<readonly KillSwitch[]>
  /** Overrides of a tenant, oldest first. */
  overrides(tenant: string): Promise<readonly SwitchOverride[]>
  switchBook(): Promise<SwitchBook>
  /** The event's position, or null when somebody else was first: read the history again. */
  commitSwitch(change: SwitchChange): Promise<number | null>
  /** Events of a tenant in order. */
  switchEvents(tenant: string): Promise<readonly StoredSwitchEvent[]>
  /** Replaces the worker's row. */
  putSwitchWorker(row: SwitchWorker): Promise<void>
  /** By name. */
  switchWorkers(): Promise<readonly SwitchWorker[]>
}

/** Stops that hold on this machine or in this process alone, whatever the store says; they work without it. */
export interface LocalStops {
  /** Those in force now. Called before each send: must be quick. Never throws: what cannot be read stops everything. */
  stops(): readonly KillSwitch[]
}
