import { memoryStore, type Store, systemHost } from 'signalbox'
import { Collector, completeHistory, history, type ReceivedSpan, receivedOf, traceFaults } from 'signalbox/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { put, storeOf } from '../../test/stored.ts'
import { completenessOf, LEFT_OUT, REJECTED } from './completeness.ts'
import { CURSOR, EXPORT_LEASE, startTelemetry, TelemetryExporter, type TelemetryHandle } from './exporter.ts'
import { otlpSender } from './otlp.ts'
import { type Environment, telemetrySettings } from './settings.ts'
import { telemetryStanding } from './standing.ts'

const FAR = Date.UTC(2100, 0, 1)
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A clock that hastens pauses and keeps how long they were meant to be. */
function hastened(pauses: number[] = []) {
  const after = (ms: number, act: () => void) => {
    pauses.push(ms)
    // The time limit of a request stays.
    return systemHost.after(ms === 10_000 ? ms : Math.min(ms, 10), act)
  }
  return { ...systemHost, after }
}

async function collector(): Promise<{ to: Collector; url: string }> {
  const to = new Collector()
  closing.push(() => to.close())
  return { to, url: `http://127.0.0.1:${await to.listen()}` }
}

function exporterTo(store: Store, env: Environment, log: (line: string) => void = () => undefined) {
  const settings = telemetrySettings(env)
  if (!settings) throw new Error('no settings')
  const sender = otlpSender(settings, '0.1.0', systemHost)
  closing.push(() => sender.close())
  return new TelemetryExporter({ store, host: systemHost, env, version: '0.1.0', log }, sender)
}

function start(
  store: Store,
  url: string,
  more: { host?: typeof systemHost; leaseMs?: number; pollMs?: number; log?: (line: string) => void } = {},
) {
  const { host = hastened(), log = () => undefined, ...rest } = more
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: url }
  const handle = startTelemetry({ store, host, env, version: '0.1.0', log, ...rest })
  if (!handle) throw new Error('telemetry did not start')
  closing.push(() => handle.stop())
  return handle as TelemetryHandle
}

describe('variables', () => {
  const E = 'OTEL_EXPORTER_OTLP_'
  it('OTL-001: a signal’s own variable wins over that of all signals', () => {
    const settings = telemetrySettings({
      [`${E}ENDPOINT`]: 'http://c:4318',
      [`${E}HEADERS`]: 'a=1,b=2',
      [`${E}LOGS_HEADERS`]: 'b=3',
      [`${E}TIMEOUT`]: '500',
      [`${E}METRICS_TIMEOUT`]: '700',
      [`${E}PROTOCOL`]: 'http/json',
      [`${E}TRACES_PROTOCOL`]: 'http/protobuf',
      [`${E}COMPRESSION`]: 'gzip',
      [`${E}LOGS_COMPRESSION`]: 'none',
    })
    const shared = { headers: { a: '1', b: '2' }, timeoutMs: 500, protocol: 'http/json', gzip: true }
    expect(settings?.signals).toEqual({
      traces: { ...shared, url: 'http://c:4318/v1/traces', protocol: 'http/protobuf' },
      logs: { ...shared, url: 'http://c:4318/v1/logs', headers: { a: '1', b: '3' }, gzip: false },
      metrics: { ...shared, url: 'http://c:4318/v1/metrics', timeoutMs: 700 },
    })
  })

  it.each([
    [`${E}PROTOCOL`, 'grpc'],
    [`${E}LOGS_PROTOCOL`, 'grpc'],
    [`${E}COMPRESSION`, 'zstd'],
    [`${E}TIMEOUT`, 'soon'],
    [`${E}ENDPOINT`, 'collector:4317'],
    [`${E}TRACES_CERTIFICATE`, '/ca.pem'],
    ['OTEL_TRACES_EXPORTER', 'zipkin'],
    ['OTEL_TRACES_SAMPLER', 'always_off'],
  ])('OTL-002: %s=%s is refused and named', (name, value) => {
    const env = { [`${E}ENDPOINT`]: 'http://c:4318', [name]: value }
    expect(() => telemetrySettings(env)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(name) }),
    )
    const options = { store: memoryStore(), host: systemHost, env, version: '0', log: () => undefined }
    expect(() => startTelemetry(options)).toThrow(name)
  })
})

describe('what the collector gets and answers', () => {
  it('OTL-003: JSON and gzipped protobuf carry the same spans, events and metrics', async () => {
    const { to, url } = await collector()
    const store = await storeOf(completeHistory())
    await exporterTo(store, { OTEL_EXPORTER_OTLP_ENDPOINT: url }).exportOnce()
    const json = to.received()
    to.bodies.length = 0
    await store.setCursor(CURSOR, 0)
    const env = { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf', OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' }
    await exporterTo(store, { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: url }).exportOnce()
    expect(to.bodies.map(({ headers }) => headers['content-type'])).toEqual(Array(3).fill('application/x-protobuf'))
    expect(to.bodies[0]?.headers['content-encoding']).toBe('gzip')
    expect(json.spans.length).toBeGreaterThan(5)
    expect(json.metrics.length).toBeGreaterThan(5)
    expect(to.received()).toEqual(json)
    expect(() => receivedOf([{ signal: 'traces', bytes: Buffer.from('{"resourceSpans"'), isJson: false }])).toThrow()
  })

  it('TEL-011: planted: a span in another trace, twice, without parent or link, or open over a wait is found', async () => {
    const { to, url } = await collector()
    const told = completeHistory()
    await exporterTo(await storeOf(told), { OTEL_EXPORTER_OTLP_ENDPOINT: url }).exportOnce()
    const { spans } = to.received()
    const faults = (own: readonly ReceivedSpan[]) => traceFaults(told.runId, told.records(), own)
    expect(faults(spans)).toEqual([])
    const change = (which: (span: ReceivedSpan) => boolean, by: Partial<ReceivedSpan>) =>
      faults(spans.map((span) => (which(span) ? { ...span, ...by } : span)))
    const [inner] = spans.filter(({ name }) => name.startsWith('superstep'))
    const isSecond = ({ links }: ReceivedSpan) => links.length > 0
    const isInner = (span: ReceivedSpan) => span === inner
    expect(change(isInner, { traceId: '0'.repeat(32) })).toEqual([expect.stringContaining('in another trace')])
    expect(change(isInner, { parentSpanId: null })).toContain(`\`${inner?.name}\` has no parent`)
    expect(change(isSecond, { links: [] })).toEqual([expect.stringContaining('has no link `resume`')])
    expect(change(isInner, { end: BigInt(Date.UTC(2100, 0)) * 1_000_000n })).toEqual([
      expect.stringContaining('is open while the run waits'),
    ])
    expect(faults([...spans, ...spans.slice(0, 1)])).toContain('1 spans came twice')
    expect(faults(spans.filter(isSecond))).toContain('segment 1 is missing')
    expect(faults([])).toEqual([expect.stringContaining('no span of run')])
  })

  it('OTL-004, OTL-010, OTL-012: what is rejected of a request that was taken is counted, told, and lowers the completeness', async () => {
    const { to, url } = await collector()
    const store = await storeOf(completeHistory())
    to.says = (path) =>
      path === '/v1/traces' ? '{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too\\nold"}}' : '{}'
    const lines: string[] = []
    await exporterTo(store, { OTEL_EXPORTER_OTLP_ENDPOINT: url }, (line) => lines.push(line)).exportOnce()
    expect(lines).toEqual(['the collector rejected 3 items of telemetry: too old'])
    expect(await store.cursor(REJECTED)).toBe(3)
    const due = completeHistory().seq
    const found = await completenessOf(store, { now: () => FAR })
    expect(found).toMatchObject({ rejected: 3, due, waiting: 0, lag: 0, ratio: (due - 3) / due })
    expect(await telemetryStanding(store, { now: () => FAR }, null)).toMatchObject({ state: 'off', rejected_items: 3 })
  })

  it('OTL-005: the exporter waits as long as the collector asks', async () => {
    const { to, url } = await collector()
    const pauses: number[] = []
    to.status = 429
    to.extra = { 'retry-after': '7' }
    const handle = start(await storeOf(completeHistory()), url, { host: hastened(pauses) })
    await to.until(() => to.asked > 3)
    expect(pauses).toContain(7_000)
    expect(handle.state()).toMatchObject({ state: 'failing', problem: 'the collector answered with status 429' })
    to.status = 200
    await to.until(() => to.bodies.length > 2)
  })

  it('OTL-009: less than a full batch is followed by the usual pause', async () => {
    const { to, url } = await collector()
    let reads = 0
    const store = new Proxy(await storeOf(completeHistory()), {
      get: (target, name) => {
        if (name === 'export') reads += 1
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const pollMs = 12_345
    await new Promise<void>((resolve) => {
      const after: typeof systemHost.after = (ms, act) => {
        if (ms !== pollMs) return systemHost.after(ms, act)
        // The pause never ends, so that nobody looks a second time.
        resolve()
        return () => undefined
      }
      start(store, url, { host: { ...systemHost, after }, pollMs })
    })
    expect(to.of('traces')).toHaveLength(1)
    expect(reads).toBe(1)
  })

  it('OTL-007: a record that is refused by itself is left out, and the others are sent', async () => {
    const { to, url } = await collector()
    const store = await storeOf(history('run_01aaaaaaaaaaaaaaaaaaaa').started().segment().completed())
    await put(store, history('run_01bbbbbbbbbbbbbbbbbbbb').started().segment().completed())
    to.onRequest = (body) => {
      to.status = body.includes('run_01aaaaaaaaaaaaaaaaaaaa') && body.includes('signalbox.run.started') ? 400 : 200
    }
    start(store, url)
    await to.until(
      () => to.text().includes('run_01bbbbbbbbbbbbbbbbbbbb') && to.text().includes('signalbox.run.finished'),
    )
    expect(await store.cursor(LEFT_OUT)).toBe(1)
    expect(to.text()).not.toMatch(/run\.started[^}]*run_01aaaa/)
  })
})

describe('several processes', () => {
  it('OTL-006: one sends, the other goes on when it is silent; one that lost the lease does not move the cursor', async () => {
    const { to, url } = await collector()
    const store = await storeOf(completeHistory())
    await store.setLease({ name: EXPORT_LEASE, owner: 'a process that died', epoch: 1, beat: 1 }, { epoch: 0, beat: 0 })
    const first = start(store, url, { leaseMs: 200 })
    await to.until(() => to.bodies.length >= 3)
    const second = start(store, url)
    await put(store, completeHistory('run_01bbbbbbbbbbbbbbbbbbbb'))
    await to.until(() => to.text().includes('run_01bbbbbbbbbbbbbbbbbbbb'))
    expect([first.state().state, second.state().state]).toEqual(['sending', 'standby'])
    await first.stop()
    await put(store, completeHistory('run_01cccccccccccccccccccc'))
    await to.until(() => to.text().includes('run_01cccccccccccccccccccc'))
    expect(second.state().state).not.toBe('failing')

    const before = await store.cursor(CURSOR)
    await second.stop()
    await put(store, completeHistory('run_01dddddddddddddddddddd'))
    const late = exporterTo(store, { OTEL_EXPORTER_OTLP_ENDPOINT: url })
    const at = await store.cursor(CURSOR)
    await expect(late.exportOnce(256, () => false)).rejects.toThrow('another process')
    expect([at >= before, await store.cursor(CURSOR)]).toEqual([true, at])
  })
})

describe('completeness', () => {
  it('OTL-011: what waits is told with its number, its age and its effects; young records are not due', async () => {
    const told = completeHistory()
    const store = await storeOf(told)
    const [first] = told.records()
    const old = await completenessOf(store, { now: () => FAR })
    expect(old).toMatchObject({ ratio: 0, due: told.seq, waiting: told.seq, lag: told.seq, waitingEffects: 2 })
    expect(old.oldestWaitingAt).toBe(Date.parse(first?.at ?? ''))
    const young = await completenessOf(store, { now: () => Date.parse(first?.at ?? '') })
    expect(young).toMatchObject({ ratio: 1, due: 0, waiting: 0, waitingEffects: 0, lag: told.seq })
    const part = await completenessOf(store, { now: () => Date.parse(told.records()[4]?.at ?? '') + 60_000 })
    expect(part.due).toBe(told.records().filter((each) => each.at < (told.records()[4]?.at ?? '')).length)
  })
})
