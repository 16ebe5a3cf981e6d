/**
 * A model provider for tests: an HTTP server that speaks the chat-completions protocol, streamed by SSE and not, and
 * lets the clerk's script decide from the messages of each request alone.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ModelRequest, ScriptedAnswer } from 'signalbox'
import { z } from 'zod'
import { clerkScript } from '../src/scripted-clerk.ts'

const Chat = z.object({
  stream: z.boolean().optional(),
  messages: z.array(
    z.object({
      role: z.enum(['system', 'user', 'assistant', 'tool']),
      content: z
        .union([z.string(), z.array(z.object({ type: z.string(), text: z.string().optional() })), z.null()])
        .optional(),
      tool_calls: z
        .array(z.object({ id: z.string(), function: z.object({ name: z.string(), arguments: z.string() }) }))
        .optional(),
      tool_call_id: z.string().optional(),
    }),
  ),
  tools: z.array(z.object({ function: z.object({ name: z.string() }) })).optional(),
})
type Chat = z.infer<typeof Chat>
type Message = ModelRequest['messages'][number]

/** A running provider. */
export interface TestProvider {
  /** With `/v1`, as a client wants it. */
  readonly baseUrl: string
  /** How many requests came, and how many of them wanted a stream. */
  readonly seen: { requests: number; streamed: number }
  stop(): Promise<void>
}

export async function startProvider(): Promise<TestProvider> {
  const seen = { requests: 0, streamed: 0 }
  const server = createServer((request, response) => {
    answer(request, response, seen).catch((error: unknown) => {
      response.writeHead(500, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ error: { message: String(error) } }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A server that listens on a port has an address of this shape.
  const { port } = server.address() as AddressInfo
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    seen,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, seen: TestProvider['seen']): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk))
  const chat = Chat.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')))
  seen.requests += 1
  const asked: ModelRequest = { messages: messagesOf(chat), tools: [], maxOutputTokens: 1_000, outputSchema: null }
  const said = await clerkScript(asked, new AbortController().signal)
  const message = wireMessage(said, chat, seen.requests)
  const usage = { prompt_tokens: 1_000, completion_tokens: 50, total_tokens: 1_050 }
  const finish_reason = message.tool_calls ? 'tool_calls' : 'stop'
  const base = { id: `chat-${seen.requests}`, created: 1, model: 'clerk' }
  if (chat.stream !== true) {
    response.writeHead(200, { 'content-type': 'application/json' })
    const choices = [{ index: 0, message: { role: 'assistant', ...message }, finish_reason }]
    response.end(JSON.stringify({ ...base, object: 'chat.completion', choices, usage }))
    return
  }
  seen.streamed += 1
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const send = (choices: unknown[], more: object = {}) =>
    response.write(`data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', choices, ...more })}\n\n`)
  for (const delta of deltasOf(message)) send([{ index: 0, delta, finish_reason: null }])
  send([{ index: 0, delta: {}, finish_reason }])
  send([], { usage })
  response.end('data: [DONE]\n\n')
}

/** The messages as the runtime's own models see them. */
function messagesOf(chat: Chat): Message[] {
  const names = new Map(
    chat.messages.flatMap((message) =>
      (message.tool_calls ?? []).map((call) => [call.id, call.function.name] as const),
    ),
  )
  return chat.messages.map((message): Message => {
    const text =
      typeof message.content === 'string'
        ? message.content
        : (message.content ?? []).map((part) => part.text ?? '').join('')
    if (message.role === 'system') return { role: 'system', content: text }
    if (message.role === 'user') return { role: 'user', content: [{ type: 'text', text }] }
    if (message.role === 'assistant') return { role: 'assistant', content: [{ type: 'text', text }] }
    const toolCallId = message.tool_call_id ?? ''
    // On the wire a dot in a tool's name is an underscore.
    const toolName = (names.get(toolCallId) ?? '').replace('_', '.')
    const isError = /^\{"error":/.test(text)
    const output = isError ? ({ type: 'error-json', value: {} } as const) : ({ type: 'json', value: {} } as const)
    return { role: 'tool', content: [{ type: 'tool-result', toolCallId, toolName, output }] }
  })
}

interface WireMessage {
  readonly content: string | null
  readonly tool_calls?: readonly {
    readonly id: string
    readonly type: 'function'
    readonly function: { readonly name: string; readonly arguments: string }
  }[]
}

function wireMessage(said: ScriptedAnswer, chat: Chat, turn: number): WireMessage {
  if (typeof said === 'string') return { content: said }
  const wire = (name: string): string => {
    const plain = name.replaceAll('.', '_')
    if (!chat.tools?.some((tool) => tool.function.name === plain)) throw new Error(`the client shows no tool ${plain}`)
    return plain
  }
  const calls = (said.calls ?? []).map((call, at) => ({
    id: `call_${turn}_${at}`,
    type: 'function' as const,
    function: { name: wire(call.tool), arguments: JSON.stringify(call.args ?? {}) },
  }))
  return calls.length > 0 ? { content: said.text ?? null, tool_calls: calls } : { content: said.text ?? '' }
}

/** Pieces of a message: text in small parts, the arguments of a call in two. */
function* deltasOf({ content, tool_calls }: WireMessage): Generator<object> {
  yield { role: 'assistant', content: '' }
  for (let at = 0; at < (content?.length ?? 0); at += 16) yield { content: content?.slice(at, at + 16) }
  for (const [index, { id, type, function: call }] of (tool_calls ?? []).entries()) {
    const half = Math.floor(call.arguments.length / 2)
    yield { tool_calls: [{ index, id, type, function: { name: call.name, arguments: call.arguments.slice(0, half) } }] }
    yield { tool_calls: [{ index, function: { arguments: call.arguments.slice(half) } }] }
  }
}
