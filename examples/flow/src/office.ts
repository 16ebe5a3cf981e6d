/** The accounting office: how the tools reach it, and a small one that the example and its drill start. */
import { createServer, type IncomingMessage } from 'node:http'
import type { RecordedEffect } from '@signalbox/server'
import type { ActCtx, Found, ReadCtx } from 'signalbox'
import { z } from 'zod'

/** The variable that says where the office answers. */
export const OFFICE_URL = 'OFFICE_URL'

/** An invoice that has not been paid. */
export const Item = z.object({ invoice: z.string(), cents: z.int().positive(), daysLate: z.int() })
type Item = z.infer<typeof Item>

/** A reminder: what is owed, and the fee for the delay in cents. */
export const Letter = z.object({ customer: z.string(), month: z.string(), cents: z.int(), fee: z.int() })
type Letter = z.infer<typeof Letter>

/** What the office says of a letter that went out. */
export const Posted = z.object({ posted: z.string() })
type Posted = z.infer<typeof Posted>

/** The hosts that the tools may call: the office's, or none. */
export function officeHosts(): readonly string[] {
  const url = process.env[OFFICE_URL]
  return url ? [new URL(url).host] : []
}

/** What a customer owes. */
export async function openItems({ customer }: { customer: string }, ctx: Pick<ReadCtx, 'fetch'>): Promise<Item[]> {
  return z.array(Item).parse(await (await ctx.fetch(`${process.env[OFFICE_URL]}/items/${customer}`)).json())
}

/** Sends a letter. */
export async function sendLetter(letter: Letter, ctx: ActCtx): Promise<Posted> {
  const answer = await ctx.fetch(`${process.env[OFFICE_URL]}/letters`, { method: 'POST', body: JSON.stringify(letter) })
  if (!answer.ok) throw new Error(`the office answered ${answer.status}`)
  return Posted.parse(await answer.json())
}

/** Whether a letter went out under the call's key, when its answer was lost. */
export async function findLetter(_letter: Letter, ctx: ActCtx): Promise<Found<Posted>> {
  const answer = await ctx.fetch(`${process.env[OFFICE_URL]}/letters?key=${ctx.idempotencyKey}`)
  if (answer.status === 404) return { answer: 'did_not' }
  if (!answer.ok) return { answer: 'cannot_tell' }
  return { answer: 'happened', output: Posted.parse(await answer.json()) }
}

/** A running office and the letters that it sent. */
export interface Office {
  readonly url: string
  readonly sent: readonly (RecordedEffect & { readonly letter: Letter })[]
  stop(): Promise<void>
}

const OWED: Readonly<Record<string, readonly Item[]>> = {
  ada: [{ invoice: 'I-1', cents: 12_000, daysLate: 12 }],
  bob: [
    { invoice: 'I-2', cents: 90_000, daysLate: 95 },
    { invoice: 'I-3', cents: 4_000, daysLate: 33 },
  ],
}

/** Starts an office on a free port of the loopback interface. It sends each letter that arrives. */
export async function startOffice(): Promise<Office> {
  const sent: (RecordedEffect & { letter: Letter })[] = []
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://office')
    const key = header(request, 'idempotency-key')
    if (pathname.startsWith('/items/')) {
      response.end(JSON.stringify(OWED[pathname.split('/').at(-1) ?? ''] ?? []))
      return
    }
    if (request.method === 'GET') {
      const found = sent.find((each) => each.key === searchParams.get('key'))
      if (found) response.end(postedOf(found.letter))
      else response.writeHead(404).end()
      return
    }
    bodyOf(request).then(
      (letter) => {
        const runId = header(request, 'x-signalbox-run-id')
        sent.push({ tool: 'letters.send', subject: letter.customer, key, runId, letter })
        response.end(postedOf(letter))
      },
      () => response.writeHead(400).end(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the office has no port')
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.closeAllConnections()
      server.close(() => resolve())
    })
  return { url: `http://127.0.0.1:${address.port}`, sent, stop }
}

function postedOf({ customer, month }: Letter): string {
  return JSON.stringify({ posted: `${customer}/${month}` })
}

function header(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name]
  return typeof value === 'string' ? value : null
}

async function bodyOf(request: IncomingMessage): Promise<Letter> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return Letter.parse(JSON.parse(text))
}
