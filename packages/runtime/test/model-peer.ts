import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the peer does with one request. */
export type PeerAnswer =
  | { readonly say: string; readonly status?: undefined }
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  /** Closes the connection before a byte, or after the first part of the answer. */
  | { readonly drop: 'before' | 'midway' }
  /** Sends the parts of the answer only as `release` is called. */
  | { readonly slow: string }
  /** Answers with what is no stream of parts. */
  | { readonly garbage: string }

/** A peer that answers as an OpenAI-compatible provider, over real HTTP on the loopback interface. */
export interface ModelPeer {
  readonly url: string
  /** What comes next; the last one is repeated. */
  answers: readonly PeerAnswer[]
  /** Models that were asked for, in order. */
  readonly asked: string[]
  /** Requests that are being answered now, and the most at a time. */
  open: number
  most: number
  /** Lets a slow answer go on. */
  release(): void
  close(): Promise<void>
}

/** Opens a peer. */
export async function openPeer(...answers: readonly PeerAnswer[]): Promise<ModelPeer> {
  const held: (() => void)[] = []
  const server = createServer((request, response) => {
    void take(request, response)
  })
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request)
    peer.asked.push(/"model":"([^"]+)"/.exec(body)?.[1] ?? '')
    peer.open += 1
    peer.most = Math.max(peer.most, peer.open)
    response.on('close', () => {
      peer.open -= 1
    })
    const answer = peer.answers[Math.min(peer.asked.length, peer.answers.length) - 1] ?? { say: 'ok' }
    await play(answer, response, held)
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A server on a port has an address with a port.
  const { port } = server.address() as AddressInfo
  const peer: ModelPeer = {
    url: `http://127.0.0.1:${port}/v1`,
    answers,
    asked: [],
    open: 0,
    most: 0,
    release: () => held.shift()?.(),
    close: async () => {
      for (const go of held.splice(0)) go()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return peer
}

async function play(answer: PeerAnswer, response: ServerResponse, held: (() => void)[]): Promise<void> {
  if ('drop' in answer && answer.drop === 'before') {
    response.destroy()
    return
  }
  if ('status' in answer && answer.status !== undefined) {
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
    response.end(answer.body ?? JSON.stringify({ error: { message: 'the provider says no', type: 'trouble' } }))
    return
  }
  if ('garbage' in answer) {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(answer.garbage)
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const said = 'say' in answer ? answer.say : 'slow' in answer ? answer.slow : 'half an'
  response.write(part({ role: 'assistant', content: said.slice(0, 4) }))
  if ('drop' in answer) {
    await new Promise((resolve) => setImmediate(resolve))
    response.destroy()
    return
  }
  if ('slow' in answer) await new Promise<void>((resolve) => held.push(resolve))
  response.write(part({ content: said.slice(4) }))
  response.write(part({}, 'stop'))
  response.write(
    `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', choices: [], usage: { prompt_tokens: 10, completion_tokens: 5 } })}\n\n`,
  )
  response.end('data: [DONE]\n\n')
}

function part(delta: object, finish: string | null = null): string {
  const chunk = { id: 'c1', object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }] }
  return `data: ${JSON.stringify(chunk)}\n\n`
}

async function text(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const piece of request) body += String(piece)
  return body
}
