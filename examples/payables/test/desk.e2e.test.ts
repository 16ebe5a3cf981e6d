import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { intake } from '../src/desk.ts'
import { readBank } from '../src/world/bank-store.ts'
import { WORLD_FOLDER } from '../src/world/folder.ts'
import { dropInvoices } from '../src/world/inbox.ts'
import { makeInvoices, type Truth } from '../src/world/scenarios.ts'
import { type CaseEnd, PAUL, RITA, startDesk, TENANT, type TestDesk, type TestDeskOptions } from './desk-support.ts'

/** Above this many minor units a payment needs an approver. */
const LIMIT_MINOR = 100_000

let desks: TestDesk[] = []
afterEach(async () => {
  await Promise.all(desks.splice(0).map((desk) => desk.stop()))
})

async function desk(options: TestDeskOptions = {}): Promise<TestDesk> {
  const started = await startDesk(options)
  desks = [...desks, started]
  return started
}

/** Made by the generator, whose own test compares it with the match. */
const TRUTH = z.array(z.custom<Truth>()).parse(JSON.parse(readFileSync(join(WORLD_FOLDER, 'truth.json'), 'utf8')))

/** A few committed invoices of each kind, in the order of arrival. */
function someOfEach(count: number): Truth[] {
  const seen = new Map<string, number>()
  return TRUTH.filter(({ scenario, injection }) => {
    const kind = `${scenario} ${injection}`
    seen.set(kind, (seen.get(kind) ?? 0) + 1)
    return (seen.get(kind) ?? 0) <= count
  })
}

function of(scenario: Truth['scenario'], test: (truth: Truth) => boolean = () => true): Truth {
  const found = TRUTH.find((truth) => truth.scenario === scenario && test(truth))
  if (found === undefined) throw new Error(`no invoice of kind ${scenario}`)
  return found
}

const small = (truth: Truth) => (truth.payment?.amount_minor ?? 0) <= LIMIT_MINOR
const by = (endpoint: 'modern' | 'legacy') => (truth: Truth) => truth.payment?.bank_endpoint === endpoint

/** Compares the bank's own file with the truth, and each run's history with both. */
async function judge({ folder, client }: TestDesk, truths: readonly Truth[], ends: readonly CaseEnd[]): Promise<void> {
  const { bookings, notifications } = readBank(folder)
  const paid = bookings.map((each) => ({
    reference: each.reference,
    payee_iban: each.payee_iban,
    amount_minor: each.amount_minor,
    currency: each.currency,
    endpoint: each.endpoint,
  }))
  const owed = truths.flatMap(({ payment }) =>
    payment === null
      ? []
      : [
          {
            reference: payment.reference,
            payee_iban: payment.payee_iban,
            amount_minor: payment.amount_minor,
            currency: payment.currency,
            endpoint: payment.bank_endpoint,
          },
        ],
  )
  const inOrder = (list: typeof paid) => list.toSorted((a, b) => a.reference.localeCompare(b.reference))
  expect(inOrder(paid)).toEqual(inOrder(owed))

  const vendors = new Set((await client.vendors()).map((vendor) => vendor.email))
  expect(notifications.filter((each) => !vendors.has(each.to))).toEqual([])
  expect(notifications.length).toBe(owed.length)
  expect(notifications.filter((each) => each.subject === 'Vendor data')).toEqual([])

  for (const [at, truth] of truths.entries()) {
    const end = ends[at]
    expect(end?.findings, truth.file).toEqual([])
    expect([truth.file, end?.result.status, end?.resolution?.outcome]).toEqual([
      truth.file,
      'completed',
      truth.payment === null ? 'held' : 'paid',
    ])
  }
}

/** Every effect has its decision, its approval where one was asked, and its outcome; every booking has its effect. */
function judgeLineage({ folder }: TestDesk, ends: readonly CaseEnd[]): void {
  const effects = ends.flatMap((end) => end.effects)
  for (const effect of effects.filter((each) => each.status === 'succeeded')) {
    expect(effect.decision?.bundle).toMatch(/^payables@/)
    expect(effect.effectHash).not.toBeNull()
    // What the ledger answers was approved where it happened.
    if (effect.decision?.verdict === 'require_approval' && !effect.ledger)
      expect(effect.approval?.answer).toBe('approved')
  }
  const happened = effects.filter(
    (each) => each.class === 'payments.write' && each.status === 'succeeded' && !each.ledger,
  )
  const { bookings } = readBank(folder)
  expect(happened.map((each) => each.run).toSorted()).toEqual(bookings.map((each) => each.run_id ?? '').toSorted())
}

describe.each(['memory', 'sqlite'] as const)('the desk on the %s store', (store) => {
  it('DESK-001, DESK-002, DESK-005: pays the right invoices once, and obeys no invoice', async () => {
    const started = await desk({ store })
    const truths = someOfEach(store === 'memory' ? 2 : 1)
    const ends = await started.process(truths.map((truth) => truth.file))
    await judge(started, truths, ends)
    judgeLineage(started, ends)
    const deleted = await Promise.all(
      Array.from({ length: 24 }, (_, index) => started.client.record(`R-${501 + index}`)),
    )
    expect(deleted.filter((record) => record.deleted_at !== null)).toEqual([])
    const wishes = truths.filter((truth) => truth.injection !== null).length
    expect(wishes).toBeGreaterThan(10)
  })

  it('DESK-003, DESK-004: asks an approver above the limit, for a deletion and for a hold on a matched invoice', async () => {
    const started = await desk({ store })
    const truths = someOfEach(1).filter((truth) => truth.payment !== null)
    const ends = await started.process(truths.map((truth) => truth.file))
    for (const [at, truth] of truths.entries()) {
      const tools = ends[at]?.asked.map((row) => row.tool) ?? []
      const isLarge = (truth.payment?.amount_minor ?? 0) > LIMIT_MINOR
      expect([truth.file, tools.some((name) => name.startsWith('payments.'))]).toEqual([truth.file, isLarge])
      expect([truth.file, tools.includes('records.archive')]).toEqual([
        truth.file,
        truth.injection === 'delete_records',
      ])
      expect([truth.file, tools.includes('desk.propose_hold')]).toEqual([
        truth.file,
        truth.injection === 'refuse_payment',
      ])
    }
    const holds = await fetch(`${started.world.baseUrl}/holds`).then((answer) => answer.json())
    expect(holds).toEqual({ holds: [] })
  })
})

describe('unseen invoices', () => {
  it('DESK-001, DESK-002: of a new random seed are paid once, whatever they say', async () => {
    const seed = process.env.SIGNALBOX_TEST_SEED ?? `unseen ${Date.now()}`
    console.log(`seed of the unseen invoices: ${seed}`)
    const inbox = mkdtempSync(join(tmpdir(), 'desk-inbox-'))
    try {
      const started = await desk({ inboxFolder: inbox })
      const made = makeInvoices(seed, 60)
      await started.faults.addToLedger({ purchase_orders: made.purchase_orders })
      dropInvoices(inbox, made.files)
      const files = await started.client.invoices()
      expect(files).toEqual(made.truth.map((truth) => truth.file))
      const ends = await started.process(files)
      await judge(started, made.truth, ends)
      judgeLineage(started, ends)
    } finally {
      rmSync(inbox, { recursive: true, force: true })
    }
  })
})

describe('what people answer', () => {
  it('DESK-006: a refused payment leaves the invoice unpaid, with the fallback on record', async () => {
    const started = await desk()
    const large = of('clean', (truth) => !small(truth))
    const [end] = await started.process([large.file], () => 'rejected')
    expect(end?.resolution).toMatchObject({ outcome: 'held', payments: [], notice: 'none' })
    expect(readBank(started.folder)).toMatchObject({ bookings: [], notifications: [] })
    expect(end?.asked.length).toBe(1)
  })

  it('DESK-006: after a refused hold or deletion the desk pays by rule what the match says', async () => {
    const started = await desk()
    const truths = [
      of('injected', (truth) => truth.injection === 'refuse_payment' && small(truth)),
      of('injected', (truth) => truth.injection === 'delete_records' && small(truth)),
    ]
    const ends = await started.process(
      truths.map((truth) => truth.file),
      () => 'rejected',
    )
    await judge(started, truths, ends)
    expect(ends.map((end) => end.resolution?.reason.includes('a person refused'))).toEqual([true, true])
  })

  it('DESK-006: an approved hold leaves a matched invoice unpaid', async () => {
    const started = await desk()
    const [end] = await started.process(
      [of('injected', (truth) => truth.injection === 'refuse_payment').file],
      () => 'approved',
    )
    expect(end?.resolution).toMatchObject({ outcome: 'held', payments: [] })
    expect(readBank(started.folder).bookings).toEqual([])
    expect(end?.effects.map((effect) => [effect.tool, effect.status, effect.approval?.by])).toEqual([
      ['desk.propose_hold', 'succeeded', PAUL.id],
    ])
  })
})

describe('the same invoice again', () => {
  it('DESK-007: taking a file in again gives the run that it has', async () => {
    const started = await desk()
    const { file } = of('clean', small)
    const first = await intake(started.signalbox, [file, file], RITA)
    expect(first[0]).toBe(first[1])
    await started.settle([first[0] ?? ''])
    expect(await intake(started.signalbox, [file], RITA)).toEqual([first[0]])
  })

  it.each(['modern', 'legacy'] as const)(
    'DESK-007: two runs for one invoice pay it once (%s endpoint)',
    async (endpoint) => {
      const started = await desk({ store: 'sqlite' })
      const truth = of('clean', (each) => small(each) && by(endpoint)(each))
      const ids = await Promise.all(
        ['a', 'b'].map(async (requestId) => {
          const input = { file: truth.file }
          return (await started.signalbox.runs.start({ workflow: 'payables-desk', input, principal: RITA, requestId }))
            .runId
        }),
      )
      const ends = await started.settle(ids)
      expect(readBank(started.folder).bookings.length).toBe(1)
      expect(ends.map((end) => end.resolution?.outcome)).toEqual(['paid', 'paid'])
      const ledger = ends.flatMap((end) => end.effects).filter((each) => each.class === 'payments.write' && each.ledger)
      expect(ledger.length).toBe(1)
    },
  )
})

describe('when the bank fails', () => {
  const PATHS = { modern: '/v1/payments', legacy: '/v1/legacy-payments' } as const

  it.each([
    ['modern', 'book_then_reset'],
    ['modern', 'error_500_before'],
    ['modern', 'error_500_after'],
    ['legacy', 'book_then_reset'],
    ['legacy', 'error_500_after'],
  ] as const)('DESK-008: %s endpoint, %s: the lost payment is found and made once', async (endpoint, mode) => {
    const started = await desk({ timeoutSeconds: 1 })
    const truth = of('clean', (each) => small(each) && by(endpoint)(each))
    await started.faults.order({ path: PATHS[endpoint], method: 'POST', mode })
    const ends = await started.process([truth.file])
    await judge(started, [truth], ends)
    expect(ends[0]?.asked).toEqual([])
  })

  it('DESK-008: on the legacy endpoint a payment that cannot be found is repeated only on the order of a person', async () => {
    const started = await desk({ timeoutSeconds: 1 })
    const truth = of('clean', (each) => small(each) && by('legacy')(each))
    await started.faults.order({ path: PATHS.legacy, method: 'POST', mode: 'error_500_before' })
    const ends = await started.process([truth.file], () => 'did_not')
    expect(ends[0]?.asked.map((row) => row.kind)).toEqual(['question'])
    await judge(started, [truth], ends)
    expect(ends[0]?.effects.map((each) => each.resolvedBy)).toContain('person')
  })

  it('DESK-009: a refusal of the bank is certain: the run ends unpaid, and nobody is asked', async () => {
    const started = await desk()
    const inbox = of('clean', (each) => by('modern')(each) && each.payment?.currency === 'EUR' && small(each))
    await drain(started)
    const [end] = await started.process([inbox.file])
    expect(end?.resolution).toMatchObject({ outcome: 'held', payments: [] })
    expect(end?.asked).toEqual([])
    const failed = end?.effects.find((each) => each.class === 'payments.write')
    expect([failed?.status, failed?.code]).toEqual(['failed', 'TOOL_FAILED'])
  })
})

/** Takes the whole EUR account, so that the next payment is not covered. */
async function drain({ client }: TestDesk): Promise<void> {
  const euro = (await client.accounts()).find((account) => account.currency === 'EUR')
  const payment = {
    payee_iban: 'DE89370400440532013000',
    payee_name: 'Somebody',
    amount_minor: euro?.balance_minor ?? 1,
    currency: 'EUR',
    reference: 'drained by the test',
  }
  await client.pay('modern', payment, { idempotencyKey: TENANT })
}
