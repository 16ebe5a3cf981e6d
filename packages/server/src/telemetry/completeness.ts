import { type ExportedRecord, type Host, isEmptied, type Store } from 'signalbox'
import { parsed } from './reader.ts'

/** Name of the cursor in the store: every record up to it was acknowledged or left out. */
export const CURSOR = 'otlp'
/** Count of items that the collector took and said it rejected. */
export const REJECTED = 'otlp.rejected'
/** Count of records without telemetry: damaged, pruned before they were read, or refused by the collector. */
export const LEFT_OUT = 'otlp.left_out'

/** Younger records may well be on their way. */
const GRACE_SECONDS = 60
/** Records that are read to count the effects among them. */
const MOST_COUNTED = 2_000

/** How much of what is stored has been delivered. All of it is computed from the store, in any process. */
interface Completeness {
  /** Delivered part of the records that are due, 0 to 1; 1 when none is due. */
  readonly ratio: number
  /** Records that are older than the grace, or acknowledged before it. */
  readonly due: number
  /** Due records that the collector has not acknowledged. */
  readonly waiting: number
  /** Effect hashes among them, of the first 2,000. */
  readonly waitingEffects: number
  readonly leftOut: number
  /** Spans, log events and data points that the collector rejected although it took their request. */
  readonly rejected: number
  /** All records that wait, young ones too. */
  readonly lag: number
  /** Milliseconds since 1970: the oldest record that waits; null when none does, or it cannot be told. */
  readonly oldestWaitingAt: number | null
}

type Reads = Pick<Store, 'export' | 'cursor' | 'stats'>

/**
 * How complete telemetry is: of the records older than `graceSeconds` (default 60), how many were acknowledged. A rejected
 * item counts as one record that was not delivered. Reads a few records, whatever the size of the store.
 */
export async function completenessOf(
  store: Reads,
  host: Pick<Host, 'now'>,
  graceSeconds = GRACE_SECONDS,
): Promise<Completeness> {
  const [cursor, rejected, leftOut, { records: head }] = await Promise.all([
    store.cursor(CURSOR),
    store.cursor(REJECTED),
    store.cursor(LEFT_OUT),
    store.stats(),
  ])
  const [oldest] = await store.export(cursor, 1)
  const due = Math.max(cursor, await lastOlder(store, cursor, head, host.now() - graceSeconds * 1_000))
  const delivered = Math.max(0, cursor - leftOut - rejected)
  return {
    ratio: due === 0 ? 1 : delivered / due,
    due,
    waiting: due - cursor,
    waitingEffects: await effectsIn(store, cursor, due),
    leftOut,
    rejected,
    lag: Math.max(0, head - cursor),
    oldestWaitingAt: oldest ? timeOf(oldest) : null,
  }
}

/** Place of the last record before a time, between two places: places have no gaps and times grow with them. */
async function lastOlder(store: Reads, after: number, through: number, before: number): Promise<number> {
  let [low, high] = [after, through]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    const [record] = await store.export(middle - 1, 1)
    const at = record ? timeOf(record) : null
    // A record whose time cannot be read was pruned or damaged: it is old.
    if (!record || (at !== null && at >= before)) high = middle - 1
    else low = middle
  }
  return low
}

async function effectsIn(store: Reads, after: number, through: number): Promise<number> {
  if (through <= after) return 0
  const records = await store.export(after, Math.min(MOST_COUNTED, through - after))
  return records.filter((record) => record.type === 'activity.outcome' && hasEffect(record)).length
}

function hasEffect(record: ExportedRecord): boolean {
  return record.body.includes('"effect_hash":"')
}

function timeOf(record: ExportedRecord): number | null {
  if (isEmptied(record)) return null
  try {
    return Date.parse(parsed(record).at)
  } catch {
    return null
  }
}
