import { toSignalboxError } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import { bundleHash, type PolicyHolder } from '../contracts/policy-history.ts'
import type { Store } from '../contracts/store.ts'
import type { PolicyBundle, PolicyHistory } from '../policy/index.ts'
import type { PolicyBundles } from './bundles.ts'
import type { LivePolicy } from './live-policy.ts'
import { ShadowRunner } from './shadow.ts'

/** How often a process looks whether another bundle came into force. */
export const POLICY_LOOK_MS = 250
/** How often it tells that it is still there. */
const BEAT_MS = 10_000
/** A process that did not tell for this long is taken for gone. */
export const POLICY_HOLDER_GONE_MS = 3 * BEAT_MS

/** What a process keeps its policy up to date with. */
export interface PolicyKeeperOptions {
  readonly bundles: PolicyBundles
  readonly live: LivePolicy<PolicyBundle>
  readonly store: Pick<Store, 'policyHead' | 'putPolicyHolder' | 'dropPolicyHolder' | 'addShadow'>
  readonly host: Host
  readonly kind: PolicyHolder['kind']
  /** Name of the process, and its id. */
  readonly name: string
  readonly pid: number
  /** Told of a bundle that was not taken up, again as long as that lasts; the one before stays in force. */
  readonly onTrouble: (trouble: { readonly code: string; readonly detail: string }) => void
  /** Told of each bundle that was taken up. */
  readonly onChange?: (bundle: string) => void
}

/** Keeps the policy of one process up to date, until it is closed. */
export interface PolicyKeeper {
  /** Looks now, and takes up what is new. */
  look(): Promise<void>
  close(): Promise<void>
}

/** Starts to keep the policy of this process up to date; the first look has happened when it resolves. */
export async function keepPolicy(options: PolicyKeeperOptions): Promise<PolicyKeeper> {
  const keeper = new Keeper(options)
  await keeper.look()
  keeper.start()
  return keeper
}

class Keeper implements PolicyKeeper {
  readonly #options: PolicyKeeperOptions
  readonly #process: string
  readonly #shadow: ShadowRunner
  #seen = -1
  #heldAt: number
  #beatAt = Number.NEGATIVE_INFINITY
  #activation = 0
  #refused: PolicyHolder['refused'] = null
  #looking: Promise<void> | null = null
  #cancel: () => void = () => undefined
  #closed = false

  constructor(options: PolicyKeeperOptions) {
    this.#options = options
    this.#process = `${options.name}/${options.pid}`
    this.#shadow = new ShadowRunner(options.store, options.host)
    this.#heldAt = options.host.now()
  }

  start(): void {
    if (this.#closed) return
    this.#cancel = this.#options.host.after(POLICY_LOOK_MS, () => {
      // A store that does not answer is told of by the store itself; the bundle in force stays meanwhile.
      this.look()
        .catch(() => undefined)
        .finally(() => this.start())
    })
  }

  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null
    })
    return this.#looking
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#cancel()
    this.#options.live.observe(null)
    await this.#looking?.catch(() => undefined)
    await this.#shadow.flush().catch(() => undefined)
    await this.#options.store.dropPolicyHolder(this.#process).catch(() => undefined)
  }

  async #look(): Promise<void> {
    const { store, bundles, host, onTrouble } = this.#options
    const head = await store.policyHead()
    if (head !== this.#seen) {
      const history = await bundles.history()
      await this.#takeUp(history)
      await this.#compare(history)
      this.#seen = head
      await this.#tell()
    } else if (host.monotonicMs() - this.#beatAt >= BEAT_MS) await this.#tell()
    if (this.#refused)
      onTrouble({
        code: 'POLICY_REFUSED',
        detail: `\`${this.#refused.bundle}\` was not taken up: ${this.#refused.detail}`,
      })
  }

  /** The bundle in force, or where it cannot be taken up the one before, which goes on. */
  async #takeUp({ inForce }: PolicyHistory): Promise<void> {
    const { live, bundles, host, onChange } = this.#options
    if (!inForce) return
    if (inForce.bundle === live.bundle) {
      this.#refused = null
      return
    }
    try {
      live.swap(await bundles.load(bundleHash(inForce.bundle)))
    } catch (thrown) {
      const { code, message } = toSignalboxError(thrown)
      this.#refused = { bundle: inForce.bundle, code, detail: message }
      return
    }
    this.#activation = inForce.seq
    this.#heldAt = host.now()
    this.#refused = null
    onChange?.(inForce.bundle)
  }

  /** A draft that does not load is compared with nothing: it must not touch what is in force. */
  async #compare({ shadow }: PolicyHistory): Promise<void> {
    const { bundles, live } = this.#options
    const draft = shadow ? await bundles.load(bundleHash(shadow.bundle)).catch(() => null) : null
    await this.#shadow.set(shadow && draft ? { seq: shadow.seq, draft } : null)
    live.observe(draft ? (request, decision) => this.#shadow.note(request, decision) : null)
  }

  async #tell(): Promise<void> {
    const { store, host, live, kind, pid } = this.#options
    this.#beatAt = host.monotonicMs()
    const held = { bundle: live.bundle, activation: this.#activation, heldAt: this.#heldAt, seenAt: host.now() }
    await store.putPolicyHolder({ process: this.#process, kind, pid, ...held, refused: this.#refused })
  }
}
