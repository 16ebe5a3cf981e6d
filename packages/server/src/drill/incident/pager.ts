/** How an incident reaches a person: the alert rules over the world's records, the outbox, and a receiver that people read. */
import { createServer, type IncomingMessage } from 'node:http'
import { type AlertKind, parseJson, type Signalbox } from 'signalbox'
import { z } from 'zod'
import { AlertEvaluator } from '../../alerts/evaluator.ts'
import { type AlertService, alertService } from '../../alerts/service.ts'
import { readAlertSettings } from '../../alerts/settings.ts'
import { alertSources } from '../../alerts/sources.ts'
import { readNotifications } from '../../notify/definition.ts'
import { Outbox } from '../../notify/outbox.ts'
import { signedHeaders } from '../../notify/sign.ts'
import { TENANT, type World } from './world.ts'

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

/** The alerts of the drill: one failing model is told at once, and what stood a while ago does not hide what is new. */
export const ALERTS = readAlertSettings({
  kinds: {
    'denial.spike': { limits: { inOneRun: 5 }, resolveAfterSeconds: 0 },
    'budget.violation': { limits: { withinSeconds: 600 }, resolveAfterSeconds: 0 },
    'provider.down': { limits: { failures: 1, forSeconds: 0 } },
  },
})

const Message = z.object({
  type: z.string(),
  data: z.object({ subject: z.string().nullable(), facts: z.record(z.string(), z.unknown()) }),
})

/** A message that reached the receiver, as far as the drill reads it. */
interface Told {
  readonly alert: string
  readonly kind: unknown
}

/** The alerts of a world and the way to its people. */
export interface Pager {
  readonly service: AlertService
  /** Where messages are received. */
  readonly url: string
  /** Looks at all that is new. */
  look(): Promise<void>
  /** Looks, and gives the id of the alert of this kind that people were told of just now. Throws when nobody was told. */
  told(kind: AlertKind): Promise<string>
  stop(): Promise<void>
}

/** Starts a receiver, and the parts of a server that evaluate alerts and tell people. */
export async function startPager(world: World, box: Signalbox): Promise<Pager> {
  const { store, host } = world
  const received: Told[] = []
  const receiver = await startReceiver(received)
  const log = (): void => undefined
  const sources = alertSources({ store, home: TENANT })
  const parts = { store, host, settings: ALERTS, sources, home: TENANT, runs: box.runs, log }
  const evaluator = new AlertEvaluator(parts)
  const notifications = readNotifications({
    channels: [
      {
        ...{ name: 'on-call', kind: 'webhook', url: receiver.url, kinds: ['alert.*'] },
        ...{ secrets: [async () => SECRET], privateHosts: [receiver.host] },
      },
    ],
  })
  const stopping = new AbortController()
  const baseUrl = 'http://localhost'
  const outbox = new Outbox({ store, host, notifications, log, runs: box.runs, baseUrl }, stopping.signal)
  const look = async (): Promise<void> => {
    await world.until('the lead of the alerts', async () => {
      await evaluator.tick()
      // A switch that ends thousands of runs tells of each: what was raised now may stand far behind in the queue.
      do {
        await outbox.tick()
        await outbox.idle()
      } while (outbox.leadership.epoch !== null && (await store.unrouted(1)).length > 0)
      return evaluator.leadership.epoch === null || outbox.leadership.epoch === null ? null : true
    })
  }
  return {
    service: alertService({ store, settings: ALERTS, host, fault: () => null }),
    url: receiver.url,
    look,
    told: async (kind) => {
      const before = received.length
      await look()
      const found = received.slice(before).findLast((one) => one.kind === kind)
      if (!found) throw new Error(`nobody was told of ${kind}: ${JSON.stringify(received.slice(before))}`)
      return found.alert
    },
    stop: async () => {
      stopping.abort()
      await evaluator.leadership.release()
      await outbox.leadership.release()
      await receiver.stop()
    },
  }
}

async function startReceiver(received: Told[]): Promise<{ url: string; host: string; stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    messageIn(request)
      .then((told) => {
        if (told) received.push(told)
        response.writeHead(204).end()
      })
      .catch(() => response.writeHead(400).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the receiver has no port')
  const host = `127.0.0.1:${address.port}`
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.closeAllConnections()
      server.close(() => resolve())
    })
  return { url: `http://${host}/on-call`, host, stop }
}

/** What a message tells; null where it is about no alert. A message that is not signed is refused. */
async function messageIn(request: IncomingMessage): Promise<Told | null> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = request.headers
  const wanted = signedHeaders({ id: String(id), at: Number(at) * 1_000, body }, [SECRET])
  if (signature !== wanted['webhook-signature']) throw new Error('the message is not signed')
  const { type, data } = Message.parse(parseJson(body, 'a message'))
  const isNew = type === 'alert.opened' || type === 'alert.reopened'
  return isNew && data.subject !== null ? { alert: data.subject, kind: data.facts.alert } : null
}
