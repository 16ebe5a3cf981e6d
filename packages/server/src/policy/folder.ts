import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import {
  canonicalJson,
  FIXTURE_FOLDER,
  type Host,
  type PolicyBundles,
  SignalboxError,
  sha256Hex,
  toSignalboxError,
} from 'signalbox'

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

/** How often the folder of a development server is looked at. */
const LOOK_MS = 500

/** What a watch over a folder works with. */
export interface FolderWatchOptions {
  readonly dir: string
  readonly bundles: Pick<PolicyBundles, 'activateUnproposed'>
  readonly host: Host
  /** Told of a folder that cannot be activated, again as long as it cannot; the bundle before it stays in force. */
  readonly onTrouble: (trouble: { readonly code: string; readonly detail: string }) => void
  /** Another bundle was activated: every process may look at once. */
  readonly onActivated: () => Promise<void>
}

/**
 * Activates the folder of a development server whenever it changes; what somebody activated otherwise stays until then.
 * The returned function ends the watch.
 */
export function watchFolder(options: FolderWatchOptions): () => void {
  const { host, dir } = options
  let seen = hashOfFolder(dir)
  let failed = false
  let ended = false
  let cancel: () => void = () => undefined
  const look = async (): Promise<void> => {
    const hash = hashOfFolder(dir)
    if (hash !== seen || failed) failed = !(await activated(options))
    seen = hash
  }
  const next = (): void => {
    cancel = host.after(LOOK_MS, () => {
      void look().finally(() => {
        if (!ended) next()
      })
    })
  }
  next()
  return () => {
    ended = true
    cancel()
  }
}

function hashOfFolder(dir: string): string | null {
  try {
    return sha256Hex(canonicalJson(readBundleDir(dir)))
  } catch {
    return null
  }
}

async function activated({ dir, bundles, onTrouble, onActivated }: FolderWatchOptions): Promise<boolean> {
  try {
    await bundles.activateUnproposed(readBundleDir(dir), { way: 'development' })
    await onActivated()
    return true
  } catch (thrown) {
    const { message } = toSignalboxError(thrown)
    onTrouble({ code: 'POLICY_REFUSED', detail: `the policy folder was not activated: ${message}` })
    return false
  }
}
