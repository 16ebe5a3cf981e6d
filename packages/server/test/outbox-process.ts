/**
 * A server process of the kill test: the outbox over a store that it shares with the next one. Tells when it runs, then
 * sends until it is killed.
 */
import { keepAlive, openSqliteStore, type PersonRequest, systemHost } from 'signalbox'
import { readNotifications } from '../src/notify/definition.ts'
import { startOutbox } from '../src/notify/outbox.ts'
import { SECRET } from './outbox-world.ts'

const [, , path = '', address = ''] = process.argv
const host = systemHost
const store = await openSqliteStore({ path, host })
const url = new URL(address)
startOutbox({
  store,
  host,
  runs: { request: () => Promise.reject(new Error('no message of this test has a preview')) as Promise<PersonRequest> },
  baseUrl: 'https://box.example',
  notifications: readNotifications({
    channels: [
      {
        kind: 'webhook',
        name: 'ops',
        url: address,
        secrets: [async () => SECRET],
        carries: 'link',
        privateHosts: [url.host],
        timeoutSeconds: 0.2,
        retrySeconds: 0.2,
        attempts: 50,
      },
    ],
  }),
  log: (line) => console.error(line),
  tickMs: 20,
  leaseMs: 600,
})
keepAlive()
console.log('up')
