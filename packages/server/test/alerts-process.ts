/** An evaluating process of the kill test: over a store that it shares with the next one, until it is killed. */
import { keepAlive, openSqliteStore, QUIET_GAUGES, systemHost } from 'signalbox'
import { startAlerts } from '../src/alerts/evaluator.ts'
import { readAlertSettings } from '../src/alerts/settings.ts'

const [, , path = ''] = process.argv
const store = await openSqliteStore({ path, host: systemHost })
startAlerts({
  ...{ store, host: systemHost, home: 'planted', leaseMs: 400 },
  settings: readAlertSettings({ everySeconds: 0.05, escalateAfterMinutes: null }),
  sources: {
    gauges: async () => ({ ...QUIET_GAUGES, deadMessages: [{ tenant: 'planted', channel: 'ops', count: 1 }] }),
    history: async () => ({ gaps: [], faults: [] }),
  },
  runs: { engageKillSwitch: () => Promise.reject(new Error('no switch is thrown here')) },
  log: (line) => console.error(line),
})
keepAlive()
console.log('up')
