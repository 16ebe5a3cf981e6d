import { systemHost } from '../base/host.ts'
import { isoTime } from '../base/time.ts'
import type { Store } from '../contracts/store.ts'
import { foldPolicyHistory, NO_POLICY_HISTORY, policyRow } from '../policy/index.ts'

/**
 * Puts on record that runs came in which bundles decided that were never in force here: an audit would ask after them. A
 * store without a policy history keeps none.
 */
export async function tellImportedBundles(
  store: Pick<Store, 'policyLog' | 'appendPolicyLog'>,
  named: ReadonlySet<string>,
): Promise<void> {
  for (;;) {
    const history = foldPolicyHistory(NO_POLICY_HISTORY, await store.policyLog(0))
    const bundles = [...named].filter((bundle) => !history.known.has(bundle)).sort()
    if (history.seq === 0 || bundles.length === 0) return
    const reason = 'runs of another store were imported'
    const row = policyRow(history, isoTime(systemHost.now()), { type: 'bundles.imported', bundles, by: null, reason })
    if (await store.appendPolicyLog(row)) return
  }
}
