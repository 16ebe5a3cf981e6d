/** What lies outside of a long turn: a post office and a model, both real HTTP servers with logs of their own. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A running server. */
export interface Outside<T> {
  readonly url: string
  readonly log: readonly T[]
  stop(): Promise<void>
}

/** One letter that the office took. */
export interface Letter {
  readonly number: number
  readonly key: string
  readonly runId: string
}

/** A post office that posts every letter that arrives, and can be asked by key. */
export function startOffice(): Promise<Outside<Letter>> {
  const log: Letter[] = []
  return serve(log, async (request, response) => {
    const key = String(request.headers['idempotency-key'] ?? '')
    if (request.method === 'GET') {
      const asked = new URL(request.url ?? '/', 'http://office').searchParams.get('key')
      const found = log.find((each) => each.key === asked)
      response.writeHead(found ? 200 : 404).end(JSON.stringify({ posted: found?.number ?? 0 }))
      return
    }
    // The tool of this test sends exactly this.
    const { number } = (await bodyOf(request)) as { number: number }
    log.push({ number, key, runId: String(request.headers['x-signalbox-run-id'] ?? '') })
    response.end(JSON.stringify({ posted: number }))
  })
}

interface Message {
  readonly role: string
  readonly content?: unknown
}

/** A model that wants so many calls in each of so many turns, as its prompt says: `turns 1 calls 20`. Logs every request. */
export function startModel(): Promise<Outside<{ readonly turn: number }>> {
  const log: { turn: number }[] = []
  return serve(log, async (request, response) => {
    // The provider adapter speaks the chat-completions protocol.
    const { messages } = (await bodyOf(request)) as { messages: readonly Message[] }
    const turn = messages.filter((message) => message.role === 'assistant').length
    const [, turns, calls] = /turns (\d+) calls (\d+)/.exec(JSON.stringify(messages)) ?? []
    log.push({ turn })
    const wanted = turn < Number(turns) ? Number(calls) : 0
    const tool_calls = Array.from({ length: wanted }, (_, i) => ({
      id: `call_${turn}_${i}`,
      type: 'function',
      function: { name: 'office_post', arguments: JSON.stringify({ number: turn * wanted + i + 1 }) },
    }))
    const message =
      wanted > 0 ? { role: 'assistant', content: null, tool_calls } : { role: 'assistant', content: 'all posted' }
    const choices = [{ index: 0, message, finish_reason: wanted > 0 ? 'tool_calls' : 'stop' }]
    const usage = { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(
      JSON.stringify({ id: `chat-${log.length}`, created: 1, model: 'm', object: 'chat.completion', choices, usage }),
    )
  })
}

async function serve<T>(
  log: readonly T[],
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<Outside<T>> {
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.writeHead(500).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A server that listens on a port has an address of this shape.
  const { port } = server.address() as AddressInfo
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.closeAllConnections()
      server.close(() => resolve())
    })
  return { url: `http://127.0.0.1:${port}`, log, stop }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return JSON.parse(text)
}
