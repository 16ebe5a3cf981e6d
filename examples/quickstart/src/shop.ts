/** The shop's refund service: how the tool reaches it, and a small one that drills start. */
import { createServer, type IncomingMessage } from 'node:http'
import type { RecordedEffect } from '@signalbox/server'
import type { ActCtx, Found } from 'signalbox'
import { z } from 'zod'

/** The variable that says where the service answers. */
export const SHOP_URL = 'SHOP_URL'

const Refund = z.object({ order: z.string(), cents: z.int() })
type Refund = z.infer<typeof Refund>

/** The hosts that the tool may call: the service's, or none. */
export function shopHosts(): readonly string[] {
  const url = process.env[SHOP_URL]
  return url ? [new URL(url).host] : []
}

/** Refunds an order at the service. Without one the refund is only said, so that the example runs by itself. */
export async function refundAtShop({ order, cents }: Refund, ctx: ActCtx): Promise<{ refunded: number }> {
  const url = process.env[SHOP_URL]
  if (!url) return { refunded: cents }
  const answer = await ctx.fetch(`${url}/refunds`, { method: 'POST', body: JSON.stringify({ order, cents }) })
  if (!answer.ok) throw new Error(`the shop answered ${answer.status}`)
  return { refunded: Refund.parse(await answer.json()).cents }
}

/** What the service has under the call's key: whether a refund happened whose answer was lost. */
export async function findAtShop({ order }: Refund, ctx: ActCtx): Promise<Found<{ refunded: number }>> {
  const url = process.env[SHOP_URL]
  if (!url) return { answer: 'cannot_tell' }
  const answer = await ctx.fetch(`${url}/refunds/${order}?key=${ctx.idempotencyKey}`)
  if (answer.status === 404) return { answer: 'did_not' }
  if (!answer.ok) return { answer: 'cannot_tell' }
  return { answer: 'happened', output: { refunded: Refund.parse(await answer.json()).cents } }
}

/** A running service and what it booked. */
export interface Shop {
  readonly url: string
  readonly booked: readonly RecordedEffect[]
  stop(): Promise<void>
}

/** Starts a service on a free port of the loopback interface. It books each request that arrives, `times` times. */
export async function startShop(times = 1): Promise<Shop> {
  const booked: RecordedEffect[] = []
  const amounts = new Map<string, number>()
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://shop')
    if (request.method === 'GET') {
      const order = pathname.split('/').at(-1) ?? ''
      const cents = amounts.get(`${order} ${searchParams.get('key')}`)
      if (cents === undefined) response.writeHead(404).end()
      else response.end(JSON.stringify({ order, cents }))
      return
    }
    bodyOf(request).then(
      ({ order, cents }) => {
        const key = header(request, 'idempotency-key')
        const runId = header(request, 'x-signalbox-run-id')
        for (let i = 0; i < times; i += 1) booked.push({ tool: 'payments.refund', subject: order, key, runId })
        amounts.set(`${order} ${key}`, cents)
        response.end(JSON.stringify({ order, cents }))
      },
      () => response.writeHead(400).end(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the shop has no port')
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.closeAllConnections()
      server.close(() => resolve())
    })
  return { url: `http://127.0.0.1:${address.port}`, booked, stop }
}

function header(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name]
  return typeof value === 'string' ? value : null
}

async function bodyOf(request: IncomingMessage): Promise<Refund> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return Refund.parse(JSON.parse(text))
}
