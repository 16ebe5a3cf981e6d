/**
 * A worker process over a SQLite store: `node nested-worker.ts <path> <bank host>`. It works on runs of three levels until
 * it is killed.
 */
import { keepAlive, systemHost } from '../src/base/host.ts'
import { createSignalbox } from '../src/runtime.ts'
import { keyVault, openSqliteStore } from '../src/stores/index.ts'
import { nestedFlow, nestedPolicy } from './nested-flow.ts'

const [path = '', host = ''] = process.argv.slice(2)
const store = await openSqliteStore({ path, host: systemHost })
const signalbox = createSignalbox({
  store,
  host: systemHost,
  vault: keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) }),
  policy: nestedPolicy(),
  models: {
    resolve: () => {
      throw new Error('no model is called')
    },
  },
  workflows: [nestedFlow(host)],
})
signalbox.work({ pollMs: 20, leaseMs: 700 })
// A worker's timers alone would let the process end while the run waits.
keepAlive()
