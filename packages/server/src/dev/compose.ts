import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  assertGuarded,
  type CredentialKeeper,
  checkAgainstCode,
  createRedactor,
  createSignalbox,
  type FaultHook,
  type Host,
  keyVault,
  livePolicy,
  loadBundle,
  localStops,
  loadMasterKey,
  type ModelPort,
  openSqliteStore,
  type PolicyBundle,
  type ProcessStops,
  type Redactor,
  type Signalbox,
  type SqliteStoreOptions,
  type Store,
  type Vault,
} from 'signalbox'
import { keeperOf } from '../identity/credentials.ts'
import { readBundleDir } from '../policy/folder.ts'
import { activationOf, type GovernedPolicy, openPolicy, type PolicyPart } from '../policy/open.ts'
import type { EnvValues, Project } from '../project.ts'
import { ioError } from './io.ts'

/** What one process of a development server is made of. */
export interface Composed {
  readonly signalbox: Signalbox
  readonly store: Store
  readonly models: ModelPort
  readonly vault: Vault
  /** The policy bundle in force. */
  readonly bundle: () => PolicyBundle
  readonly credentials: CredentialKeeper
  /** Looks at everything that leaves with content in it. */
  readonly redactor: Redactor
  /** Hosts that are told the run in `baggage`. */
  readonly baggageHosts: readonly string[]
  /** Its life; null where the folder is used as it is. */
  readonly policy: GovernedPolicy | null
  close(): Promise<void>
}

/** Name of the database in a data folder. */
export const DATABASE = 'signalbox.db'

/** Name of the file in a data folder that stops sends, whatever the database says. */
export const STOP_FILE = 'STOP'

/** Makes the data folder, readable by its owner alone. Throws STORE_READ_ONLY, STORE_FULL or CONFIG_INVALID. */
export function makeDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw ioError(cause, dataDir)
  }
}

/** What a drill puts between the runtime and its surroundings. A server and its workers have none of it. */
export interface ComposeSeams {
  readonly models?: (env: EnvValues) => ModelPort
  readonly openStore?: (options: SqliteStoreOptions) => Promise<Store>
  readonly fault?: FaultHook
  /** What this process does with the history of the policy. Default: the folder is used as it is, as drills do. */
  readonly part?: PolicyPart
  readonly fetch?: typeof fetch
  /** Stops of this process; default: the stop file of the data folder alone. */
  readonly stops?: ProcessStops
}

/**
 * Opens the data folder with a project's policy, models and workflows. Everything that can be wrong is told before the
 * store is touched: POLICY_BUNDLE_INVALID, KEY_MISSING, then STORE_NEWER, STORE_READ_ONLY and their like.
 */
export async function compose(
  project: Project,
  dataDir: string,
  host: Host,
  env: EnvValues,
  seams: ComposeSeams = {},
): Promise<Composed> {
  const { models: modelsFor = project.models, openStore = openSqliteStore, stops, part, ...more } = seams
  const mode = project.mode ?? 'development'
  const folder = usesFolder(project, part) ? loadBundle(readBundleDir(project.bundleDir)) : null
  const credentials = keeperOf(project, { host, env: { ...env } })
  const models = modelsFor(env)
  makeDataDir(dataDir)
  const masterKey = loadMasterKey({ dir: dataDir, env, mode, host })
  const store = await openStore({ path: join(dataDir, DATABASE), host })
  try {
    const vault = keyVault({ store, host, masterKey })
    const workflows = project.workflows.map((each) => each.spec)
    const checkCode = (bundle: PolicyBundle): void => {
      checkAgainstCode(bundle, workflows)
      if (mode === 'production') assertGuarded(bundle, host.now())
    }
    const governed = part && (await openPolicy({ project, part, store, host, checkCode }))
    const live = governed?.live ?? livePolicy(folder ?? loadBundle(readBundleDir(project.bundleDir)))
    if (mode === 'production' && part !== 'offline') assertGuarded(live.current(), host.now())
    const budgets = project.budgets ?? []
    const local = stops ?? localStops({ path: join(dataDir, STOP_FILE) })
    const switches = { ...project.switches, local }
    const controls = project.controls ?? []
    const baggageHosts = project.baggageHosts ?? []
    const parts = {
      baggageHosts,
      host,
      store,
      vault,
      policy: live,
      controls,
      models,
      workflows,
      mode,
      budgets,
      credentials,
      switches,
    }
    const signalbox = createSignalbox({ ...parts, ...more })
    const bundle = (): PolicyBundle => live.current()
    // Closing the runtime closes its store.
    const close = (): Promise<void> => signalbox.close()
    const redactor = redactorOf(project, host, credentials)
    return {
      signalbox,
      store,
      models,
      vault,
      bundle,
      policy: governed ?? null,
      credentials,
      baggageHosts,
      redactor,
      close,
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

/** Takes out the known credentials of tools, forms of secrets, and what the project's own rule says. */
function redactorOf({ outgoing = {} }: Project, host: Host, credentials: CredentialKeeper): Redactor {
  const { redact, forms } = outgoing
  return createRedactor({
    host,
    known: (value) => credentials.redact(value).value,
    ...(redact ? { hook: redact } : {}),
    ...(forms ? { forms } : {}),
  })
}

/** What looks at everything of a project that leaves, for a command that opens no server. */
export function redactorOfProject(project: Project, host: Host, env: EnvValues): Redactor {
  return redactorOf(project, host, keeperOf(project, { host, env: { ...env } }))
}

/** Mistakes of a folder that is to be used are told before the store is touched. */
function usesFolder(project: Project, part: PolicyPart | undefined): boolean {
  return part === undefined || (part === 'server' && activationOf(project) === 'folder')
}
