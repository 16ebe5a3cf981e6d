/** Sends what a runtime stored to a collector when the runtime is closed, and reads its runs as streams where asked. */
import { systemHost } from '../../packages/runtime/src/base/host.ts'
import type { RunRecord } from '../../packages/runtime/src/contracts/records.ts'
import type { Store } from '../../packages/runtime/src/contracts/store.ts'
import type { Signalbox } from '../../packages/runtime/src/runtime.ts'
import { TelemetryExporter, type TelemetryOptions } from '../../packages/server/src/telemetry/exporter.ts'
import { otlpSender } from '../../packages/server/src/telemetry/otlp.ts'
import { telemetrySettings } from '../../packages/server/src/telemetry/settings.ts'

export type { RunRecord }

/** How runs are run and sent: streamed means a streaming model, somebody who reads the run's stream, and protobuf. */
export interface Way {
  readonly streamed: boolean
  /** Address of the collector. */
  readonly url: string
}

/** Sends everything that a store holds; resolves when the collector has acknowledged it. */
export async function sendAll(
  store: Store,
  { streamed, url }: Way,
  more: Partial<TelemetryOptions> = {},
): Promise<void> {
  const form = streamed
    ? { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf', OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' }
    : { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: url, ...form }
  const settings = telemetrySettings(env)
  if (!settings) throw new Error('no settings')
  const sender = otlpSender(settings, '0.1.0', systemHost)
  const log = (line: string): never => {
    throw new Error(line)
  }
  const exporter = new TelemetryExporter({ store, host: systemHost, env, version: '0.1.0', log, ...more }, sender)
  // In small batches, so that what a run remembers between them is tested too.
  while ((await exporter.exportOnce(40)) > 0);
  await sender.close()
}

/** The same runtime, which sends what it stored before it is closed. Records of its runs are kept in `into.records`. */
export function watched(
  signalbox: Signalbox,
  into: { way: Way; readonly records: Map<string, RunRecord[]> },
): Signalbox {
  const readers: Promise<void>[] = []
  const started: { readonly tenant: string; readonly runId: string }[] = []
  const { runs } = signalbox
  const start: Signalbox['runs']['start'] = async (request) => {
    const ref = await runs.start(request)
    const { tenant } = request.principal
    started.push({ tenant, runId: ref.runId })
    const drain = async (): Promise<void> => {
      for await (const _ of runs.stream(tenant, ref.runId));
    }
    if (into.way.streamed) readers.push(drain())
    return ref
  }
  return {
    ...signalbox,
    runs: { ...runs, start },
    run: async (request) => runs.wait(request.principal.tenant, (await start(request)).runId, { untilWaiting: true }),
    close: async () => {
      await Promise.all(readers)
      await sendAll(signalbox.store, into.way)
      for (const { tenant, runId } of started) into.records.set(runId, [...(await runs.records(tenant, runId))])
      await signalbox.close()
    },
  }
}
