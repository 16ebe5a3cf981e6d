/** Readers of a run's event stream over plain sockets, so that leaving and not reading are what they say. */
import { once } from 'node:events'
import { request as send, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { parseStreamEvent, readSse, type StreamEvent } from '@signalbox/protocol'
import type { Served } from './play.ts'

/** What one reader has seen over all its connections. */
export interface Seen {
  readonly records: Extract<StreamEvent, { event: 'record' }>['data'][]
  readonly deltas: string[]
  /** All bytes that came, as text. */
  raw: string
  ended: boolean
}

/** A reader that has seen nothing. */
export function newReader(): Seen {
  return { records: [], deltas: [], raw: '', ended: false }
}

/**
 * Reads on after the last record seen, one event at a time, and breaks the connection off after `limit` records; reads
 * to the end without one.
 */
export async function readOn(served: Served, runId: string, seen: Seen, limit = Number.POSITIVE_INFINITY) {
  const last = seen.records.at(-1)
  const request = send(`${served.server.url}/api/v1/runs/${runId}/stream`, {
    headers: {
      authorization: `Bearer ${served.anaToken}`,
      ...(last ? { 'last-event-id': String(last.seq) } : {}),
    },
  })
  request.end()
  // The `response` event has one argument.
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let left = limit
  for await (const message of readSse(bytesOf(response, seen))) {
    const event = parseStreamEvent(message)
    if (event?.event === 'record') {
      seen.records.push(event.data)
      left -= 1
      if (left <= 0) break
    } else if (event?.event === 'delta') seen.deltas.push(event.data.delta.delta)
    else if (event?.event === 'end') {
      seen.ended = true
      break
    }
    // Slow: other work goes first after each event.
    await new Promise((resolve) => setImmediate(resolve))
  }
  request.destroy()
}

function bytesOf(response: IncomingMessage, seen: Seen): ReadableStream<Uint8Array> {
  const chunks = response[Symbol.asyncIterator]()
  return new ReadableStream({
    pull: async (controller) => {
      const next = await chunks.next()
      if (next.done) return controller.close()
      seen.raw += next.value.toString('utf8')
      controller.enqueue(next.value)
    },
    cancel: () => {
      response.destroy()
    },
  })
}

/** Asks for a stream and never reads a byte of it until told to. */
export async function deafReader(served: Served, runId: string): Promise<{ socket: Socket; rest(): Promise<string> }> {
  const socket = connect(served.server.port, '127.0.0.1')
  socket.pause()
  await once(socket, 'connect')
  const head = `GET /api/v1/runs/${runId}/stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n`
  socket.write(`${head}Authorization: Bearer ${served.anaToken}\r\n\r\n`)
  return {
    socket,
    rest: async () => {
      const chunks: Buffer[] = []
      socket.on('data', (chunk: Buffer) => chunks.push(chunk))
      const closed = once(socket, 'close')
      socket.resume()
      await closed
      return Buffer.concat(chunks).toString('utf8')
    },
  }
}
