/**
 * The bank's HTTP API. `/v1/payments` honours `Idempotency-Key`; `/v1/legacy-payments` books each request and can be
 * asked by reference; `/v1/recalls` takes a payment of either back. It knows nothing of the records service beside it.
 */
import { type Context, Hono } from 'hono'
import { parseNotification, parsePayment, parseRecall } from './bank-schema.ts'
import type { BankStore, Sender } from './bank-store.ts'
import type { Now } from './clock.ts'
import { WorldError } from './errors.ts'

/** The header that names the run on whose behalf a request is made. */
export const RUN_ID_HEADER = 'x-signalbox-run-id'

/** What a request says of its sender. An empty header is no header. */
export function senderOf(c: Context, now: Now): Sender {
  return {
    idempotency_key: c.req.header('idempotency-key') || null,
    run_id: c.req.header(RUN_ID_HEADER) || null,
    now: now(),
  }
}

/** The body as JSON. @throws WorldError `bad_request` */
export async function jsonBody(c: Context): Promise<unknown> {
  try {
    return JSON.parse(await c.req.text())
  } catch {
    throw new WorldError('bad_request', 'the body is not JSON')
  }
}

/** The sender with its key. @throws WorldError `idempotency_key_required` */
export function withKey(sender: Sender): Sender & { readonly idempotency_key: string } {
  const key = sender.idempotency_key
  if (key !== null && key.length <= 200) return { ...sender, idempotency_key: key }
  throw new WorldError('idempotency_key_required', 'send the header `idempotency-key` with 1 to 200 characters')
}

function asked(c: Context, name: string): string {
  const value = c.req.query(name)
  if (value) return value
  throw new WorldError('bad_request', `name what to look for with the query parameter \`${name}\``)
}

/** A moment of the query, as the bank writes moments. */
function timeOf(c: Context, name: string): string {
  const at = new Date(asked(c, name))
  if (Number.isNaN(at.getTime())) throw new WorldError('bad_request', `\`${name}\` is no time`)
  return at.toISOString()
}

/** Makes the bank's routes over its store. */
export function bankRoutes(store: BankStore, now: Now): Hono {
  const app = new Hono()
  app.post('/v1/payments', async (c) => {
    const payment = parsePayment(await jsonBody(c))
    const { booking, replayed } = store.payWithKey(payment, withKey(senderOf(c, now)))
    return c.json({ payment: booking, replayed }, replayed ? 200 : 201)
  })
  app.get('/v1/payments', (c) => {
    const found = store.bookingByKey(asked(c, 'idempotency_key'))
    return c.json({ payments: found ? [found] : [] })
  })
  app.post('/v1/legacy-payments', async (c) => {
    const payment = parsePayment(await jsonBody(c))
    return c.json({ payment: store.payLegacy(payment, senderOf(c, now)), replayed: false }, 201)
  })
  app.get('/v1/legacy-payments', (c) => c.json({ payments: store.legacyByReference(asked(c, 'reference')) }))
  app.get('/v1/bookings', (c) => c.json({ payments: store.bookings(c.req.query('reference')) }))
  app.get('/v1/statement', (c) => {
    const limit = 50
    const [from, to, after] = [timeOf(c, 'from'), timeOf(c, 'to'), Number(c.req.query('after') ?? 0)]
    if (!Number.isInteger(after)) throw new WorldError('bad_request', '`after` is the number of a booking')
    const found = store.statement({ from, to, after, limit })
    const payments = found.slice(0, limit)
    return c.json({ payments, next: found.length > limit ? String(payments.at(-1)?.booking_id) : null })
  })
  app.post('/v1/recalls', async (c) => {
    const { recall, replayed } = store.recall(parseRecall(await jsonBody(c)), withKey(senderOf(c, now)))
    return c.json({ recall, replayed }, replayed ? 200 : 201)
  })
  app.get('/v1/recalls', (c) => c.json({ recalls: store.recalls(c.req.query('idempotency_key')) }))
  app.get('/v1/accounts', (c) => c.json({ accounts: store.accounts() }))
  app.post('/v1/notifications', async (c) => {
    const notice = parseNotification(await jsonBody(c))
    const { notification, replayed } = store.notify(notice, withKey(senderOf(c, now)))
    return c.json({ notification, replayed }, replayed ? 200 : 201)
  })
  app.get('/v1/notifications', (c) => c.json({ notifications: store.notifications(c.req.query('idempotency_key')) }))
  app.get('/v1/requests', (c) => c.json({ requests: store.requests(c.req.query('run_id')) }))
  return app
}
