import { afterEach, describe, expect, it } from 'vitest'
import { deskModels, modelOf } from '../src/desk.ts'
import { readBank } from '../src/world/bank-store.ts'
import { type CaseEnd, lastState, startDesk, type TestDesk, type TestDeskOptions } from './desk-support.ts'
import { startProvider, type TestProvider } from './provider-server.ts'

/** Paid, paid above the limit, held, and invoices that want another account, a deletion, no payment, two payments. */
const FILES = [
  'inv-0007.csv',
  'inv-0016.json',
  'inv-0097.json',
  'inv-0003.csv',
  'inv-0077.csv',
  'inv-0107.csv',
  'inv-0013.json',
  'inv-0025.csv',
  'inv-0010.csv',
  'inv-0034.json',
]

let desks: TestDesk[] = []
let providers: TestProvider[] = []
afterEach(async () => {
  await Promise.all(desks.splice(0).map((desk) => desk.stop()))
  await Promise.all(providers.splice(0).map((provider) => provider.stop()))
})

async function provider(): Promise<TestProvider> {
  const started = await startProvider()
  providers = [...providers, started]
  return started
}

/** State, decisions and effects of each run, without what differs between any two runs: ids, keys, times, usage. */
async function outcomeOf(options: TestDeskOptions) {
  const desk = await startDesk(options)
  desks = [...desks, desk]
  const ends = await desk.process(FILES)
  const { bookings, notifications } = readBank(desk.folder)
  return {
    runs: await Promise.all(ends.map((end) => told(desk, end))),
    bookings: bookings
      .map(({ reference, payee_iban, payee_name, amount_minor, currency, endpoint }) =>
        [reference, payee_iban, payee_name, amount_minor, currency, endpoint].join(' '),
      )
      .toSorted(),
    notices: notifications.map(({ to, subject, body }) => [to, subject, body].join(' ')).toSorted(),
  }
}

async function told(desk: TestDesk, end: CaseEnd) {
  const state = await lastState(desk.signalbox, end)
  const calls = end.records.flatMap((record) => {
    if (record.type !== 'activity.outcome' || record.kind !== 'tool') return []
    return [[record.ask.key, record.name, record.status, record.code]]
  })
  return {
    status: end.result.status,
    outcome: end.resolution?.outcome,
    reason: end.resolution?.reason,
    state,
    // Reads of one turn end in any order.
    calls: calls.toSorted((a, b) => String(a[0]).localeCompare(String(b[0]))),
    effects: end.effects.map((effect) => [
      effect.tool,
      effect.status,
      effect.decision?.verdict,
      effect.decision?.reason_code,
      effect.decision?.policies,
      effect.approval?.answer,
      effect.ledger !== null,
    ]),
  }
}

describe('the desk with a model of a provider', () => {
  it('DESK-010: over HTTP, streamed and not, ends in the same state, decisions and effects as the script', async () => {
    const scripted = await outcomeOf({})
    expect(scripted.runs.map((run) => run.status)).toEqual(FILES.map(() => 'completed'))
    for (const streaming of [true, false]) {
      const { baseUrl, seen } = await provider()
      const env = { SIGNALBOX_MODEL: 'openai-compatible/clerk', SIGNALBOX_MODEL_BASE_URL: baseUrl }
      const provided = await outcomeOf({ model: modelOf(env), models: deskModels(env, streaming) })
      expect(provided).toEqual(scripted)
      expect(seen.requests).toBeGreaterThan(FILES.length)
      expect(seen.streamed).toBe(streaming ? seen.requests : 0)
    }
  })

  it('DESK-011: a model without its key or of an unknown provider is refused by name', () => {
    const resolve = (env: Record<string, string>) => () => deskModels(env).resolve(modelOf(env))
    expect(resolve({ SIGNALBOX_MODEL: 'openai/gpt-5' })).toThrow(/OPENAI_API_KEY/)
    expect(resolve({ SIGNALBOX_MODEL: 'nowhere/model' })).toThrow(/unknown provider/)
    expect(resolve({})().scripted).toBe(true)
  })
})
