import { inConventions, METRICS, projectRecords, type Store, systemHost } from 'signalbox'
import { Collector, completeHistory, contractFaults, type Received } from 'signalbox/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { storeOf } from '../../test/stored.ts'
import { readExposition } from '../../test/exposition-reader.ts'
import { TelemetryExporter } from './exporter.ts'
import { Numbers } from './numbers.ts'
import { otlpSender } from './otlp.ts'
import { metricsPage } from './prometheus.ts'
import { conventionsOf, type Environment, telemetrySettings } from './settings.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** What a collector gets of a store, sent by a process with these variables. */
async function receivedFrom(store: Store, more: Environment): Promise<Received> {
  const collector = new Collector()
  closing.push(() => collector.close())
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await collector.listen()}`, ...more }
  const settings = telemetrySettings(env)
  if (!settings) throw new Error('no settings')
  const sender = otlpSender(settings, '0.1.0', systemHost)
  closing.push(() => sender.close())
  const options = { store, host: systemHost, env, version: '0.1.0', log: () => undefined }
  while ((await new TelemetryExporter(options, sender).exportOnce()) > 0);
  return collector.received()
}

const page = async (conventions: 'latest' | 'compat' | 'both') => {
  const store = await storeOf(completeHistory())
  const host = { ...systemHost, now: () => Date.UTC(2100, 0, 1) }
  return readExposition(
    await metricsPage({ store, host, numbers: new Numbers({ store, host, path: null }), conventions }),
  )
}

const keysOf = ({ spans, metrics }: Received) => ({
  ofModels: new Set(spans.filter(({ kind }) => kind === 'client').flatMap(({ attributes }) => Object.keys(attributes))),
  metrics: new Set(metrics.map(({ name }) => name)),
})

const NEW = ['gen_ai.client.inference.duration', 'gen_ai.client.inference.operation.input_tokens']
const OLD = ['gen_ai.client.operation.duration', 'gen_ai.client.token.usage']

describe('conventions', () => {
  it.each([
    ['latest', NEW, OLD, ['gen_ai.provider.name'], ['gen_ai.system']],
    ['compat', OLD, NEW, ['gen_ai.system'], ['gen_ai.provider.name']],
    ['both', [...NEW, ...OLD], [], ['gen_ai.provider.name', 'gen_ai.system'], []],
  ] as const)('TEL-020: `%s` sends the names of these conventions and no others', async (under, has, not, keys, no) => {
    const received = await receivedFrom(await storeOf(completeHistory()), { SIGNALBOX_TELEMETRY_GENAI: under })
    expect(contractFaults(received, under)).toEqual([])
    const found = keysOf(received)
    for (const name of has) expect(found.metrics).toContain(name)
    for (const name of not) expect(found.metrics).not.toContain(name)
    for (const name of keys) expect(found.ofModels).toContain(name)
    for (const name of no) expect(found.ofModels).not.toContain(name)
    const others = (['latest', 'compat', 'both'] as const).filter((each) => each !== under)
    // Planted: told of other conventions, the check finds names that do not belong there, or that are missing.
    for (const other of others) expect(contractFaults(received, other)).not.toEqual([])
  })

  it('TEL-020: the default is `latest`; what is not known is refused with the names', () => {
    expect(conventionsOf({})).toBe('latest')
    expect(conventionsOf({ SIGNALBOX_TELEMETRY_GENAI: ' ' })).toBe('latest')
    expect(() => conventionsOf({ SIGNALBOX_TELEMETRY_GENAI: 'newest' })).toThrow(
      '`SIGNALBOX_TELEMETRY_GENAI` is `newest`: set it to latest, compat, both',
    )
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', SIGNALBOX_TELEMETRY_GENAI: 'old' }
    const sender = { send: async () => ({ rejected: 0, reason: null }), close: async () => undefined }
    const options = { store: {} as Store, host: systemHost, env, version: '0', log: () => undefined }
    expect(() => new TelemetryExporter(options, sender)).toThrow(/set it to latest, compat, both/)
  })

  it('TEL-021: values and labels that had other names are told by them, and sums stay', async () => {
    const told = projectRecords(null, completeHistory().records())
    const azure = told.spans.map((span) => ({
      ...span,
      attributes: {
        ...span.attributes,
        ...(span.id === 'model_call' ? { 'gen_ai.provider.name': 'azure.ai.openai' } : {}),
      },
    }))
    const [call] = inConventions({ ...told, spans: azure }, 'compat').spans.filter(({ id }) => id === 'model_call')
    expect(call?.attributes).toMatchObject({ 'gen_ai.system': 'az.ai.openai' })
    const sum = (name: string, from: { readonly name: string; readonly value: number }[]) =>
      from.filter((point) => point.name === name).reduce((total, point) => total + point.value, 0)
    const older = [...inConventions(told, 'compat').metrics]
    const tokens = ['input', 'output'].map((each) =>
      sum(`gen_ai.client.inference.operation.${each}_tokens`, [...told.metrics]),
    )
    expect(sum('gen_ai.client.token.usage', older)).toBe((tokens[0] ?? 0) + (tokens[1] ?? 0))
    expect(sum('gen_ai.client.token.usage', older)).toBeGreaterThan(0)
    expect(inConventions(told, 'latest')).toBe(told)
  })

  it('TEL-022: the page for Prometheus follows the same switch, and counts the same', async () => {
    const [latest, compat, both] = [await page('latest'), await page('compat'), await page('both')]
    const newer = 'gen_ai_client_inference_duration_seconds'
    const older = 'gen_ai_client_operation_duration_seconds'
    expect([latest.families.has(newer), latest.families.has(older)]).toEqual([true, false])
    expect([compat.families.has(newer), compat.families.has(older)]).toEqual([false, true])
    expect([both.families.has(newer), both.families.has(older)]).toEqual([true, true])
    expect(compat.sum(`${older}_count`)).toBe(latest.sum(`${newer}_count`))
    expect(compat.sum('gen_ai_client_token_usage_sum')).toBe(
      latest.sum('gen_ai_client_inference_operation_input_tokens_sum') +
        latest.sum('gen_ai_client_inference_operation_output_tokens_sum'),
    )
    expect([...compat.labels]).toContain('gen_ai_system')
    expect([...compat.labels]).not.toContain('gen_ai_provider_name')
    expect([...latest.labels]).not.toContain('gen_ai_token_type')
    expect(Object.keys(METRICS)).not.toContain('gen_ai.client.token.usage')
  })
})
