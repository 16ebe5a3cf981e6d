/** A real server on a free port of loopback, with people of two tenants and clients for them. */
import { createClient, type Client } from '@signalbox/protocol'
import { memoryStore, type Principal, systemHost } from 'signalbox'
import { TroubleBoard } from '../src/health/troubles.ts'
import { readNotifications } from '../src/notify/definition.ts'
import { outboxService } from '../src/notify/service.ts'
import { readSchedules } from '../src/schedules/definition.ts'
import { scheduleService } from '../src/schedules/service.ts'
import { createServer, type RunningServer } from '../src/server.ts'
import { type FakeRuns, fakeRuns } from './fake-runs.ts'
import { PAUL, RITA } from './history.ts'

const PEOPLE = {
  rita: RITA,
  paul: PAUL,
  vera: { id: 'user:vera', kind: 'user', tenant: 'dev', roles: ['viewer'] },
  olga: { id: 'user:olga', kind: 'user', tenant: 'dev', roles: ['operator', 'privacy'] },
  stranger: { id: 'user:sam', kind: 'user', tenant: 'other', roles: ['operator', 'approver', 'requester'] },
  nobody: { id: 'user:nobody', kind: 'user', tenant: 'dev', roles: ['payables-clerk'] },
} as const satisfies Record<string, Principal>

const SCHEDULES = readSchedules([{ name: 'nightly', every: { days: 1 }, do: { job: 'report' } }], [])

const CHANNELS = readNotifications({
  channels: [{ kind: 'slack', name: 'chat', url: async () => 'https://x.example' }],
})

/** Name of a person of the tests. */
export type Person = keyof typeof PEOPLE

/** Token of a person of the tests. */
export const tokenOf = (person: Person): string => `token-of-${person}-0123456789`

/** A running server and how to reach it. */
export interface Harness {
  readonly fake: FakeRuns
  readonly server: RunningServer
  readonly faults: { readonly stack: string; readonly name: string }[]
  as(person: Person): Client
  /** A plain request; a string body is sent as it is. */
  raw(path: string, init?: RequestInit & { person?: Person }): Promise<Response>
}

/** Starts a server over fake runs. */
export async function startHarness(options: { consoleDir?: string } = {}): Promise<Harness> {
  const fake = fakeRuns()
  const faults: Harness['faults'] = []
  const byToken = new Map(Object.entries(PEOPLE).map(([person, principal]) => [tokenOf(person as Person), principal]))
  const troubles = new TroubleBoard({
    host: systemHost,
    probe: () => new Promise(() => undefined),
    log: () => undefined,
  })
  troubles.report('worker-1', { code: 'STORE_FULL', detail: 'the disk is full' })
  const server = await createServer({
    runs: fake.runs,
    store: fake.store,
    troubles,
    schedules: scheduleService({ store: memoryStore(), schedules: SCHEDULES, host: systemHost }),
    outbox: outboxService({ store: memoryStore(), notifications: CHANNELS, host: systemHost }),
    workflows: [],
    models: { resolve: () => Promise.reject() as never },
    host: systemHost,
    mode: 'development',
    version: '0.1.0',
    auth: { kind: 'development', authenticate: async (token) => byToken.get(token) ?? null },
    consoleDir: options.consoleDir ?? null,
    log: (fault) => faults.push(fault),
    port: 0,
  })
  return {
    fake,
    server,
    faults,
    as: (person) => createClient({ baseUrl: server.url, token: tokenOf(person) }),
    raw: (path, { person, ...init } = {}) => {
      const headers = new Headers(init.headers)
      if (person) headers.set('authorization', `Bearer ${tokenOf(person)}`)
      return fetch(`${server.url}${path}`, { ...init, headers })
    },
  }
}
