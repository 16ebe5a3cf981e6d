/**
 * A worker process over a SQLite store: `node family-worker.ts <path> <bank host> <dies at> <run>=<amount> …`. Each run
 * pays what its argument says. It ends itself with SIGKILL at the named point of the door, and else works until it is killed.
 */
import { keepAlive, systemHost } from '../src/base/host.ts'
import type { FaultPoint } from '../src/engine/env.ts'
import { createSignalbox } from '../src/runtime.ts'
import { keyVault, openSqliteStore } from '../src/stores/index.ts'
import { familyFlow, familyPolicy } from './family-flow.ts'

const [path = '', host = '', point = '', ...amounts] = process.argv.slice(2)
const wanted = new Map(amounts.map((each) => each.split('=') as [string, string]))
const store = await openSqliteStore({ path, host: systemHost })
const signalbox = createSignalbox({
  store,
  host: systemHost,
  vault: keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) }),
  policy: familyPolicy(),
  models: {
    resolve: () => {
      throw new Error('no model is called')
    },
  },
  workflows: [familyFlow(host, (run) => Number(wanted.get(run) ?? 1))],
  fault: (at: FaultPoint) => {
    if (at === point) process.kill(process.pid, 'SIGKILL')
  },
})
signalbox.work({ pollMs: 20, leaseMs: 700 })
// A worker's timers alone would let the process end while both runs wait.
keepAlive()
