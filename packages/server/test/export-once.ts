/** A process that sends the telemetry of a store until it is ended: `node export-once.ts <database> <collector>`. */
import { keepAlive, openSqliteStore, systemHost } from 'signalbox'
import { startTelemetry } from '../src/telemetry/index.ts'

const [path = '', url = ''] = process.argv.slice(2)
keepAlive()
const store = await openSqliteStore({ path, host: systemHost })
const env = { OTEL_EXPORTER_OTLP_ENDPOINT: url }
const log = (line: string): void => console.log(line)
startTelemetry({ store, host: systemHost, env, version: '0.1.0', log, pollMs: 50, backoffMs: 50, leaseMs: 1_000 })
