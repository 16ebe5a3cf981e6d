import { NO_AMOUNTS } from '../../contracts/common.ts'
import type { RunRecord } from '../../contracts/records.ts'
import type { CommitResult, RunCommit, Store, StoredInboxItem, StoredRecord } from '../../contracts/store.ts'
import type { WorkflowSpec } from '../../contracts/workflow.ts'
import { decodeRecord } from '../../reliability/chain.ts'
import { overrideStore, PLANTED_FAULTS, plantFault } from '../planted-faults.ts'
import { NO_PLANT, type SimPlant } from './plant.ts'

/**
 * Promises that a broken runtime would not keep, for the simulator to find (Invariant 17). Besides those of
 * `plantFault`:
 * - `event_dropped`: outcomes that were stored are gone when they are read;
 * - `epoch_unchecked`: a commit under an old epoch is taken;
 * - `not_after_ignored`: on resume, an intent counts as one that can no longer be sent;
 * - `replay_out_of_order`: on resume, outcomes come in another order than they were recorded in;
 * - `unknown_repeated`: an effect with a lost answer is sent again, whatever its tool declares;
 * - `reservation_lost`: on resume, what a lost model call had reserved is not counted;
 * - `inbox_row_twice`: a row is consumed only with the release of the lease, and so read again after a crash;
 * - `lease_lost_goes_on`: a heartbeat never says that a lease was lost;
 * - `acknowledged_before_durable`: a commit is acknowledged at once and written with the next one;
 * - `ledger_skipped`: no effect claims its identity;
 * - `rejection_taken_for_approval`: every answer to an approval is read as a yes;
 * - `merged_out_of_order`: the writes of a superstep merge in another order than that of the nodes;
 * - `timer_early`: on resume, a timer counts as due;
 * - `timer_lost`: on resume, a timer is never due;
 * - `message_lost`: on resume, the last message that waits is gone.
 */
export const SIM_PLANTED_FAULTS = [
  ...PLANTED_FAULTS,
  'event_dropped',
  'epoch_unchecked',
  'not_after_ignored',
  'replay_out_of_order',
  'unknown_repeated',
  'reservation_lost',
  'inbox_row_twice',
  'lease_lost_goes_on',
  'acknowledged_before_durable',
  'ledger_skipped',
  'rejection_taken_for_approval',
  'merged_out_of_order',
  'timer_early',
  'timer_lost',
  'message_lost',
] as const

/** One of the faults that can be planted in a simulated world. */
export type SimPlantedFault = (typeof SIM_PLANTED_FAULTS)[number]

/** The fault, to be planted in one world. */
export function plantInWorld(fault: SimPlantedFault): SimPlant {
  switch (fault) {
    case 'intent_after_call':
    case 'approval_not_consumed':
    case 'budget_refilled':
      return inStore((store) => plantFault(store, fault))
    case 'event_dropped':
      return { ...NO_PLANT, disk: eventDropped }
    case 'epoch_unchecked':
      return inStore(epochUnchecked)
    case 'not_after_ignored':
      return inStore((store) => onLoad(store, (record) => intentOver(record)))
    case 'replay_out_of_order':
      return inStore(outOfOrder)
    case 'unknown_repeated':
      return { ...NO_PLANT, workflow: repeatsAll }
    case 'reservation_lost':
      return inStore(reservationLost)
    case 'inbox_row_twice':
      return inStore(inboxRowTwice)
    case 'lease_lost_goes_on':
      return inStore((store) => overrideStore(store, { heartbeat: async (...args) => never(store.heartbeat(...args)) }))
    case 'acknowledged_before_durable':
      return inStore(acknowledgedAtOnce)
    case 'ledger_skipped':
      return inStore(ledgerSkipped)
    case 'rejection_taken_for_approval':
      return inStore(alwaysYes)
    case 'merged_out_of_order':
      return { ...NO_PLANT, workflow: (spec) => ({ ...spec, nodes: new Map([...spec.nodes].reverse()) }) }
    case 'timer_early':
      return inStore((store) => onLoad(store, (record) => timerDue(record, '2020-01-01T00:00:00.000Z')))
    case 'timer_lost':
      return inStore((store) => onLoad(store, (record) => timerDue(record, '2120-01-01T00:00:00.000Z')))
    case 'message_lost':
      return inStore((store) => onLoad(store, (record) => messageLost(record)))
    default:
      return fault satisfies never
  }
}

function inStore(store: SimPlant['store']): SimPlant {
  return { ...NO_PLANT, store }
}

/** Whatever the store said was lost, nothing was. */
async function never(asked: Promise<readonly string[]>): Promise<readonly string[]> {
  await asked
  return []
}

/** Records as a runtime would read them that takes them for something else. */
function onLoad(store: Store, change: (record: RunRecord, all: readonly RunRecord[]) => RunRecord): Store {
  return overrideStore(store, {
    records: async (...args) => {
      const found = await store.records(...args)
      const all = found.map(decodeRecord)
      return found.map((stored, i) => rewritten(stored, all[i], change, all))
    },
  })
}

function rewritten(
  stored: StoredRecord,
  record: RunRecord | undefined,
  change: (record: RunRecord, all: readonly RunRecord[]) => RunRecord,
  all: readonly RunRecord[],
): StoredRecord {
  const changed = record && change(record, all)
  return changed === record ? stored : { ...stored, body: JSON.stringify(changed) }
}

function intentOver(record: RunRecord): RunRecord {
  return record.type === 'activity.intent' ? { ...record, not_after: '2020-01-01T00:00:00.000Z' } : record
}

function timerDue(record: RunRecord, due: string): RunRecord {
  return record.type === 'timer.set' ? { ...record, due } : record
}

function messageLost(record: RunRecord): RunRecord {
  if (record.type !== 'superstep.completed' || record.checkpoint.queue.length < 2) return record
  return { ...record, checkpoint: { ...record.checkpoint, queue: record.checkpoint.queue.slice(0, -1) } }
}

function reservationLost(store: Store): Store {
  return onLoad(store, (record, all) => {
    if (record.type !== 'activity.intent' || record.proposal.kind !== 'model') return record
    const ended = all.some((one) => one.type === 'activity.outcome' && one.ask.key === record.ask.key)
    return ended ? record : { ...record, reserved: NO_AMOUNTS }
  })
}

/** The ends of calls come in the opposite order; all else stays in its place. */
function outOfOrder(store: Store): Store {
  const isEnd = ({ type }: StoredRecord): boolean => type === 'activity.outcome'
  return overrideStore(store, {
    records: async (...args) => {
      const found = await store.records(...args)
      const ends = found.filter(isEnd)
      return found.map((stored) => (isEnd(stored) ? (ends.pop() ?? stored) : stored))
    },
  })
}

function eventDropped(store: Store): Store {
  return overrideStore(store, {
    records: async (...args) => (await store.records(...args)).filter(({ type }) => type !== 'activity.outcome'),
  })
}

function epochUnchecked(store: Store): Store {
  const current = async (commit: RunCommit): Promise<RunCommit> => {
    const row = await store.run(commit.tenant, commit.runId)
    return row ? { ...commit, epoch: row.epoch } : commit
  }
  return overrideStore(store, { commit: async (commits) => store.commit(await Promise.all(commits.map(current))) })
}

function repeatsAll(spec: WorkflowSpec): WorkflowSpec {
  const tools = [...spec.tools].map(
    ([name, tool]) => [name, { ...tool, repeat: 'same_key_is_harmless' as const, reconcile: null }] as const,
  )
  return { ...spec, tools: new Map(tools) }
}

function inboxRowTwice(store: Store): Store {
  const late = new Map<string, number[]>()
  return overrideStore(store, {
    commit: (commits) =>
      store.commit(
        commits.map((commit) => {
          const key = `${commit.runId}/${commit.epoch}`
          const rows = [...new Set([...(late.get(key) ?? []), ...commit.consumed])]
          late.set(key, commit.release ? [] : rows)
          return { ...commit, consumed: commit.release ? rows : [] }
        }),
      ),
  })
}

function acknowledgedAtOnce(store: Store): Store {
  let waiting: readonly RunCommit[] = []
  return overrideStore(store, {
    commit: async (commits) => {
      const before = waiting
      waiting = commits
      if (before.length > 0) await store.commit(before)
      return commits.map((): CommitResult => ({ status: 'committed' }))
    },
  })
}

function ledgerSkipped(store: Store): Store {
  return overrideStore(store, {
    effect: async () => null,
    effects: async () => [],
    commit: (commits) => store.commit(commits.map((commit) => ({ ...commit, effects: [] }))),
  })
}

function alwaysYes(store: Store): Store {
  const yes = (item: StoredInboxItem): StoredInboxItem =>
    item.kind === 'decide' ? { ...item, body: item.body.replace('"rejected"', '"approved"') } : item
  return overrideStore(store, { inbox: async (...args) => (await store.inbox(...args)).map(yes) })
}
