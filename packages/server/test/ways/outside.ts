/** The world outside: a shop that keeps a log of all that was sent to it, and a provider of language models. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JsonValue } from 'signalbox'
import { parseJson, type ScriptedAnswer } from 'signalbox'
import { z } from 'zod'

/** One request as the shop saw it. */
export interface ShopEntry {
  readonly method: string
  readonly path: string
  readonly key: string | null
  readonly body: JsonValue
}

/** A running server of the outside world. */
export interface Outside {
  readonly port: number
  readonly url: string
  close(): Promise<void>
}

/** The shop: orders can be read, refunded and written about; it does whatever it is asked to, once a request. */
export interface Shop extends Outside {
  readonly log: readonly ShopEntry[]
}

/** Starts a shop on a free port. */
export async function startShop(): Promise<Shop> {
  const log: ShopEntry[] = []
  const server = createServer((request, response) => {
    void bodyOf(request).then((text) => {
      const { method = '', url = '' } = request
      const key = request.headers['idempotency-key']
      log.push({
        method,
        path: url,
        key: typeof key === 'string' ? key : null,
        body: text === '' ? null : parseJson(text, 'the body'),
      })
      const id = url.split('/').at(-1) ?? ''
      if (method === 'GET') sendJson(response, { id, total_cents: 5_000, version: '7' })
      else sendJson(response, { receipt: `${url.slice(1)}-${log.filter((entry) => entry.method === 'POST').length}` })
    })
  })
  return { log, ...(await listening(server)) }
}

const chatSchema = z.object({
  stream: z.boolean().optional(),
  tools: z.array(z.object({ function: z.object({ name: z.string() }) })).optional(),
  messages: z.array(z.object({ role: z.string() })),
})

/** A provider's server, and whether it was asked for streams. */
export interface Provider extends Outside {
  /** For each call, whether it was to be streamed. */
  readonly calls: readonly boolean[]
}

/**
 * Starts a provider that speaks the chat completions protocol over HTTP, and server-sent events where a stream is asked
 * for. It answers by `answer`, which gets the number of tool results in the conversation.
 */
export async function startProvider(answer: (toolResults: number) => ScriptedAnswer): Promise<Provider> {
  const calls: boolean[] = []
  const server = createServer((request, response) => {
    void bodyOf(request).then((text) => {
      const chat = chatSchema.parse(JSON.parse(text))
      calls.push(chat.stream === true)
      const scripted = answer(chat.messages.filter((message) => message.role === 'tool').length)
      const said = typeof scripted === 'string' ? { text: scripted } : scripted
      const names = chat.tools?.map((tool) => tool.function.name) ?? []
      if (chat.stream) sendStream(response, said, names)
      else sendWhole(response, said, names)
    })
  })
  return { calls, ...(await listening(server)) }
}

type Said = Exclude<ScriptedAnswer, string>
type WireCall = { readonly id: string; readonly name: string; readonly arguments: string }

/** Names on the wire have no dots. */
function callsOf(said: Said, names: readonly string[]): readonly WireCall[] {
  return (said.calls ?? []).map((call) => {
    const name = names.find((one) => one.replaceAll('_', '.') === call.tool) ?? call.tool
    return { id: call.id ?? '', name, arguments: JSON.stringify(call.args) }
  })
}

const USAGE = { prompt_tokens: 120, completion_tokens: 30, total_tokens: 150 }

function sendWhole(response: ServerResponse, said: Said, names: readonly string[]): void {
  const calls = callsOf(said, names)
  const message = {
    role: 'assistant',
    content: said.text ?? null,
    ...(calls.length > 0 ? { tool_calls: calls.map(({ id, ...fn }) => ({ id, type: 'function', function: fn })) } : {}),
  }
  const finish = calls.length > 0 ? 'tool_calls' : 'stop'
  const choice = { index: 0, message, finish_reason: finish }
  sendJson(response, {
    id: 'chat-1',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [choice],
    usage: USAGE,
  })
}

/** Text in parts of seven characters, arguments in two parts, as providers send them. */
function sendStream(response: ServerResponse, said: Said, names: readonly string[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const part = (delta: object, finish: string | null = null, more: object = {}): void => {
    const choices = [{ index: 0, delta, finish_reason: finish }]
    const chunk = { id: 'chat-1', object: 'chat.completion.chunk', created: 1, model: 'm', choices, ...more }
    response.write(`data: ${JSON.stringify(chunk)}\n\n`)
  }
  part({ role: 'assistant', content: '' })
  for (const text of (said.text ?? '').match(/[\s\S]{1,7}/g) ?? []) part({ content: text })
  const calls = callsOf(said, names)
  calls.forEach((call, index) => {
    const half = Math.floor(call.arguments.length / 2)
    const [first, rest] = [call.arguments.slice(0, half), call.arguments.slice(half)]
    part({ tool_calls: [{ index, id: call.id, type: 'function', function: { name: call.name, arguments: first } }] })
    part({ tool_calls: [{ index, function: { arguments: rest } }] })
  })
  part({}, calls.length > 0 ? 'tool_calls' : 'stop', { usage: USAGE })
  response.end('data: [DONE]\n\n')
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part)
  return Buffer.concat(parts).toString('utf8')
}

function sendJson(response: ServerResponse, value: JsonValue | object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

async function listening(server: Server): Promise<Outside> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A listening TCP server has an address with a port.
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
