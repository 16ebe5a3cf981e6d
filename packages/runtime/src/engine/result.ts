import type { JsonValue } from '../base/json.ts'
import type { Ending, EndingRecord } from '../contracts/ending.ts'
import type { RecordType } from '../contracts/records.ts'
import type { RunResult } from '../contracts/runtime.ts'
import type { RunRow } from '../contracts/store.ts'
import { decodeRecord } from '../reliability/chain.ts'
import type { Contents } from './contents.ts'
import type { Env } from './env.ts'

/** What is said last of a run when nothing goes on; feedback may come after it. */
const LAST_WORDS: readonly RecordType[] = [
  'run.completed',
  'run.stopped',
  'run.cancelled',
  'run.terminated',
  'run.waiting',
  'run.parked',
  'segment.started',
]

/** How a run ended or what it waits for, from the record that says so. */
export async function resultOf(env: Env, row: RunRow, contents: Contents): Promise<RunResult> {
  const [stored] = await env.store.records(row.tenant, row.runId, { types: LAST_WORDS, descending: true, limit: 1 })
  const record = stored ? decodeRecord(stored) : null
  const base = {
    runId: row.runId,
    status: row.status,
    output: null,
    reason: null,
    undone: [],
    waitingOn: [],
    ending: null,
  }
  switch (record?.type) {
    case 'run.completed':
      return {
        ...base,
        output: record.output && (await contents.read(record.output)),
        ending: endingFrom(record.ending, null),
      }
    case 'run.stopped':
    case 'run.cancelled':
    case 'run.terminated': {
      const partial = record.partial && (await contents.read(record.partial))
      const { reason, undone } = record
      return { ...base, output: partial, reason, undone, ending: endingFrom(record.ending, partial) }
    }
    case 'run.waiting':
      return { ...base, waitingOn: record.on }
    case 'run.parked':
      return { ...base, reason: { kind: 'failed', code: record.code, subject: null } }
    default:
      return base
  }
}

function endingFrom(record: EndingRecord | undefined, partial: JsonValue | null): Ending | null {
  if (!record) return null
  const { by, code, subject, left_undone, turns, cost_nano_usd, cycle = [] } = record
  return { by, code, subject, partial, leftUndone: left_undone, turns, costNanoUsd: cost_nano_usd, cycle }
}
