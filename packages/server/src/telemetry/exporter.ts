import {
  CAPTURE_NOTHING,
  type CaptureSettings,
  type ContentReader,
  type ExportedRecord,
  type Host,
  isEmptied,
  type ProjectionState,
  type Redactor,
  projectRecords,
  type RunRecord,
  type Store,
  sleep,
  type Telemetry,
  withCapture,
} from 'signalbox'
import { otlpSender, type TelemetrySender } from './otlp.ts'
import { type Environment, telemetrySettings } from './settings.ts'

/** Name of the cursor in the store. */
export const CURSOR = 'otlp'

/** Records read at once; halved while the collector refuses, so that one large batch cannot block the rest. */
const BATCH = 256
/** Runs whose projection is kept in memory; others are rebuilt from their records when they go on. */
const KEPT_RUNS = 500
const POLL_MS = 1_000
const FIRST_BACKOFF_MS = 1_000
const MAX_BACKOFF_MS = 60_000
/** How long a stop waits for a request under way; what was not acknowledged is sent again at the next start. */
const STOP_MS = 2_000

const ENDS = new Set<RunRecord['type']>(['run.completed', 'run.stopped', 'run.cancelled', 'run.terminated'])

/** What the exporter works with. `log` gets one line when the collector goes away and one when it is back. */
export interface TelemetryOptions {
  readonly store: Pick<Store, 'export' | 'cursor' | 'setCursor' | 'records'>
  readonly host: Host
  readonly env: Environment
  readonly version: string
  readonly log: (line: string) => void
  /** What may leave beside names, codes and numbers. Default: nothing (Invariant 14). */
  readonly capture?: CaptureOptions
  /** Pause between two looks at an idle store, in milliseconds. Default 1,000. */
  readonly pollMs?: number
  /** First pause after a failure, in milliseconds; doubled up to a minute. Default 1,000. */
  readonly backoffMs?: number
}

/** How content and identity get into telemetry, where they are switched on. */
export interface CaptureOptions {
  readonly settings: CaptureSettings
  readonly redactor: Redactor
  readonly contents: (tenant: string, runId: string) => Promise<ContentReader>
}

/** A running exporter. */
export interface TelemetryHandle {
  /** Stops within about two seconds; what was not acknowledged is sent at the next start. */
  stop(): Promise<void>
}

/**
 * Reads the stored records by a cursor, projects them and sends them (Invariant 3): at least once, in order, without
 * touching a run. The cursor moves only after the collector acknowledged the batch.
 */
export class TelemetryExporter {
  readonly #options: TelemetryOptions
  readonly #sender: TelemetrySender
  readonly #states = new Map<string, ProjectionState>()

  constructor(options: TelemetryOptions, sender: TelemetrySender) {
    this.#options = options
    this.#sender = sender
  }

  /** Sends one batch of at most `limit` records; returns how many there were. Rejects when it was not acknowledged. */
  async exportOnce(limit = BATCH): Promise<number> {
    const { store } = this.#options
    const records = await store.export(await store.cursor(CURSOR), limit)
    const last = records.at(-1)
    if (!last) return 0
    const batch: {
      spans: Telemetry['spans'][number][]
      logs: Telemetry['logs'][number][]
      metrics: Telemetry['metrics'][number][]
    } = { spans: [], logs: [], metrics: [] }
    const states = new Map<string, ProjectionState>()
    for (const own of Map.groupBy(records, (record) => record.runId).values()) {
      const projection = await this.#project(own)
      if (!projection) continue
      const telemetry = await captured(projection, own, this.#options)
      batch.spans.push(...telemetry.spans)
      batch.logs.push(...telemetry.logs)
      batch.metrics.push(...telemetry.metrics)
      states.set(own[0]?.runId ?? '', projection.state)
    }
    await this.#sender.send(batch)
    await store.setCursor(CURSOR, last.position)
    // Only now: a batch that is sent again starts from the same states and gives the same spans.
    for (const [runId, state] of states) this.#keep(runId, state)
    for (const record of records) if (ENDS.has(record.type)) this.#states.delete(record.runId)
    return records.length
  }

  async #project(all: readonly ExportedRecord[]): Promise<ReturnType<typeof projectRecords> | null> {
    // Of a history that was pruned before it was exported nothing can be told.
    const own = all.filter((record) => !isEmptied(record))
    const [first] = own
    if (!first || own.length < all.length) return null
    try {
      const kept = this.#states.get(first.runId)
      const before = kept?.seq === first.seq - 1 ? kept : await this.#rebuilt(first)
      return projectRecords(before, own.map(parsed))
    } catch (cause) {
      if (!(cause instanceof SyntaxError)) throw cause
      // A damaged record must not hold up the records of all other runs; the audit tells of it.
      this.#options.log(`telemetry leaves out records of run ${first.runId}: a stored record cannot be read`)
      return null
    }
  }

  async #rebuilt(first: ExportedRecord): Promise<ProjectionState | null> {
    if (first.seq === 1) return null
    const earlier = await this.#options.store.records(first.tenant, first.runId, { through: first.seq - 1 })
    if (earlier.some(isEmptied)) return null
    return projectRecords(null, earlier.map(parsed)).state
  }

  #keep(runId: string, state: ProjectionState): void {
    this.#states.delete(runId)
    this.#states.set(runId, state)
    const oldest = this.#states.keys().next().value
    if (this.#states.size > KEPT_RUNS && oldest !== undefined) this.#states.delete(oldest)
  }
}

/** Telemetry of one run's records with what may leave beside it. */
async function captured(
  telemetry: Telemetry,
  own: readonly ExportedRecord[],
  { capture, store }: TelemetryOptions,
): Promise<Telemetry> {
  const last = own.at(-1)
  const { mode, identity } = capture?.settings ?? CAPTURE_NOTHING
  if (!capture || !last || (mode === 'none' && !identity)) return telemetry
  // A call's arguments and the turns before it may lie in records that were sent long ago.
  const all = await store.records(last.tenant, last.runId, { through: last.seq })
  const { settings, redactor, contents } = capture
  const reader = await contents(last.tenant, last.runId)
  return await withCapture(telemetry, all.filter((record) => !isEmptied(record)).map(parsed), {
    settings,
    redactor,
    reader,
  })
}

function parsed(record: { readonly body: string }): RunRecord {
  // The store gives back what the engine wrote; a body that is no JSON throws and is left out by the caller.
  return JSON.parse(record.body) as RunRecord
}

/** Starts sending telemetry in the background; null when the environment names no collector. Never throws for one. */
export function startTelemetry(options: TelemetryOptions): TelemetryHandle | null {
  const settings = telemetrySettings(options.env)
  if (!settings) return null
  const sender = otlpSender(settings, options.version)
  const stop = new AbortController()
  const running = exportUntil(new TelemetryExporter(options, sender), options, stop.signal)
  return {
    async stop() {
      stop.abort()
      await Promise.race([running, sleep(options.host, STOP_MS)])
      await Promise.race([sender.close(), sleep(options.host, STOP_MS)])
    },
  }
}

async function exportUntil(exporter: TelemetryExporter, options: TelemetryOptions, signal: AbortSignal): Promise<void> {
  const first = options.backoffMs ?? FIRST_BACKOFF_MS
  let backoff = first
  let limit = BATCH
  let down = false
  while (!signal.aborted) {
    try {
      const count = await exporter.exportOnce(limit)
      if (down && count > 0) {
        options.log('telemetry is sent again')
        down = false
      }
      backoff = first
      limit = BATCH
      if (count === 0) await sleep(options.host, options.pollMs ?? POLL_MS, signal)
    } catch (cause) {
      if (!down && !signal.aborted) options.log(`telemetry waits for its collector: ${reasonOf(cause)}`)
      down = true
      limit = Math.max(1, Math.floor(limit / 2))
      await sleep(options.host, backoff, signal)
      backoff = Math.min(MAX_BACKOFF_MS, backoff * 2)
    }
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
