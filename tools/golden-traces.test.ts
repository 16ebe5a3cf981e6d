/**
 * The telemetry of one run of each pattern as text without ids and times, compared with what is committed in
 * `tools/golden`. `UPDATE_GOLDEN=1 npx vitest run tools/golden-traces.test.ts` writes the files anew.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { check } from '../examples/concurrent/src/main.ts'
import { CALENDAR_URL, startCalendar } from '../examples/group-chat/src/calendar.ts'
import { meet, openBoard } from '../examples/group-chat/src/main.ts'
import { talk } from '../examples/handoff/src/main.ts'
import { FLEET_URL, startFleet } from '../examples/magentic/src/fleet.ts'
import { openIncident, work } from '../examples/magentic/src/main.ts'
import { openRefunds, refundOrder } from '../examples/quickstart/src/main.ts'
import { write } from '../examples/sequential/src/main.ts'
import { ATTRIBUTES, COMMON, EVENTS, METRICS, SPANS } from '../packages/runtime/src/observability/contract.generated.ts'
import { projectRecords } from '../packages/runtime/src/observability/project.ts'
import { cover, traceText } from './lib/golden-trace.ts'
import type { Told } from './lib/telemetry-watch.ts'

type Telemetry = ReturnType<typeof projectRecords>

/** The telemetry of the one run that something starts. */
async function telemetryOf(act: () => Promise<unknown>): Promise<Telemetry> {
  const bodies: string[] = []
  const listen = (message: unknown): void => {
    // The channel has one publisher, whose messages have this form.
    for (const { body } of (message as Told).records) bodies.push(body)
  }
  subscribe('signalbox:stored', listen)
  try {
    await act()
  } finally {
    unsubscribe('signalbox:stored', listen)
  }
  // What the engine stored is records.
  return projectRecords(null, bodies.map((body): unknown => JSON.parse(body)) as Parameters<typeof projectRecords>[1])
}

/** Closed values are told; of what every span carries nothing, and of ids, times and amounts that they are there. */
function isTold(key: string): 'value' | 'name' | 'nothing' {
  if (COMMON.split(' ').includes(key) || /^signalbox\.run\.(segment|branch)$/.test(key)) return 'nothing'
  const known = Object.entries(ATTRIBUTES).find(([name]) => name === key)?.[1]
  return known?.cardinality === 'low' && key !== 'signalbox.price.id' ? 'value' : 'name'
}

const PATTERNS: Readonly<Record<string, () => Promise<unknown>>> = {
  sequential: () => write('v2-4'),
  concurrent: () => check('E-2'),
  handoff: () => talk('I want my money back.'),
  'group-chat': async () => {
    const calendar = await startCalendar()
    process.env[CALENDAR_URL] = calendar.url
    const signalbox = openBoard()
    await meet(signalbox, 'CHG-7', () => 'approved')
    await signalbox.close()
    await calendar.stop()
  },
  magentic: async () => {
    const fleet = await startFleet()
    process.env[FLEET_URL] = fleet.url
    const signalbox = openIncident()
    await work(signalbox, { plan: () => ({ decision: 'approve' }), call: 'approved' })
    await signalbox.close()
    await fleet.stop()
  },
  quickstart: async () => {
    const signalbox = openRefunds()
    await refundOrder(signalbox, 'A-17', 1_999)
    await signalbox.close()
  },
}

const seen = new Map<string, Set<string>>()

/** Compares with the committed file, or writes it. */
function golden(name: string, text: string): void {
  const file = new URL(`golden/${name}`, import.meta.url)
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, text)
  expect(text).toBe(readFileSync(file, 'utf8'))
}

describe('telemetry of the patterns', () => {
  it.each(Object.keys(PATTERNS))('TEL-005: a run of %s gives the spans that are committed', async (pattern) => {
    const telemetry = await telemetryOf(PATTERNS[pattern] ?? (async () => {}))
    for (const span of telemetry.spans) cover(seen, span.id, span.attributes)
    for (const log of telemetry.logs) cover(seen, log.eventName, log.attributes)
    for (const point of telemetry.metrics) cover(seen, point.name, point.attributes)
    expect(telemetry.spans.length).toBeGreaterThan(3)
    golden(`${pattern}.txt`, traceText(telemetry.spans, isTold))
  })

  it('TEL-006: what each signal carried over all patterns, and the signals that none gave, are committed', () => {
    const all = [...Object.keys(SPANS), ...Object.keys(EVENTS), ...Object.keys(METRICS)].sort()
    const carried = Object.fromEntries(all.map((signal) => [signal, [...(seen.get(signal) ?? [])].sort()]))
    const silent = all.filter((signal) => !seen.has(signal))
    for (const signal of silent) delete carried[signal]
    golden('coverage.json', `${JSON.stringify({ carried, not_given_by_a_pattern: silent }, null, 2)}\n`)
  })

  it('TEL-005: planted: another parent, value, link or status changes the text', async () => {
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
})
