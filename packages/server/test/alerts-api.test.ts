/** Alerts over HTTP: who may see and change them, and what the endpoints tell. */
import { createClient } from '@signalbox/protocol'
import type { Principal } from 'signalbox'
import { describe, expect, it } from 'vitest'
import { PLANTS, plantRuns } from '../src/alerts/plant.ts'
import { createApp } from '../src/http/app.ts'
import { alertWorld } from './alert-world.ts'
import { fakeRuns } from './fake-runs.ts'

const REASON = 'looked into it'
const VERA: Principal = { id: 'user:vera', kind: 'user', tenant: 'planted', roles: ['viewer'] }
const OLGA: Principal = { ...VERA, id: 'user:olga', roles: ['operator'] }

async function planted() {
  const world = alertWorld({
    alerts: {
      overrides: [{ kind: 'runs.parked', workflow: 'desk', limits: { atLeast: 2 } }],
      onAlert: [
        {
          ...{ name: 'stop', kind: 'denial.spike' },
          engage: { scope: 'tool', target: 'pay.send', mode: 'pause', expiresInMinutes: 5 },
        },
      ],
    },
  })
  await plantRuns(world.store, PLANTS['call.unmediated'].hit, world.host)
  world.seen.gauges = { deadMessages: [{ tenant: 'planted', channel: 'ops', count: 3 }] }
  await world.another().tick()
  const who = new Map<string, Principal>([
    ['vera', VERA],
    ['olga', OLGA],
    ['robot', { ...OLGA, id: 'service:robot', kind: 'service' }],
    ['stranger', { ...OLGA, tenant: 'other' }],
  ])
  const app = createApp({
    ...fakeRuns(),
    alerts: world.service,
    workflows: [],
    models: { resolve: () => undefined as never },
    auth: { kind: 'issued', authenticate: async (token) => who.get(token.replace('-of-this-test', '')) ?? null },
    ...{ host: world.host, mode: 'production', version: '0', consoleDir: null },
    log: () => undefined,
    stopping: new AbortController().signal,
  })
  const as = (person: string) =>
    createClient({
      baseUrl: 'http://127.0.0.1',
      token: `${person}-of-this-test`,
      fetch: async (input, init) => await app.fetch(new Request(input, init)),
    })
  return { world, as }
}

describe('alerts over HTTP', () => {
  it('ALR-070: whoever may read sees the alerts of the own tenant, filtered and in pages, with inputs, history and runbook', async () => {
    const { as } = await planted()
    const all = await as('vera').alerts()
    expect(all.alerts.map(({ kind }) => kind).sort()).toEqual(['call.unmediated', 'outbox.dead'])
    expect(all.summary).toMatchObject({ open: { page: 1, ticket: 1, info: 0 }, silenced: 0, blind: null })
    const first = await as('vera').alerts({ query: { limit: 1 } })
    const rest = await as('vera').alerts({ query: { limit: 1, cursor: first.next ?? '' } })
    expect([...first.alerts, ...rest.alerts]).toEqual(all.alerts)
    expect(rest.next).toBeNull()
    const [page] = (await as('vera').alerts({ query: { severity: 'page' } })).alerts
    const detail = await as('vera').alert({ params: { id: page?.id ?? '' } })
    expect(detail).toMatchObject({
      title: '1 runs of planted-desk called example.invalid beside the door',
      runbook: 'docs/runbooks/compromised-tool.md',
      inputs: { version: 1, values: { host: 'example.invalid', runs: 1 }, refs: [{ run_id: 'run_planted0', seq: 2 }] },
      events: [{ kind: 'opened', by: 'service:alerts', seq: expect.any(Number) }],
    })
    expect((await as('stranger').alerts()).alerts).toEqual([])
    await expect(as('stranger').alert({ params: { id: detail.id } })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(as('vera').alerts({ query: { kind: 'no.kind' } })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    await expect(as('vera').alerts({ query: { cursor: 'x' } })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
  })

  it('ALR-071: an operator who is a person handles them with a reason; a viewer, a program and another tenant change nothing', async () => {
    const { world, as } = await planted()
    const [page] = (await as('olga').alerts({ query: { kind: 'call.unmediated' } })).alerts
    const params = { id: page?.id ?? '' }
    const before = await world.store.alert('planted', params.id)
    for (const [person, code] of [
      ['vera', 'FORBIDDEN'],
      ['robot', 'FORBIDDEN'],
      ['stranger', 'NOT_FOUND'],
    ] as const) {
      await expect(as(person).acknowledgeAlert({ params, body: {} })).rejects.toMatchObject({ code })
      await expect(as(person).resolveAlert({ params, body: { reason: REASON } })).rejects.toMatchObject({ code })
      const silence = { reason: REASON, for_seconds: 600 }
      await expect(as(person).silenceAlert({ params, body: silence })).rejects.toMatchObject({ code })
    }
    await expect(as('olga').resolveAlert({ params, body: { reason: '' } })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    })
    expect(await world.store.alert('planted', params.id)).toEqual(before)
    expect(await as('olga').acknowledgeAlert({ params, body: {} })).toMatchObject({ state: 'acknowledged' })
    expect(await as('olga').silenceAlert({ params, body: { reason: REASON, for_seconds: 600 } })).toMatchObject({
      state: 'silenced',
      silenced_until: expect.stringMatching(/Z$/),
    })
    expect(await as('olga').resolveAlert({ params, body: { reason: REASON } })).toMatchObject({
      state: 'resolved',
      resolved_by: 'user:olga',
    })
    expect((await as('vera').auditAll()).alerts).toEqual({ ok: true, events: 5, findings: [] })
    const stats = await as('vera').alertStats()
    expect(stats.history).toEqual({ ok: true, events: 5, findings: [] })
    expect(stats.by_kind.find(({ kind }) => kind === 'call.unmediated')).toMatchObject({ alerts: 1, unresolved: 0 })
  })

  it('ALR-072: rules are told with limits, overrides and switches; the status tells of alerts and of a missing evaluation', async () => {
    const { world, as } = await planted()
    const { rules } = await as('vera').alertRules()
    expect(rules).toHaveLength(20)
    expect(rules.find(({ kind }) => kind === 'runs.parked')).toMatchObject({
      limits: { atLeast: 5 },
      overrides: [{ workflow: 'desk', tenant: null, limits: { atLeast: 2 } }],
    })
    expect(rules.find(({ kind }) => kind === 'denial.spike')?.switches).toMatchObject([{ rule: 'stop', mode: 'pause' }])
    expect((await as('vera').status()).alerts).toMatchObject({ open: { page: 1, ticket: 1 }, blind: null })
    world.clock.ahead = 300_000
    const late = await as('vera').status()
    expect([late.ok, late.troubles.map(({ code }) => code)]).toEqual([false, ['ALERTS_BLIND']])
  })
})
