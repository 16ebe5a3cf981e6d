/**
 * Each example, streamed and not, as a collector on loopback gets it: checked against the contract and its schema, and its
 * trace as text without ids and times compared with what is committed in `tools/golden`.
 * `UPDATE_GOLDEN=1 npx vitest run tools/golden-traces.test.ts` writes the files anew.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { ATTRIBUTES, COMMON, EVENTS, METRICS, SPANS } from '../packages/runtime/src/observability/contract.generated.ts'
import type { Signalbox } from '../packages/runtime/src/runtime.ts'
import { lineageGaps, RECORD_TYPES } from '../packages/runtime/src/observability/index.ts'
import {
  Collector,
  completeHistory,
  contractFaults,
  type Received,
  type ReceivedAttributes,
  type ReceivedSpan,
  spanIdOf,
  traceFaults,
} from '../packages/runtime/src/testing/index.ts'
import { SHAPES } from '../packages/runtime/src/testing/shapes.ts'
import { storeOf } from '../packages/server/test/stored.ts'
import { NO_LINEAGE, unnoticedLoss } from './lib/lineage-loss.ts'
import { cover, traceText } from './lib/golden-trace.ts'
import { EXAMPLES } from './lib/played.ts'
import { type RunRecord, sendAll, type Way, watched } from './lib/sent.ts'

/** How the examples run now, and what they left; they make their runtimes themselves. */
const now = vi.hoisted(() => ({ way: { streamed: false, url: '' } as Way, records: new Map<string, RunRecord[]>() }))

vi.mock(import('../packages/runtime/src/runtime.ts'), async (original) => {
  const real = await original()
  return { ...real, createSignalbox: (options) => watched(real.createSignalbox(options), now) as Signalbox }
})
vi.mock(import('../packages/runtime/src/agents/models.ts'), async (original) => {
  const real = await original()
  return { ...real, createModels: (options) => real.createModels({ ...options, streaming: now.way.streamed }) }
})

const collector = new Collector()
beforeAll(async () => {
  now.way = { streamed: false, url: `http://127.0.0.1:${await collector.listen()}` }
})
afterAll(() => collector.close())

const read = (file: string): string => readFileSync(new URL(file, import.meta.url), 'utf8')
// The file is made from the contract, in this form.
const schema = z.fromJSONSchema(
  JSON.parse(read('../docs/reference/telemetry.schema.json')) as Parameters<typeof z.fromJSONSchema>[0],
)

/** What was received as the schema describes it. */
function published({ spans, logs, metrics }: Received) {
  return {
    spans: spans.map(({ name, kind, attributes, links }) => ({
      id: spanIdOf({ name }),
      name,
      kind,
      attributes,
      links: links.map((link) => ({ attributes: link.attributes })),
    })),
    events: logs.map(({ eventName, attributes }) => ({ name: eventName, attributes })),
    metrics: metrics.map(({ name, unit, attributes }) => ({ name, unit, attributes })),
  }
}

/** What the collector gets of something. */
async function receivedOf(act: () => Promise<unknown>, streamed: boolean): Promise<Received> {
  now.way = { ...now.way, streamed }
  now.records.clear()
  collector.bodies.length = 0
  await act()
  return collector.received()
}

/** Closed values are told; of what every span carries nothing, and of ids, times and amounts that they are there. */
function isTold(key: string): 'value' | 'name' | 'nothing' {
  if (COMMON.split(' ').includes(key) || /^signalbox\.run\.(segment|branch)$/.test(key)) return 'nothing'
  const known = Object.entries(ATTRIBUTES).find(([name]) => name === key)?.[1]
  return known?.cardinality === 'low' && key !== 'signalbox.price.id' ? 'value' : 'name'
}

const seen = new Map<string, Set<string>>()
/** The first history beside the examples that gives a signal. */
const elsewhere = new Map<string, string>()
/** Signals that no history gives without more: where they are looked at. */
const BY_ITSELF: Readonly<Record<string, string>> = {
  'gen_ai.client.inference.operation.details': 'packages/runtime/src/observability/capture.test.ts',
  'signalbox.content.details': 'packages/runtime/src/observability/capture.test.ts',
  'signalbox.telemetry.completeness': 'packages/server/src/telemetry/prometheus.test.ts',
}

function coverAll(into: Map<string, Set<string>>, { spans, logs, metrics }: Received): void {
  for (const span of spans) cover(into, spanIdOf(span), span.attributes)
  for (const log of logs) cover(into, log.eventName, log.attributes)
  for (const point of metrics) cover(into, point.name, point.attributes)
}

const signalsOf = ({ spans, logs, metrics }: Received): readonly string[] => [
  ...spans.map(spanIdOf),
  ...logs.map(({ eventName }) => eventName),
  ...metrics.map(({ name }) => name),
]

/** Compares with the committed file, or writes it. */
function golden(name: string, text: string): void {
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(new URL(`golden/${name}`, import.meta.url), text)
  expect(text).toBe(read(`golden/${name}`))
}

const WAYS = Object.keys(EXAMPLES).flatMap((example) => [false, true].map((streamed) => ({ example, streamed })))

describe('telemetry of the examples at a collector', () => {
  it.each(WAYS)(
    'TEL-005, TEL-030, TEL-031: $example (streamed: $streamed) keeps contract and schema, and gives the committed trace',
    async ({ example, streamed }) => {
      const received = await receivedOf(EXAMPLES[example] ?? (async () => {}), streamed)
      expect(received.spans.length).toBeGreaterThan(3)
      expect(contractFaults(received)).toEqual([])
      expect(schema.safeParse(published(received)).error?.issues).toBeUndefined()
      for (const [runId, records] of now.records) expect(traceFaults(runId, records, received.spans)).toEqual([])
      coverAll(seen, received)
      const spans = received.spans.map((span) => ({ ...span, id: spanIdOf(span), startMs: Number(span.start) }))
      golden(`${example}.txt`, traceText(spans, isTold))
    },
  )
})

describe('lineage of the examples', () => {
  it.each(Object.keys(EXAMPLES))(
    'LIN-015: %s is whole, and without any one type of record or link that lineage rests on it is not',
    async (example) => {
      await receivedOf(EXAMPLES[example] ?? (async () => {}), false)
      const all = [...now.records.values()]
      expect(all.flatMap((records) => lineageGaps(records))).toEqual([])
      // Only a history with an effect has a lineage to lose.
      const acting = all.filter((records) =>
        records.some((record) => record.type === 'activity.intent' && record.proposal.effect !== 'none'),
      )
      expect(acting.length).toBeGreaterThan(0)
      expect(acting.map((records) => unnoticedLoss(records))).toEqual(acting.map(() => []))
    },
  )
})

describe('planted in lineage', () => {
  it('LIN-015: a check that sees nothing is found, and what carries no lineage is a type of record', () => {
    const lost = unnoticedLoss(completeHistory().records(), () => [])
    expect(lost).toEqual(expect.arrayContaining(['activity.intent', 'approval.decided', 'activity.intent.decision']))
    expect(Object.keys(NO_LINEAGE).filter((type) => !RECORD_TYPES.some((known) => known === type))).toEqual([])
  })
})

describe('coverage of the contract', () => {
  it('TEL-006: what each signal carried over all examples, and the others by which history, are committed; none is given by nothing', async () => {
    for (const [shape, history] of Object.entries(SHAPES)) {
      const own = await receivedOf(async () => sendAll(await storeOf(history()), now.way), false)
      expect(contractFaults(own)).toEqual([])
      for (const signal of signalsOf(own)) elsewhere.set(signal, elsewhere.get(signal) ?? shape)
    }
    const all = [...Object.keys(SPANS), ...Object.keys(EVENTS), ...Object.keys(METRICS)].sort()
    const given = all.filter((signal) => seen.has(signal))
    const carried = Object.fromEntries(given.map((signal) => [signal, [...(seen.get(signal) ?? [])].sort()]))
    const others = [...new Set(all.filter((signal) => !seen.has(signal)))]
    const byHistory = Object.fromEntries(others.map((signal) => [signal, elsewhere.get(signal) ?? BY_ITSELF[signal]]))
    expect(others.filter((signal) => byHistory[signal] === undefined)).toEqual([])
    for (const [signal, file] of Object.entries(BY_ITSELF))
      expect(read(`../${file}`).replaceAll('_', '.')).toContain(signal.replaceAll('_', '.'))
    golden('coverage.json', `${JSON.stringify({ carried, not_given_by_an_example: byHistory }, null, 2)}\n`)
  })
})

describe('planted', () => {
  it('TEL-005: another parent, value, link or status changes the text', async () => {
    const span = { id: 'node', name: 'node a', spanId: '1', parentSpanId: null, startMs: 1, status: 'unset' }
    const one = { ...span, attributes: { 'signalbox.attempt': 1, 'signalbox.node.name': 'a' }, links: [] }
    const text = traceText([one, { ...one, spanId: '2', parentSpanId: '1' }], isTold)
    const link = { attributes: { 'signalbox.link.kind': 'resume' } }
    for (const changed of [
      { parentSpanId: null },
      { attributes: { 'signalbox.attempt': 1, 'signalbox.node.name': 'b' } },
      { attributes: { 'signalbox.node.name': 'a' } },
      { links: [link] },
      { status: 'error' },
    ])
      expect(traceText([one, { ...one, spanId: '2', parentSpanId: '1', ...changed }], isTold)).not.toBe(text)
    expect(traceText([one, { ...one, spanId: '3', parentSpanId: '1', startMs: 7 }], isTold)).toBe(text)
  })

  it('TEL-031: the schema and the check refuse the same wrong spans, events and metrics', async () => {
    const received = await receivedOf(async () => sendAll(await storeOf(completeHistory()), now.way), false)
    const tool = received.spans.findIndex(({ name }) => name.startsWith('execute_tool'))
    const spanWith = (change: (span: ReceivedSpan) => Partial<ReceivedSpan>): Received => ({
      ...received,
      spans: received.spans.map((span, at) => (at === tool ? { ...span, ...change(span) } : span)),
    })
    const having = (more: ReceivedAttributes) =>
      spanWith(({ attributes }) => ({ attributes: { ...attributes, ...more } }))
    const lacking = (key: string) =>
      spanWith(({ attributes }) => ({
        attributes: Object.fromEntries(Object.entries(attributes).filter(([name]) => name !== key)),
      }))
    const isValid = (one: Received): boolean => schema.safeParse(published(one)).success
    expect([isValid(received), contractFaults(received)]).toEqual([true, []])
    const [log] = received.logs
    const [point] = received.metrics
    if (!log || !point) throw new Error('nothing came')
    const wrong: Readonly<Record<string, Received>> = {
      'a required key that is missing': lacking('signalbox.tool.effect'),
      'a key that is missing although its condition holds': lacking('signalbox.policy.reason_code'),
      'another condition': lacking('signalbox.latency_ms'),
      'an unknown key': having({ 'signalbox.nobody.knows': 1 }),
      'a key of another signal': having({ 'signalbox.drop.reason': 'no_edge' }),
      'a value outside its list': having({ 'signalbox.tool.effect': 'harmless' }),
      'a value of another type': having({ 'signalbox.attempt': '1' }),
      'another kind': spanWith(() => ({ kind: 'client' })),
      'a link without its kind': spanWith(() => ({ links: [{ traceId: '', spanId: '', attributes: {} }] })),
      'an unknown event': { ...received, logs: [{ ...log, eventName: 'signalbox.other' }] },
      'an event without its keys': { ...received, logs: [{ ...log, attributes: {} }] },
      'a label of high cardinality': { ...received, metrics: [{ ...point, attributes: { 'signalbox.run.id': 'x' } }] },
      'another unit': { ...received, metrics: [{ ...point, unit: 'ms' }] },
    }
    for (const [what, one] of Object.entries(wrong)) {
      expect(isValid(one), what).toBe(false)
      expect(contractFaults(one), what).not.toEqual([])
    }
  })
})
