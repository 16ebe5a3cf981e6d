/** Alerts as they are evaluated, kept and handled, over real stores. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { memoryStore, openSqliteStore, SignalboxError, type Store, type StoredRecord, systemHost } from 'signalbox'
import { completeHistory, faultStore } from 'signalbox/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { startAlerts } from '../src/alerts/evaluator.ts'
import { PLANTED, PLANTS, plantRuns } from '../src/alerts/plant.ts'
import { readAlertSettings } from '../src/alerts/settings.ts'
import { alertSources, type HistoryCheck, type SourceStore } from '../src/alerts/sources.ts'
import { alertWorld, OLGA } from './alert-world.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const { tenant } = PLANTED
const unresolved = { tenant, states: ['open', 'acknowledged', 'silenced'], limit: 50 } as const

let path = ''

async function sqlite(): Promise<Store> {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-alerts-'))
  path = join(folder, 'signalbox.db')
  const store = await openSqliteStore({ path, host: systemHost })
  closing.push(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  closing.push(() => store.close())
  return store
}

describe('the evaluation', () => {
  it('ALR-040: a process that takes over goes on where the other stopped: it doubles no alert, event or message', async () => {
    const store = await sqlite()
    const world = alertWorld({ store })
    await plantRuns(store, PLANTS['effect.unknown'].hit, world.host)
    const first = world.another({ leaseMs: 1 })
    await first.tick()
    const [before] = await store.alerts(unresolved)
    const progress = await store.alertProgress()
    const second = world.another({ leaseMs: 1 })
    await second.tick()
    await second.tick()
    expect(await store.alerts(unresolved)).toEqual([before])
    expect([(await store.alertEvents(tenant)).length, (await store.unrouted(9)).length]).toEqual([1, 1])
    expect((await store.alertProgress())?.position).toBe(progress?.position)
  })

  it('ALR-041: after an answer of the store that was lost, and one that never happened, each alert is there once and told once', async () => {
    for (const point of ['after_commit_lost_ack', 'before_commit'] as const) {
      const inner = memoryStore(systemHost)
      const store = faultStore(inner, ({ op, n }) => (op === 'commitAlerts' && n <= 2 ? { point } : null))
      const world = alertWorld({ store })
      await plantRuns(store, PLANTS['call.unmediated'].hit, world.host)
      const evaluator = world.another()
      for (let i = 0; i < 4; i++) await evaluator.tick().catch(() => undefined)
      const [row, ...others] = await store.alerts(unresolved)
      expect([row?.count, others, (await store.unrouted(9)).length]).toEqual([1, [], 1])
    }
  })

  it('ALR-042: a leader that was followed by another changes nothing any more', async () => {
    const world = alertWorld()
    const [old, next] = [world.another(), world.another()]
    await old.tick()
    const row = await world.store.lease('alerts')
    await world.store.setLease({ ...row, owner: null, beat: row.beat + 1 }, row)
    await next.tick()
    await plantRuns(world.store, PLANTS['effect.unknown'].hit, world.host)
    await old.tick()
    expect(await world.store.alerts(unresolved)).toEqual([])
    await next.tick()
    expect(await world.store.alerts(unresolved)).toHaveLength(1)
  })

  it('ALR-043: over thousands of records behind, incidents on the way are opened, what stands is neither opened twice nor resolved, and nothing is read twice', async () => {
    const world = alertWorld()
    const { store, host, seen } = world
    seen.gauges = { deadMessages: [{ tenant, channel: 'ops', count: 1 }] }
    const reads: number[] = []
    const counting = new Proxy(store, {
      get: (target, name) => {
        if (name === 'export')
          return (after: number, limit: number) => {
            reads.push(after)
            return target.export(after, limit)
          }
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
    const evaluator = world.another({ store: counting })
    await evaluator.tick()
    const outcomes = Array.from({ length: 2_500 }, (_, i) => ({ type: 'superstep.completed' as const, agoMs: i }))
    const [call] = PLANTS['call.unmediated'].hit.runs ?? []
    await plantRuns(store, { runs: [[...(call ?? []), ...outcomes]] }, host)
    await evaluator.tick()
    await evaluator.tick()
    const rows = await store.alerts(unresolved)
    expect(rows.map(({ kind, state, count }) => `${kind} ${state} ${count}`).sort()).toEqual([
      'call.unmediated open 1',
      'outbox.dead open 1',
    ])
    expect(reads).toEqual([0, 0, 1_000, 2_000, 2_502])
    expect((await store.alertEvents(tenant)).length).toBe(2)
  })

  it('ALR-044: an evaluation that fails is told by a log line and the status, not by itself; one that is missing shows by its age', async () => {
    const world = alertWorld()
    const lines: string[] = []
    let reading: () => void = () => undefined
    const handle = startAlerts({
      ...{ store: world.store, host: world.host, home: tenant, log: (line: string) => lines.push(line) },
      settings: readAlertSettings({ everySeconds: 0.05 }),
      sources: {
        gauges: () => {
          reading()
          return Promise.reject(new SignalboxError('STORE_UNAVAILABLE', 'the disk is away'))
        },
        history: async () => null,
      },
      runs: { engageKillSwitch: () => Promise.reject(new Error('none')) },
    })
    closing.push(() => handle.stop())
    for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => (reading = resolve))
    expect([handle.fault(), lines]).toEqual([
      'STORE_UNAVAILABLE: the disk is away',
      ['alerts are blind: STORE_UNAVAILABLE: the disk is away'],
    ])
    expect((await world.service.summary(tenant)).evaluatedAt).toBeNull()
    await handle.stop()
    await world.another().tick()
    expect((await world.service.summary(tenant)).blind).toBeNull()
    world.clock.ahead = 121_000
    expect((await world.service.summary(tenant)).blind).toMatch(/no evaluation for 12\d s/)
  })

  it('ALR-045: the history of a run that ends is checked: a changed byte does not verify, a dropped record is a gap too, a sound one is neither', async () => {
    const sound = completeHistory('run_a').stored()
    const bytes = sound.map((each, i) => (i === 3 ? { ...each, body: each.body.replace('"seq"', '"sep"') } : each))
    const approval = sound.find(({ type }) => type === 'approval.decided')
    expect(await checked(sound)).toEqual({ gaps: [], faults: [] })
    expect((await checked(bytes))?.faults.map(({ kind }) => kind)).toContain('hash')
    const dropped = await checked(sound.filter((each) => each !== approval))
    expect([(dropped?.gaps.length ?? 0) > 0, (dropped?.faults.length ?? 0) > 0]).toEqual([true, true])
    expect(await checked(null)).toBeNull()
  })
})

describe('what people do', () => {
  it('ALR-050: an alert is acknowledged and resolved with reason and name on a history that verifies; while it holds it cannot be resolved', async () => {
    const world = alertWorld()
    const { store, service, host, seen } = world
    seen.gauges = { deadMessages: [{ tenant, channel: 'ops', count: 1 }] }
    const evaluator = world.another()
    await evaluator.tick()
    const [{ id } = { id: '' }] = await store.alerts(unresolved)
    expect(await service.acknowledge(id, OLGA, '')).toMatchObject({
      state: 'acknowledged',
      acknowledgedBy: 'user:olga',
    })
    await expect(service.acknowledge(id, OLGA, '')).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(service.resolve(id, OLGA, 'all well')).rejects.toMatchObject({ code: 'CONFLICT' })
    seen.gauges = {}
    await evaluator.tick()
    expect(await service.resolve(id, OLGA, 'sent by hand')).toMatchObject({
      state: 'resolved',
      resolvedBy: 'user:olga',
    })
    await expect(service.silence(id, OLGA, 'noise', host.now() + 60_000)).rejects.toMatchObject({ code: 'CONFLICT' })
    const { events } = await service.show(tenant, id)
    expect(events.map(({ kind, by, reason }) => `${kind} ${by} ${reason}`)).toEqual([
      'opened service:alerts found',
      'acknowledged user:olga ',
      'resolved user:olga sent by hand',
    ])
    expect(await service.audit(tenant)).toEqual({ ok: true, events: 3, findings: [] })
    await expect(service.show('other', id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const stranger = { ...OLGA, tenant: 'other' }
    await expect(service.acknowledge(id, stranger, '')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('ALR-051: a silenced alert tells nobody, and one whose silence ends while it holds is told again', async () => {
    const world = alertWorld()
    const { store, service, host, seen } = world
    seen.gauges = { deadMessages: [{ tenant, channel: 'ops', count: 1 }] }
    const evaluator = world.another({ leaseMs: 60_000 })
    await evaluator.tick()
    const [{ id } = { id: '' }] = await store.alerts(unresolved)
    await expect(service.silence(id, OLGA, 'noise', host.now() - 1)).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    await service.silence(id, OLGA, 'the receiver is being moved', host.now() + 600_000)
    expect(await service.summary(tenant)).toMatchObject({ open: { ticket: 0 }, silenced: 1 })
    world.clock.ahead = 300_000
    await evaluator.tick()
    expect((await store.unrouted(9)).length).toBe(1)
    world.clock.ahead = 601_000
    await evaluator.tick()
    expect(await store.alert(tenant, id)).toMatchObject({ state: 'open', openings: 2, silencedUntil: null })
    expect((await store.unrouted(9)).map((notice) => notice.id)).toEqual([`${id}.1`, `${id}.2`])
  })
})

describe('the history of alerts in a file', () => {
  it('ALR-052: an event that is changed or deleted in the file does not verify, and `audit verify` tells of it', async () => {
    const world = alertWorld({ store: await sqlite() })
    await plantRuns(world.store, PLANTS['call.unmediated'].hit, world.host)
    await world.another().tick()
    expect(await world.service.audit(tenant)).toEqual({ ok: true, events: 1, findings: [] })
    const file = new DatabaseSync(path)
    closing.push(() => file.close())
    file.exec(`UPDATE alert_events SET body = replace(body, 'found', 'bound')`)
    const changed = await world.service.audit(tenant)
    expect([changed.ok, changed.findings]).toEqual([false, ['event 1 is not as it was stored']])
    file.exec('DELETE FROM alert_events')
    expect((await world.service.audit(tenant)).findings.join()).toContain('has no history')
  })
})

/** What the sources of a server find in a history, as a store gives it. */
function checked(stored: readonly StoredRecord[] | null): Promise<HistoryCheck | null> {
  const last = stored?.at(-1)
  const store = {
    run: async () => (last ? { seq: last.seq, head: last.hash } : null),
    records: async () => stored ?? [],
  }
  // A check of a history reads no more than these two.
  return alertSources({ store: store as unknown as SourceStore, home: tenant }).history(tenant, 'run_a')
}
