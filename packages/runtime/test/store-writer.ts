/**
 * A process that commits to a SQLite store and says so: `node store-writer.ts <path> <run> <commits> [sync-off]`. After
 * each acknowledged commit it writes a line `ack <sequence>`; with 0 commits it goes on until it is killed.
 */
import { writeSync } from 'node:fs'
import { systemHost } from '../src/base/host.ts'
import { sampleCommit, sampleRun } from '../src/testing/conformance/samples.ts'
import { openFaultySqliteStore } from '../src/testing/sqlite-faults.ts'

const [path = '', runId = '', count = '0', fault = ''] = process.argv.slice(2)
const store = await openFaultySqliteStore({ path, host: systemHost }, { unsafeSyncOff: fault === 'sync-off' })
const run = sampleRun(runId)
await store.create(run)
const only = { tenant: run.tenant, runId }
const [claimed] = await store.claim({ worker: runId, now: 1, leaseUntil: 2, limit: 1, signatures: null, only })
if (!claimed) throw new Error('the run could not be claimed')
writeSync(1, 'ready\n')
const last = Number(count) === 0 ? Number.POSITIVE_INFINITY : claimed.seq + Number(count)
for (let row = claimed; row.seq < last; row = { ...row, seq: row.seq + 1 }) {
  const [result] = await store.commit([sampleCommit(row, { sealed: new Uint8Array(700) })])
  if (result?.status !== 'committed') throw new Error(`commit was ${result?.status}`)
  writeSync(1, `ack ${row.seq + 1}\n`)
}
await store.close()
