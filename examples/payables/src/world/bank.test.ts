import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { PaymentRequest } from './bank-schema.ts'
import { readBank } from './bank-store.ts'
import { makeWorldClient, makeWorldTestClient, type WorldFetch } from './client.ts'
import { WorldError } from './errors.ts'
import type { FaultMode } from './faults.ts'
import { WORLD_FOLDER } from './folder.ts'
import { dropInvoices } from './inbox.ts'
import { makeInvoices } from './scenarios.ts'
import { type RunningWorld, startWorld, type WorldOptions } from './service.ts'

let folder = ''
let worlds: RunningWorld[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'payables-'))
})
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()))
  rmSync(folder, { recursive: true, force: true })
})

async function world(change: Partial<WorldOptions> = {}): Promise<RunningWorld> {
  const options: WorldOptions = {
    dataFolder: folder,
    inboxFolder: join(WORLD_FOLDER, 'inbox'),
    ledgerFile: join(WORLD_FOLDER, 'ledger.json'),
    bind: '127.0.0.1',
    port: 0,
    testFaults: true,
    now: () => '2026-11-01T00:00:00.000Z',
    ...change,
  }
  const started = await startWorld(options)
  worlds = [...worlds, started]
  return started
}

async function clients() {
  const { baseUrl } = await world()
  return { baseUrl, bank: makeWorldClient(fetch, baseUrl), desk: makeWorldTestClient(fetch, baseUrl) }
}

const PAYMENT: PaymentRequest = {
  payee_iban: 'DE89370400440532013000',
  payee_name: 'Alba GmbH',
  amount_minor: 1190,
  currency: 'EUR',
  reference: 'V1:INV1',
}

const codeOf = async (call: Promise<unknown>): Promise<string> => {
  const error = await call.then(() => 'answered').catch((thrown: unknown) => thrown)
  return error instanceof WorldError ? `${error.status} ${error.code}` : String(error)
}

const post = (baseUrl: string, path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${baseUrl}${path}`, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) })

describe('payments', () => {
  it('PAY-030: one key books once, also when requests arrive together', async () => {
    const { baseUrl, bank } = await clients()
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => post(baseUrl, '/v1/payments', PAYMENT, { 'idempotency-key': 'k1' })),
    )
    expect(answers.map((each) => each.status).sort()).toEqual([...Array<number>(11).fill(200), 201])
    const Answer = z.object({ payment: z.object({ booking_id: z.int() }), replayed: z.boolean() })
    const bodies = await Promise.all(answers.map(async (each) => Answer.parse(await each.json())))
    expect(new Set(bodies.map((each) => each.payment.booking_id)).size).toBe(1)
    expect(bodies.filter((each) => !each.replayed).length).toBe(1)
    expect(readBank(folder).bookings.length).toBe(1)
    expect(await bank.findPaymentByKey('k1')).toMatchObject({ ...PAYMENT, endpoint: 'modern', idempotency_key: 'k1' })
    expect(await bank.findPaymentByKey('k2')).toBeUndefined()
  })

  it('PAY-031: a used key with another body is refused, and so is no key', async () => {
    const { bank } = await clients()
    await bank.pay('modern', PAYMENT, { idempotencyKey: 'k1' })
    const other = bank.pay('modern', { ...PAYMENT, amount_minor: 1191 }, { idempotencyKey: 'k1' })
    expect(await codeOf(other)).toBe('409 idempotency_key_reused')
    expect(await codeOf(bank.pay('modern', PAYMENT))).toBe('400 idempotency_key_required')
    expect((await bank.bookings()).length).toBe(1)
  })

  it('PAY-032: the legacy endpoint books each request and finds them by reference', async () => {
    const { bank } = await clients()
    await bank.pay('legacy', PAYMENT, { idempotencyKey: 'k1' })
    await bank.pay('legacy', PAYMENT, { idempotencyKey: 'k1' })
    await bank.pay('modern', PAYMENT, { idempotencyKey: 'k1' })
    const found = await bank.findLegacyPayments(PAYMENT.reference)
    expect(found.map((each) => [each.endpoint, each.idempotency_key])).toEqual([
      ['legacy', null],
      ['legacy', null],
    ])
    expect(await bank.findLegacyPayments('V1:INV2')).toEqual([])
    expect((await bank.bookings({}, 'V1:INV1')).length).toBe(3)
    expect(await bank.bookings({}, 'V1:INV2')).toEqual([])
    const euro = (await bank.accounts()).find((each) => each.currency === 'EUR')
    expect(euro?.balance_minor).toBe(2_500_000_000 - 3 * 1190)
  })

  it('PAY-037: a payment of either endpoint is recalled once, in a record of its own; what is refused changes nothing', async () => {
    const { bank, baseUrl } = await clients()
    const modern = (await bank.pay('modern', PAYMENT, { idempotencyKey: 'k1' })).payment
    const legacy = (await bank.pay('legacy', PAYMENT)).payment
    const balance = async () => (await bank.accounts()).find((each) => each.currency === 'EUR')?.balance_minor
    const before = (await balance()) ?? 0
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => bank.recall(modern.booking_id, { idempotencyKey: 'r1' })),
    )
    expect(answers.filter((each) => !each.replayed).length).toBe(1)
    const refused = [
      bank.recall(modern.booking_id, { idempotencyKey: 'r2' }),
      bank.recall(legacy.booking_id, { idempotencyKey: 'r1' }),
      bank.recall(99, { idempotencyKey: 'r3' }),
      bank.recall(legacy.booking_id),
    ]
    expect(await Promise.all(refused.map(codeOf))).toEqual([
      '409 already_recalled',
      '409 idempotency_key_reused',
      '404 not_found',
      '400 idempotency_key_required',
    ])
    expect((await post(baseUrl, '/v1/recalls', { booking_id: 'x' }, { 'idempotency-key': 'r4' })).status).toBe(400)
    expect([readBank(folder).recalls.length, await balance()]).toEqual([1, before + 1190])
    await bank.recall(legacy.booking_id, { idempotencyKey: 'r5' })
    expect(await bank.findRecallByKey('r5')).toMatchObject({ booking_id: legacy.booking_id, reference: 'V1:INV1' })
    expect(await bank.findRecallByKey('r2')).toBeUndefined()
    expect(readBank(folder)).toMatchObject({ bookings: { length: 2 }, recalls: { length: 2 } })
  })

  it.each([
    [{ payee_iban: 'DE89370400440532013001' }, '422 invalid_payee_iban'],
    [{ payee_iban: 'nowhere' }, '422 invalid_payee_iban'],
    [{ payee_name: ' ' }, '422 invalid_payee_name'],
    [{ amount_minor: 0 }, '422 invalid_amount'],
    [{ amount_minor: 11.5 }, '422 invalid_amount'],
    [{ amount_minor: '1190' }, '422 invalid_amount'],
    [{ currency: 'eur' }, '422 invalid_currency'],
    [{ currency: 'JPY' }, '422 invalid_currency'],
    [{ reference: 'a\nb' }, '422 invalid_reference'],
    [{ note: 'more' }, '400 bad_request'],
    [{ amount_minor: 2_500_000_001 }, '402 insufficient_funds'],
  ])('PAY-033: %j gives %s and books nothing', async (change, expected) => {
    const { baseUrl } = await clients()
    for (const path of ['/v1/payments', '/v1/legacy-payments']) {
      const answer = await post(baseUrl, path, { ...PAYMENT, ...change }, { 'idempotency-key': 'k1' })
      const body = z.object({ code: z.string() }).parse(await answer.json())
      expect(`${answer.status} ${body.code}`).toBe(expected)
    }
    expect(readBank(folder).bookings).toEqual([])
  })

  it('PAY-033: what is not JSON, or too long, is refused', async () => {
    const { baseUrl } = await clients()
    expect((await post(baseUrl, '/v1/payments', '{', { 'idempotency-key': 'k1' })).status).toBe(400)
    expect((await post(baseUrl, '/v1/legacy-payments', `"${'x'.repeat(70_000)}"`)).status).toBe(400)
    expect((await fetch(`${baseUrl}/v1/nothing`)).status).toBe(404)
    expect(readBank(folder).bookings).toEqual([])
  })

  it('PAY-034: every request is in the log with its run, trace, key and body hash', async () => {
    const { bank, desk } = await clients()
    const headers = { 'x-signalbox-run-id': 'run-1', traceparent: '00-aa-bb-01' }
    await bank.pay('modern', PAYMENT, { idempotencyKey: 'k1', headers })
    await codeOf(bank.pay('modern', { ...PAYMENT, amount_minor: 5 }, { idempotencyKey: 'k1', headers }))
    await bank.vendor('V1001', { headers: { 'x-signalbox-run-id': 'run-2' } })
    const log = await desk.requests('run-1')
    expect(log.map((each) => [each.method, each.path, each.idempotency_key, each.traceparent, each.status])).toEqual([
      ['POST', '/v1/payments', 'k1', '00-aa-bb-01', 201],
      ['POST', '/v1/payments', 'k1', '00-aa-bb-01', 409],
    ])
    expect(log[0]?.body_sha256).toMatch(/^[0-9a-f]{64}$/)
    expect(log[0]?.body_sha256).not.toBe(log[1]?.body_sha256)
    expect((await desk.requests('run-2')).map((each) => each.path)).toEqual(['/vendors/V1001'])
    expect((await bank.bookings())[0]?.run_id).toBe('run-1')
  })

  it('PAY-035: a notice is sent once for a key', async () => {
    const { baseUrl, bank } = await clients()
    const notice = { to: 'a@v1.example', subject: 'Paid', body: 'We paid.' }
    expect((await bank.notify(notice, { idempotencyKey: 'n1' })).replayed).toBe(false)
    expect((await bank.notify(notice, { idempotencyKey: 'n1' })).replayed).toBe(true)
    expect(await codeOf(bank.notify({ ...notice, to: 'b@v1.example' }, { idempotencyKey: 'n1' }))).toBe(
      '409 idempotency_key_reused',
    )
    expect(await codeOf(bank.notify({ ...notice, to: 'no' }, { idempotencyKey: 'n2' }))).toBe(
      '422 invalid_notification',
    )
    expect((await post(baseUrl, '/v1/notifications', notice)).status).toBe(400)
    expect(await bank.findNotificationByKey('n1')).toMatchObject(notice)
    expect(readBank(folder).notifications.length).toBe(1)
  })
})

describe('records', () => {
  it('PAY-022: a hold is placed once for a key', async () => {
    const { baseUrl, bank } = await clients()
    const hold = { subject: 'V1:INV1', reason_code: 'line_total_wrong' }
    const first = await bank.hold(hold, { idempotencyKey: 'h1', headers: { 'x-signalbox-run-id': 'run-1' } })
    expect(first).toMatchObject({ replayed: false, hold: { ...hold, run_id: 'run-1' } })
    expect(await bank.hold(hold, { idempotencyKey: 'h1' })).toEqual({ hold: first.hold, replayed: true })
    expect(await codeOf(bank.hold({ ...hold, subject: 'V1:INV2' }, { idempotencyKey: 'h1' }))).toBe(
      '409 idempotency_key_reused',
    )
    expect(await codeOf(bank.hold({ ...hold, reason_code: 'No!' }, { idempotencyKey: 'h2' }))).toBe('400 bad_request')
    expect((await post(baseUrl, '/holds', hold)).status).toBe(400)
    expect(await bank.findHoldByKey('h1')).toEqual(first.hold)
    expect(await bank.findHoldByKey('h2')).toBeUndefined()
  })

  it('PAY-020: vendors, orders, invoices and matches are read by GET', async () => {
    const { baseUrl, bank } = await clients()
    expect(await bank.vendor('V1001')).toMatchObject({ vendor_id: 'V1001', bank_endpoint: 'modern' })
    expect((await bank.vendors()).length).toBe(24)
    const files = await bank.invoices()
    expect(files.length).toBe(240)
    const invoice = await bank.invoice(String(files[0]))
    const match = await bank.match(String(files[0]))
    expect(match.source).toBe(files[0])
    expect(await bank.matchInvoice(invoice)).toEqual(match)
    expect(await bank.purchaseOrder(invoice.po_number)).toMatchObject({ po_number: invoice.po_number })
    for (const path of [
      '/vendors/V0',
      '/purchase-orders/x',
      '/records/x',
      '/invoices/no.json',
      '/match?file=no.json',
    ]) {
      const answer = await fetch(`${baseUrl}${path}`)
      expect([path, answer.status]).toEqual([path, 404])
    }
    expect((await fetch(`${baseUrl}/match`)).status).toBe(400)
    expect((await fetch(`${baseUrl}/invoices/..%2Fledger.json`)).status).toBe(404)
  })

  it('PAY-005, PAY-020: invoices that are dropped later are matched, unreadable ones named', async () => {
    const inboxFolder = join(folder, 'inbox')
    const made = makeInvoices('dropped', 40)
    const { baseUrl } = await world({ inboxFolder })
    const bank = makeWorldClient(fetch, baseUrl)
    await makeWorldTestClient(fetch, baseUrl).addToLedger({ purchase_orders: made.purchase_orders })
    dropInvoices(inboxFolder, [...made.files, { file: 'zz.json', content: '{"total_minor": 1}' }])
    const matches = await Promise.all(made.truth.map((each) => bank.match(each.file)))
    expect(matches.map((each) => each.expected)).toEqual(made.truth.map((each) => each.payment))
    expect(await codeOf(bank.invoice('zz.json'))).toBe('422 invoice_unreadable')
    expect((await bank.match('zz.json')).status).toBe('unreadable')
  })

  it('PAY-021: an archive record is deleted once', async () => {
    const { bank } = await clients()
    expect((await bank.record('R-501')).deleted_at).toBeNull()
    expect((await bank.deleteRecord('R-501', { idempotencyKey: 'd1' })).replayed).toBe(false)
    expect((await bank.deleteRecord('R-501', { idempotencyKey: 'd1' })).replayed).toBe(true)
    expect(await codeOf(bank.deleteRecord('R-501', { idempotencyKey: 'd2' }))).toBe('410 already_deleted')
    expect(await codeOf(bank.deleteRecord('R-501'))).toBe('410 already_deleted')
    expect((await bank.deleteRecord('R-502')).replayed).toBe(false)
    expect(await codeOf(bank.deleteRecord('R-502'))).toBe('410 already_deleted')
    expect(await codeOf(bank.deleteRecord('R-0'))).toBe('404 not_found')
    expect((await bank.record('R-501')).deleted_by_key).toBe('d1')
  })
})

describe('faults on order', () => {
  it.each<[FaultMode, string, number]>([
    ['error_500_before', '500 internal_error', 0],
    ['error_500_after', '500 internal_error', 1],
    ['book_then_reset', 'TypeError: fetch failed', 1],
    ['delay_ms', 'answered', 1],
  ])('PAY-040, PAY-052: %s gives %s and %i booking', async (mode, seen, booked) => {
    const { bank, desk } = await clients()
    await desk.order({ path: '/v1/legacy-payments', method: 'POST', mode, delay_ms: 1 })
    expect(await codeOf(bank.pay('legacy', PAYMENT))).toBe(seen)
    expect((await bank.findLegacyPayments(PAYMENT.reference)).length).toBe(booked)
    expect(await codeOf(bank.pay('legacy', PAYMENT))).toBe('answered')
  })

  it.each<[FaultMode, 'arrived' | 'took_effect', number]>([
    ['hang_before_booking', 'arrived', 0],
    ['book_then_hang', 'took_effect', 1],
  ])('PAY-041: %s is held at `%s` with %i booking, and books once it is released', async (mode, stage, booked) => {
    const { bank, desk } = await clients()
    await desk.order({ path: '/v1/payments', mode })
    const abort = new AbortController()
    const lost = codeOf(bank.pay('modern', PAYMENT, { idempotencyKey: 'k1', signal: abort.signal }))
    expect(await desk.waitForHits('/v1/payments', stage)).toMatchObject([{ mode, stage }])
    expect(readBank(folder).bookings.length).toBe(booked)
    expect(readBank(folder).requests).toMatchObject([{ path: '/v1/payments', status: null }])
    abort.abort()
    expect(await lost).toContain('AbortError')
    expect(await desk.release()).toBe(1)
    await desk.waitForHits('/v1/payments', 'answered')
    expect(readBank(folder).bookings.length).toBe(1)
  })

  it('PAY-041: waiting ends with a sentence when nothing arrives; unused orders can be cleared', async () => {
    const { bank, desk } = await clients()
    await expect(desk.waitForHits('/v1/payments', 'arrived', 1, 20)).rejects.toThrow('saw 0')
    await desk.order({ path: '/v1/payments', mode: 'error_500_before', count: 3 })
    await desk.clear()
    expect(await codeOf(bank.pay('modern', PAYMENT, { idempotencyKey: 'k1' }))).toBe('answered')
    expect(await codeOf(desk.order({ path: 'x', mode: 'delay_ms' }))).toBe('400 bad_request')
  })

  it('PAY-040: without the flag the door is not there', async () => {
    const { baseUrl } = await world({ testFaults: false })
    expect(await codeOf(makeWorldTestClient(fetch, baseUrl).order({ path: '/v1/payments', mode: 'delay_ms' }))).toBe(
      '404 not_found',
    )
  })
})

describe('the client', () => {
  it('PAY-052: an answer of another shape is told with its status', async () => {
    const answering =
      (status: number, body: string): WorldFetch =>
      () =>
        Promise.resolve(new Response(body, { status }))
    expect(await codeOf(makeWorldClient(answering(502, '<html>'), 'http://x').bookings())).toBe('502 bad_answer')
    expect(await codeOf(makeWorldClient(answering(200, '{}'), 'http://x').bookings())).toBe('200 bad_answer')
    expect(await codeOf(makeWorldClient(answering(404, '{"code":"odd","message":""}'), 'http://x').bookings())).toBe(
      '404 bad_answer',
    )
  })
})
