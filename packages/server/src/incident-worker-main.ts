/**
 * A worker process of the incident drill. Started with one JSON argument, it opens the drill's store, starts a run, tells
 * its id and works on it until it is killed. It ends with the process that forked it.
 */
import { openSqliteStore } from 'signalbox'
import { skewedHost } from 'signalbox/testing'
import type { IncidentWorkerStart, IncidentWorkerTold } from './drill/incident/killed-worker.ts'
import { workerParts } from './drill/incident/world.ts'

// Written by the drill for exactly this entry.
const start = JSON.parse(process.argv[2] ?? '{}') as IncidentWorkerStart
const host = skewedHost()
await host.advance(start.aheadMs)
const { box, begin } = workerParts(await openSqliteStore({ path: start.path, host }), host, start, (call) =>
  say({ call }),
)
process.on('disconnect', () => process.exit(1))
say({ runId: await begin(start.order) })
box.work({ pollMs: 5 })

function say(told: IncidentWorkerTold): void {
  process.send?.(told)
}
