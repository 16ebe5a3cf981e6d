import { sha256Hex } from '../base/hash.ts'
import { isEmptied } from '../contracts/pruning.ts'
import type { RunRecord } from '../contracts/records.ts'
import type { RunRow, Store } from '../contracts/store.ts'
import { lineageGaps, UNSEEN } from '../observability/index.ts'
import { CHAIN_START, decodeRecord } from '../reliability/chain.ts'
import { foldRecord, foldStart, isTerminalOutcome, type RunFold } from '../reliability/fold.ts'
import { isEnded } from '../reliability/run-machine.ts'
import { onTimeline, timelineRanges } from '../reliability/timeline.ts'

/**
 * Checks a run's history by every prefix of it (ENGINE R13): the chain, gap-free sequences, legal states after each
 * record, numbers that only grow, no end over an open effect (ENGINE R19), an intent before each sent effect's outcome
 * (invariant 3), a lineage without gaps at the end (invariant 15), and the row equal to what the records tell. Throws with the record at fault.
 */
export async function checkHistory(store: Store, row: RunRow): Promise<void> {
  await verifyHistory(store, row)
  // Of a history that was pruned to its hashes nothing can be folded.
  if (row.kept === 'nothing') return
  const stored = await store.records(row.tenant, row.runId)
  const records = stored.map(decodeRecord)
  let before: RunFold | null = null
  for (let head = 1; head <= records.length; head++) {
    const fold = foldPrefix(records, head)
    checkStep(fold, before, records[head - 1])
    before = fold
  }
  if (!before) throw new Error(`run ${row.runId} has no records`)
  // Tests answer by the library, where nobody need have looked: that it was not seen is a gap, and here on purpose.
  const gaps = isEnded(before.status) ? lineageGaps(records) : []
  const gap = gaps.find(({ detail }) => !detail.includes(UNSEEN))
  if (gap) throw new Error(`run ${row.runId} has a gap of lineage at record ${gap.seq}: ${gap.detail}`)
  if (before.status !== row.status) throw new Error(`row says ${row.status}, records say ${before.status}`)
  if (before.lastSeq !== row.seq || stored.at(-1)?.hash !== row.head)
    throw new Error(`row ${row.runId} is not at its head`)
}

/** Checks sequences and chain by the stored bytes alone; gives the last sequence (invariant 9). */
export async function verifyHistory(store: Store, row: RunRow): Promise<number> {
  let prev = CHAIN_START
  const stored = await store.records(row.tenant, row.runId)
  for (const [i, one] of stored.entries()) {
    if (isEmptied(one) && row.kept === 'nothing') {
      prev = one.hash
      continue
    }
    const record = decodeRecord(one)
    if (one.seq !== i + 1 || record.seq !== one.seq) throw fault(record, 'has a gap before it')
    if (record.prev !== prev || one.hash !== sha256Hex(one.body)) throw fault(record, 'breaks the chain')
    prev = one.hash
  }
  return stored.length
}

/** The fold of the timeline that ends at a record. */
export function foldPrefix(records: readonly RunRecord[], head: number): RunFold {
  const [started] = records
  if (started?.type !== 'run.started') throw new Error('a history begins with run.started')
  const part = records.slice(0, head)
  const branches = part.filter((record) => record.type === 'branch.started')
  const ranges = timelineRanges(head, branches)
  const fold = foldStart(started)
  for (const record of part.slice(1)) if (onTimeline(ranges, record.seq)) foldRecord(fold, record)
  return fold
}

function checkStep(fold: RunFold, before: RunFold | null, record: RunRecord | undefined): void {
  if (!record) return
  if (before && record.active_ms < before.activeMs) throw fault(record, 'takes active time back')
  if (before && record.segment < before.segment) throw fault(record, 'takes the segment number back')
  if (isEnded(fold.status) && openEffects(fold) > 0) throw fault(record, 'ends the run over an open effect')
  if (record.type === 'activity.outcome' && record.effect_hash !== null && record.ledger === null) {
    const entry = fold.activations.get(record.ask.activation)?.asks.get(record.ask.ordinal)
    const intent = entry?.intents.at(-1)
    if (!intent) throw fault(record, 'is an effect without an intent')
    if (entry?.approval && entry.approval.decided?.answer !== 'approved' && intent.approval_id !== null)
      throw fault(record, 'is an effect without the approval that it names')
  }
}

function openEffects(fold: RunFold): number {
  const asks = [...fold.activations.values()].flatMap((activation) => [...activation.asks.values()])
  return asks.filter((entry) => {
    const intent = entry.intents.at(-1)
    if (!intent || intent.proposal.effect === 'none') return false
    return entry.outcome === null || !isTerminalOutcome(entry.outcome)
  }).length
}

function fault(record: RunRecord, what: string): Error {
  return new Error(`record ${record.seq} (${record.type}) ${what}`)
}
