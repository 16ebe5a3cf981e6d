import { bundleDefinition, bundleHash, loadBundle, type PolicyBundle, type Store } from 'signalbox'

/** Bundles by their id, for telling and asking again what was decided by them. */
export interface BundleBook {
  /** The one that decides now. */
  inForce(): PolicyBundle
  /** The bundle of a decision (`name@sha256`), or null when its content is not stored or this version cannot read it. */
  of(bundle: string): Promise<PolicyBundle | null>
}

/** Loaded bundles that are kept: each takes memory of the policy engine. */
const MOST_KEPT = 4

/** A book over the stored bundles. What was loaded last is kept. */
export function bundleBook(store: Pick<Store, 'definition'>, inForce: () => PolicyBundle): BundleBook {
  const kept = new Map<string, PolicyBundle | null>()
  return {
    inForce,
    of: async (id) => {
      const now = inForce()
      if (now.bundle === id) return now
      const known = kept.get(id)
      if (known !== undefined) return known
      const loaded = await load(store, id)
      if (kept.size >= MOST_KEPT) kept.delete(kept.keys().next().value ?? '')
      kept.set(id, loaded)
      return loaded
    },
  }
}

async function load(store: Pick<Store, 'definition'>, id: string): Promise<PolicyBundle | null> {
  const text = await store.definition(bundleDefinition(bundleHash(id)))
  if (text === null) return null
  try {
    // Stored by this program as the texts of a bundle's files by path.
    const bundle = loadBundle(JSON.parse(text) as Readonly<Record<string, string>>)
    return bundle.bundle === id ? bundle : null
  } catch {
    return null
  }
}
