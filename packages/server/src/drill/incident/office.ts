/** The operator's way to the server: a real one over HTTP, whose calls are counted and timed, and which a drill may let lie. */
import { API_BASE, type Client, createClient } from '@signalbox/protocol'
import { type Signalbox, systemHost } from 'signalbox'
import { alertService } from '../../alerts/service.ts'
import { FactFinder } from '../../facts/finder.ts'
import { bundleBook } from '../../policy/bundles.ts'
import { createServer } from '../../server.ts'
import { VERSION } from '../../version.ts'
import { deskModels } from './desk.ts'
import { type Lie, lied } from './lies.ts'
import { ALERTS } from './pager.ts'
import { PEOPLE, TENANT, type World } from './world.ts'

/** One call of the API. */
export interface ApiCall {
  readonly method: string
  /** Path below the API's base, without the query. */
  readonly path: string
  readonly ms: number
}

/** A server over a world, and the operator's client. */
export interface Office {
  readonly client: Client
  /** Calls since the last time that this was asked. */
  calls(): readonly ApiCall[]
  close(): Promise<void>
}

/** More than a drill plants. */
const MOST_PLANTED = 100

const TOKEN = 'the-operator-of-the-incident-drill'

/** Opens a server over a process of the world. With a lie one of its answers is another than it was. */
export async function openOffice(world: World, box: Signalbox, lie: Lie | null = null): Promise<Office> {
  // Decoys are there before incidents: the oldest of these is one.
  const completed = await world.store.runs({ tenant: TENANT, status: ['completed'], limit: MOST_PLANTED })
  const decoy = completed.at(-1)
  // A server keeps its index up all the time.
  const facts = new FactFinder(box)
  await facts.catchUp()
  const service = alertService({ store: world.store, settings: ALERTS, host: world.host, fault: () => null })
  const server = await createServer({
    runs: box.runs,
    switches: box.switches,
    store: box.store,
    facts,
    alerts: service,
    bundles: bundleBook(box.store, () => world.policy),
    workflows: box.workflows,
    models: deskModels(() => undefined),
    host: world.host,
    mode: 'production',
    version: VERSION,
    auth: { kind: 'issued', authenticate: async (token) => (token === TOKEN ? PEOPLE.olga : null) },
    consoleDir: null,
    log: () => undefined,
    port: 0,
  })
  const calls: ApiCall[] = []
  const reach: typeof fetch = async (input, init) => {
    const from = systemHost.monotonicMs()
    const answer = await fetch(input, init)
    const text = await answer.text()
    const path = new URL(String(input)).pathname.slice(API_BASE.length)
    calls.push({ method: init?.method ?? 'GET', path, ms: systemHost.monotonicMs() - from })
    const { status, headers } = answer
    return new Response(lie === null || !answer.ok ? text : lied(lie, path, text, decoy?.runId ?? ''), {
      status,
      headers,
    })
  }
  return {
    client: createClient({ baseUrl: server.url, token: TOKEN, fetch: reach }),
    calls: () => calls.splice(0),
    close: () => server.close(),
  }
}
