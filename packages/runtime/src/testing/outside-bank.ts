import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

/** One payment as the bank booked it. */
export interface Booking {
  readonly key: string
  readonly to: string
  readonly amount: number
}

/** What the bank does with the next payment instead of booking and answering. */
export type BankMood = 'book' | 'book_and_hang_up' | 'hang_up' | 'refuse'

/** A target outside the process: what it booked is the only judge of what was done. */
export interface OutsideBank {
  /** `127.0.0.1:port`. */
  readonly host: string
  readonly booked: readonly Booking[]
  /** Changes what the bank has by its own hand; nobody was asked to do it. */
  alter(change: (booked: Booking[]) => void): void
  /** Every request that arrived, with its method. */
  readonly requests: readonly { readonly method: string; readonly path: string; readonly key: string }[]
  /** Moods of the next payments, in order; `book` when there is none. */
  next(...moods: BankMood[]): void
  /** Called when a payment arrives and before it is booked or answered. */
  onPayment(fn: (booking: Booking) => void | Promise<void>): void
  close(): Promise<void>
}

/** Starts a bank on a free port of the loopback interface. It does not honour the idempotency key: it books what arrives. */
export async function openBank(): Promise<OutsideBank> {
  const booked: Booking[] = []
  const requests: { method: string; path: string; key: string }[] = []
  const moods: BankMood[] = []
  let listener: (booking: Booking) => void | Promise<void> = () => undefined

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://bank')
    const key = String(request.headers['idempotency-key'] ?? '')
    requests.push({ method: request.method ?? '', path: url.pathname, key })
    if (request.method === 'GET' && url.pathname === '/all') {
      response.end(JSON.stringify(booked))
      return
    }
    if (request.method === 'GET') {
      const found = booked.find((one) => one.key === url.searchParams.get('key'))
      response.end(JSON.stringify(found ?? null))
      return
    }
    const body = await bodyOf(request)
    const mood = moods.shift() ?? 'book'
    const booking = { ...body, key }
    await listener(booking)
    if (mood === 'book' || mood === 'book_and_hang_up') booked.push(booking)
    if (mood === 'book_and_hang_up' || mood === 'hang_up') {
      request.socket.destroy()
      return
    }
    response.statusCode = mood === 'refuse' ? 422 : 200
    response.end(JSON.stringify({ receipt: booked.length }))
  }

  const server: Server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the bank has no port')
  return {
    host: `127.0.0.1:${address.port}`,
    booked,
    requests,
    alter: (change) => change(booked),
    next: (...wanted) => {
      moods.push(...wanted)
    },
    onPayment: (fn) => {
      listener = fn
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

async function bodyOf(request: IncomingMessage): Promise<{ to: string; amount: number }> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  // The tests' own tools send exactly this.
  return JSON.parse(text) as { to: string; amount: number }
}
