import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { METRICS, projectRecords, type Store, systemHost } from 'signalbox'
import { completeHistory, type History, history } from 'signalbox/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { put, storeOf } from '../../test/stored.ts'
import { readExposition } from '../../test/exposition-reader.ts'
import { exposition } from './exposition.ts'
import { Numbers } from './numbers.ts'
import { metricsPage, startMetrics } from './prometheus.ts'
import { ProjectingReader } from './reader.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'metrics-'))
  closing.push(() => rmSync(dir, { recursive: true }))
  return dir
}

/** A store that notes from where its records were read. */
function counted(store: Store): { store: Store; from: number[] } {
  const from: number[] = []
  const reading = new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      const call = value.bind(target) as (...args: unknown[]) => unknown
      return (...args: unknown[]) => {
        if (name === 'export') from.push(Number(args[0]))
        return call(...args)
      }
    },
  })
  return { store: reading, from }
}

const HOST = systemHost
const page = (store: Store, numbers: Numbers) => metricsPage({ store, host: HOST, numbers })
const byRecords = (told: readonly History[], name: string) =>
  told
    .flatMap((each) => projectRecords(null, each.records()).metrics)
    .filter((point) => point.name === name)
    .reduce((sum, point) => sum + point.value, 0)

describe('metrics of the records', () => {
  it('OTL-020: counts are those of the records, survive a restart without reading again, and are made anew without the file', async () => {
    const told = [completeHistory('run_01aaaaaaaaaaaaaaaaaaaa'), completeHistory('run_01bbbbbbbbbbbbbbbbbbbb')]
    const { store, from } = counted(await storeOf(...told))
    const path = join(folder(), 'metrics.json')
    const first = readExposition(await page(store, new Numbers({ store, host: HOST, path })))
    expect(first.sum('signalbox_effects_total')).toBe(byRecords(told, 'signalbox.effects'))
    expect(first.sum('signalbox_runs_total')).toBe(2)
    const head = told.reduce((n, each) => n + each.seq, 0)
    from.length = 0
    const again = new Numbers({ store, host: HOST, path })
    await again.look()
    expect([Math.min(...from), again.series.length > 5]).toEqual([head, true])
    const third = completeHistory('run_01cccccccccccccccccccc')
    await put(store, third)
    const later = readExposition(await page(store, again))
    expect(later.sum('signalbox_effects_total')).toBe(byRecords([...told, third], 'signalbox.effects'))
    rmSync(path)
    const anew = readExposition(await page(store, new Numbers({ store, host: HOST, path })))
    for (const name of [
      'signalbox_effects_total',
      'signalbox_runs_total',
      'gen_ai_execute_tool_duration_seconds_count',
    ])
      expect(anew.sum(name)).toBe(later.sum(name))
  })

  it('OTL-026: a batch that was read for the collector is not read again, and one that is not the next is left alone', async () => {
    const told = [completeHistory('run_01aaaaaaaaaaaaaaaaaaaa'), completeHistory('run_01bbbbbbbbbbbbbbbbbbbb')] as const
    const { store, from } = counted(await storeOf(told[0]))
    const numbers = new Numbers({ store, host: HOST, path: null })
    const reader = new ProjectingReader(store)
    const whole = await reader.read(await store.export(0, 1_000))
    // Before anybody looked nothing is counted; what was counted is not counted twice.
    await numbers.take(whole)
    await numbers.look()
    await numbers.take(whole)
    await put(store, told[1])
    const next = await store.export(told[0].seq, 1_000)
    await numbers.take(await reader.read(next.slice(1)))
    for (const cut of [next.slice(0, 3), next.slice(3)]) {
      const batch = await reader.read(cut)
      batch.keep()
      await numbers.take(batch)
    }
    from.length = 0
    const taken = readExposition(await page(store, numbers))
    expect(from[0]).toBe(told[0].seq + told[1].seq)
    const alone = readExposition(await page(store, new Numbers({ store, host: HOST, path: null })))
    for (const name of ['signalbox_effects_total', 'signalbox_runs_total', 'signalbox_lineage_gap_runs'])
      expect([name, taken.sum(name)]).toEqual([name, alone.sum(name)])
    expect(taken.sum('signalbox_effects_total')).toBe(byRecords(told, 'signalbox.effects'))
  })

  it('OTL-021: the page is the text format: one type a family, cumulative buckets, escaped labels of the contract', async () => {
    const store = await storeOf(completeHistory())
    const found = readExposition(await page(store, new Numbers({ store, host: HOST, path: null })))
    expect(found.families.get('gen_ai_execute_tool_duration_seconds')).toBe('histogram')
    const allowed = Object.values(METRICS).flatMap(({ required, recommended }) =>
      `${required} ${recommended}`.split(' '),
    )
    const names = new Set(allowed.map((each) => each.replaceAll('.', '_')))
    expect([...found.labels].filter((label) => label !== 'le' && !names.has(label))).toEqual([])
    const strange = exposition([
      { name: 'a_total', help: 'x\ny', type: 'counter', samples: [{ labels: [['l.m', 'q"\\\n']], value: 1 }] },
    ])
    expect(readExposition(strange).samples).toEqual([{ name: 'a_total', labels: { l_m: 'q"\\\n' }, value: 1 }])
    expect(() => readExposition(strange.replace('# TYPE a_total counter\n', ''))).toThrow()
    const broken = '# HELP h x\n# TYPE h histogram\nh_bucket{le="1"} 3\nh_bucket{le="+Inf"} 2\nh_sum 1\nh_count 2\n'
    expect(() => readExposition(broken)).toThrow('cumulative')
  })

  it('OTL-022: what is open now is told by workflow: approvals with their age, parked runs; lineage, switches, messages, lag', async () => {
    const store = await storeOf(completeHistory())
    const asked = history('run_01bbbbbbbbbbbbbbbbbbbb')
      .started()
      .segment()
      .model()
      .propose('tool')
      .askPerson()
      .waiting()
    await put(store, asked)
    const numbers = new Numbers({ store, host: HOST, path: null })
    const found = readExposition(await page(store, numbers))
    expect(found.sum('signalbox_approvals_pending')).toBe(1)
    expect(found.sum('signalbox_approvals_oldest_seconds')).toBeGreaterThan(60)
    expect(found.sum('signalbox_runs_parked')).toBe(0)
    for (const name of ['kill_switches_engaged', 'outbox_queued', 'lineage_gap_runs', 'metrics_behind_records'])
      expect(found.sum(`signalbox_${name}`)).toBe(0)
    expect(found.sum('signalbox_telemetry_completeness')).toBe(0)
    expect(found.sum('signalbox_telemetry_lag_records')).toBe(completeHistory().seq + asked.seq)
  })

  it('OTL-023: a metric has a thousand sets of labels at most; the rest is counted together', async () => {
    const many = history('run_01aaaaaaaaaaaaaaaaaaaa').started().segment()
    for (let n = 0; n < 1_010; n++) many.denied({ name: `tool.${n}` })
    const numbers = new Numbers({ store: await storeOf(many.completed()), host: HOST, path: null })
    await numbers.look()
    const blocked = numbers.series.filter(({ name }) => name === 'signalbox.tool.blocked')
    expect(blocked.length).toBe(1_001)
    expect(blocked.reduce((sum, each) => sum + each.sum, 0)).toBe(1_010)
  })
})

describe('the page of metrics', () => {
  const ON = { OTEL_METRICS_EXPORTER: 'prometheus', OTEL_EXPORTER_PROMETHEUS_PORT: '0' }
  const say = async () => 'a 1\n'
  const open = async (env: Record<string, string>, read = say) => {
    const server = await startMetrics(env, read, () => undefined)
    if (server) closing.push(() => server.close())
    return server
  }

  it('OTL-024: is served only where the environment says so, on loopback, and never to others without a token', async () => {
    expect(await open({})).toBeNull()
    expect(await open({ ...ON, OTEL_SDK_DISABLED: 'true' })).toBeNull()
    await expect(open({ ...ON, OTEL_EXPORTER_PROMETHEUS_HOST: '0.0.0.0' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    })
    await expect(open({ ...ON, SIGNALBOX_METRICS_TOKEN: 'short' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await expect(open({ ...ON, OTEL_EXPORTER_PROMETHEUS_PORT: 'x' })).rejects.toThrow('OTEL_EXPORTER_PROMETHEUS_PORT')
    const server = await open(ON)
    const answer = await fetch(server?.url ?? '')
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
      'a 1\n',
    ])
    expect((await fetch((server?.url ?? '').replace('/metrics', '/'))).status).toBe(404)
  })

  it('OTL-025: with a token nobody reads it without; a page that cannot be made is told without its reason', async () => {
    let read = 0
    const token = 'a-token-of-some-length'
    const server = await open({ ...ON, SIGNALBOX_METRICS_TOKEN: token }, async () => {
      read += 1
      throw new Error('secret reason')
    })
    const ask = (value?: string) =>
      fetch(server?.url ?? '', value === undefined ? {} : { headers: { authorization: `Bearer ${value}` } })
    expect([(await ask()).status, (await ask(`${token}x`)).status, read]).toEqual([401, 401, 0])
    const answer = await ask(token)
    expect([answer.status, await answer.text(), read]).toEqual([503, 'metrics cannot be read now\n', 1])
  })
})
