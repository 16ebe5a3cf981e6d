/** Receivers of messages on loopback, and an outbox over a store in memory that a test drives by hand. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type Host,
  memoryStore,
  type Notice,
  type PersonRequest,
  SignalboxError,
  type Store,
  systemHost,
} from 'signalbox'
import { type NotificationsDef, readNotifications } from '../src/notify/definition.ts'
import { Outbox } from '../src/notify/outbox.ts'
import { type OutboxService, outboxService } from '../src/notify/service.ts'

/** What a receiver does with a message: a status, no answer at all, two answers, or another place to go to. */
export type Reaction = number | 'hang' | 'twice' | 'redirect'

/** One message as it arrived. */
export interface Arrived {
  readonly id: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A receiver that notes whatever arrives. */
export interface Receiver {
  readonly url: string
  /** `host:port`. */
  readonly host: string
  readonly arrived: Arrived[]
  /** What comes next; 204 once the list is empty. */
  readonly reactions: Reaction[]
  close(): Promise<void>
}

/** Starts a receiver, on a given port where one is named. */
export async function receiver(reactions: Reaction[] = [], port = 0): Promise<Receiver> {
  const arrived: Arrived[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      arrived.push({ id: String(request.headers['webhook-id'] ?? ''), headers: request.headers, body })
      const reaction = reactions.shift() ?? 204
      if (reaction === 'hang') return
      if (reaction === 'twice') {
        const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
        request.socket.end(answer + answer)
        return
      }
      const status = reaction === 'redirect' ? 307 : reaction
      response.writeHead(status, reaction === 'redirect' ? { location: '/elsewhere' } : {}).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: `http://${host}/hook`,
    host,
    arrived,
    reactions,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** A secret in the form that the specification asks for. */
export const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

/** A notice of an approval that waits. */
export function notice(id: string, over: Partial<Notice> = {}): Notice {
  return {
    tenant: 'dev',
    id,
    kind: 'approval.requested',
    severity: 'warning',
    runId: 'run_1',
    workflow: 'desk',
    subject: 'apr_1',
    roles: ['finance'],
    facts: { tool: 'payments.refund', class: 'payments.write', effect: 'irreversible' },
    at: Date.UTC(2026, 4, 1),
    ...over,
  }
}

/** The packet of the one approval of a world. */
export const PACKET = {
  summary: 'Refund <!channel> order & co',
  target: { type: 'order', id: 'A-7', version: '3' },
  impact: { money: { minor: 12_000, currency: 'EUR' } },
  rollback: 'Charge again',
  tool: 'payments.refund',
  class: 'payments.write',
  effect: 'irreversible',
  arguments: '{"iban":"DE02"}',
  requested_by: 'user:ana',
  why: [],
  labels: {},
} as unknown as PersonRequest['packet']

/** An outbox that does something only when it is told to. */
export interface OutboxWorld {
  readonly store: Store
  readonly service: OutboxService
  readonly logged: string[]
  /** Another process on the same store. */
  leader(signal?: AbortSignal): Outbox
  /** Looks once and waits until what it began to send has ended. */
  turn(outbox?: Outbox): Promise<void>
  /** Lets time pass, for all clocks of the world. */
  pass(ms: number): void
  states(): Promise<readonly string[]>
}

/** A world with these channels. */
export function outboxWorld(channels: NotificationsDef['channels'], store = memoryStore()): OutboxWorld {
  let ahead = 0
  const host: Host = {
    ...systemHost,
    now: () => systemHost.now() + ahead,
    monotonicMs: () => systemHost.monotonicMs() + ahead,
  }
  const notifications = readNotifications({ channels })
  const logged: string[] = []
  const runs = {
    request: async (_tenant: string, id: string): Promise<PersonRequest> => {
      if (id !== 'apr_1') throw new SignalboxError('APPROVAL_NOT_FOUND', 'there is no such approval')
      return { row: {} as PersonRequest['row'], packet: PACKET, port: null, packetHash: '', reason: null }
    },
  }
  const leader = (signal = new AbortController().signal): Outbox => {
    const log = (line: string): void => void logged.push(line)
    return new Outbox({ store, host, runs, notifications, baseUrl: 'https://box.example', log }, signal)
  }
  const first = leader()
  return {
    store,
    service: outboxService({ store, notifications, host }),
    logged,
    leader,
    turn: async (outbox = first) => {
      await outbox.tick()
      await outbox.idle()
    },
    pass: (ms) => {
      ahead += ms
    },
    states: async () =>
      (await store.deliveries({ order: 'due', limit: 1_000 })).map((row) => `${row.state} ${row.attempts}`).sort(),
  }
}
