import type { RunResult } from '../contracts/runtime.ts'
import type { RunRow } from '../contracts/store.ts'
import { decodeRecord } from '../reliability/chain.ts'
import type { Contents } from './contents.ts'
import type { Env } from './env.ts'

/** How a run ended or what it waits for, from its last record. */
export async function resultOf(env: Env, row: RunRow, contents: Contents): Promise<RunResult> {
  const [stored] = await env.store.recordsAt(row.tenant, row.runId, [row.seq])
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
