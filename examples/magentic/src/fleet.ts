/** The service that runs releases: how the tools reach it, and a small one that the example and its drill start. */
import { createServer, type IncomingMessage } from 'node:http'
import type { RecordedEffect } from '@signalbox/server'
import type { ActCtx, Found } from 'signalbox'
import { z } from 'zod'

/** The variable that says where the service answers. */
export const FLEET_URL = 'FLEET_URL'

/** Which release a service runs, and whether it refuses orders. */
export const Status = z.object({ service: z.string(), release: z.string(), healthy: z.boolean() })
type Status = z.infer<typeof Status>

/** What is rolled back. */
export const Rollback = z.object({ service: z.string(), from: z.string(), to: z.string() })
type Rollback = z.infer<typeof Rollback>

/** The hosts that the tools may call: the service's, or none. */
export function fleetHosts(): readonly string[] {
  const url = process.env[FLEET_URL]
  return url ? [new URL(url).host] : []
}

/** Asks which release runs. */
export async function statusOf({ service }: { service: string }, ctx: Pick<ActCtx, 'fetch'>): Promise<Status> {
  return Status.parse(await (await ctx.fetch(`${process.env[FLEET_URL]}/releases/${service}`)).json())
}

/** Puts a service back to an earlier release. */
export async function rollBack(args: Rollback, ctx: ActCtx): Promise<Status> {
  const answer = await ctx.fetch(`${process.env[FLEET_URL]}/rollbacks`, { method: 'POST', body: JSON.stringify(args) })
  if (!answer.ok) throw new Error(`the service answered ${answer.status}`)
  return Status.parse(await answer.json())
}

/** What was done under the call's key: whether a rollback happened whose answer was lost. */
export async function findRollback(_args: Rollback, ctx: ActCtx): Promise<Found<Status>> {
  const answer = await ctx.fetch(`${process.env[FLEET_URL]}/rollbacks?key=${ctx.idempotencyKey}`)
  if (answer.status === 404) return { answer: 'did_not' }
  if (!answer.ok) return { answer: 'cannot_tell' }
  return { answer: 'happened', output: Status.parse(await answer.json()) }
}

/** A running service and what it did. */
export interface Fleet {
  readonly url: string
  readonly done: readonly (RecordedEffect & { readonly now: Status })[]
  stop(): Promise<void>
}

/** Starts a service on a free port of the loopback interface. Release 2.4.1 of anything refuses orders until it is rolled back. */
export async function startFleet(): Promise<Fleet> {
  const done: (RecordedEffect & { now: Status })[] = []
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://fleet')
    const key = header(request, 'idempotency-key')
    if (request.method === 'GET' && pathname === '/rollbacks') {
      const found = done.find((each) => each.key === searchParams.get('key'))
      if (found) response.end(JSON.stringify(found.now))
      else response.writeHead(404).end()
    } else if (request.method === 'GET') {
      const service = pathname.split('/').at(-1) ?? ''
      const now = done.findLast((each) => each.subject === service)?.now
      response.end(JSON.stringify(now ?? { service, release: '2.4.1', healthy: false }))
    } else
      bodyOf(request).then(
        ({ service, to }) => {
          const now = { service, release: to, healthy: to !== '2.4.1' }
          const runId = header(request, 'x-signalbox-run-id')
          done.push({ tool: 'releases.roll_back', subject: service, key, runId, now })
          response.end(JSON.stringify(now))
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
  return { url: `http://127.0.0.1:${address.port}`, done, stop }
}

function header(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name]
  return typeof value === 'string' ? value : null
}

async function bodyOf(request: IncomingMessage): Promise<Rollback> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return Rollback.parse(JSON.parse(text))
}
