/** A provider on a local port that answers each case in its own wire format, whole or streamed. */
import { createServer, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

/** What the provider answers: a status that refuses, a stream that breaks off, or an answer with usage. */
export interface WireCase {
  readonly usage?: Readonly<Record<string, unknown>> | undefined
  readonly tier?: string | undefined
  readonly answer?: string | undefined
  /** What the provider searched the web for, where it tells that beside the usage. */
  readonly searches?: readonly string[] | undefined
}

/** A running provider; `reached` counts the requests of each case. */
export interface WireProvider {
  /** Base URL under which the case of that key is answered. */
  url(key: string): string
  readonly reached: ReadonlyMap<string, number>
  stop(): Promise<void>
}

/** Starts a provider for cases by key. */
export async function startWire(cases: ReadonlyMap<string, WireCase>): Promise<WireProvider> {
  const reached = new Map<string, number>()
  const server = createServer((request, response) => {
    const [, key = '', ...path] = (request.url ?? '').split('/')
    let body = ''
    request.on('data', (part: Buffer) => {
      body += part.toString()
    })
    request.on('end', () => {
      reached.set(key, (reached.get(key) ?? 0) + 1)
      const streamed = body.includes('"stream":true') || path.join('/').includes(':streamGenerateContent')
      answer(response, cases.get(key) ?? { answer: 'status 404' }, path.join('/'), streamed)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // A server that listens on a port has an address with one.
  const { port } = server.address() as AddressInfo
  return {
    url: (key) => `http://127.0.0.1:${port}/${key}/v1`,
    reached,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function answer(response: ServerResponse, given: WireCase, path: string, streamed: boolean): void {
  const status = Number(given.answer?.startsWith('status ') ? given.answer.slice(7) : 200)
  if (status !== 200) {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ type: 'error', error: { type: 'no', message: 'no', code: 'no' } }))
    return
  }
  const wire = wireOf(path)
  if (!streamed) {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(wire.whole(given)))
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const events = wire.streamed(given)
  const cut = given.answer === 'cut'
  for (const event of cut ? events.slice(0, wire.startEvents) : events) {
    const name = 'type' in event ? `event: ${String(event.type)}\n` : ''
    response.write(`${name}data: ${JSON.stringify(event)}\n\n`)
  }
  if (!cut) response.end(wire.done)
  // What was written reaches the other side before the connection breaks.
  else setTimeout(() => response.destroy(), 20)
}

function wireOf(path: string): Wire {
  if (path.includes('enerateContent')) return GEMINI
  return path.endsWith('messages') ? ANTHROPIC : path.endsWith('responses') ? RESPONSES : CHAT
}

type Event = Readonly<Record<string, unknown>>

interface Wire {
  whole(given: WireCase): Event
  streamed(given: WireCase): readonly Event[]
  readonly done: string
  /** Events after which a cut answer ends. */
  readonly startEvents: number
}

const ANTHROPIC: Wire = {
  whole: ({ usage }) => ({
    type: 'message',
    id: 'msg_1',
    model: 'm',
    role: 'assistant',
    content: [{ type: 'text', text: 'ok' }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage,
  }),
  streamed: ({ usage = {} }) => [
    {
      type: 'message_start',
      message: {
        type: 'message',
        id: 'msg_1',
        model: 'm',
        role: 'assistant',
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { ...usage, output_tokens: 1 },
      },
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'ok' } },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: lastUsage(usage) },
    { type: 'message_stop' },
  ],
  done: '',
  startEvents: 3,
}

/** At the end of a stream the output is told, and what was told at its beginning is left out. */
function lastUsage(usage: Event): Event {
  const { output_tokens: output, output_tokens_details: details, server_tool_use: tools } = usage
  return {
    output_tokens: output,
    ...(details ? { output_tokens_details: details } : {}),
    ...(tools ? { server_tool_use: tools } : {}),
  }
}

const RESPONSES: Wire = {
  whole: (given) => ({
    id: 'resp_1',
    created_at: 1_700_000_000,
    object: 'response',
    status: 'completed',
    model: 'm',
    output: [MESSAGE],
    incomplete_details: null,
    ...(given.usage ? { usage: given.usage } : {}),
    service_tier: given.tier ?? 'default',
  }),
  streamed: (given) => [
    { type: 'response.created', response: { id: 'resp_1', created_at: 1_700_000_000, model: 'm' } },
    {
      type: 'response.output_item.added',
      output_index: 0,
      item: { type: 'message', id: 'msg_1', status: 'in_progress', role: 'assistant', content: [] },
    },
    {
      type: 'response.output_text.delta',
      item_id: 'msg_1',
      output_index: 0,
      content_index: 0,
      delta: 'ok',
      logprobs: [],
    },
    { type: 'response.output_item.done', output_index: 0, item: MESSAGE },
    {
      type: 'response.completed',
      response: {
        incomplete_details: null,
        ...(given.usage ? { usage: given.usage } : {}),
        service_tier: given.tier ?? 'default',
      },
    },
  ],
  done: '',
  startEvents: 3,
}

const MESSAGE = {
  type: 'message',
  id: 'msg_1',
  status: 'completed',
  role: 'assistant',
  content: [{ type: 'output_text', text: 'ok', annotations: [], logprobs: [] }],
}

const GEMINI: Wire = {
  whole: (given) => gemini(given, 'ok'),
  streamed: (given) => [gemini({}, 'o', null), gemini(given, 'k')],
  done: '',
  startEvents: 1,
}

/** A response of Gemini, or one of those that a stream is made of; a continued one asks for a further request. */
function gemini({ usage, tier, answer, searches }: WireCase, text: string, last: 'STOP' | null = 'STOP'): Event {
  const continued = answer === 'continued'
  const candidate = {
    content: { role: 'model', parts: [{ text }] },
    ...(last ? { finishReason: continued ? 'CONTINUATION' : last } : {}),
    ...(continued ? { continuationToken: 'more' } : {}),
    ...(searches ? { groundingMetadata: { webSearchQueries: searches } } : {}),
  }
  return {
    candidates: [candidate],
    ...(usage ? { usageMetadata: { ...usage, ...(tier ? { serviceTier: tier } : {}) } } : {}),
  }
}

const CHAT: Wire = {
  whole: ({ usage }) => ({
    id: 'c_1',
    created: 1_700_000_000,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
    ...(usage ? { usage } : {}),
  }),
  streamed: ({ usage }) => [
    {
      id: 'c_1',
      created: 1_700_000_000,
      model: 'm',
      choices: [{ index: 0, delta: { role: 'assistant', content: 'o' } }],
    },
    { id: 'c_1', choices: [{ index: 0, delta: { content: 'k' } }] },
    { id: 'c_1', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
    ...(usage ? [{ id: 'c_1', choices: [], usage }] : []),
  ],
  done: 'data: [DONE]\n\n',
  startEvents: 2,
}
