import { createServer } from 'node:http'
import { type AlertKind, type AlertRow, type Host, memoryStore, QUIET_GAUGES, SignalboxError } from 'signalbox'
import { readNotifications } from '../notify/definition.ts'
import { Outbox } from '../notify/outbox.ts'
import { AlertEvaluator } from './evaluator.ts'
import { PLANTED, PLANTS, type PlantedWorld, plantRuns } from './plant.ts'
import { type AlertsDef, readAlertSettings } from './settings.ts'

/** What became of a planted condition. */
export interface AlertTrial {
  readonly kind: AlertKind
  /** The alert that it opened, or null. */
  readonly fired: AlertRow | null
  /** The body of the signed message that a receiver got for it, or null. */
  readonly delivered: string | null
  /** True when what comes close to the condition opened no alert of this kind. */
  readonly quiet: boolean
}

/**
 * Plants the condition of a kind in a store of its own, evaluates it, and sends the message through the outbox to a receiver
 * on this machine; then does the same with what comes close. Nothing of the project is touched. Limits are the project's:
 * a planted condition that stays within them fires nothing.
 */
export async function tryAlert(kind: AlertKind, alerts: AlertsDef | undefined, host: Host): Promise<AlertTrial> {
  const { hit, miss } = PLANTS[kind]
  const near = await evaluated(kind, miss, alerts, host)
  const { fired, store } = await evaluated(kind, hit, alerts, host)
  return { kind, fired, quiet: near.fired === null, delivered: fired ? await deliver(store, host, fired) : null }
}

async function evaluated(kind: AlertKind, world: PlantedWorld, alerts: AlertsDef | undefined, host: Host) {
  const store = memoryStore(host)
  await plantRuns(store, world, host)
  const evaluator = new AlertEvaluator({
    store,
    host,
    // No switch is thrown in a trial.
    settings: { ...readAlertSettings(alerts), onAlert: [] },
    sources: {
      gauges: async (now) => ({ ...QUIET_GAUGES, ...world.gauges?.(now) }),
      history: async () => world.history ?? { gaps: [], faults: [] },
    },
    home: PLANTED.tenant,
    runs: {
      engageKillSwitch: () => Promise.reject(new SignalboxError('INTERNAL', 'a trial throws no kill switch')),
    },
    log: () => undefined,
  })
  await evaluator.tick()
  const [fired = null] = await store.alerts({ tenant: PLANTED.tenant, kind, limit: 1 })
  return { fired, store }
}

/** What a receiver on this machine gets, through the outbox and its signature. */
async function deliver(store: ReturnType<typeof memoryStore>, host: Host, { id }: AlertRow): Promise<string | null> {
  const got: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (part: string) => (body += part))
    request.on('end', () => {
      if (request.headers['webhook-signature'] !== undefined) got.push(body)
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const address = server.address()
    const place = `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
    const notifications = readNotifications({
      channels: [
        {
          ...{ name: 'trial', kind: 'webhook', url: `http://${place}/`, privateHosts: [place], kinds: ['alert.*'] },
          secrets: [async () => `whsec_${Buffer.from('of this trial alone, and no secret').toString('base64')}`],
        },
      ],
    })
    const runs = { request: () => Promise.reject(new SignalboxError('NOT_FOUND', 'a trial has no requests')) }
    const stopping = new AbortController()
    const parts = { store, host, notifications, runs, baseUrl: 'http://127.0.0.1', log: () => undefined }
    const outbox = new Outbox(parts, stopping.signal)
    await outbox.tick()
    await outbox.idle()
    return got.find((body) => body.includes(id)) ?? null
  } finally {
    server.closeAllConnections()
    server.close()
  }
}
