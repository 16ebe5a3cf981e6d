import { readdirSync, readFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Signalbox } from 'signalbox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { judge, judgeIncidents, MOST_CALLS, plantIncidents } from '../src/drill/incident/drill.ts'
import { INCIDENT_KINDS } from '../src/drill/incident/kinds.ts'
import { openOffice } from '../src/drill/incident/office.ts'
import { investigate, OPERATOR_ENDPOINTS } from '../src/drill/incident/operator.ts'
import { startPager } from '../src/drill/incident/pager.ts'
import { type Planted, QUESTIONS, wrongAnswers } from '../src/drill/incident/truth.ts'
import { TENANT, World } from '../src/drill/incident/world.ts'

const folder = mkdtempSync(join(tmpdir(), 'signalbox-incident-test-'))
const quiet = { seed: 7, tries: 0, timed: false }
let world: World
let planted: readonly Planted[]

beforeAll(async () => {
  world = await World.open(join(folder, 'signalbox.db'))
  planted = await plantIncidents(world, { seed: 7, kinds: INCIDENT_KINDS, decoys: 8, log: () => undefined })
}, 60_000)

afterAll(async () => {
  await world.close()
  rmSync(folder, { recursive: true })
})

const of = (kind: string): Planted => {
  const found = planted.find((one) => one.kind === kind)
  if (!found) throw new Error(`no ${kind} was planted`)
  return found
}

describe('the incident drill', () => {
  it('INC-001, INC-003: all eight questions are answered right for twenty kinds, each from at most ten calls', async () => {
    const result = await judgeIncidents(world, planted, quiet)
    expect(result.findings).toEqual([])
    expect(result.incidents.map((one) => one.incident).sort()).toEqual([...INCIDENT_KINDS].sort())
    expect(result.incidents).toHaveLength(20)
    for (const one of result.incidents) expect(one).toMatchObject({ right: 8, wrong: [] })
    expect(result.incidents.filter((one) => one.from === 'alert')).toHaveLength(7)
    expect(result.incidents.filter((one) => one.from === 'invoice')).toHaveLength(13)
    expect(Math.max(...result.incidents.map((one) => one.calls))).toBeLessThanOrEqual(MOST_CALLS)
  })

  it.each(QUESTIONS)(
    'INC-002: an API that lies about `%s` fails on that question and on no other',
    async (question) => {
      const some = ['wrong_amount_approved', 'worker_killed', 'injected_instruction'].map(of)
      const { findings, passed } = await judgeIncidents(world, some, { ...quiet, lie: question })
      expect(passed).toBe(false)
      expect([...new Set(findings.map((one) => one.kind))]).toEqual([question])
    },
  )

  it.each([
    ['alert', 'invoice'],
    ['look_up', 'alert'],
  ] as const)('INC-008: an %s that leads to another run fails as that, and no answer counts', async (lie, from) => {
    // The newest of each sort: a lie that led to what was planted last would lead to the right run.
    const names = planted.filter((one) => one.kind !== 'kill_switch_thrown')
    const led = names.findLast((one) => one.lead.from !== from)
    const other = names.findLast((one) => one.lead.from === from)
    if (!led || !other) throw new Error('both sorts are planted')
    const { findings, incidents } = await judgeIncidents(world, [led, other], { ...quiet, lie })
    expect(findings).toMatchObject([{ kind: 'wrong_run', incident: led.kind }])
    expect(incidents.map((one) => one.right)).toEqual([0, 8])
  })

  it('INC-004: what the operator calls safe to resume is tried, and nothing happens outside a second time', async () => {
    const some = ['answer_lost', 'edited_and_approved'].map(of)
    const { tried, findings } = await judgeIncidents(world, some, { ...quiet, tries: 2 })
    expect([...tried].sort()).toEqual(['answer_lost', 'edited_and_approved'])
    expect(findings).toEqual([])
  })

  it('INC-004: a restore that pays again is found', async () => {
    const again = (box: Signalbox, { outside }: World): Signalbox => ({
      ...box,
      runs: {
        ...box.runs,
        restore: async (request) => {
          const body = JSON.stringify({ invoice: 'INV-4711', amount_minor: 900, payee: 'Muster GmbH' })
          await fetch(`${outside.url}/payments`, { method: 'POST', body })
          await box.runs.restore(request)
        },
      },
    })
    const { findings } = await judgeIncidents(world, [of('double_booking_answered')], {
      ...quiet,
      tries: 1,
      tamper: again,
    })
    expect(findings).toMatchObject([{ kind: 'unsafe_resume', incident: 'double_booking_answered' }])
  })

  it('INC-005: a question that takes too many calls, and one that takes too long, are findings', () => {
    const one = of('nested_run')
    const found = { runId: one.runId, answers: one.truth, resumeSeq: null }
    const call = { method: 'GET', path: '/runs', ms: 3 }
    const many = Array.from({ length: MOST_CALLS + 1 }, () => call)
    expect(judge(one, found, many, true).findings).toMatchObject([{ kind: 'too_many_calls' }])
    expect(judge(one, found, [{ ...call, ms: 200 }], true).findings).toMatchObject([{ kind: 'too_slow' }])
    expect(judge(one, found, [{ ...call, ms: 199 }], true).findings).toEqual([])
    expect(judge(one, found, [{ ...call, ms: 200 }], false).findings).toEqual([])
  })

  it('INC-003: the operator reads, from endpoints that pages of the console read', async () => {
    const api = new URL('../../console/src/api/', import.meta.url)
    const source = readdirSync(api).map((name) => readFileSync(new URL(name, api), 'utf8'))
    const used = new Set(source.flatMap((text) => [...text.matchAll(/client\.(\w+)\(/g)].map((match) => match[1])))
    expect(OPERATOR_ENDPOINTS.filter((name) => !used.has(name))).toEqual([])
    await world.during({}, async (box) => {
      const office = await openOffice(world, box)
      await office.client.run({ params: { id: of('worker_killed').runId } })
      expect(office.calls()).toMatchObject([{ method: 'GET', path: `/runs/${of('worker_killed').runId}` }])
      await office.close()
    })
  })

  it('INC-009: a message that is not signed is not taken, and an alert that nobody was told of is no lead', async () => {
    const pager = await startPager(world, world.idle())
    const forged = { type: 'alert.opened', data: { subject: 'alr_1', facts: { alert: 'call.unmediated' } } }
    const { status } = await fetch(pager.url, { method: 'POST', body: JSON.stringify(forged) })
    expect(status).toBe(400)
    await expect(pager.told('call.unmediated')).rejects.toThrow('nobody was told of call.unmediated')
    await pager.stop()
  })

  it('INC-006, INC-007, INC-009, INC-023: an undone effect, an edit, a reference, an alert and a denied invoice lead there', async () => {
    await world.during({}, async (box) => {
      const plan = await box.runs.movePlan(TENANT, of('payment_recalled').runId, { kind: 'restore', seq: 1 })
      expect(plan.effects).toMatchObject([{ tool: 'payments.pay', handling: 'asked' }])
      const office = await openOffice(world, box)
      const { timeline } = await office.client.run({ params: { id: of('edited_and_approved').runId } })
      const paid = timeline.flatMap((step) => step.activities).find((one) => one.effect_id !== null)
      expect(JSON.parse(paid?.arguments ?? '{}')).toMatchObject({ amount_minor: 48_000 })
      const { lead, runId } = of('nested_run')
      if (lead.from !== 'invoice') throw new Error('the nested run is found by its invoice')
      const { runs } = await office.client.listRuns({ query: { request_id: lead.number } })
      expect(runs.map((run) => run.run_id)).toEqual([runId])
      // Nobody was woken: somebody asks about the invoice whose payment was denied.
      const denied = of('injected_instruction')
      const { run } = await office.client.run({ params: { id: denied.runId } })
      const told = await investigate(office.client, { from: 'invoice', number: run.request_id })
      expect([told.runId, wrongAnswers(denied.truth, told.answers)]).toEqual([denied.runId, []])
      expect(world.outside.booked.filter((one) => one.invoice === run.request_id)).toEqual([])
      // The alert is the one that the rules raised, and its history tells that people were told.
      const stopped = of('kill_switch_thrown').lead
      if (stopped.from !== 'alert') throw new Error('a thrown switch is told by an alert')
      const { kind, events } = await office.client.alert({ params: { id: stopped.id } })
      expect([kind, events[0]?.kind]).toEqual(['kill_switch.engaged', 'opened'])
      const delivered = await world.store.deliveries({ tenant: TENANT, state: 'delivered', order: 'newest', limit: 50 })
      expect(delivered.length).toBeGreaterThanOrEqual(7)
      await office.close()
    })
  })
})
