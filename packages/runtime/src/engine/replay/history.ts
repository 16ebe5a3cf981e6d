import type { MessageDropped, RunRecord, RunStarted } from '../../contracts/records.ts'
import type { RunRow } from '../../contracts/store.ts'
import { decodeRecord } from '../../reliability/chain.ts'
import { foldRecord, foldStart } from '../../reliability/fold.ts'
import { type CheckpointRecord, isCheckpoint, type Range } from '../../reliability/timeline.ts'
import type { Env } from '../env.ts'
import { freshFold, type Stretch } from './journal.ts'

/** Records read at once. */
const PAGE = 500

/** The timeline of a run, one stretch after the other: of a long history only one is in memory. */
export async function* stretchesOf(
  env: Pick<Env, 'store'>,
  row: RunRow,
  started: RunStarted,
  timeline: readonly Range[],
): AsyncGenerator<Stretch> {
  const fold = foldStart(started)
  let from = freshFold(fold)
  let records: RunRecord[] = []
  let closed: {
    from: Stretch['from']
    records: RunRecord[]
    closing: CheckpointRecord
    drops: MessageDropped[]
  } | null = null
  for await (const record of recordsOf(env, row, timeline)) {
    if (record.seq === 1) continue
    if (closed && isDropAt(record, closed.closing.seq)) {
      closed.drops.push(record)
      foldRecord(fold, record)
      continue
    }
    if (closed) yield closed
    closed = null
    foldRecord(fold, record)
    if (isCheckpoint(record)) {
      closed = { from, records, closing: record, drops: [] }
      from = freshFold(fold)
      records = []
    } else records.push(record)
  }
  if (closed) yield closed
  yield { from, records, closing: null, drops: [] }
}

/** What fan-ins still held is dropped when the run ends, and is no part of the checkpoint. */
function isDropAt(record: RunRecord, seq: number): record is MessageDropped {
  return record.type === 'message.dropped' && record.cause === seq && record.reason !== 'fan_in_incomplete'
}

async function* recordsOf(
  env: Pick<Env, 'store'>,
  { tenant, runId }: RunRow,
  timeline: readonly Range[],
): AsyncGenerator<RunRecord> {
  for (const { from, through } of timeline) {
    let after = from - 1
    while (after < through) {
      const page = await env.store.records(tenant, runId, { after, through, limit: PAGE })
      for (const stored of page) yield decodeRecord(stored)
      const last = page.at(-1)
      if (!last) break
      after = last.seq
    }
  }
}
