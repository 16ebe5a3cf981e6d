/** How the processes of a data folder follow the policy history. */
import { type Host, keepPolicy, type PolicyKeeper, SignalboxError, systemHost } from 'signalbox'
import type { Composed } from '../dev/compose.ts'
import type { StoreFaultNote } from '../health/watched-store.ts'
import type { TroubleBoard } from '../health/troubles.ts'
import type { ApiDeps } from '../http/handlers.ts'
import type { Project } from '../project.ts'
import { watchFolder } from './folder.ts'
import type { GovernedPolicy } from './open.ts'
import { policyService } from './service.ts'

/** What follows the history in the server process. */
export type PolicyFollower = Pick<PolicyKeeper, 'look' | 'close'>

/** The service of the endpoints, where the process has a history. */
export function policyPart(
  project: Project,
  { policy, store }: Pick<Composed, 'policy' | 'store'>,
  host: Host,
  changed?: () => Promise<void>,
): Pick<ApiDeps, 'policy'> {
  if (!policy) return {}
  const mode = project.mode ?? 'development'
  const base = { policy, store, host, mode, folder: project.bundleDir }
  return { policy: policyService(changed ? { ...base, changed } : base) }
}

/** Follows the history in a worker process. */
export function keepWorkerPolicy(
  composed: Composed,
  name: string,
  onTrouble: (note: StoreFaultNote) => void,
): Promise<PolicyKeeper> {
  const { live, bundles } = governed(composed)
  const base = { live, bundles, store: composed.store, host: systemHost, kind: 'worker' as const, pid: process.pid }
  return keepPolicy({ ...base, name, onTrouble })
}

/** What the server process follows the history with. */
export interface FollowParts {
  readonly project: Project
  readonly composed: Composed
  readonly host: Host
  readonly troubles: Pick<TroubleBoard, 'report'>
  readonly log: (line: string) => void
}

/** Follows the history in the server process, activates a changed folder of development, and tells of open reviews. */
export async function followPolicy(parts: FollowParts): Promise<PolicyFollower> {
  const { project, composed, host, troubles, log } = parts
  const { live, bundles, activation } = governed(composed)
  const onTrouble = (note: StoreFaultNote): void => troubles.report('server', note)
  const keeper = await keepPolicy({
    ...{ bundles, live, store: composed.store, host, kind: 'server', name: 'server', pid: process.pid, onTrouble },
    onChange: (bundle) => log(`policy: \`${bundle}\` is in force`),
  })
  const unwatch =
    activation === 'folder'
      ? watchFolder({ dir: project.bundleDir, bundles, host, onTrouble, onActivated: () => keeper.look() })
      : () => undefined
  const endReminders = remind(parts, bundles)
  return {
    look: () => keeper.look(),
    close: async () => {
      unwatch()
      endReminders()
      await keeper.close()
    },
  }
}

const REMIND_MS = 1_000

/** Open reviews are trouble for as long as they are open. */
function remind({ host, troubles }: FollowParts, bundles: GovernedPolicy['bundles']): () => void {
  let cancel: () => void = () => undefined
  let ended = false
  const look = async (): Promise<void> => {
    const { unreviewed } = await bundles.history()
    const [first] = unreviewed
    if (!first) return
    const detail = `activation ${first.seq} by \`${first.by?.id ?? ''}\`: ${first.reason}`
    troubles.report('server', { code: 'POLICY_REVIEW_DUE', detail })
  }
  const next = (): void => {
    cancel = host.after(REMIND_MS, () => {
      // A store that does not answer is told of by the store itself.
      look()
        .catch(() => undefined)
        .finally(() => {
          if (!ended) next()
        })
    })
  }
  next()
  return () => {
    cancel()
    ended = true
  }
}

function governed({ policy }: Composed): GovernedPolicy {
  if (policy) return policy
  throw new SignalboxError('INTERNAL', 'this process was composed without a policy history')
}
