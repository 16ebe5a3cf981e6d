import type { BundleChange, PolicyEventView, PolicyStatus, ShadowReport, StoredBundle } from '@signalbox/protocol'
import {
  bundleHash,
  canonicalJson,
  type Host,
  loadBundle,
  type Mode,
  type PolicyBundles,
  type PolicyHistory,
  type Store,
  sha256Hex,
  toSignalboxError,
} from 'signalbox'
import {
  activationView,
  changesBetween,
  draftView,
  eventView,
  holderView,
  reachedAll,
  shadowView,
} from '../views/policy-life.ts'
import { isoOf } from '../views/runs.ts'
import { type PolicyAuditor, policyAuditor } from './auditor.ts'
import { readBundleDir } from './folder.ts'
import type { GovernedPolicy } from './open.ts'

/** What the endpoints about the policy work with. */
export interface PolicyService {
  readonly bundles: PolicyBundles
  status(tenant: string): Promise<PolicyStatus>
  events(): Promise<PolicyEventView[]>
  /** A stored bundle by its hash or the beginning of it. Throws NOT_FOUND. */
  stored(id: string): Promise<StoredBundle>
  shadow(tenant: string): Promise<ShadowReport>
  /** Verifies the history: shown the records of each run, it says at the end what is wrong. */
  auditor(): Promise<PolicyAuditor>
  /** Lets this process look at once; the others follow within a moment. */
  changed(): Promise<void>
}

/** What the service is made of. */
export interface PolicyServiceParts {
  readonly policy: GovernedPolicy
  readonly store: Store
  readonly host: Host
  readonly mode: Mode
  readonly folder: string
  readonly changed?: () => Promise<void>
}

/** Findings of a shadow that are shown at once. */
const SHOWN = 500

/** The life of the bundles of a data folder, for the endpoints. */
export function policyService(parts: PolicyServiceParts): PolicyService {
  const { policy, store, host, mode, folder } = parts
  const { bundles, activation } = policy
  return {
    bundles,
    status: async (tenant) => {
      const history = await bundles.history()
      const { inForce, drafts, unreviewed } = history
      const holders = (await store.policyHolders()).map((row) => holderView(row, inForce, host.now()))
      const shown = drafts.map(async (draft) =>
        draftView(draft, history, await changes(bundles, history, draft.bundle)),
      )
      return {
        mode,
        activation,
        in_force: inForce && activationView(inForce, history),
        folder: folderState(folder, inForce?.bundle ?? null),
        holders,
        reached_all_ms: reachedAll(holders),
        drafts: await Promise.all(shown),
        shadow: (await shadow(store, history, tenant)).shadow,
        reviews_open: unreviewed.map((each) => each.seq),
      }
    },
    events: async () => (await store.policyLog(0)).map(eventView).reverse(),
    stored: async (id) => {
      const history = await bundles.history()
      const hash = await bundles.whole(id)
      const [bundle, files] = await Promise.all([bundles.load(hash), bundles.files(hash)])
      return {
        ...{ bundle: bundle.bundle, hash: bundle.hash, version: bundle.version, owner: bundle.owner },
        files: { ...files },
        warnings: [...bundle.warnings],
        changes: [...((await changes(bundles, history, bundle.bundle)) ?? [])],
      }
    },
    auditor: async () => await policyAuditor(store, host),
    shadow: async (tenant) => await shadow(store, await bundles.history(), tenant),
    changed: parts.changed ?? (async () => undefined),
  }
}

/** Null where one of the two cannot be read by this version. */
async function changes(
  bundles: PolicyBundles,
  { inForce }: PolicyHistory,
  bundle: string,
): Promise<readonly BundleChange[] | null> {
  if (inForce === null) return []
  try {
    return changesBetween(await bundles.load(bundleHash(inForce.bundle)), await bundles.load(bundleHash(bundle)))
  } catch {
    return null
  }
}

function folderState(path: string, inForce: string | null): PolicyStatus['folder'] {
  try {
    const files = readBundleDir(path)
    const { bundle, hash } = loadBundle(files)
    return { path, hash, same: bundle === inForce, problem: null }
  } catch (thrown) {
    return { path, hash: hashOf(path), same: false, problem: toSignalboxError(thrown).message }
  }
}

function hashOf(path: string): string | null {
  try {
    return sha256Hex(canonicalJson(readBundleDir(path)))
  } catch {
    return null
  }
}

async function shadow(store: Store, { shadow: running }: PolicyHistory, tenant: string): Promise<ShadowReport> {
  if (!running) return { shadow: null, findings: [] }
  const [counts, found] = await Promise.all([
    store.shadowCounts(tenant, running.seq),
    store.shadowFindings(tenant, running.seq, SHOWN),
  ])
  const findings = found.map(({ outcome, runId, workflow, point, action, at, now, draft }) => ({
    ...{ outcome, run_id: runId, workflow, point, action, at: isoOf(at), now },
    draft: { ...draft, policies: [...draft.policies] },
  }))
  return { shadow: shadowView(running, counts), findings }
}
