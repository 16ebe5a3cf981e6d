/** The calendar of changes: how the tool reaches it, and a small one that the example and its drill start. */
import { createServer, type IncomingMessage } from 'node:http'
import type { RecordedEffect } from '@signalbox/server'
import type { ActCtx, Found } from 'signalbox'
import { z } from 'zod'

/** The variable that says where the calendar answers. */
export const CALENDAR_URL = 'CALENDAR_URL'

/** What is scheduled. */
export const Slot = z.object({ change: z.string(), window: z.string() })
type Slot = z.infer<typeof Slot>

/** The hosts that the tool may call: the calendar's, or none. */
export function calendarHosts(): readonly string[] {
  const url = process.env[CALENDAR_URL]
  return url ? [new URL(url).host] : []
}

/** Puts a change into the calendar. */
export async function schedule(slot: Slot, ctx: ActCtx): Promise<Slot> {
  const answer = await ctx.fetch(`${process.env[CALENDAR_URL]}/slots`, { method: 'POST', body: JSON.stringify(slot) })
  if (!answer.ok) throw new Error(`the calendar answered ${answer.status}`)
  return Slot.parse(await answer.json())
}

/** What the calendar has under the call's key: whether a booking happened whose answer was lost. */
export async function findSlot(_slot: Slot, ctx: ActCtx): Promise<Found<Slot>> {
  const answer = await ctx.fetch(`${process.env[CALENDAR_URL]}/slots?key=${ctx.idempotencyKey}`)
  if (answer.status === 404) return { answer: 'did_not' }
  if (!answer.ok) return { answer: 'cannot_tell' }
  return { answer: 'happened', output: Slot.parse(await answer.json()) }
}

/** A running calendar and what is in it. */
export interface Calendar {
  readonly url: string
  readonly booked: readonly (RecordedEffect & { readonly slot: Slot })[]
  stop(): Promise<void>
}

/** Starts an empty calendar on a free port of the loopback interface. It books whatever arrives, as often as it arrives. */
export async function startCalendar(): Promise<Calendar> {
  const booked: (RecordedEffect & { slot: Slot })[] = []
  const server = createServer((request, response) => {
    const key = header(request, 'idempotency-key')
    if (request.method === 'GET') {
      const asked = new URL(request.url ?? '/', 'http://calendar').searchParams.get('key')
      const found = booked.find((each) => each.key === asked)
      if (found) response.end(JSON.stringify(found.slot))
      else response.writeHead(404).end()
      return
    }
    slotOf(request).then(
      (slot) => {
        const runId = header(request, 'x-signalbox-run-id')
        booked.push({ tool: 'changes.schedule', subject: slot.change, key, runId, slot })
        response.end(JSON.stringify(slot))
      },
      () => response.writeHead(400).end(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the calendar has no port')
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

async function slotOf(request: IncomingMessage): Promise<Slot> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return Slot.parse(JSON.parse(text))
}
