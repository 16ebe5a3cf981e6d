import { writeFileSync, rmSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { SignalboxError } from '../../base/errors.ts'
import type { Principal } from '../../contracts/common.ts'
import type { SwitchMode, SwitchScope } from '../../contracts/switches.ts'
import { localStops } from '../../local-stops.ts'
import { memoryStore } from '../../stores/index.ts'
import { benchSet, PAUL } from '../../testing/bench-box.ts'
import { oneNode, payTool } from '../../testing/engine-kit.ts'
import { sampleEffect } from '../../testing/conformance/samples.ts'
import { storeWith } from '../../testing/store-with.ts'

const set = benchSet()
const { box, bank } = set
const folders: string[] = []
afterEach(async () => {
  await set.close()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const EVE: Principal = { ...PAUL, id: 'user:eve' }
const LONG = { leaseMs: 600_000 }

async function desk(settings: { readonly pays?: number } = {}) {
  const outside = await bank()
  const pay = payTool(outside)
  const flow = oneNode(
    async (_input, ctx) => {
      const ends: string[] = []
      for (let n = 1; n <= (settings.pays ?? 1); n++) ends.push((await ctx.call(pay, { to: 'bob', amount: n })).status)
      return ends.join()
    },
    { tools: [pay] },
  )
  return { outside, flow }
}

function throwing(scope: SwitchScope, target: string, mode: SwitchMode) {
  return { by: PAUL, scope, target, mode, reason: 'looking into it' }
}

describe('a pause', () => {
  it.each<readonly [SwitchScope, string]>([
    ['tool', 'pay.send'],
    ['class', 'payments.write'],
    ['workflow', 'one'],
    ['tenant', '*'],
    ['global', '*'],
  ])(
    'KSW-003: on %s holds the call up before its intent, and it goes out once when the pause is lifted',
    async (scope, target) => {
      const { outside, flow } = await desk()
      const one = box({ workflows: [flow] })
      // A run that is under way: a pause refuses new ones.
      const runId = await one.start('one', null)
      const { id } = await one.sb.runs.engageKillSwitch(throwing(scope, target, 'pause'))
      one.work(LONG)
      await one.settle(async () => ((await one.of(runId, 'run.waiting')).length > 0 ? true : null), 'the wait')
      expect((await one.of(runId, 'run.waiting'))[0]?.on[0]?.kind).toBe('switch')
      expect(await one.of(runId, 'activity.intent')).toEqual([])
      expect(outside.requests).toEqual([])
      await one.sb.runs.liftKillSwitch({ id, by: PAUL, reason: 'nothing wrong' })
      expect(await one.ended(runId)).toMatchObject({ status: 'completed', output: 'succeeded' })
      expect(outside.booked).toHaveLength(1)
    },
  )

  it('KSW-004: thrown after the intent is on record, sends nothing; the call is not ended by it, and is sent once later', async () => {
    const { outside, flow } = await desk()
    let id = ''
    const one = box({
      workflows: [flow],
      fault: async (point) => {
        if (point !== 'intent_durable' || id !== '') return
        id = (await one.sb.runs.engageKillSwitch(throwing('tool', 'pay.send', 'pause'))).id
      },
    })
    one.work(LONG)
    const runId = await one.start('one', null)
    await one.settle(async () => ((await one.of(runId, 'run.waiting')).length > 0 ? true : null), 'the wait')
    expect(outside.requests).toEqual([])
    await one.sb.runs.liftKillSwitch({ id, by: PAUL, reason: 'nothing wrong' })
    expect(await one.ended(runId)).toMatchObject({ status: 'completed', output: 'succeeded' })
    expect(outside.booked).toHaveLength(1)
    const calls = (await one.of(runId, 'activity.outcome')).map(({ status, code, retry }) => [status, code, !!retry])
    expect(calls).toEqual([
      ['not_sent', 'KILL_SWITCH', true],
      ['succeeded', null, false],
    ])
  })

  it('KSW-008: that another process lifts lets a run go on at once, also one whose worker has not read of it yet', async () => {
    const { outside, flow } = await desk()
    const one = box({ workflows: [flow], switches: { refreshMs: 600_000, leaseSeconds: 600 } })
    const runId = await one.start('one', null)
    const { id } = await one.sb.runs.engageKillSwitch(throwing('tool', 'pay.send', 'pause'))
    one.work(LONG)
    await one.settle(async () => ((await one.of(runId, 'run.waiting')).length > 0 ? true : null), 'the wait')
    expect(outside.requests).toEqual([])
    const before = one.host.now()
    await one.another().sb.runs.liftKillSwitch({ id, by: PAUL, reason: 'nothing wrong' })
    await one.ended(runId)
    expect(outside.booked).toHaveLength(1)
    // Without a look of its own, and long before the minute after which a paused call looks by itself.
    expect(one.host.now() - before).toBeLessThan(30_000)
  })

  it('KSW-005: ends by itself at its expiry', async () => {
    const { outside, flow } = await desk()
    const one = box({ workflows: [flow] })
    const runId = await one.start('one', null)
    const expiresAt = one.host.now() + 30_000
    await one.sb.runs.engageKillSwitch({ ...throwing('run', runId, 'pause'), expiresAt })
    one.work(LONG)
    await one.settle(async () => ((await one.of(runId, 'run.waiting')).length > 0 ? true : null), 'the wait')
    expect(outside.requests).toEqual([])
    await one.host.advance(31_000)
    expect(await one.ended(runId)).toMatchObject({ status: 'completed', output: 'succeeded' })
    expect(outside.booked).toHaveLength(1)
  })
})

describe('a stop', () => {
  it.each<readonly [SwitchScope]>([['run'], ['workflow'], ['tenant'], ['global']])(
    'KSW-006: of a %s ends its run with the code KILL_SWITCH, and nothing is sent after it',
    async (scope) => {
      const { outside, flow } = await desk({ pays: 2 })
      const one = box({ workflows: [flow] })
      const runId = await one.start('one', null)
      const target = { run: runId, workflow: 'one' }[scope as string] ?? '*'
      await one.sb.runs.engageKillSwitch(throwing(scope, target, 'stop_now'))
      one.work(LONG)
      expect(await one.ended(runId)).toMatchObject({ status: 'stopped', reason: { code: 'KILL_SWITCH' } })
      expect(outside.requests).toEqual([])
    },
  )

  it('KSW-007: of every tenant stops a run of this one; a switch of another tenant does not', async () => {
    const { outside, flow } = await desk()
    const one = box({ workflows: [flow] })
    one.work(LONG)
    const stranger = { ...PAUL, tenant: 'other' }
    await one.sb.runs.engageKillSwitch({ ...throwing('tenant', '*', 'stop_now'), by: stranger })
    expect(await one.run('one', null)).toMatchObject({ status: 'completed' })
    expect(outside.booked).toHaveLength(1)
    await one.sb.runs.engageKillSwitch({ ...throwing('global', '*', 'stop_now'), by: stranger })
    await expect(one.start('one', null)).rejects.toMatchObject({ code: 'KILL_SWITCH' })
    expect(outside.booked).toHaveLength(1)
  })
})

describe('the lease of what a worker knows', () => {
  it('KSW-010: while the switches cannot be read nothing is sent and the call waits; it goes on by itself afterwards', async () => {
    const { outside, flow } = await desk()
    let away = false
    const inner = memoryStore()
    const store = storeWith(inner, {
      switchBook: () =>
        away ? Promise.reject(new SignalboxError('STORE_UNAVAILABLE', 'not now')) : inner.switchBook(),
    })
    const one = box({ workflows: [flow], store })
    const runId = await one.start('one', null)
    away = true
    await one.host.advance(4_000)
    one.work({ ...LONG, onTrouble: () => undefined })
    await one.settle(async () => ((await one.of(runId, 'run.waiting')).length > 0 ? true : null), 'the wait')
    expect(outside.requests).toEqual([])
    away = false
    await one.host.advance(2_000)
    expect(await one.ended(runId)).toMatchObject({ status: 'completed', output: 'succeeded' })
    expect(outside.booked).toHaveLength(1)
  })

  it('KSW-011: a switch thrown elsewhere while this worker stood still right before its send lets nothing out', async () => {
    const { outside, flow } = await desk()
    const store = memoryStore()
    const other = box({ workflows: [flow], store })
    let thrown = false
    const one = other.another({
      fault: async (point) => {
        if (point !== 'intent_durable' || thrown) return
        thrown = true
        await other.sb.runs.engageKillSwitch(throwing('tool', 'pay.send', 'stop_now'))
        // This process did not hear of it, and stood still until its lease was over.
        await other.host.advance(3_001)
      },
    })
    one.work(LONG)
    expect(await one.run('one', null)).toMatchObject({ output: 'not_sent' })
    expect(outside.requests).toEqual([])
  })

  it('KSW-012: what was read is not read again for each send', async () => {
    const { outside, flow } = await desk({ pays: 20 })
    let reads = 0
    const inner = memoryStore()
    const store = storeWith(inner, {
      switchBook: () => {
        reads += 1
        return inner.switchBook()
      },
    })
    const one = box({ workflows: [flow], store })
    // No worker polls in between: time stands still but for what the test lets pass.
    one.work(LONG)
    expect(await one.run('one', null)).toMatchObject({ status: 'completed' })
    expect(outside.booked).toHaveLength(20)
    expect(reads).toBeLessThan(20)
  })
})

describe('the second channel', () => {
  function stopFile(): { readonly path: string; readonly folder: string } {
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-stop-'))
    folders.push(folder)
    return { folder, path: join(folder, 'STOP') }
  }

  it('KSW-020: a file stops sends while the store is away, is on record when it is back, and stands until it is lifted', async () => {
    const { outside, flow } = await desk()
    const { path } = stopFile()
    const stops = localStops({ path })
    let away = false
    const inner = memoryStore()
    const refuse = () => Promise.reject(new SignalboxError('STORE_UNAVAILABLE', 'not now'))
    const store = storeWith(inner, { switchBook: () => (away ? refuse() : inner.switchBook()) })
    const one = box({ workflows: [flow], store, switches: { local: stops, leaseSeconds: 600 } })
    const runId = await one.start('one', null)
    away = true
    writeFileSync(path, JSON.stringify({ scope: 'tool', target: 'pay.send', mode: 'pause', reason: 'odd payments' }))
    one.work({ ...LONG, onTrouble: () => undefined })
    await one.settle(async () => ((await one.of(runId, 'run.waiting')).length > 0 ? true : null), 'the wait')
    expect(outside.requests).toEqual([])
    away = false
    await one.host.advance(60_000)
    const row = await one.settle(async () => (await one.sb.runs.killSwitches('acme'))[0] ?? null, 'the record of it')
    expect(row).toMatchObject({ channel: 'file', reason: 'odd payments', scope: 'tool', mode: 'pause' })
    rmSync(path)
    await one.host.advance(61_000)
    expect(outside.requests).toEqual([])
    await one.sb.runs.liftKillSwitch({ id: row.id, by: PAUL, reason: 'nothing wrong' })
    expect(await one.ended(runId)).toMatchObject({ output: 'succeeded' })
    expect(outside.booked).toHaveLength(1)
  })

  it('KSW-021: a file that cannot be read as one stops everything; a signal does too', async () => {
    const { path } = stopFile()
    const stops = localStops({ path })
    expect(stops.stops()).toEqual([])
    writeFileSync(path, '{ "scope": ')
    expect(stops.stops()).toMatchObject([{ scope: 'global', mode: 'stop_now', channel: 'file', tenant: '*' }])
    rmSync(path)
    expect(stops.stops()).toEqual([])
    stops.stopAll('SIGUSR2', 5)
    expect(stops.stops()).toMatchObject([{ scope: 'global', mode: 'stop_now', channel: 'signal', reason: 'SIGUSR2' }])
    const { outside, flow } = await desk()
    const one = box({ workflows: [flow], switches: { local: stops } })
    await expect(one.start('one', null)).rejects.toMatchObject({ code: 'KILL_SWITCH' })
    expect(outside.requests).toEqual([])
  })
})

describe('throwing and lifting', () => {
  it('KSW-030: every worker acknowledges; one that went silent is named as dead and one that stopped as ended', async () => {
    const { flow } = await desk()
    const one = box({ workflows: [flow] })
    const two = one.another()
    one.work({ ...LONG, worker: 'one' })
    two.work({ ...LONG, worker: 'two' })
    const three = one.sb.work({ worker: 'three', pollMs: 3 })
    const known = async () => (await one.sb.switches.workers()).map(({ worker }) => worker).join()
    await one.settle(async () => ((await known()) === 'one,three,two' ? true : null), 'the workers')
    await three.stop()
    await two.kill()
    const { id } = await one.sb.runs.engageKillSwitch(throwing('tool', 'pay.send', 'stop_now'))
    const states = async () => {
      const [status] = await one.sb.switches.status('acme', id)
      return {
        all: status?.workers.map(({ worker, state }) => `${worker} ${state}`).join(),
        done: status?.acknowledged,
      }
    }
    await one.host.advance(1_000)
    await one.settle(async () => ((await states()).all?.startsWith('one acknowledged') ? true : null), 'one')
    expect(await states()).toEqual({ all: 'one acknowledged,three ended,two waiting', done: false })
    await one.host.advance(7_000)
    expect(await states()).toEqual({ all: 'one acknowledged,three ended,two dead', done: true })
  })

  it('KSW-031: a lift that takes two persons stands until the second one confirms; the history tells both and verifies', async () => {
    const { outside, flow } = await desk()
    const one = box({ workflows: [flow], switches: { twoPersonLift: [{ scope: 'tenant', mode: 'stop_new' }] } })
    const { id } = await one.sb.runs.engageKillSwitch(throwing('tenant', '*', 'stop_new'))
    const lift = (by: Principal) => one.sb.runs.liftKillSwitch({ id, by, reason: 'nothing wrong' })
    expect(await lift(PAUL)).toMatchObject({ lifted: false, row: { liftAskedBy: PAUL.id } })
    await expect(one.start('one', null)).rejects.toMatchObject({ code: 'KILL_SWITCH' })
    expect(outside.requests).toEqual([])
    await expect(lift(PAUL)).rejects.toMatchObject({ code: 'APPROVAL_SELF' })
    expect(await lift(EVE)).toMatchObject({ lifted: true, row: { liftedBy: EVE.id } })
    await expect(lift(EVE)).rejects.toMatchObject({ code: 'CONFLICT' })
    await one.start('one', null)
    const events = await one.sb.switches.events('acme')
    expect(events.map(({ kind, by }) => [kind, by])).toEqual([
      ['thrown', PAUL.id],
      ['lift_asked', PAUL.id],
      ['lifted', EVE.id],
    ])
    expect(await one.sb.switches.audit('acme')).toEqual({ ok: true, events: 3, findings: [] })
  })

  it('KSW-032: of two who lift at once one does, and the other is told', async () => {
    const one = box({ workflows: [(await desk()).flow] })
    const { id } = await one.sb.runs.engageKillSwitch(throwing('tool', 'pay.send', 'stop_now'))
    const lifts = await Promise.allSettled(
      [PAUL, EVE].map((by) => one.sb.runs.liftKillSwitch({ id, by, reason: 'nothing wrong' })),
    )
    expect(lifts.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(lifts.find((lift) => lift.status === 'rejected')?.reason).toMatchObject({ code: 'CONFLICT' })
    expect((await one.sb.switches.events('acme')).map(({ kind }) => kind)).toEqual(['thrown', 'lifted'])
  })

  it('KSW-033: a changed, removed or missing event, and a row that its history does not tell of, are found', async () => {
    const { flow } = await desk()
    const inner = memoryStore()
    const one = box({ workflows: [flow], store: inner })
    const { id } = await one.sb.runs.engageKillSwitch(throwing('tool', 'pay.send', 'stop_now'))
    await one.sb.runs.liftKillSwitch({ id, by: PAUL, reason: 'nothing wrong' })
    const [first, second] = await inner.switchEvents('acme')
    if (!first || !second) throw new Error('there are two events')
    const audit = async (events: readonly (typeof first)[]) => {
      const other = one.another({ store: storeWith(inner, { switchEvents: async () => events }) })
      return (await other.sb.switches.audit('acme')).findings.join('; ')
    }
    expect(await audit([first, second])).toBe('')
    expect(await audit([{ ...first, body: first.body.replace('looking', 'Looking') }, second])).toContain(
      'not as it was stored',
    )
    expect(await audit([second])).toContain('event 1 is missing')
    expect(await audit([first])).toContain('its history says otherwise')
  })

  it('KSW-040: before a switch is thrown it is told what it would touch', async () => {
    const { outside, flow } = await desk()
    const one = box({ workflows: [flow] })
    const runId = await one.start('one', null)
    const radius = await one.sb.switches.blastRadius('acme', { scope: 'class', target: 'payments.write' })
    expect(radius).toMatchObject({ openRuns: 1, waitingApprovals: 0, effectsInFlight: 0, cut: false })
    expect(radius.runs).toEqual([{ runId, workflow: 'one', status: 'queued' }])
    const none = await one.sb.switches.blastRadius('acme', { scope: 'tool', target: 'mail.send' })
    expect(none).toMatchObject({ openRuns: 0, runs: [] })
    const foreign = await one.sb.switches.blastRadius('other', { scope: 'global', target: '*' })
    expect(foreign).toMatchObject({ openRuns: 1, runs: [] })
    const alone = await one.sb.switches.blastRadius('acme', { scope: 'run', target: runId })
    expect(alone).toMatchObject({ openRuns: 1, waitingApprovals: 0, cut: false })
    // More than are counted: what is told is told as a part.
    const row = await one.sb.runs.get('acme', runId)
    vi.spyOn(one.store, 'runs').mockResolvedValue(Array.from({ length: 1_001 }, () => row))
    const sent = sampleEffect({ tenant: 'acme', runId }, { tool: 'pay.send', state: 'unknown' })
    vi.spyOn(one.store, 'effectsInFlight').mockResolvedValue([sent, { ...sent, runId: 'run_gone' }])
    const many = await one.sb.switches.blastRadius('acme', { scope: 'tool', target: 'pay.send' })
    expect(many).toMatchObject({ openRuns: 1_000, effectsInFlight: 1, cut: true })
    expect(many.inFlight).toEqual([{ runId, tool: 'pay.send', state: 'unknown' }])
    vi.restoreAllMocks()
    expect(outside.requests).toEqual([])
    expect(await one.sb.runs.killSwitches('acme')).toEqual([])
  })

  it('KSW-041: two persons let one paused call pass one switch, once; it is counted until somebody reviewed it', async () => {
    const { outside, flow } = await desk({ pays: 2 })
    const one = box({ workflows: [flow] })
    const runId = await one.start('one', null)
    const { id: switchId } = await one.sb.runs.engageKillSwitch(throwing('tool', 'pay.send', 'pause'))
    one.work(LONG)
    const wait = async (after: number) =>
      one.settle(async () => (await one.of(runId, 'run.waiting'))[after]?.on[0] ?? null, 'the wait')
    const { id: ask } = await wait(0)
    const expiresAt = one.host.now() + 60_000
    const order = { switchId, runId, ask, by: PAUL, reason: 'payroll is due', expiresAt }
    const { id } = await one.sb.switches.askOverride(order)
    const confirm = (by: Principal) => one.sb.switches.confirmOverride({ id, by, reason: 'agreed on the phone' })
    await expect(confirm(PAUL)).rejects.toMatchObject({ code: 'APPROVAL_SELF' })
    expect(outside.requests).toEqual([])
    await confirm(EVE)
    await one.settle(async () => (outside.booked.length === 1 ? true : null), 'the payment that was let through')
    // The second payment waits: the leave was for one.
    const second = await one.settle(async () => {
      const on = (await one.of(runId, 'run.waiting')).at(-1)?.on[0]
      return on && on.id !== ask ? on : null
    }, 'the second wait')
    expect(second.kind).toBe('switch')
    expect(outside.booked).toHaveLength(1)
    const [override] = await one.sb.switches.overrides('acme')
    expect(override).toMatchObject({
      askedBy: PAUL.id,
      confirmedBy: EVE.id,
      usedAt: expect.any(Number),
      reviewedBy: null,
    })
    await one.sb.switches.reviewOverride({ id, by: EVE, reason: 'seen with the bank' })
    const kinds = (await one.sb.switches.events('acme')).map(({ kind }) => kind)
    expect(kinds).toEqual(['thrown', 'override_asked', 'override_confirmed', 'override_used', 'override_reviewed'])
    expect((await one.sb.switches.audit('acme')).ok).toBe(true)
  })
})
