import { startDesk, TENANT } from './desk-support.ts'
import { keepAlive } from 'signalbox'
const k = keepAlive()
const d = await startDesk({ store: (process.argv[2] ?? 'memory') as 'memory' })
const files = process.argv.slice(3)
try {
  const ends = await d.process(files)
  console.log(ends.map((e) => [e.result.status, e.resolution?.outcome]))
} catch (e) {
  console.log(String(e))
  for (const row of await d.signalbox.runs.list({ tenant: TENANT, limit: 100 })) {
    if (row.status === 'completed') continue
    console.log(JSON.stringify(row))
    for (const r of await d.signalbox.runs.requests({ tenant: TENANT, runId: row.runId, limit: 10 }))
      console.log('  req', JSON.stringify(r))
    for (const r of (await d.signalbox.runs.records(TENANT, row.runId)).slice(-6))
      console.log(
        '  ',
        r.seq,
        r.at,
        r.type,
        JSON.stringify('on' in r ? r.on : 'name' in r ? [r.name, (r as { status?: string }).status] : ''),
      )
  }
}
await d.stop()
k()
