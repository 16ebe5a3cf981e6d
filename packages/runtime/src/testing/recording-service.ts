import { createServer, type IncomingMessage } from 'node:http'
import type { z } from 'zod'
import type { ActCtx, Found } from '../contracts/tool.ts'

/**
 * A small service outside of Signalbox for examples, drills and tests: how a tool reaches it, and one that can be started.
 * What it booked is its own record of what was done.
 */

/** The variable that says where the service answers. */
const SERVICE_URL = 'SERVICE_URL'

/** What the service accepts: which tool posts to it, what its bodies are, and what a body is about. */
export interface ServiceAccepts<B> {
  readonly tool: string
  readonly body: z.ZodType<B>
  readonly subject: (body: B) => string
}

/** The parts of a tool that posts its arguments to the service and can look up what became of a lost answer. */
export function posts<B>({ body }: ServiceAccepts<B>) {
  const read = async (answer: Response): Promise<B> => body.parse(await answer.json())
  const url = (): string => process.env[SERVICE_URL] ?? 'http://127.0.0.1:9'
  return {
    hosts: () => [new URL(url()).host],
    timeoutSeconds: 3,
    settleAfterSeconds: 1, // later than that the service books no lost request
    execute: async (args: B, ctx: ActCtx): Promise<B> => {
      const answer = await ctx.fetch(url(), { method: 'POST', body: JSON.stringify(args) })
      if (!answer.ok) throw new Error(`the service answered ${answer.status}`)
      return read(answer)
    },
    reconcile: async (_args: B, ctx: ActCtx): Promise<Found<B>> => {
      const answer = await ctx.fetch(`${url()}?key=${ctx.idempotencyKey}`)
      if (answer.status === 404) return { answer: 'did_not' }
      return answer.ok ? { answer: 'happened', output: await read(answer) } : { answer: 'cannot_tell' }
    },
  }
}

/** One request as the service booked it. */
export interface Booked<B> {
  readonly tool: string
  readonly subject: string
  /** The idempotency key that came with it. */
  readonly key: string | null
  readonly runId: string | null
  readonly body: B
}

/** A running service and what it booked, oldest first. */
export interface RecordingService<B> {
  /** What a process needs in its environment to reach it. */
  readonly env: Readonly<Record<string, string>>
  readonly booked: readonly Booked<B>[]
  stop(): Promise<void>
}

/** Starts an empty service on a free port of the loopback interface. It books whatever arrives, as often as it arrives. */
export async function startService<B>(accepts: ServiceAccepts<B>): Promise<RecordingService<B>> {
  const booked: Booked<B>[] = []
  const server = createServer((request, response) => {
    const key = header(request, 'idempotency-key')
    if (request.method === 'GET') {
      const asked = new URL(request.url ?? '/', 'http://service').searchParams.get('key')
      const found = booked.find((each) => each.key === asked)
      if (found) response.end(JSON.stringify(found.body))
      else response.writeHead(404).end()
      return
    }
    bodyOf(request, accepts.body).then(
      (body) => {
        const runId = header(request, 'x-signalbox-run-id')
        booked.push({ tool: accepts.tool, subject: accepts.subject(body), key, runId, body })
        response.end(JSON.stringify(body))
      },
      () => response.writeHead(400).end(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the service has no port')
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.closeAllConnections()
      server.close(() => resolve())
    })
  return { env: { [SERVICE_URL]: `http://127.0.0.1:${address.port}` }, booked, stop }
}

/** The outside world of a drill: what it was sent, and how to stop it. */
export interface ServiceWorld<B> {
  readonly env: Readonly<Record<string, string>>
  effects(): Promise<readonly Booked<B>[]>
  stop(): Promise<void>
}

/** Starts a service as the outside world of a drill. */
export async function worldOf<B>(accepts: ServiceAccepts<B>): Promise<ServiceWorld<B>> {
  const { env, booked, stop } = await startService(accepts)
  return { env, effects: async () => booked, stop }
}

function header(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name]
  return typeof value === 'string' ? value : null
}

async function bodyOf<B>(request: IncomingMessage, body: z.ZodType<B>): Promise<B> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return body.parse(JSON.parse(text))
}
