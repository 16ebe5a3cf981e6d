import { describe, expect, it } from 'vitest'
import { ALERT_KINDS, ALERT_STATES, type AlertEvent, type AlertRow } from '../../contracts/alerts.ts'
import { type AlertChange, alertId } from './change.ts'
import { type AlertFinding, NO_PROGRESS, QUIET_GAUGES } from './facts.ts'
import { alertHistoryFindings, chainAlertEvents } from './history.ts'
import { ALERT_RULES, evaluateAlerts } from './kinds.ts'
import { ALERT_MACHINE, type AlertAct } from './machine.ts'
import { type AlertTerms, planAlerts, resolvedBy } from './plan.ts'

const MINUTE = 60_000
const T0 = Date.parse('2026-01-01T00:00:00Z')
const TERMS: AlertTerms = {
  severityOf: (kind) => ALERT_RULES[kind].severity,
  resolveAfterMs: (kind) => (ALERT_RULES[kind].resolves === 'person' ? null : MINUTE),
  escalateAfterMs: 30 * MINUTE,
  engages: (kind) => (kind === 'denial.spike' ? 'stop-refunds' : null),
}

function finding(over: Partial<AlertFinding> = {}): AlertFinding {
  return {
    ...{ tenant: 'acme', key: 'desk', workflow: 'desk', labels: { tool: 'payments.refund' } },
    ...{ values: { unknown: 1 }, windowSeconds: null, refs: [], limits: { olderThanSeconds: 300 } },
    ...over,
  }
}

/** A world of alerts that evaluations and people change in turn; keeps everything that was told. */
class World {
  readonly rows = new Map<string, AlertRow>()
  readonly told: AlertChange[] = []

  look(at: number, ...found: readonly Parameters<typeof planAlerts>[0][number][]): readonly AlertChange[] {
    const changes = planAlerts(found, this.rows, at, TERMS)
    for (const each of changes) this.put(each)
    return changes
  }

  put(change: AlertChange): void {
    expect(change.row.revision).toBe((this.rows.get(change.row.id)?.revision ?? 0) + 1)
    this.rows.set(change.row.id, change.row)
    this.told.push(change)
  }

  get events(): readonly string[] {
    return this.told.flatMap(({ events }) => events.map(({ kind }) => kind))
  }

  get notices(): readonly string[] {
    return this.told.flatMap(({ notices }) => notices.map(({ kind, severity }) => `${kind} ${severity}`))
  }

  only(): AlertRow {
    const [row] = this.rows.values()
    if (!row) throw new Error('no alert')
    return row
  }
}

const UNKNOWN = { kind: 'effect.unknown', finding: finding() } as const
const GAP = {
  kind: 'lineage.gap',
  finding: finding({ refs: [{ run: 'run_a', seq: 3 }], values: { runs: 1 } }),
} as const

describe('the life of an alert', () => {
  it('ALR-010: every act has its end in every state, and only what is resolved can be opened again', () => {
    const acts: readonly AlertAct[] = [
      ...(['found', 'gone', 'silence_over_found', 'silence_over_gone'] as const),
      ...(['acknowledge', 'silence', 'resolve'] as const),
    ]
    for (const state of ALERT_STATES) expect(Object.keys(ALERT_MACHINE[state])).toEqual(acts)
    const people = (state: AlertRow['state']) => acts.slice(4).map((act) => ALERT_MACHINE[state][act])
    expect(people('resolved')).toEqual(['refused', 'refused', 'refused'])
    expect(people('silenced')).toEqual(['acknowledged', 'silenced', 'resolved'])
    expect(ALERT_STATES.map((state) => ALERT_MACHINE[state].found)).toEqual([
      'open',
      'acknowledged',
      'silenced',
      'open',
    ])
  })

  it('ALR-011: the same trouble is one alert with a count; it is told once, and resolved when it was gone for its time', () => {
    const world = new World()
    world.look(T0, UNKNOWN, UNKNOWN)
    expect(world.only()).toMatchObject({ id: alertId('acme', 'effect.unknown', 'desk'), state: 'open', count: 1 })
    expect(world.look(T0 + 5_000, UNKNOWN)).toEqual([])
    world.look(T0 + 2 * MINUTE, UNKNOWN)
    expect(world.only()).toMatchObject({ count: 1, lastSeenAt: T0 + 2 * MINUTE, holds: true })
    world.look(T0 + 3 * MINUTE)
    world.look(T0 + 3 * MINUTE + 30_000, UNKNOWN)
    expect(world.only()).toMatchObject({ count: 2, state: 'open', clearSince: null })
    world.look(T0 + 4 * MINUTE)
    expect(world.look(T0 + 4 * MINUTE + 59_000)).toEqual([])
    world.look(T0 + 5 * MINUTE)
    expect(world.only()).toMatchObject({ state: 'resolved', resolvedBy: 'service:alerts' })
    expect(world.look(T0 + 6 * MINUTE)).toEqual([])
    world.look(T0 + 7 * MINUTE, UNKNOWN)
    expect(world.only()).toMatchObject({ state: 'open', openings: 2, count: 1, resolvedAt: null })
    expect(world.events).toEqual(['opened', 'resolved', 'reopened'])
    expect(world.notices).toEqual(['alert.opened urgent', 'alert.resolved info', 'alert.opened urgent'])
    const ids = world.told.flatMap(({ notices }) => notices.map(({ id }) => id))
    expect(new Set(ids).size).toBe(3)
  })

  it('ALR-012: a silence tells nobody until it is over; then it is opened again when it still holds', () => {
    const world = new World()
    world.look(T0, UNKNOWN)
    const silenced = { ...world.only(), state: 'silenced', silencedUntil: T0 + 60 * MINUTE, revision: 2 } as const
    world.put({ row: silenced, events: [], notices: [] })
    for (let at = T0 + MINUTE; at < T0 + 60 * MINUTE; at += 7 * MINUTE)
      world.look(at, ...(at % 2 === 0 ? [UNKNOWN] : []))
    expect([world.only().state, world.notices]).toEqual(['silenced', ['alert.opened urgent']])
    world.look(T0 + 60 * MINUTE, UNKNOWN)
    expect(world.only()).toMatchObject({ state: 'open', openings: 2 })
    expect(world.events.at(-1)).toBe('reopened')
    expect(world.notices).toHaveLength(2)
  })

  it('ALR-013: what needs a person is never resolved by itself, not after a silence either; a new incident counts', () => {
    const world = new World()
    world.look(T0, GAP)
    expect(world.only()).toMatchObject({ state: 'open', holds: false, count: 1 })
    world.look(T0 + 20 * MINUTE, GAP)
    expect(world.only().count).toBe(2)
    for (let hour = 1; hour < 100; hour++) world.look(T0 + hour * 60 * MINUTE)
    expect(world.only().state).toBe('open')
    const row = world.only()
    const silenced = {
      ...row,
      state: 'silenced',
      silencedUntil: T0 + 200 * 60 * MINUTE,
      revision: row.revision + 1,
    } as const
    world.put({ row: silenced, events: [], notices: [] })
    world.look(T0 + 201 * 60 * MINUTE)
    expect(world.only()).toMatchObject({ state: 'open', openings: 2 })
    world.put(resolvedBy(world.only(), 'user:olga', 'restored', T0 + 202 * 60 * MINUTE))
    expect(world.look(T0 + 300 * 60 * MINUTE)).toEqual([])
    world.look(T0 + 301 * 60 * MINUTE, GAP)
    expect(world.only()).toMatchObject({ state: 'open', openings: 3 })
  })

  it('ALR-014: a page that nobody acknowledged is told again, once; an acknowledged one is not', () => {
    const world = new World()
    world.look(T0, UNKNOWN)
    world.look(T0 + 29 * MINUTE, UNKNOWN)
    expect(world.notices).toHaveLength(1)
    for (const minutes of [31, 62, 93]) world.look(T0 + minutes * MINUTE, UNKNOWN)
    expect(world.notices).toEqual(['alert.opened urgent', 'alert.escalated urgent'])
    const other = new World()
    other.look(T0, UNKNOWN)
    other.put({ row: { ...other.only(), state: 'acknowledged', revision: 2 }, events: [], notices: [] })
    other.look(T0 + 90 * MINUTE, UNKNOWN)
    expect([other.only().state, other.notices]).toEqual(['acknowledged', ['alert.opened urgent']])
  })

  it('ALR-015: an alert keeps what opened it with limits, window and version, also when what is seen has moved on', () => {
    const world = new World()
    const refs = Array.from({ length: 30 }, (_, i) => ({ run: 'run_a', seq: i }))
    world.look(T0, { kind: 'effect.unknown', finding: finding({ refs, values: { unknown: 30 } }) })
    world.look(T0 + 2 * MINUTE, { kind: 'effect.unknown', finding: finding({ values: { unknown: 2 } }) })
    const { inputs, latest } = world.only()
    expect(inputs).toMatchObject({ version: 1, at: '2026-01-01T00:00:00.000Z', values: { unknown: 30 } })
    expect([inputs.refs.length, inputs.refs[0]?.seq, inputs.limits]).toEqual([20, 10, { olderThanSeconds: 300 }])
    expect(latest.values).toEqual({ unknown: 2 })
  })

  it('ALR-016: a rule wants its switch once for each opening, under an id made from the alert', () => {
    const world = new World()
    const spike = { kind: 'denial.spike', finding: finding() } as const
    world.look(T0, spike)
    const first = world.only().engaged
    expect(first).toMatchObject({ rule: 'stop-refunds', state: 'wanted' })
    world.look(T0 + 2 * MINUTE, spike)
    expect(world.only().engaged).toEqual(first)
    world.look(T0 + 3 * MINUTE)
    world.look(T0 + 4 * MINUTE)
    world.look(T0 + 5 * MINUTE, spike)
    expect(world.only()).toMatchObject({ openings: 2, engaged: { state: 'wanted' } })
    expect(world.only().engaged?.switch_id).not.toBe(first?.switch_id)
  })
})

describe('the history of alerts', () => {
  it('ALR-017: it verifies, and a changed, dropped or invented event, and an alert that says otherwise, are found', () => {
    const world = new World()
    world.look(T0, UNKNOWN, GAP)
    world.look(T0 + MINUTE)
    world.look(T0 + 3 * MINUTE)
    const stored = chainAlertEvents(
      world.told.flatMap(({ events }) => events),
      new Map(),
    )
    const rows = [...world.rows.values()]
    expect(stored).toHaveLength(3)
    expect(alertHistoryFindings(stored, rows)).toEqual([])
    const forged = stored.map((each, i) => (i === 1 ? { ...each, body: each.body.replace('found', 'bound') } : each))
    expect(alertHistoryFindings(forged, rows)).toContain('event 2 is not as it was stored')
    expect(alertHistoryFindings(stored.slice(1), rows)).toContain('event 1 is missing')
    const quiet = rows.map((row) => ({ ...row, state: 'resolved' as const }))
    expect(alertHistoryFindings(stored, quiet).join()).toContain('is resolved, and its history says open')
    expect(alertHistoryFindings(stored, rows.slice(1)).join()).toContain('in the history and not in the store')
    expect(alertHistoryFindings([], rows)).toHaveLength(2)
    const first = JSON.parse(stored[0]?.body ?? '{}') as AlertEvent
    expect(first).toMatchObject({ v: 1, seq: 1, prev: '0'.repeat(64), kind: 'opened', by: 'service:alerts' })
  })

  it('ALR-002: the table has a page, a sentence, limits and an end for every kind', () => {
    for (const kind of ALERT_KINDS) {
      const { runbook, about, limits, resolves } = ALERT_RULES[kind]
      expect(runbook).toMatch(/^docs\/runbooks\/[a-z-]+\.md$/)
      expect([about.length > 10, Object.keys(limits).length > 0]).toEqual([true, true])
      expect(resolves === 'person' || resolves.afterSeconds >= 0).toBe(true)
    }
    const people = ALERT_KINDS.filter((kind) => ALERT_RULES[kind].resolves === 'person')
    expect(people).toEqual(['lineage.gap', 'outside.differs', 'audit.failed', 'call.unmediated', 'exposure.finding'])
  })
})

describe('gaps that the check of all runs left standing', () => {
  it('LIN-017: are an alert for their workflow, with the records, and the same as when a run ends with them', () => {
    const gauges = {
      ...QUIET_GAUGES,
      lineage: [{ tenant: 'acme', run: 'run_1', workflow: 'desk', gaps: [{ kind: 'ledger', seq: 7 }] }],
    }
    const facts = { now: T0, home: 'acme', progress: NO_PROGRESS, incidents: [], gauges } as const
    const found = evaluateAlerts(facts, (kind) => () => ALERT_RULES[kind].limits)
    expect(found).toMatchObject([
      {
        kind: 'lineage.gap',
        finding: { workflow: 'desk', refs: [{ run: 'run_1', seq: 7 }], values: { what: 'ledger' } },
      },
    ])
    expect(evaluateAlerts({ ...facts, gauges: QUIET_GAUGES }, (kind) => () => ALERT_RULES[kind].limits)).toEqual([])
  })
})
