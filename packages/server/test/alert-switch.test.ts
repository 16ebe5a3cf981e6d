/** An alert that throws a kill switch, seen at the outside service that the tool calls. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  createSignalbox,
  keyVault,
  memoryStore,
  type PolicyPort,
  type Principal,
  type Signalbox,
  type Store,
  systemHost,
  tool,
  workflow,
} from 'signalbox'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { AlertsDef } from '../src/alerts/settings.ts'
import { alertWorld } from './alert-world.ts'

const ana: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['requester'] }
const olga: Principal = { id: 'user:olga', kind: 'user', tenant: 'acme', roles: ['operator'] }
const budget = { maxTurns: 1, maxToolCalls: 5, maxRuntimeSeconds: 60, maxTokens: 1, maxCostUsd: '1' }
const RULES: AlertsDef = {
  onAlert: [
    {
      name: 'stop-payments',
      kind: 'denial.spike',
      workflow: 'desk',
      engage: { scope: 'tool', target: 'pay.send', mode: 'stop_now', expiresInMinutes: 60 },
    },
  ],
}

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** Allows payments to everybody but mallory. */
const policy: PolicyPort = {
  bundle: 'test@0',
  hasRulesAt: () => false,
  decide: (request) => {
    const isDenied = request.input.to === 'mallory'
    return {
      ...{ point: request.point, policies: ['test'], asks: [], bundle: 'test@0' },
      ...(isDenied
        ? ({ verdict: 'deny', reason_code: 'POLICY_DENIED' } as const)
        : ({ verdict: 'allow', reason_code: 'PERMITTED' } as const)),
    }
  },
  mayStart: () => true,
  tool: (name) =>
    name === 'pay.send'
      ? {
          ...{ name, class: 'payments.write', effect: 'irreversible', owner: 'tests', blast_radius: 'none' },
          ...{ input: { to: 'String' }, facts: {} },
        }
      : null,
  checkTools: () => undefined,
  cannotPermit: () => null,
  stepTools: () => null,
  checkSteps: () => undefined,
  sentence: () => null,
}

interface Desk {
  readonly store: Store
  readonly box: Signalbox
  /** Whom the bank was asked to pay: its own record. */
  readonly paid: readonly string[]
  pay(to: string): Promise<string>
}

async function desk(way: 'collected' | 'streamed'): Promise<Desk> {
  const paid: string[] = []
  const bank = createServer((request, response) => {
    let body = ''
    request.on('data', (part: Buffer) => (body += part.toString()))
    request.on('end', () => {
      paid.push(JSON.parse(body).to)
      response.end('{}')
    })
  })
  await new Promise<void>((resolve) => bank.listen(0, '127.0.0.1', resolve))
  closing.push(() => bank.close())
  const place = `127.0.0.1:${(bank.address() as AddressInfo).port}`
  const pay = tool({
    ...{ name: 'pay.send', class: 'payments.write', effect: 'irreversible', hosts: [place] },
    input: z.object({ to: z.string() }),
    output: z.object({}),
    execute: async (args, ctx) => {
      await ctx.fetch(`http://${place}/`, { method: 'POST', body: JSON.stringify(args) })
      return {}
    },
  })
  const text = z.string()
  const built = workflow({ name: 'desk', version: '1.0.0', input: text, output: text, budget, state: {}, tools: [pay] })
    .node('payer', { input: text, output: text, run: async (to, ctx) => (await ctx.call(pay, { to })).status })
    .start('payer')
    .output('payer')
    .build()
  const store = memoryStore(systemHost)
  const vault = keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) })
  const models = { resolve: (): never => expect.fail('no model is asked') }
  const box = createSignalbox({ store, vault, policy, models, workflows: [built], host: systemHost })
  const worker = box.work({ pollMs: 5 })
  closing.push(async () => {
    await worker.stop()
    await box.close()
  })
  return {
    store,
    box,
    paid,
    pay: async (to) => {
      const { runId } = await box.runs.start({ workflow: 'desk', input: to, principal: ana })
      if (way === 'streamed')
        for await (const item of box.runs.stream('acme', runId)) if (item.kind !== 'record') continue
      const { status, output, reason } = await box.runs.wait('acme', runId)
      return `${status} ${JSON.stringify(output)} ${reason?.code ?? ''}`.trim()
    },
  }
}

describe('a rule that throws a kill switch', () => {
  for (const way of ['collected', 'streamed'] as const)
    it(`ALR-060: ${way}: after a spike of denials the declared switch stands, and no later call arrives at the outside service`, async () => {
      const { store, box, paid, pay } = await desk(way)
      const world = alertWorld({ store, alerts: RULES, over: { runs: box.runs, home: 'acme' } })
      const evaluator = world.another()
      expect(await pay('bob')).toContain('completed')
      for (let i = 0; i < 8; i++) expect(await pay('mallory')).toContain('denied')
      expect(paid).toEqual(['bob'])
      await evaluator.tick()
      const [alert] = await store.alerts({ tenant: 'acme', kind: 'denial.spike', limit: 1 })
      expect(alert).toMatchObject({ state: 'open', engaged: { rule: 'stop-payments', state: 'thrown' } })
      const [thrown, ...others] = await store.killSwitches('acme')
      expect([others, thrown]).toEqual([
        [],
        expect.objectContaining({ id: alert?.engaged?.switch_id, mode: 'stop_now' }),
      ])
      expect(thrown).toMatchObject({ by: 'service:alerts', scope: 'tool', target: 'pay.send' })
      expect(thrown?.reason).toContain(alert?.id)
      expect(await pay('carol')).not.toContain('succeeded')
      expect(paid).toEqual(['bob'])
      // Looked at again, by this process or the next, it is thrown no second time; a person lifts it as any other.
      await evaluator.tick()
      await evaluator.leadership.release()
      await world.another().tick()
      expect(await store.killSwitches('acme')).toHaveLength(1)
      const events = await world.service.show('acme', alert?.id ?? '')
      expect(events.events.map(({ kind }) => kind)).toEqual(['opened', 'switch_thrown'])
      await box.runs.liftKillSwitch({ id: thrown?.id ?? '', by: olga, reason: 'looked into it' })
      await evaluator.tick()
      expect((await store.switchBook()).switches).toEqual([])
      expect(await pay('dave')).toContain('succeeded')
      expect(paid).toEqual(['bob', 'dave'])
    })

  it('ALR-061: a process that died before it threw is followed by one that does, and one that died after throws no other', async () => {
    const { store, box, pay } = await desk('collected')
    const refusing = { engageKillSwitch: () => Promise.reject(new Error('it dies here')) }
    const world = alertWorld({ store, alerts: RULES, over: { runs: box.runs, home: 'acme' } })
    for (let i = 0; i < 6; i++) await pay('mallory')
    const first = world.another({ runs: refusing })
    await expect(first.tick()).rejects.toThrow('it dies here')
    await first.leadership.release()
    expect([
      await store.killSwitches('acme'),
      (await store.alerts({ tenant: 'acme', limit: 1 }))[0]?.engaged?.state,
    ]).toEqual([[], 'wanted'])
    const silent = new Proxy(store, {
      get: (target, name) => {
        // The switch is thrown; that it is comes never on record.
        if (name === 'commitAlerts') return () => Promise.reject(new Error('it dies here'))
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
    const second = world.another({ store: silent })
    await expect(second.tick()).rejects.toThrow('it dies here')
    await second.leadership.release()
    expect(await store.killSwitches('acme')).toHaveLength(1)
    await world.another().tick()
    expect(await store.killSwitches('acme')).toHaveLength(1)
    expect((await store.switchEvents('acme')).length).toBe(1)
    expect((await store.alerts({ tenant: 'acme', kind: 'denial.spike', limit: 1 }))[0]?.engaged?.state).toBe('thrown')
  })

  it('ALR-062: while a switch as strict stands against the same, a rule throws none, and that is on record', async () => {
    const { store, box, pay } = await desk('collected')
    const world = alertWorld({ store, alerts: RULES, over: { runs: box.runs, home: 'acme' } })
    for (let i = 0; i < 6; i++) await pay('mallory')
    const mine = { scope: 'tool', target: 'pay.send', mode: 'stop_now', reason: 'looking into it' } as const
    await box.runs.engageKillSwitch({ by: olga, ...mine })
    await world.another().tick()
    const [alert] = await store.alerts({ tenant: 'acme', kind: 'denial.spike', limit: 1 })
    expect(alert?.engaged?.state).toBe('held_back')
    expect(await store.killSwitches('acme')).toHaveLength(1)
    const { events } = await world.service.show('acme', alert?.id ?? '')
    expect(events.at(-1)).toMatchObject({
      kind: 'switch_held_back',
      reason: expect.stringContaining('stands against the same'),
    })
  })
})
