import { statfs } from 'node:fs/promises'
import { type AlertGauges, auditRun, QUIET_GAUGES, type ScheduleRow, type Store } from 'signalbox'
import type { TroubleBoard } from '../health/troubles.ts'
import type { Schedule } from '../schedules/definition.ts'
import { CURSOR } from '../telemetry/exporter.ts'

/** What is wrong with the history of one run: kinds, each once. */
export interface HistoryCheck {
  /** What it does not tell of its effects. */
  readonly gaps: readonly { readonly kind: string; readonly seq: number }[]
  /** Where its bytes or its chain do not verify. */
  readonly faults: readonly { readonly kind: string; readonly seq: number }[]
}

/** What an evaluation reads beside the records. Every part only reads. */
export interface AlertSources {
  gauges(now: number): Promise<AlertGauges>
  /** Checks the history of a run that has ended; null where the run is gone. */
  history(tenant: string, runId: string): Promise<HistoryCheck | null>
}

/** The stores' reads that the sources need. */
export type SourceStore = Pick<
  Store,
  | 'tenants'
  | 'requests'
  | 'switchBook'
  | 'deliveries'
  | 'schedules'
  | 'firings'
  | 'export'
  | 'cursor'
  | 'run'
  | 'records'
  | 'lineageFindings'
>

/** What the sources of a server are made of. Parts that are absent tell nothing. */
export interface SourceOptions {
  readonly store: SourceStore
  /** The tenant of the schedules, and of the server's own alerts. */
  readonly home: string
  readonly schedules?: readonly Schedule[]
  readonly troubles?: Pick<TroubleBoard, 'view'>
  readonly dataDir?: string
  /** True where telemetry is sent. */
  readonly sendsTelemetry?: boolean
  /** Part of the records whose telemetry was not lost on its way, 0 to 1, or null. Default: not known. */
  readonly completeness?: () => Promise<number | null>
  /** The last exposure audit. Default: none. */
  readonly exposure?: () => Promise<AlertGauges['exposure']>
}

const MOST_GAPS = 50

/** What the check of all runs left standing, some of each tenant: enough to call somebody. */
async function standingGaps(store: SourceStore): Promise<AlertGauges['lineage']> {
  const found: AlertGauges['lineage'][number][] = []
  for (const tenant of await store.tenants())
    for (const { runId: run, workflow, gaps } of await store.lineageFindings({ tenant, limit: MOST_GAPS }))
      found.push({ tenant, run, workflow, gaps: gaps.map(({ kind, seq }) => ({ kind, seq })) })
  return found
}

const MOST_DEAD = 1_000

/** The sources of a server: its store, its schedules, its troubles and its disk. */
export function alertSources(options: SourceOptions): AlertSources {
  const { store } = options
  return {
    gauges: async (now) => ({
      ...QUIET_GAUGES,
      approvals: await oldestApprovals(store),
      switches: (await store.switchBook()).switches.filter(({ expiresAt }) => expiresAt === null || expiresAt > now),
      deadMessages: await deadMessages(store),
      telemetry: options.sendsTelemetry ? await telemetryOf(options) : null,
      lineage: await standingGaps(store),
      ...(await schedulesOf(options)),
      exposure: (await options.exposure?.()) ?? null,
      troubles: (options.troubles?.view() ?? []).map(({ code, since }) => ({ code, since: Date.parse(since) })),
      disk: await diskOf(options.dataDir),
    }),
    history: (tenant, runId) => historyOf(store, tenant, runId),
  }
}

async function oldestApprovals(store: SourceStore): Promise<AlertGauges['approvals']> {
  const oldest: AlertGauges['approvals'][number][] = []
  for (const tenant of await store.tenants()) {
    const [row] = await store.requests({ tenant, state: 'open', kind: 'approval', limit: 1 })
    if (!row) continue
    const { id, runId: run, workflow, tool, requestedAt } = row
    oldest.push({ tenant, id, run, workflow, tool: tool ?? '', requestedAt })
  }
  return oldest
}

async function deadMessages(store: SourceStore): Promise<AlertGauges['deadMessages']> {
  const dead = await store.deliveries({ state: 'dead', order: 'newest', limit: MOST_DEAD })
  const groups = Map.groupBy(dead, ({ tenant, channel }) => JSON.stringify([tenant, channel]))
  return [...groups.values()].flatMap((all) => {
    const [first] = all
    return first ? [{ tenant: first.tenant, channel: first.channel, count: all.length }] : []
  })
}

async function telemetryOf({ store, completeness }: SourceOptions): Promise<AlertGauges['telemetry']> {
  const [next] = await store.export(await store.cursor(CURSOR), 1)
  const at = next ? timeIn(next.body) : null
  return { oldestUnsentAt: at, ratio: (await completeness?.()) ?? null }
}

function timeIn(body: string): number | null {
  const at = /"at":"([^"]{20,30})"/.exec(body)?.[1]
  return at === undefined ? null : Date.parse(at)
}

async function schedulesOf({
  store,
  home,
  schedules = [],
}: SourceOptions): Promise<Pick<AlertGauges, 'missed' | 'failedJobs'>> {
  const missed: AlertGauges['missed'][number][] = []
  const failedJobs: AlertGauges['failedJobs'][number][] = []
  if (schedules.length === 0) return { missed, failedJobs }
  const rows = new Map((await store.schedules(home)).map((row) => [row.name, row]))
  for (const schedule of schedules) {
    const dueAt = nextDue(schedule, rows.get(schedule.name))
    if (dueAt !== null) missed.push({ schedule: schedule.name, dueAt })
    if ('job' in schedule.do) {
      const failed = await failedJob(store, home, schedule, schedule.do.job)
      if (failed) failedJobs.push(failed)
    }
  }
  return { missed, failedJobs }
}

/** When the schedule is due next, as a leader would decide it; null where nobody has to. */
function nextDue(schedule: Schedule, row: ScheduleRow | undefined): number | null {
  return row && !row.paused ? schedule.next(row.decidedThrough) : null
}

const LOOKED_AT = 20

async function failedJob(
  store: SourceStore,
  tenant: string,
  { name }: Schedule,
  job: string,
): Promise<AlertGauges['failedJobs'][number] | null> {
  const firings = await store.firings({ tenant, schedule: name, limit: LOOKED_AT })
  const ended = firings.filter((each) => ['succeeded', 'failed', 'timed_out'].includes(each.state))
  const last = ended.toSorted((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0))[0]
  if (!last || last.state === 'succeeded') return null
  return { schedule: name, job, firing: last.id, code: last.code, at: last.endedAt ?? last.dueAt }
}

async function diskOf(dataDir: string | undefined): Promise<AlertGauges['disk']> {
  if (dataDir === undefined) return null
  try {
    const { bavail, blocks, bsize } = await statfs(dataDir)
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
  } catch {
    // A platform that does not tell: the store's own trouble still does.
    return null
  }
}

/** What an audit finds in the bytes and the chain; all else that it finds is a gap of lineage. */
const IN_THE_BYTES: ReadonlySet<string> = new Set([
  ...['unreadable', 'version', 'hash', 'chain', 'sequence', 'mismatch', 'tail', 'order', 'fork', 'removed_body'],
  ...['marker', 'upgrade'],
])

async function historyOf(store: SourceStore, tenant: string, runId: string): Promise<HistoryCheck | null> {
  const row = await store.run(tenant, runId)
  if (!row) return null
  const stored = await store.records(tenant, runId, { through: row.seq })
  const { findings } = auditRun(stored, row)
  const faults = findings.filter(({ kind }) => IN_THE_BYTES.has(kind))
  return { gaps: findings.filter(({ kind }) => !IN_THE_BYTES.has(kind)), faults }
}
