/**
 * One engine in a process of its own, with its telemetry or without: `<folder> <kind> <port of the collector>`. It does
 * tasks one after the other and answers each over Node's channel.
 */
import { join } from 'node:path'
import { keepAlive, systemHost } from 'signalbox'
import { metricsPage, Numbers, startMetrics, startTelemetry } from '../../packages/server/src/telemetry/index.ts'
import { honestStore } from './box.ts'
import { GovernedBox } from './governed.ts'
import { type EngineKind, exporterStores } from './overhead-plants.ts'

/** What an engine is asked for. */
export type EngineTask =
  | { readonly kind: 'turns'; readonly runs: number; readonly each: number }
  | { readonly kind: 'cpu' }
  | { readonly kind: 'close' }

// The parent names one of the kinds.
const [folder = '', kind = 'none', port = ''] = process.argv.slice(2) as [string?, EngineKind?, string?]
const release = keepAlive()
const store = await honestStore(join(folder, `${kind}.db`))
const governed = new GovernedBox(store)
const ends: (() => Promise<void>)[] = []

/** As `signalbox dev` and `signalbox serve` do it, with everything on: spans, log events, metrics, and a page of metrics. */
async function tellOutside(): Promise<string> {
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_METRICS_EXPORTER: 'otlp,prometheus',
    OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1',
    OTEL_EXPORTER_PROMETHEUS_PORT: '0',
  }
  const log = (line: string): void => console.error(line)
  const read = exporterStores[kind](store)
  const numbers = new Numbers({ store, host: systemHost, path: join(folder, 'metrics.json') })
  const onBatch = numbers.take.bind(numbers)
  const telemetry = startTelemetry({ store: read, host: systemHost, env, version: '0.0.0', log, onBatch })
  const metrics = await startMetrics(env, () => metricsPage({ store, host: systemHost, numbers }), log)
  ends.push(
    async () => telemetry?.stop(),
    async () => metrics?.close(),
  )
  return metrics?.url ?? ''
}

async function perform(task: EngineTask): Promise<object> {
  if (task.kind === 'turns')
    return { ms: (task.runs * task.each * 1_000) / (await governed.rate(task.runs, task.each)) }
  if (task.kind === 'cpu') {
    const { user, system } = process.cpuUsage()
    return { us: user + system }
  }
  for (const end of ends) await end()
  await governed.close()
  release()
  return {}
}

process.on('message', (task: EngineTask) => {
  perform(task).then(
    (result) => process.send?.(result, () => task.kind === 'close' && process.exit(0)),
    (thrown: unknown) => process.send?.({ error: String(thrown) }),
  )
})
process.send?.({ metrics: kind === 'none' ? '' : await tellOutside() })
