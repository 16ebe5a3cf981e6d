import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import {
  assertGuarded,
  type CredentialKeeper,
  createSignalbox,
  type FaultHook,
  FIXTURE_FOLDER,
  type Host,
  keyVault,
  loadBundle,
  localStops,
  loadMasterKey,
  type ModelPort,
  openSqliteStore,
  type PolicyBundle,
  type ProcessStops,
  type Signalbox,
  SignalboxError,
  type SqliteStoreOptions,
  type Store,
  type Vault,
} from 'signalbox'
import { keeperOf } from '../identity/credentials.ts'
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
  const { models: modelsFor = project.models, openStore = openSqliteStore, stops, ...more } = seams
  const mode = project.mode ?? 'development'
  const policy = loadBundle(readBundleDir(project.bundleDir))
  if (mode === 'production') assertGuarded(policy, host.now())
  const credentials = keeperOf(project, { host, env: { ...env } })
  const models = modelsFor(env)
  makeDataDir(dataDir)
  const masterKey = loadMasterKey({ dir: dataDir, env, mode, host })
  const store = await openStore({ path: join(dataDir, DATABASE), host })
  try {
    const vault = keyVault({ store, host, masterKey })
    const workflows = project.workflows.map((each) => each.spec)
    const budgets = project.budgets ?? []
    const local = stops ?? localStops({ path: join(dataDir, STOP_FILE) })
    const switches = { ...project.switches, local }
    const controls = project.controls ?? []
    const parts = { host, store, vault, policy, controls, models, workflows, mode, budgets, credentials, switches }
    const signalbox = createSignalbox({ ...parts, ...more })
    // Closing the runtime closes its store.
    return { signalbox, store, models, vault, bundle: () => policy, credentials, close: () => signalbox.close() }
  } catch (error) {
    await store.close()
    throw error
  }
}

/** The texts of a bundle's files by relative path. Throws POLICY_BUNDLE_MISSING when the folder is not there. */
export function readBundleDir(dir: string): Readonly<Record<string, string>> {
  try {
    const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter(
      (entry) => entry.isFile() && /\.(json|cedar|cedarschema)$/.test(entry.name),
    )
    const paths = files.map((entry) => join(entry.parentPath, entry.name))
    const names = paths.map((path) => [relative(dir, path).split(sep).join('/'), path] as const)
    return Object.fromEntries(
      // Its cases are no part of a bundle: what is in force does not change with them.
      names
        .filter(([name]) => !name.startsWith(`${FIXTURE_FOLDER}/`))
        .map(([name, path]) => [name, readFileSync(path, 'utf8')]),
    )
  } catch (cause) {
    throw new SignalboxError(
      'POLICY_BUNDLE_MISSING',
      `the policy folder \`${dir}\` cannot be read: name the project's bundleDir`,
      { cause },
    )
  }
}
