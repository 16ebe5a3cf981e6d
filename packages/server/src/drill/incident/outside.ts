/** The outside world of the incident drill: an accounts service over HTTP. What it booked is its own record. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { parseJson } from 'signalbox'
import { z } from 'zod'

const PaymentBody = z.object({ invoice: z.string(), amount_minor: z.int(), payee: z.string() })
const LetterBody = z.object({ invoice: z.string(), text: z.string() })
const RecallBody = z.object({ booking: z.string() })

/** One thing that the service did, in its own words. */
export interface Booking {
  readonly id: string
  readonly what: 'payment' | 'letter' | 'recall'
  readonly invoice: string
  /** Minor units; null for a letter. */
  readonly amountMinor: number | null
  /** The run that sent it, by the header of the request. */
  readonly runId: string | null
  readonly key: string | null
}

/** A running service. */
export interface Outside {
  readonly url: string
  readonly host: string
  /** All that it booked, oldest first. */
  readonly booked: readonly Booking[]
  /** The next payment is booked, and its answer never arrives. */
  loseNextAnswer(): void
  /** The next request is taken, and neither booked nor answered before it is released; it is booked though nobody waits for it any more. */
  holdNext(): { readonly arrived: Promise<void>; release(): void }
  stop(): Promise<void>
}

/** What differs between two requests to the service. */
interface Moods {
  lose: boolean
  hold: { arrived: () => void; released: Promise<void> } | null
}

/** Starts an empty service on a free port of the loopback interface. It books whatever arrives, as often as it arrives. */
export async function startOutside(): Promise<Outside> {
  const booked: Booking[] = []
  const moods: Moods = { lose: false, hold: null }
  const server = createServer((request, response) => {
    answer(request, response, booked, moods).catch(() => response.writeHead(400).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the service has no port')
  const host = `127.0.0.1:${address.port}`
  return {
    url: `http://${host}`,
    host,
    booked,
    loseNextAnswer: () => {
      moods.lose = true
    },
    holdNext: () => {
      const arrived = Promise.withResolvers<void>()
      const released = Promise.withResolvers<void>()
      moods.hold = { arrived: arrived.resolve, released: released.promise }
      return { arrived: arrived.promise, release: released.resolve }
    },
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  booked: Booking[],
  moods: Moods,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://service')
  if (request.method === 'GET') {
    found(url, response, booked)
    return
  }
  const text = await textOf(request)
  const hold = moods.hold
  if (hold) {
    moods.hold = null
    hold.arrived()
    await hold.released
  }
  const booking = bookingOf(url.pathname, text, request, booked)
  booked.push(booking)
  if (moods.lose) {
    moods.lose = false
    response.destroy()
    return
  }
  response.end(JSON.stringify({ booking: booking.id }))
}

function found(url: URL, response: ServerResponse, booked: readonly Booking[]): void {
  const key = url.searchParams.get('key')
  if (key === null) {
    response.end(JSON.stringify({ text: 'nothing to report' }))
    return
  }
  const one = booked.find((each) => each.key === key)
  if (one) response.end(JSON.stringify({ booking: one.id }))
  else response.writeHead(404).end()
}

function bookingOf(path: string, text: string, request: IncomingMessage, booked: readonly Booking[]): Booking {
  const value = parseJson(text, 'the request')
  const sent = { id: `b-${booked.length + 1}`, runId: header(request, 'x-signalbox-run-id'), key: keyOf(request) }
  if (path === '/payments') {
    const body = PaymentBody.parse(value)
    return { ...sent, what: 'payment', invoice: body.invoice, amountMinor: body.amount_minor }
  }
  if (path === '/letters')
    return { ...sent, what: 'letter', invoice: LetterBody.parse(value).invoice, amountMinor: null }
  const { booking } = RecallBody.parse(value)
  const recalled = booked.find((each) => each.id === booking)
  if (!recalled) throw new Error(`there is no booking ${booking}`)
  return { ...sent, what: 'recall', invoice: recalled.invoice, amountMinor: recalled.amountMinor }
}

function keyOf(request: IncomingMessage): string | null {
  return header(request, 'idempotency-key')
}

function header(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name]
  return typeof value === 'string' ? value : null
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}
