import { DatabaseSync } from 'node:sqlite'
import { parseJson } from '../base/json.ts'
import { NO_AMOUNTS } from '../contracts/common.ts'
import type { RecordType, RunRecord } from '../contracts/records.ts'
import type { CommitResult, RunCommit, Store, StoredRecord } from '../contracts/store.ts'
import { faultStore } from './fault-store.ts'

/**
 * Promises that a broken runtime would not keep (Invariant 17). Each is planted between the engine and its store, so that
 * the engine itself has no switch for it:
 * - `intent_after_call`: a commit with the intent of an effect is acknowledged and written only with the next one, that
 *   is, after the call (Invariant 3);
 * - `approval_not_consumed`: on resume, the use of an approval is forgotten (Invariant 7);
 * - `budget_refilled`: on resume, nothing counts as spent (Invariant 6).
 *
 * A dropped event is planted in the file itself with `dropEvents`; a store that does not flush is opened with
 * `openFaultySqliteStore`.
 */
export const PLANTED_FAULTS = ['intent_after_call', 'approval_not_consumed', 'budget_refilled'] as const

/** One of the faults that can be planted. */
export type PlantedFault = (typeof PLANTED_FAULTS)[number]

/** The same store with one promise broken. Never for data that matters. */
export function plantFault(store: Store, fault: PlantedFault): Store {
  switch (fault) {
    case 'intent_after_call':
      return intentAfterCall(store)
    case 'approval_not_consumed':
      return approvalNotConsumed(store)
    case 'budget_refilled':
      return overrideStore(store, { records: async (...args) => (await store.records(...args)).map(refilled) })
    default:
      return fault satisfies never
  }
}

/** The same store but for the methods that are given. */
export function overrideStore(store: Store, methods: Partial<Store>): Store {
  return { ...faultStore(store, () => null), ...methods }
}

function read(stored: Pick<StoredRecord, 'seq' | 'body'>): RunRecord {
  // These are the bytes that the runtime wrote as a record a moment ago.
  return parseJson(stored.body, `record ${stored.seq}`) as unknown as RunRecord
}

function isEffectIntent(stored: StoredRecord): boolean {
  if (stored.type !== 'activity.intent') return false
  const record = read(stored)
  return record.type === 'activity.intent' && record.proposal.effect !== 'none'
}

function intentAfterCall(store: Store): Store {
  const late = new Map<string, RunCommit>()
  const commitOne = async (commit: RunCommit): Promise<CommitResult> => {
    const key = `${commit.tenant}/${commit.runId}/${commit.epoch}`
    const before = late.get(key)
    late.delete(key)
    const whole = before ? joined(before, commit) : commit
    if (commit.records.some(isEffectIntent)) {
      late.set(key, whole)
      return { status: 'committed' }
    }
    const [result] = await store.commit([whole])
    return result ?? { status: 'fenced' }
  }
  return overrideStore(store, {
    commit: async (commits) => {
      const results: CommitResult[] = []
      for (const commit of commits) results.push(await commitOne(commit))
      return results
    },
  })
}

/** Two commits of one run as one. */
function joined(first: RunCommit, then: RunCommit): RunCommit {
  return {
    ...then,
    expectSeq: first.expectSeq,
    records: [...first.records, ...then.records],
    consumed: [...first.consumed, ...then.consumed],
    effects: [...first.effects, ...then.effects],
    requests: [...first.requests, ...then.requests],
    closed: [...first.closed, ...then.closed],
  }
}

/** What used an approval up is not there when the run is loaded, and its effect holds nothing in the ledger. */
function approvalNotConsumed(store: Store): Store {
  const forgotten = new Set<string>()
  return overrideStore(store, {
    records: async (tenant, runId, filter) => {
      const found = await store.records(tenant, runId, filter)
      return found.filter((stored) => {
        const use = useOfApproval(stored)
        if (use?.effectId) forgotten.add(use.effectId)
        return use === null
      })
    },
    effect: async (...args) => {
      const row = await store.effect(...args)
      return row && forgotten.has(row.effectId) ? null : row
    },
    commit: (commits) =>
      store.commit(
        commits.map((commit) => ({
          ...commit,
          effects: commit.effects.filter(
            (change) => !forgotten.has(change.kind === 'claim' ? change.row.effectId : change.effectId),
          ),
        })),
      ),
  })
}

function useOfApproval(stored: StoredRecord): { readonly effectId: string | null } | null {
  if (stored.type !== 'activity.intent' && stored.type !== 'activity.outcome') return null
  const record = read(stored)
  if (record.type !== 'activity.intent' && record.type !== 'activity.outcome') return null
  return record.approval_id === null ? null : { effectId: record.effect_id }
}

/** The record as a runtime would read it that forgets what was spent. */
function refilled(stored: StoredRecord): StoredRecord {
  const record = read(stored)
  const body = forgetSpending(record)
  return body === record ? stored : { ...stored, body: JSON.stringify(body) }
}

function forgetSpending(record: RunRecord): RunRecord {
  switch (record.type) {
    case 'activity.intent':
      return { ...record, reserved: NO_AMOUNTS }
    case 'activity.outcome':
      return { ...record, settled: NO_AMOUNTS }
    case 'superstep.completed':
    case 'response.received':
      return { ...record, checkpoint: { ...record.checkpoint, spent: NO_AMOUNTS } }
    default:
      return record
  }
}

/** From now on records of this type are lost below the store, in the SQLite file at `path` (Invariant 9). */
export function dropEvents(path: string, type: RecordType): void {
  const db = new DatabaseSync(path)
  try {
    db.exec(`CREATE TRIGGER planted_drop AFTER INSERT ON records WHEN NEW.type = '${type}'
      BEGIN DELETE FROM records WHERE position = NEW.position; END`)
  } finally {
    db.close()
  }
}
