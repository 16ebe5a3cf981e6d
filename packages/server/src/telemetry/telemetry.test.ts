import { memoryStore, type Store, systemHost } from 'signalbox'
import { Collector, completeHistory, type History, history } from 'signalbox/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { put, storeOf } from '../../test/stored.ts'
import { CURSOR, startTelemetry, TelemetryExporter, type TelemetryHandle } from './exporter.ts'
import { metricDataOf } from './metrics.ts'
import { otlpSender } from './otlp.ts'
import { telemetrySettings } from './settings.ts'

/** Span ids in the order they were sent. */
function spanIds(collector: Collector): readonly string[] {
  return [...collector.text().matchAll(/"spanId":"([0-9a-f]{16})","(?:parentSpanId|name)"/g)].map(
    (match) => match[1] ?? '',
  )
}

const hasten = { ...systemHost, after: (ms: number, act: () => void) => systemHost.after(Math.min(ms, 20), act) }
const hashesOf = (told: History) =>
  told
    .records()
    .flatMap((record) => (record.type === 'activity.outcome' && record.effect_hash ? [record.effect_hash] : []))

describe('export of telemetry', () => {
  const closing: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0)) await close()
  })

  async function collector(port?: number): Promise<{ received: Collector; port: number }> {
    const received = new Collector()
    closing.push(() => received.close())
    return { received, port: await received.listen(port) }
  }

  function start(store: Store, port: number, log: (line: string) => void = () => undefined): TelemetryHandle {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}/`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '400',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=a%20b',
    }
    const handle = startTelemetry({ store, host: hasten, env, version: '0.1.0', log })
    if (!handle) throw new Error('telemetry did not start')
    closing.push(() => handle.stop())
    return handle
  }

  function exporterTo(store: Store, port: number): TelemetryExporter {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, OTEL_EXPORTER_OTLP_TIMEOUT: '400' }
    const settings = telemetrySettings(env)
    if (!settings) throw new Error('no settings')
    return new TelemetryExporter(
      { store, host: systemHost, env, version: '0.1.0', log: () => undefined },
      otlpSender(settings, '0.1.0', systemHost),
    )
  }

  it('OBS-050, OBS-051: an absent collector costs nothing; when it comes, every effect hash arrives', async () => {
    const told = [completeHistory('run_01aaaaaaaaaaaaaaaaaaaa'), completeHistory('run_01bbbbbbbbbbbbbbbbbbbb')] as const
    const store = await storeOf(...told)
    const { received: gone, port } = await collector()
    await gone.close()
    const lines: string[] = []
    await new Promise<void>((resolve) => {
      start(store, port, (line) => {
        lines.push(line)
        resolve()
      })
    })
    expect(lines).toEqual([expect.stringContaining('telemetry waits for its collector')])
    expect(await store.cursor(CURSOR)).toBe(0)
    await put(store, history('run_01cccccccccccccccccccc').started().segment().completed())

    const { received } = await collector(port)
    const hashes = told.flatMap(hashesOf)
    expect(hashes.length).toBe(4)
    const signals = ['traces', 'logs', 'metrics']
    await received.until(
      () =>
        hashes.every((hash) => received.text().includes(hash)) &&
        received.text().includes('run_01cccc') &&
        signals.every((signal) => received.of(signal).length > 0),
    )
    expect(received.bodies[0]?.headers['x-key']).toBe('a b')
  })

  it('OBS-052: the cursor moves only after the collector acknowledged', async () => {
    const store = await storeOf(completeHistory())
    const { received, port } = await collector()
    const exporter = exporterTo(store, port)
    for (const status of [400, 503]) {
      received.status = status
      await expect(exporter.exportOnce()).rejects.toThrow()
      expect(await store.cursor(CURSOR)).toBe(0)
    }
    received.status = 200
    expect(await exporter.exportOnce()).toBe(completeHistory().seq)
    expect(await store.cursor(CURSOR)).toBeGreaterThan(0)
    expect(await exporter.exportOnce()).toBe(0)
  })

  it('OBS-053: sent again by a new process, in other batches, every span has the same id', async () => {
    const store = await storeOf(completeHistory(), completeHistory('run_01bbbbbbbbbbbbbbbbbbbb'))
    const { received, port } = await collector()
    await exporterTo(store, port).exportOnce()
    const first = new Set(spanIds(received))
    expect(first.size).toBeGreaterThan(20)
    received.bodies.length = 0
    await store.setCursor(CURSOR, 0)
    while ((await exporterTo(store, port).exportOnce(3)) > 0);
    expect(new Set(spanIds(received))).toEqual(first)
    expect(spanIds(received)).toHaveLength(first.size)
  })

  it('OBS-054: nothing starts without an endpoint, or when the SDK is disabled', () => {
    const endpoint = 'http://127.0.0.1:4318'
    expect(telemetrySettings({})).toBeNull()
    expect(telemetrySettings({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SDK_DISABLED: 'true' })).toBeNull()
    const settings = telemetrySettings({
      OTEL_EXPORTER_OTLP_ENDPOINT: `${endpoint}/`,
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://127.0.0.1:9/logs',
      OTEL_SERVICE_NAME: 'desk',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test,service.name=other',
    })
    const urls = Object.entries(settings?.signals ?? {}).map(([signal, own]) => [signal, own.url])
    expect(Object.fromEntries(urls)).toEqual({ traces: `${endpoint}/v1/traces`, logs: 'http://127.0.0.1:9/logs' })
    expect(settings?.resource).toEqual({ 'deployment.environment.name': 'test', 'service.name': 'desk' })
    const options = { store: memoryStore(), host: systemHost, env: {}, version: '0.1.0', log: () => undefined }
    expect(startTelemetry(options)).toBeNull()
  })

  it('OBS-055: it stops although the collector never answers', async () => {
    const store = await storeOf(completeHistory())
    const { received, port } = await collector()
    received.answers = false
    const handle = start(store, port)
    await received.until(() => received.bodies.length > 0)
    await handle.stop()
    expect(await store.cursor(CURSOR)).toBe(0)
  })

  it('OBS-056: a record that cannot be read does not hold up other runs', async () => {
    const store = await storeOf(completeHistory())
    const lines: string[] = []
    const damaged = {
      ...store,
      cursor: (name: string) => store.cursor(name),
      setCursor: (name: string, at: number) => store.setCursor(name, at),
      lease: store.lease.bind(store),
      setLease: store.setLease.bind(store),
      records: store.records.bind(store),
      export: async (after: number, limit: number) => {
        const all = await store.export(after, limit)
        const [first] = all
        return first ? [{ ...first, runId: 'run_damaged', body: 'x' }, ...all] : all
      },
    }
    const sent: number[] = []
    const sender = {
      send: async (batch: { spans: readonly unknown[] }) => {
        sent.push(batch.spans.length)
        return { rejected: 0, reason: null }
      },
      close: async () => undefined,
    }
    const exporter = new TelemetryExporter(
      { store: damaged, host: systemHost, env: {}, version: '0', log: (line) => lines.push(line) },
      sender,
    )
    await exporter.exportOnce()
    expect(sent[0]).toBeGreaterThan(5)
    expect(lines).toEqual([expect.stringContaining('run_damaged')])
  })

  it('OBS-057: measurements of a batch are summed by labels, and histograms count each value once', () => {
    const labels = { 'gen_ai.tool.name': 'pay' } as const
    const point = (value: number, timeMs: number) =>
      ({ name: 'gen_ai.execute_tool.duration', value, timeMs, attributes: labels }) as const
    const run = { name: 'signalbox.runs', value: 1, timeMs: 5_000, attributes: {} } as const
    const [durations, runs] = metricDataOf([point(0.005, 1_500), point(0.01, 2_000), point(1_000, 3_000), run, run])
    expect(durations?.dataPoints).toHaveLength(1)
    expect(durations?.dataPoints[0]).toMatchObject({
      startTime: [1, 500_000_000],
      endTime: [5, 0],
      value: { count: 3, sum: 1000.015, min: 0.005, max: 1_000 },
    })
    const value = durations?.dataPoints[0]?.value
    const counts =
      typeof value === 'object' && 'buckets' in value && 'counts' in value.buckets ? value.buckets.counts : []
    expect([counts.at(0), counts.at(-1), counts.reduce((a, b) => a + b, 0)]).toEqual([2, 1, 3])
    expect(runs?.dataPoints[0]?.value).toBe(2)
  })
})
