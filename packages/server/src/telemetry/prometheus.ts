import { timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import {
  type Conventions,
  type Host,
  METRICS,
  type MetricPoint,
  metricNames,
  metricOf,
  SignalboxError,
  type Store,
  underConventions,
} from 'signalbox'
import { completenessOf } from './completeness.ts'
import { EXPOSITION_TYPE, exposition, type Family, familyName, type Sample } from './exposition.ts'
import type { Numbers, Series, Standing } from './numbers.ts'
import { type Environment, prometheusSettings } from './settings.ts'

/** The variable with the token that a reader of metrics sends. */
export const METRICS_TOKEN = 'SIGNALBOX_METRICS_TOKEN'

/** What the page of metrics is made of. */
export interface MetricsPageOptions {
  readonly store: Pick<Store, 'export' | 'cursor' | 'stats' | 'switchBook' | 'deliveries'>
  readonly host: Pick<Host, 'now'>
  readonly numbers: Numbers
  /** Under which GenAI conventions names are told. Default `latest`. */
  readonly conventions?: Conventions
}

/** All metrics as text. What is open now is computed from the same records as what was counted. */
export async function metricsPage(options: MetricsPageOptions): Promise<string> {
  const { numbers, conventions = 'latest' } = options
  await numbers.look()
  const series = numbers.series.flatMap((each) => renamed(each, conventions))
  return exposition([...countedFamilies(series), ...(await gaugeFamilies(options))])
}

/** A series under its names of these conventions. */
function renamed(series: Series, under: Conventions): readonly Series[] {
  if (under === 'latest') return [series]
  const own = underConventions(series.labels, under)
  return metricNames(series.name, under).map(({ name, labels }) => ({ ...series, name, labels: [...own, ...labels] }))
}

function countedFamilies(all: readonly Series[]): readonly Family[] {
  return [...Map.groupBy(all, (series) => series.name)].map(([name, own]) => {
    // Only names of the contract are counted.
    const { unit, brief, bounds } = metricOf(name as MetricPoint['name'])
    const type = bounds.length === 0 ? 'counter' : 'histogram'
    const samples = own.flatMap((series) =>
      type === 'counter' ? [{ labels: series.labels, value: series.sum }] : histogramOf(series, bounds),
    )
    return { name: familyName(name, unit, type), help: brief, type, samples }
  })
}

function histogramOf({ labels, sum, count, buckets }: Series, bounds: readonly number[]): readonly Sample[] {
  let through = 0
  const lines = [...bounds, Number.POSITIVE_INFINITY].map((bound, place) => {
    through += buckets[place] ?? 0
    const le = bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound)
    return { suffix: '_bucket', labels: [...labels, ['le', le] as const], value: through }
  })
  return [...lines, { suffix: '_sum', labels, value: sum }, { suffix: '_count', labels, value: count }]
}

const MOST_MESSAGES = 1_000
const WORKFLOW = 'signalbox.workflow.id'

async function gaugeFamilies({ store, host, numbers }: MetricsPageOptions): Promise<readonly Family[]> {
  const now = host.now()
  const [found, book, queued, dead] = await Promise.all([
    completenessOf(store, host),
    store.switchBook(),
    store.deliveries({ state: 'queued', order: 'newest', limit: MOST_MESSAGES }),
    store.deliveries({ state: 'dead', order: 'newest', limit: MOST_MESSAGES }),
  ])
  const engaged = book.switches.filter(
    ({ liftedAt, expiresAt }) => liftedAt === null && (expiresAt === null || expiresAt > now),
  )
  const oldest = found.oldestWaitingAt === null ? 0 : Math.max(0, (now - found.oldestWaitingAt) / 1_000)
  const behind = await numbers.behind()
  return [
    ...standingFamilies(numbers.standing, now),
    gauge('signalbox.kill_switches.engaged', '', 'Kill switches in force.', engaged.length),
    gauge('signalbox.outbox.queued', '', 'Messages that wait, up to a thousand.', queued.length),
    gauge('signalbox.outbox.dead', '', 'Messages that were given up, up to a thousand.', dead.length),
    gauge('signalbox.lineage.gap_runs', '', 'Runs that ended with a gap in their lineage.', numbers.gaps.count),
    gauge('signalbox.telemetry.completeness', '', METRICS['signalbox.telemetry.completeness'].brief, found.ratio),
    gauge('signalbox.telemetry.lag_records', '', 'Records that the collector has not acknowledged.', found.lag),
    gauge('signalbox.telemetry.oldest_waiting', 's', 'Age of the oldest record that waits for the collector.', oldest),
    gauge('signalbox.telemetry.left_out_records', '', 'Records sent without telemetry.', found.leftOut),
    gauge('signalbox.telemetry.rejected_items', '', 'Items that the collector rejected.', found.rejected),
    gauge('signalbox.metrics.unprojected_records', '', 'Records that these metrics could not read.', numbers.leftOut),
    gauge('signalbox.metrics.behind_records', '', 'Records that these metrics do not count yet.', behind),
  ]
}

function standingFamilies(all: readonly Standing[], now: number): readonly Family[] {
  const by = [...Map.groupBy(all, (each) => each.workflow)]
  const each = (value: (own: readonly Standing[]) => number): readonly Sample[] =>
    by.map(([workflow, own]) => ({ labels: [[WORKFLOW, workflow]], value: value(own) }))
  const sum = (own: readonly Standing[], of: (one: Standing) => number): number =>
    own.reduce((n, one) => n + of(one), 0)
  const age = (own: readonly Standing[]): number =>
    Math.max(0, ...own.flatMap((one) => one.approvals.map((at) => (now - at) / 1_000)))
  return [
    family(
      'signalbox.approvals.pending',
      '',
      'Approvals that wait for a person.',
      each((own) => sum(own, (one) => one.approvals.length)),
    ),
    family('signalbox.approvals.oldest', 's', 'How long the oldest of them has waited.', each(age)),
    family(
      'signalbox.effects.unknown',
      '',
      'Calls of waiting runs whose outcome is not known, and questions about them.',
      each((own) => sum(own, (one) => one.unsettled)),
    ),
    family(
      'signalbox.runs.parked',
      '',
      'Runs that stand still until a person acts.',
      each((own) => sum(own, (one) => (one.parked === null ? 0 : 1))),
    ),
  ]
}

function gauge(name: string, unit: string, help: string, value: number): Family {
  return family(name, unit, help, [{ labels: [], value }])
}

function family(name: string, unit: string, help: string, samples: readonly Sample[]): Family {
  return { name: familyName(name, unit, 'gauge'), help, type: 'gauge', samples }
}

/** A port that answers `GET /metrics`. */
export interface MetricsServer {
  readonly url: string
  close(): Promise<void>
}

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost'])

/**
 * Serves `/metrics` on a port of its own where OTEL_METRICS_EXPORTER has `prometheus`; null otherwise. Without a token in
 * SIGNALBOX_METRICS_TOKEN only loopback is bound, since the page tells of all tenants: CONFIG_INVALID otherwise, and for a
 * token of less than 16 characters. PORT_IN_USE when the port is taken.
 */
export async function startMetrics(
  env: Environment,
  page: () => Promise<string>,
  log: (line: string) => void,
): Promise<MetricsServer | null> {
  const settings = prometheusSettings(env)
  if (!settings) return null
  const token = env[METRICS_TOKEN]?.trim() || null
  refuseOpen(settings.host, token)
  const server = createServer((request, response) => {
    const answer = (status: number, text: string, headers: Record<string, string> = {}): void => {
      response.writeHead(status, {
        'content-type': 'text/plain; charset=utf-8',
        'cache-control': 'no-store',
        ...headers,
      })
      response.end(text)
    }
    if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics') return answer(404, 'see /metrics\n')
    if (!isAllowed(request.headers.authorization, token))
      return answer(401, `send the token of ${METRICS_TOKEN} as a bearer token\n`, { 'www-authenticate': 'Bearer' })
    page().then(
      (text) => answer(200, text, { 'content-type': EXPOSITION_TYPE }),
      (cause: unknown) => {
        log(`metrics could not be read: ${cause instanceof Error ? cause.message : 'no reason'}`)
        answer(503, 'metrics cannot be read now\n')
      },
    )
  })
  const port = await listening(server, settings)
  return {
    url: `http://${settings.host}:${port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function refuseOpen(host: string, token: string | null): void {
  if (token !== null && token.length < 16)
    throw new SignalboxError('CONFIG_INVALID', `\`${METRICS_TOKEN}\` has less than 16 characters: set a longer one`)
  if (token === null && !LOOPBACK.has(host))
    throw new SignalboxError(
      'CONFIG_INVALID',
      `metrics on \`${host}\` would be open to others: set \`${METRICS_TOKEN}\`, or OTEL_EXPORTER_PROMETHEUS_HOST to localhost`,
    )
}

/** True when no token is asked for, or the one that was sent is it; equal time for a near miss. */
function isAllowed(header: string | undefined, token: string | null): boolean {
  if (token === null) return true
  const sent = Buffer.from(/^Bearer (.+)$/.exec(header ?? '')?.[1] ?? '')
  const wanted = Buffer.from(token)
  return sent.length === wanted.length && timingSafeEqual(sent, wanted)
}

function listening(
  server: ReturnType<typeof createServer>,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new SignalboxError(
          'PORT_IN_USE',
          `metrics cannot be served on ${host}:${port}: set OTEL_EXPORTER_PROMETHEUS_PORT to a free port`,
          {
            cause,
          },
        ),
      ),
    )
    server.listen(port, host, () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}
