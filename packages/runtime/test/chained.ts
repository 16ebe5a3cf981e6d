import { sha256Hex } from '../src/base/hash.ts'
import type { Store, StoredRecord } from '../src/contracts/store.ts'
import { sampleCommit, sampleRun } from '../src/testing/conformance/samples.ts'

/** Starts a run and commits records that continue its chain, one a commit; `onAck` is told each sequence. */
export async function commitChain(
  store: Store,
  runId: string,
  commits: number,
  sealed: Uint8Array,
  onAck: (seq: number) => void = () => undefined,
): Promise<void> {
  let last = chained(runId, null, null)
  const run = sampleRun(runId, { genesis: last })
  await store.create(run)
  const only = { tenant: run.tenant, runId }
  const [claimed] = await store.claim({ worker: runId, now: 1, leaseUntil: 2, limit: 1, signatures: null, only })
  if (!claimed) throw new Error('the run could not be claimed')
  for (let row = claimed; row.seq <= commits; row = { ...row, seq: row.seq + 1 }) {
    last = chained(runId, last, sealed)
    const [result] = await store.commit([{ ...sampleCommit(row), records: [last], head: last.hash }])
    if (result?.status !== 'committed') throw new Error(`commit was ${result?.status}`)
    onAck(last.seq)
  }
}

/** The record that follows `before` in a run's chain, or its first one. */
function chained(run: string, before: StoredRecord | null, sealed: Uint8Array | null): StoredRecord {
  const seq = (before?.seq ?? 0) + 1
  const type = before ? 'message.dropped' : 'run.started'
  const at = new Date(1_760_000_000_000 + seq).toISOString()
  const prev = before?.hash ?? '0'.repeat(64)
  const base = { v: 1, run, type, seq, at, prev, branch: 0, segment: 0, cause: null, active_ms: 0 }
  // What an audit reads of a start; nothing after it spends.
  const amounts = { turns: 1, tool_calls: 1, runtime_ms: 1, tokens: 1, cost_nano_usd: '1' }
  const principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: [] }
  const started = { principal, budget: amounts, checkpoint: { spent: amounts } }
  const body = JSON.stringify(before ? base : { ...base, ...started })
  return { seq, type, body, hash: sha256Hex(body), sealed }
}
