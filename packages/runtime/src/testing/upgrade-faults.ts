import { parseJson } from '../base/json.ts'
import type { RecordType, RunRecord } from '../contracts/records.ts'
import type { Store, StoredRecord } from '../contracts/store.ts'
import { isCheckpoint } from '../reliability/timeline.ts'
import { overrideStore } from './planted-faults.ts'

/**
 * What a broken take-over would do (invariants 11 and 17, ENGINE R14), planted between the engine and its store:
 * - `repeated`: when a run is loaded, it is forgotten that another version took it over, so that the steps are applied
 *   to the new state again;
 * - `inside`: when a run is loaded, what is on record of its open superstep is forgotten, so that the steps are applied
 *   in the midst of it.
 */
export const UPGRADE_FAULTS = ['repeated', 'inside'] as const

/** One of the faults of a take-over. */
export type UpgradeFault = (typeof UPGRADE_FAULTS)[number]

/** The same store with one promise of take-overs broken. Never for data that matters. */
export function plantUpgradeFault(store: Store, fault: UpgradeFault): Store {
  return overrideStore(store, {
    records: async (...at) => {
      const found = await store.records(...at)
      return fault === 'inside' ? found.filter((one) => !OPEN_WORK.has(one.type)) : found.map(forgotten)
    },
  })
}

const OPEN_WORK: ReadonlySet<RecordType> = new Set([
  'activity.intent',
  'activity.outcome',
  'approval.requested',
  'approval.decided',
  'activation.completed',
])

/** The record as a runtime would read it that never heard of the upgrade: the old version, the new state. */
function forgotten(stored: StoredRecord): StoredRecord {
  // These are the bytes that the runtime wrote as a record.
  const record = parseJson(stored.body, `record ${stored.seq}`) as unknown as RunRecord
  if (!isCheckpoint(record)) return stored
  const { definition: _, ...checkpoint } = record.checkpoint
  const to = record.type === 'run.upgraded' ? { to: record.from } : {}
  return { ...stored, body: JSON.stringify({ ...record, ...to, checkpoint }) }
}
