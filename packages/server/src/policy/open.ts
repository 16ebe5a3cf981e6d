import {
  bundleHash,
  type Host,
  type LivePolicy,
  livePolicy,
  loadBundle,
  type PolicyBundle,
  type PolicyBundles,
  policyBundles,
  SignalboxError,
  type Store,
} from 'signalbox'
import type { Project } from '../project.ts'
import { readBundleDir } from './folder.ts'

/** What a process does with the policy of a data folder. */
export type PolicyPart =
  /** Activates what development and the first start activate by themselves, and follows the history. */
  | 'server'
  /** Follows the history. */
  | 'member'
  /** Works on the store while no server runs: what cannot be used here must still be replaceable. */
  | 'offline'

/** The tenant whose people change the policy when the project does not say. */
const DEFAULT_TENANT = 'dev'

/** The policy of a process that follows a history. */
export interface GovernedPolicy {
  readonly live: LivePolicy<PolicyBundle>
  readonly bundles: PolicyBundles
  readonly activation: 'folder' | 'reviewed'
}

/** What is opened. */
export interface OpenPolicy {
  readonly project: Project
  readonly part: PolicyPart
  readonly store: Store
  readonly host: Host
  /** Throws when the tools and steps of this process do not fit a bundle. */
  readonly checkCode: (bundle: PolicyBundle) => void
}

/** How changes of the policy come about. Throws CONFIG_INVALID for production that would take an unreviewed folder. */
export function activationOf(project: Pick<Project, 'mode' | 'policy'>): 'folder' | 'reviewed' {
  const production = project.mode === 'production'
  const asked = project.policy?.activation ?? (production ? 'reviewed' : 'folder')
  if (production && asked === 'folder')
    throw new SignalboxError(
      'CONFIG_INVALID',
      'production activates no folder that nobody reviewed: leave `policy.activation` out, or set it to `reviewed`',
    )
  return asked
}

/**
 * The bundle in force. A server of development activates its folder; production starts with what was activated last and
 * never with the folder. Throws POLICY_NOT_ACTIVATED when nothing ever was.
 */
export async function openPolicy(options: OpenPolicy): Promise<GovernedPolicy> {
  const { project, part, store, host, checkCode } = options
  const tenant = project.policy?.tenant ?? DEFAULT_TENANT
  const bundles = policyBundles({ store, host, tenant, checkCode })
  const activation = activationOf(project)
  if (part === 'server') await activateFirst(bundles, project, activation)
  const { inForce } = await bundles.history()
  if (inForce) {
    const bundle = await bundles.load(bundleHash(inForce.bundle))
    return { live: livePolicy(part === 'offline' ? unchecked(bundle) : bundle), bundles, activation }
  }
  // A store that no server has opened yet: nothing was started there.
  if (activation === 'folder')
    return { live: livePolicy(loadBundle(readBundleDir(project.bundleDir))), bundles, activation }
  if (part === 'offline') return { live: livePolicy(nothingPermitted(project)), bundles, activation }
  throw notActivated()
}

async function activateFirst(
  bundles: PolicyBundles,
  project: Project,
  activation: 'folder' | 'reviewed',
): Promise<void> {
  const { inForce } = await bundles.history()
  if (activation === 'folder') {
    await bundles.activateUnproposed(readBundleDir(project.bundleDir), { way: 'development' })
    return
  }
  if (inForce) return
  const files = readBundleDir(project.bundleDir)
  if (project.mode !== 'production') {
    await bundles.activateUnproposed(files, { way: 'development' })
    return
  }
  const first = project.policy?.first
  if (!first) return
  const { hash } = loadBundle(files)
  if (hash !== first.hash)
    throw new SignalboxError(
      'POLICY_NOT_ACTIVATED',
      `\`policy.first\` names bundle \`${first.hash}\`, and the folder \`${project.bundleDir}\` holds \`${hash}\`: what was reviewed is something else`,
    )
  const { author, reviewer, reason } = first
  await bundles.activateUnproposed(files, { way: 'bootstrap', author, reviewer, reason })
}

function notActivated(): SignalboxError {
  return new SignalboxError(
    'POLICY_NOT_ACTIVATED',
    'no policy bundle was ever activated here: one person runs `signalbox policy propose`, another `signalbox policy activate <hash>`, then start again; or name the first bundle and its two people in `policy.first`',
  )
}

/** A process that runs nothing must also open where code and catalogue do not fit: to propose the bundle that does. */
function unchecked(bundle: PolicyBundle): PolicyBundle {
  return { ...bundle, checkTools: () => undefined, checkSteps: () => undefined }
}

/** Before the first activation nobody may do anything but activate. The roles and duties are those of the folder. */
function nothingPermitted(project: Project): PolicyBundle {
  const bundle = loadBundle(readBundleDir(project.bundleDir))
  return {
    ...bundle,
    bundle: 'none',
    checkTools: () => undefined,
    checkSteps: () => undefined,
    mayStart: () => false,
    decide: () => {
      throw notActivated()
    },
  }
}
