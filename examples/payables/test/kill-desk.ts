/** The desk as the kill tests open it: one SQLite file, short times, and a seam for faults that only tests have. */
import { join } from 'node:path'
import {
  createSignalbox,
  type FaultHook,
  keyVault,
  openSqliteStore,
  type Principal,
  type Signalbox,
  type Store,
  systemHost,
} from 'signalbox'
import { openFaultySqliteStore, type PlantedFault, plantFault } from 'signalbox/testing'
import { deskModels, deskPolicy, SCRIPTED_MODEL } from '../src/desk.ts'
import { makeTools } from '../src/tools/index.ts'
import { makeDesk } from '../src/workflow.ts'

/** Tenant of all runs of the kill tests. */
export const TENANT = 'acme'
/** On whose behalf the runs act. */
export const RITA: Principal = { id: 'user:rita', kind: 'user', tenant: TENANT, roles: ['requester', 'payables-clerk'] }
/** The scripted person: approves payments, and says what became of an effect after looking at the bank. */
export const PAUL: Principal = { id: 'user:paul', kind: 'user', tenant: TENANT, roles: ['approver'] }

/** How long a worker may be silent, in milliseconds. */
export const LEASE_MS = 2_000

const TOOL_SECONDS = 4
const SETTLE_SECONDS = 0.2

/** What differs between the processes that open one desk. */
export interface KillDeskOptions {
  readonly folder: string
  readonly worldUrl: string
  readonly fault?: FaultHook
  readonly planted?: PlantedFault | null
  readonly syncOff?: boolean
  /** Sees the store that the runtime will use. */
  readonly wrap?: (store: Store) => Store
}

/** Path of the desk's database in a folder. */
export function deskFile(folder: string): string {
  return join(folder, 'signalbox.db')
}

/** Opens the desk in a folder. */
export async function openKillDesk(options: KillDeskOptions): Promise<Signalbox> {
  const host = systemHost
  const at = { path: deskFile(options.folder), host }
  const opened = options.syncOff ? await openFaultySqliteStore(at, { unsafeSyncOff: true }) : await openSqliteStore(at)
  const planted = options.planted ? plantFault(opened, options.planted) : opened
  const store = options.wrap ? options.wrap(planted) : planted
  const access = { url: () => options.worldUrl, timeoutSeconds: TOOL_SECONDS, settleAfterSeconds: SETTLE_SECONDS }
  return createSignalbox({
    host,
    store,
    vault: keyVault({ store, host, masterKey: new Uint8Array(32).fill(7) }),
    policy: deskPolicy(),
    models: deskModels({}),
    workflows: [makeDesk({ model: SCRIPTED_MODEL, tools: makeTools(access) })],
    ...(options.fault ? { fault: options.fault } : {}),
  })
}
