/**
 * The records service: the ledger, the inbox and the archive over HTTP. Every reading is a GET without effect on
 * records; the unsafe methods are the deletion of an archive record and the placing of a hold.
 */
import { Hono } from 'hono'
import { z } from 'zod'
import { jsonBody, senderOf, withKey } from './bank.ts'
import type { Now } from './clock.ts'
import { WorldError } from './errors.ts'
import { HoldRequest } from './holds.ts'
import { Invoice, listInbox, readInboxFile } from './inbox.ts'
import type { Ledger } from './ledger.ts'

/** Makes the routes of the records service over the ledger and the inbox folder. */
export function recordsRoutes(ledger: Ledger, inboxFolder: string, now: Now): Hono {
  const app = new Hono()
  app.get('/vendors', (c) => c.json({ vendors: ledger.vendors() }))
  app.get('/vendors/:id', (c) => {
    const vendor = ledger.vendor(c.req.param('id'))
    if (vendor === undefined) throw new WorldError('not_found', 'the ledger has no such vendor')
    return c.json({ vendor })
  })
  app.get('/purchase-orders', (c) => c.json({ purchase_orders: ledger.purchaseOrders() }))
  app.get('/purchase-orders/:number', (c) => {
    const order = ledger.purchaseOrder(c.req.param('number'))
    if (order === undefined) throw new WorldError('not_found', 'the ledger has no such purchase order')
    return c.json({ purchase_order: order })
  })
  app.get('/invoices', (c) => c.json({ files: listInbox(inboxFolder) }))
  app.get('/invoices/:file', (c) => c.json({ invoice: readInboxFile(inboxFolder, c.req.param('file')).invoice }))
  app.get('/match', (c) => {
    const file = c.req.query('file')
    if (file !== undefined) return c.json({ match: ledger.matchFile(inboxFolder, file) })
    return c.json({ match: ledger.matchInvoice(inboxFolder, parseQuery(c.req.query('invoice'))) })
  })
  app.get('/records', (c) => c.json({ records: ledger.records() }))
  app.get('/records/:id', (c) => {
    const record = ledger.record(c.req.param('id'))
    if (record === undefined) throw new WorldError('not_found', 'the archive has no such record')
    return c.json({ record })
  })
  app.delete('/records/:id', (c) => {
    const sender = senderOf(c, now)
    return c.json(ledger.deleteRecord(c.req.param('id'), sender.idempotency_key, sender.now))
  })
  app.get('/holds', (c) => c.json({ holds: ledger.holds(c.req.query('idempotency_key')) }))
  app.post('/holds', async (c) => {
    const sender = withKey(senderOf(c, now))
    const request = HoldRequest.safeParse(await jsonBody(c))
    if (!request.success) throw new WorldError('bad_request', z.prettifyError(request.error))
    const placed = { key: sender.idempotency_key, runId: sender.run_id, now: sender.now }
    const { hold, replayed } = ledger.placeHold(request.data, placed)
    return c.json({ hold, replayed }, replayed ? 200 : 201)
  })
  return app
}

function parseQuery(text: string | undefined): Invoice {
  const wrong = (why: string) => new WorldError('bad_request', `query parameter \`invoice\` ${why}; or name a \`file\``)
  if (text === undefined) throw wrong('is missing')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw wrong('is not JSON')
  }
  const parsed = Invoice.safeParse(value)
  if (parsed.success) return parsed.data
  throw wrong(`is not an invoice: field \`${parsed.error.issues[0]?.path.join('.') ?? 'invoice'}\` is wrong`)
}
