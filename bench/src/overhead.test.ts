import { memoryStore } from 'signalbox'
import { completeHistory } from 'signalbox/testing'
import { describe, expect, it } from 'vitest'
import { put } from '../../packages/server/test/stored.ts'
import {
  type Arrival,
  arrivalFaults,
  type OverheadPair,
  overheadAims,
  overheadChecks,
  overheadOf,
  overheadTable,
} from './overhead.ts'
import { exporterStores } from './overhead-plants.ts'
import { medianInterval } from './stats.ts'

const PLAN = { starts: 1, pairs: 20, warm: 0, runs: 2, each: 3 }

/** Twenty pairs whose telemetry costs about `share` of a turn, on a machine that becomes slower and slower. */
function pairs(share: number): OverheadPair[] {
  return Array.from({ length: 20 }, (_, i) => {
    const plainUs = 1_000 + 100 * i
    return { plainUs, fullUs: plainUs * (1 + share + (i % 5) / 1_000), plainMs: 2, fullMs: 2 }
  })
}

const WHOLE: Arrival = {
  arrived: {
    spans: { chat: 8, execute_tool: 6, invoke_agent: 2, invoke_workflow: 2, node: 2, superstep: 2 },
    events: { 'signalbox.effect.settled': 6 },
    counters: { 'signalbox.effects': 12 },
    requests: 3,
    bytes: 1_000,
  },
  effectsOnPage: 12,
}

describe('what telemetry costs', () => {
  it('BEN-030: is the middle of the ratios of pairs, with an interval that holds it', () => {
    const { low, median, high } = overheadOf({ pairs: pairs(0.08) })
    expect(median).toBeCloseTo(0.082)
    expect([low, high].map((each) => Number(each.toFixed(3)))).toEqual([0.081, 0.083])
    // Ranks 6 and 15 of 20, as tables of the sign test have it.
    expect(medianInterval(Array.from({ length: 20 }, (_, i) => i + 1))).toEqual({ low: 6, median: 10.5, high: 15 })
    expect(medianInterval([3, 1, 2])).toEqual({ low: 1, median: 2, high: 3 })
    const text = overheadTable([{ plan: PLAN, pairs: pairs(0.08), faults: [], requests: 0.1, bytes: 15_000 }])
    expect(text).toContain('8.2 % (8.1 % to 8.3 %)')
  })

  it.each([
    ['a span', { ...WHOLE, arrived: { ...WHOLE.arrived, spans: { ...WHOLE.arrived.spans, chat: 7 } } }],
    ['an event', { ...WHOLE, arrived: { ...WHOLE.arrived, events: {} } }],
    ['a count', { ...WHOLE, arrived: { ...WHOLE.arrived, counters: { 'signalbox.effects': 11 } } }],
    ['a number on the page', { ...WHOLE, effectsOnPage: 13 }],
  ])('BEN-031: %s that is missing or too much makes the check fail', (_, arrival) => {
    const check = (one: Arrival) =>
      overheadChecks({ plan: PLAN, pairs: pairs(0.05), faults: arrivalFaults(one, PLAN), requests: 0, bytes: 0 })
    expect(check(WHOLE)).toMatchObject([{ ok: true }])
    expect(check(arrival)).toMatchObject([{ ok: false, found: expect.stringContaining('expected') }])
  })

  it('BEN-032: more than a tenth is told as missed; the planted exporters lose records, or do not', async () => {
    expect(overheadAims({ pairs: pairs(0.08) })).toMatchObject([{ ok: true }])
    expect(overheadAims({ pairs: pairs(0.11) })).toMatchObject([{ ok: false, found: '11.2 % (11.1 % to 11.3 %)' }])
    const store = memoryStore()
    await put(store, completeHistory())
    const all = await store.export(0, 1_000)
    const outcomes = all.filter(({ type }) => type === 'activity.outcome').length
    expect(outcomes).toBeGreaterThan(0)
    expect(await exporterStores.projects_ten_times(store).export(0, 1_000)).toEqual(all)
    expect(await exporterStores.loses_outcomes(store).export(0, 1_000)).toHaveLength(all.length - outcomes)
  })
})
