import {
  CAPTURE_NOTHING,
  type CaptureSettings,
  type ContentReader,
  type ExportedRecord,
  type Conventions,
  type Host,
  inConventions,
  isEmptied,
  type Redactor,
  type Store,
  sleep,
  type Telemetry,
  withCapture,
} from 'signalbox'
import { Leadership } from '../schedules/leadership.ts'
import { CURSOR, LEFT_OUT, REJECTED } from './completeness.ts'
import { otlpSender, type TelemetrySender } from './otlp.ts'
import { NotAcknowledged } from './post.ts'
import { ProjectingReader, parsed, type ReadBatch, type RunPart } from './reader.ts'
import { conventionsOf, type Environment, telemetrySettings } from './settings.ts'

export { CURSOR } from './completeness.ts'

/** Records read at once; halved while the collector refuses, so that one large batch cannot block the rest. */
const BATCH = 256
const POLL_MS = 1_000
const FIRST_BACKOFF_MS = 1_000
const MAX_BACKOFF_MS = 60_000
/** How often a single record is refused before it is left out. */
const REFUSALS = 5
/** How long a stop waits for a request under way; what was not acknowledged is sent again at the next start. */
const STOP_MS = 2_000
/** The lease of the one exporter among all processes on a store. */
export const EXPORT_LEASE = 'telemetry'
const BEAT_MS = 2_000

/** What the exporter works with. `log` gets one line when the collector goes away and one when it is back. */
export interface TelemetryOptions {
  readonly store: Pick<Store, 'export' | 'cursor' | 'setCursor' | 'records' | 'lease' | 'setLease'>
  readonly host: Host
  readonly env: Environment
  readonly version: string
  readonly log: (line: string) => void
  /** Gets what each acknowledged batch came to, so that it need not be read and projected again. */
  readonly onBatch?: (batch: ReadBatch) => Promise<void>
  /** What may leave beside names, codes and numbers. Default: nothing (Invariant 14). */
  readonly capture?: CaptureOptions
  /** Pause before the next look when there was less than a batch, in milliseconds. Default 1,000. */
  readonly pollMs?: number
  /** First pause after a failure, in milliseconds; doubled up to a minute. Default 1,000. */
  readonly backoffMs?: number
  /** How long the exporter of another process may be silent before this one takes over. Default 9,000. */
  readonly leaseMs?: number
}

/** How content and identity get into telemetry, where they are switched on. */
export interface CaptureOptions {
  readonly settings: CaptureSettings
  readonly redactor: Redactor
  readonly contents: (tenant: string, runId: string) => Promise<ContentReader>
}

/** How the exporter of this process does. */
export interface ExporterState {
  /** `standby`: another process sends. `failing`: the collector does not take it. */
  readonly state: 'sending' | 'standby' | 'failing'
  /** Why it fails, in one sentence without content; null when it does not. */
  readonly problem: string | null
  /** Milliseconds since 1970: the last acknowledgement that this process got; null before the first. */
  readonly acknowledgedAt: number | null
}

/** A running exporter. */
export interface TelemetryHandle {
  state(): ExporterState
  /** Stops within about two seconds; what was not acknowledged is sent at the next start. */
  stop(): Promise<void>
}

/**
 * Reads the stored records by a cursor, projects them and sends them (Invariant 3): at least once, in order, without
 * touching a run. The cursor moves only after the collector acknowledged the batch, so that everything before it was
 * acknowledged; what is sent again has the same ids (ENGINE R18).
 */
export class TelemetryExporter {
  readonly #options: TelemetryOptions
  readonly #sender: TelemetrySender
  readonly #reader: ProjectingReader
  readonly #conventions: Conventions

  constructor(options: TelemetryOptions, sender: TelemetrySender) {
    this.#options = options
    this.#conventions = conventionsOf(options.env)
    this.#sender = sender
    this.#reader = new ProjectingReader(options.store)
  }

  /**
   * Sends one batch of at most `limit` records; returns how many there were. Rejects when it was not acknowledged; `isMine`
   * says right before the cursor moves whether this process may still move it.
   */
  async exportOnce(limit = BATCH, isMine: () => boolean = () => true): Promise<number> {
    const { store, log, onBatch } = this.#options
    const records = await store.export(await store.cursor(CURSOR), limit)
    const last = records.at(-1)
    if (!last) return 0
    const { parts, leftOut, keep } = await this.#reader.read(records)
    const { rejected, reason } = await this.#sender.send(await this.#telemetryOf(parts))
    if (!isMine()) throw new NotAcknowledged('another process sends telemetry now', 0)
    if (rejected > 0) log(`the collector rejected ${rejected} items of telemetry: ${reason ?? 'it gives no reason'}`)
    for (const runId of new Set(leftOut.map((record) => record.runId)))
      log(`telemetry leaves out records of run ${runId}: a stored record cannot be read, or was pruned`)
    // Before the cursor: after a crash in between something is counted twice, and nothing is lost from the count.
    await this.#add(REJECTED, rejected)
    await this.#add(LEFT_OUT, leftOut.length)
    await store.setCursor(CURSOR, last.position)
    // Only now: a batch that is sent again starts from the same states and gives the same spans.
    keep()
    await onBatch?.({ records, parts, leftOut })
    return records.length
  }

  /** Gives the next record up: its telemetry counts as left out. */
  async leaveOne(): Promise<void> {
    const { store, log } = this.#options
    const [record] = await store.export(await store.cursor(CURSOR), 1)
    if (!record) return
    log(`telemetry leaves out record ${record.seq} of run ${record.runId}: the collector refuses it`)
    await this.#add(LEFT_OUT, 1)
    await store.setCursor(CURSOR, record.position)
  }

  async #add(name: string, count: number): Promise<void> {
    const { store } = this.#options
    if (count > 0) await store.setCursor(name, (await store.cursor(name)) + count)
  }

  async #telemetryOf(parts: readonly RunPart[]): Promise<Telemetry> {
    const all = await Promise.all(parts.map(({ records, projection }) => captured(projection, records, this.#options)))
    const telemetry = {
      spans: all.flatMap((each) => each.spans),
      logs: all.flatMap((each) => each.logs),
      metrics: all.flatMap((each) => each.metrics),
    }
    return inConventions(telemetry, this.#conventions)
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

/**
 * Starts sending telemetry in the background, while no other process on the store does; null when the environment names no
 * collector. Throws CONFIG_INVALID for variables that are not supported, and never for a collector that does not answer.
 */
export function startTelemetry(options: TelemetryOptions): TelemetryHandle | null {
  const settings = telemetrySettings(options.env)
  if (!settings) return null
  const sender = otlpSender(settings, options.version, options.host)
  const stop = new AbortController()
  const loop = new ExportLoop(options, new TelemetryExporter(options, sender), stop.signal)
  const running = loop.run()
  return {
    state: () => loop.state,
    async stop() {
      stop.abort()
      await Promise.race([running, sleep(options.host, STOP_MS)])
      await Promise.race([sender.close(), sleep(options.host, STOP_MS)])
    },
  }
}

/** Sends batch after batch while this process holds the lease. */
class ExportLoop {
  readonly #options: TelemetryOptions
  readonly #exporter: TelemetryExporter
  readonly #signal: AbortSignal
  readonly #leadership: Leadership
  #backoffMs: number
  #limit = BATCH
  /** How often the present single record was refused. */
  #refusals = 0
  state: ExporterState = { state: 'standby', problem: null, acknowledgedAt: null }

  constructor(options: TelemetryOptions, exporter: TelemetryExporter, signal: AbortSignal) {
    this.#options = options
    this.#exporter = exporter
    this.#signal = signal
    const { store, host, leaseMs } = options
    this.#leadership = new Leadership({
      store,
      host,
      name: EXPORT_LEASE,
      ...(leaseMs === undefined ? {} : { leaseMs }),
    })
    this.#backoffMs = this.#firstBackoff
  }

  async run(): Promise<void> {
    const stopBeating = this.#beat()
    while (!this.#signal.aborted) {
      const pause = await this.#turn()
      if (pause > 0) await sleep(this.#options.host, pause, this.#signal)
    }
    stopBeating()
    await this.#leadership.release().catch(() => undefined)
  }

  get #firstBackoff(): number {
    return this.#options.backoffMs ?? FIRST_BACKOFF_MS
  }

  /** One batch; how long to wait after it, in milliseconds. */
  async #turn(): Promise<number> {
    const { host, log, pollMs = POLL_MS } = this.#options
    try {
      if ((await this.#leadership.hold()) === null) {
        this.state = { ...this.state, state: 'standby', problem: null }
        return pollMs
      }
      const limit = this.#limit
      const count = await this.#exporter.exportOnce(limit, () => this.#leadership.epoch !== null)
      if (this.state.state === 'failing' && count > 0) log('telemetry is sent again')
      if (count > 0 || this.state.state === 'standby')
        this.state = {
          state: 'sending',
          problem: null,
          acknowledgedAt: count > 0 ? host.now() : this.state.acknowledgedAt,
        }
      this.#backoffMs = this.#firstBackoff
      this.#limit = BATCH
      this.#refusals = 0
      // What comes in small pieces is sent together: a request and a move of the cursor cost more than some records.
      return count < limit ? pollMs : 0
    } catch (cause) {
      return await this.#failed(cause)
    }
  }

  async #failed(cause: unknown): Promise<number> {
    const problem = cause instanceof Error ? cause.message : String(cause)
    if (this.state.state !== 'failing' && !this.#signal.aborted)
      this.#options.log(`telemetry waits for its collector: ${problem}`)
    this.state = { ...this.state, state: 'failing', problem }
    if (cause instanceof NotAcknowledged && cause.isRefusal && this.#limit === 1) this.#refusals += 1
    if (this.#refusals >= REFUSALS && this.#leadership.epoch !== null) {
      this.#refusals = 0
      await this.#exporter.leaveOne().catch(() => undefined)
    }
    this.#limit = Math.max(1, Math.floor(this.#limit / 2))
    const pause = this.#backoffMs
    this.#backoffMs = Math.min(MAX_BACKOFF_MS, pause * 2)
    const asked = cause instanceof NotAcknowledged ? cause.retryAfterMs : null
    return asked === null ? pause : Math.min(MAX_BACKOFF_MS, asked)
  }

  /** Signs of life go on while a slow collector has a batch. */
  #beat(): () => void {
    const { host, leaseMs } = this.#options
    let cancel: () => void = () => undefined
    const beat = (): void => {
      if (this.#leadership.epoch !== null) this.#leadership.hold().catch(() => undefined)
      cancel = host.after(Math.min(BEAT_MS, (leaseMs ?? Number.POSITIVE_INFINITY) / 4), beat)
    }
    beat()
    return () => cancel()
  }
}
