import { SignalboxError } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import { canonicalJson, parseJson } from '../base/json.ts'
import { isoTime } from '../base/time.ts'
import type { Principal } from '../contracts/common.ts'
import { bundleDefinition, bundleHash } from '../contracts/policy-history.ts'
import type { Store } from '../contracts/store.ts'
import {
  activationBy,
  draftOf,
  foldPolicyHistory,
  loadBundle,
  NO_POLICY_HISTORY,
  type PolicyBundle,
  type PolicyEventBody,
  type PolicyHistory,
  type PolicyRoles,
  policyRow,
  requirePolicyRole,
} from '../policy/index.ts'

/** Texts of a bundle's files by relative path. */
export type BundleFiles = Readonly<Record<string, string>>

/** A person's order, and why. */
export interface PolicyOrder {
  readonly by: Principal
  readonly reason: string
}

/** What the life of bundles is kept with. */
export interface PolicyBundlesOptions {
  readonly store: Pick<Store, 'policyHead' | 'policyLog' | 'appendPolicyLog' | 'definition' | 'putDefinition'>
  readonly host: Host
  /** People of this tenant change the policy, for all tenants of the project. */
  readonly tenant: string
  /** Throws CATALOGUE_LAXER or POLICY_BUNDLE_INVALID when a bundle does not fit the tools and steps of this process. */
  readonly checkCode: (bundle: PolicyBundle) => void
}

/**
 * The life of policy bundles: stored by hash, proposed, activated by a second person, taken back. Each change is an event
 * of one history; of two at the same time the later is judged again by what the first made of it.
 */
export interface PolicyBundles {
  /** All that happened up to now. */
  history(): Promise<PolicyHistory>
  /** The whole hash of a bundle that is named by its hash, the beginning of it (8 at least), or its id. Throws CONFLICT. */
  whole(name: string): Promise<string>
  /** The files of a stored bundle. Throws NOT_FOUND. */
  files(hash: string): Promise<BundleFiles>
  /** A stored bundle, prepared. Throws NOT_FOUND, and POLICY_BUNDLE_INVALID where this version does not take it. */
  load(hash: string): Promise<PolicyBundle>
  /**
   * Stores a bundle as a draft: new files, or one that is stored. Throws FORBIDDEN, POLICY_BUNDLE_INVALID,
   * CATALOGUE_LAXER, NOT_FOUND, and CONFLICT for the one in force.
   */
  propose(what: { readonly files: BundleFiles } | { readonly hash: string }, order: PolicyOrder): Promise<string>
  /** Takes a draft from the list: its author, or one who may activate it. Throws FORBIDDEN, NOT_FOUND. */
  decline(hash: string, order: PolicyOrder): Promise<string>
  /** Activates a draft of somebody else. Throws FORBIDDEN, POLICY_SELF_REVIEW, POLICY_DRAFT_STALE, NOT_FOUND. */
  activate(hash: string, order: PolicyOrder): Promise<string>
  /** Takes a bundle back that was in force before, alone; to be reviewed after. Throws FORBIDDEN, NOT_FOUND, CONFLICT. */
  takeBack(hash: string, order: PolicyOrder): Promise<string>
  /** Somebody else has looked at an emergency activation. Throws FORBIDDEN, POLICY_SELF_REVIEW, NOT_FOUND. */
  review(activation: number, order: PolicyOrder): Promise<string>
  /** Evaluates a bundle beside the one in force. Throws as `propose` does. */
  startShadow(what: { readonly files: BundleFiles } | { readonly hash: string }, order: PolicyOrder): Promise<string>
  stopShadow(order: PolicyOrder): Promise<void>
  /** Activates what nobody proposed: a changed folder of a development server, or the first bundle by configuration. */
  activateUnproposed(files: BundleFiles, how: Unproposed): Promise<string>
}

/** By whose leave a bundle that nobody proposed comes into force. */
export type Unproposed =
  | { readonly way: 'development' }
  | { readonly way: 'bootstrap'; readonly author: string; readonly reviewer: string; readonly reason: string }

/** Bundles that are kept prepared: the one in force, those before it, and drafts. */
const PREPARED = 6

/** Opens the life of the bundles of a store. */
export function policyBundles(options: PolicyBundlesOptions): PolicyBundles {
  return new Bundles(options)
}

class Bundles implements PolicyBundles {
  readonly #options: PolicyBundlesOptions
  readonly #prepared = new Map<string, PolicyBundle>()
  #known: PolicyHistory = NO_POLICY_HISTORY

  constructor(options: PolicyBundlesOptions) {
    this.#options = options
  }

  async history(): Promise<PolicyHistory> {
    const known = this.#known
    const rows = await this.#options.store.policyLog(known.seq)
    // Another call may have read further meanwhile.
    const next = foldPolicyHistory(known, rows)
    if (next.seq > this.#known.seq) this.#known = next
    return this.#known
  }

  async files(hash: string): Promise<BundleFiles> {
    const text = await this.#options.store.definition(bundleDefinition(hash))
    if (text === null) throw new SignalboxError('NOT_FOUND', `there is no bundle \`${hash}\` in the store`)
    // Written by `#keep` alone: canonical JSON of texts by path.
    return parseJson(text, `bundle \`${hash}\``) as unknown as BundleFiles
  }

  async load(hash: string): Promise<PolicyBundle> {
    const known = this.#prepared.get(hash)
    if (known) return known
    const bundle = loadBundle(await this.files(hash))
    if (bundle.hash !== hash)
      throw new SignalboxError(
        'STORE_CORRUPT',
        `bundle \`${hash}\` of the store has another content than its hash says`,
      )
    for (const old of [...this.#prepared.keys()].slice(0, Math.max(0, this.#prepared.size - PREPARED + 1)))
      this.#prepared.delete(old)
    this.#prepared.set(hash, bundle)
    return bundle
  }

  propose(what: { readonly files: BundleFiles } | { readonly hash: string }, order: PolicyOrder): Promise<string> {
    return this.#add(async (history) => {
      const { bundle, files } = await this.#read(what)
      const { authors, tenant } = await this.#roles(history, bundle)
      requirePolicyRole(order.by, authors, tenant, 'propose a bundle')
      const base = history.inForce?.bundle ?? null
      if (base === bundle.bundle) throw new SignalboxError('CONFLICT', `\`${bundle.bundle}\` is in force already`)
      this.#options.checkCode(bundle)
      await this.#keep(bundle, files)
      const rollback = history.activations.some((each) => each.bundle === bundle.bundle)
      return { type: 'bundle.proposed', bundle: bundle.bundle, version: bundle.version, base, rollback, ...order }
    })
  }

  decline(hash: string, order: PolicyOrder): Promise<string> {
    return this.#add(async (history) => {
      const draft = this.#draft(history, hash)
      const { approvers, tenant } = await this.#roles(history, await this.load(bundleHash(draft.bundle)))
      if (draft.by?.id !== order.by.id) requirePolicyRole(order.by, approvers, tenant, 'decline a draft')
      return { type: 'bundle.declined', proposal: draft.seq, bundle: draft.bundle, ...order }
    })
  }

  activate(hash: string, order: PolicyOrder): Promise<string> {
    return this.#add(async (history) => {
      const draft = this.#draft(history, hash)
      const bundle = await this.load(bundleHash(draft.bundle))
      const event = activationBy(history, draft, order, await this.#roles(history, bundle))
      this.#options.checkCode(bundle)
      return event
    })
  }

  takeBack(hash: string, order: PolicyOrder): Promise<string> {
    return this.#add(async (history) => {
      const before = history.activations.findLast((each) => isNamed(each.bundle, hash))
      const from = history.inForce?.bundle ?? null
      const { emergency, tenant } = await this.#roles(history, null)
      requirePolicyRole(order.by, emergency, tenant, 'take a bundle back alone')
      if (!before) throw new SignalboxError('NOT_FOUND', `no bundle \`${hash}\` was ever in force: see the history`)
      if (before.bundle === from) throw new SignalboxError('CONFLICT', `\`${from}\` is in force already`)
      this.#options.checkCode(await this.load(bundleHash(before.bundle)))
      const { bundle, version } = before
      const what = { bundle, version, from, way: 'emergency', proposal: null, author: null, rollback: true } as const
      return { type: 'bundle.activated', ...what, ...order }
    })
  }

  review(activation: number, order: PolicyOrder): Promise<string> {
    return this.#add(async (history) => {
      const found = history.unreviewed.find((each) => each.seq === activation)
      const { approvers, tenant } = await this.#roles(history, null)
      requirePolicyRole(order.by, approvers, tenant, 'review an activation')
      if (!found) throw new SignalboxError('NOT_FOUND', `no activation \`${activation}\` waits for a review`)
      if (found.by?.id === order.by.id)
        throw new SignalboxError('POLICY_SELF_REVIEW', `\`${order.by.id}\` did this: somebody else has to look at it`)
      return { type: 'activation.reviewed', activation, ...order }
    })
  }

  startShadow(what: { readonly files: BundleFiles } | { readonly hash: string }, order: PolicyOrder): Promise<string> {
    return this.#add(async (history) => {
      const { bundle, files } = await this.#read(what)
      await this.#mayShadow(history, order)
      if (history.inForce?.bundle === bundle.bundle)
        throw new SignalboxError('CONFLICT', `\`${bundle.bundle}\` is in force: there is nothing to compare it with`)
      await this.#keep(bundle, files)
      return { type: 'shadow.started', bundle: bundle.bundle, version: bundle.version, ...order }
    })
  }

  async stopShadow(order: PolicyOrder): Promise<void> {
    await this.#add(async (history) => {
      await this.#mayShadow(history, order)
      if (!history.shadow) throw new SignalboxError('CONFLICT', 'no draft is evaluated beside the bundle in force')
      return { type: 'shadow.stopped', ...order }
    })
  }

  activateUnproposed(files: BundleFiles, how: Unproposed): Promise<string> {
    return this.#add(async (history) => {
      const bundle = loadBundle(files)
      const from = history.inForce?.bundle ?? null
      if (from === bundle.bundle) return null
      if (how.way === 'bootstrap' && from !== null)
        throw new SignalboxError('CONFLICT', `\`${from}\` is in force: propose \`${bundle.bundle}\` instead`)
      this.#options.checkCode(bundle)
      await this.#keep(bundle, files)
      const what = { bundle: bundle.bundle, version: bundle.version, from, proposal: null }
      const rollback = history.activations.some((each) => each.bundle === bundle.bundle)
      if (how.way === 'development') {
        const reason = 'the policy folder of a development server'
        return { type: 'bundle.activated', ...what, rollback, way: how.way, author: null, by: null, reason }
      }
      const [author, by] = [this.#declared(how.author), this.#declared(how.reviewer)]
      if (author.id === by.id)
        throw new SignalboxError(
          'CONFIG_INVALID',
          'the author of the first bundle cannot be its reviewer: name another',
        )
      return {
        type: 'bundle.activated',
        ...what,
        rollback,
        way: how.way,
        author,
        by,
        reason: how.reason,
        declared: true,
      }
    })
  }

  #declared(id: string): Principal {
    return { id, kind: 'user', tenant: this.#options.tenant, roles: [] }
  }

  /** Adds what `made` makes of the present history, and again when another event came first. Gives the bundle in it. */
  async #add(made: (history: PolicyHistory) => Promise<PolicyEventBody | null>): Promise<string> {
    const { store, host } = this.#options
    for (;;) {
      const history = await this.history()
      const event = await made(history)
      if (event === null) return history.inForce?.bundle ?? ''
      const row = policyRow(history, isoTime(host.now()), event)
      if (await store.appendPolicyLog(row)) return 'bundle' in event ? event.bundle : ''
    }
  }

  async #read(
    what: { readonly files: BundleFiles } | { readonly hash: string },
  ): Promise<{ readonly bundle: PolicyBundle; readonly files: BundleFiles }> {
    if ('files' in what) return { bundle: loadBundle(what.files), files: what.files }
    const hash = await this.whole(what.hash)
    return { bundle: await this.load(hash), files: await this.files(hash) }
  }

  async whole(hash: string): Promise<string> {
    const { activations, drafts, shadow } = await this.history()
    const named = [...drafts, ...activations, ...(shadow ? [shadow] : [])].map((each) => each.bundle)
    const found = new Set(named.filter((bundle) => isNamed(bundle, hash)).map(bundleHash))
    if (found.size > 1) throw new SignalboxError('CONFLICT', `\`${hash}\` names several bundles: give more of it`)
    return [...found][0] ?? bundleHash(hash)
  }

  #draft(history: PolicyHistory, hash: string) {
    const named = history.drafts.filter((each) => isNamed(each.bundle, hash))
    if (named.length > 1) throw new SignalboxError('CONFLICT', `\`${hash}\` names several drafts: give more of it`)
    const draft = named[0] && draftOf(history, named[0].bundle)
    if (draft) return draft
    throw new SignalboxError('NOT_FOUND', `there is no draft \`${hash}\`: propose it first`)
  }

  /** Stored before the event that names it, so that no event names what is not there. */
  async #keep(bundle: PolicyBundle, files: BundleFiles): Promise<void> {
    await this.#options.store.putDefinition(bundleDefinition(bundle.hash), canonicalJson(files))
  }

  async #mayShadow(history: PolicyHistory, { by }: PolicyOrder): Promise<void> {
    const { authors, approvers, tenant } = await this.#roles(history, null)
    requirePolicyRole(by, [...new Set([...authors, ...approvers])], tenant, 'compare a draft with the bundle in force')
  }

  /** Who may change the policy now: the bundle in force says it, and the first one for itself. */
  async #roles({ inForce }: PolicyHistory, first: PolicyBundle | null): Promise<PolicyRoles> {
    const ruling = inForce === null ? first : await this.load(bundleHash(inForce.bundle))
    if (ruling === null)
      throw new SignalboxError('POLICY_NOT_ACTIVATED', 'no bundle is in force: propose and activate one')
    return { ...ruling.change, tenant: this.#options.tenant }
  }
}

/** True for a bundle (`name@sha256`) that is named by its hash, the beginning of it (8 at least), or its whole id. */
function isNamed(bundle: string, name: string): boolean {
  return bundle === name || (name.length >= 8 && bundleHash(bundle).startsWith(name))
}
