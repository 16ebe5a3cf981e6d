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
  const base = { runId: row.runId, status: row.status, output: null, reason: null, undone: [], waitingOn: [] }
  switch (record?.type) {
    case 'run.completed':
      return { ...base, output: record.output && (await contents.read(record.output)) }
    case 'run.stopped':
    case 'run.cancelled':
    case 'run.terminated':
      return {
        ...base,
        output: record.partial && (await contents.read(record.partial)),
        reason: record.reason,
        undone: record.undone,
      }
    case 'run.waiting':
      return { ...base, waitingOn: record.on }
    case 'run.parked':
      return { ...base, reason: { kind: 'failed', code: record.code, subject: null } }
    default:
      return base
  }
}
