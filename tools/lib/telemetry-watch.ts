/** Compares the telemetry of every history that is stored while tests run with the telemetry contract. */

/** One stored record as the runtime tells of it. */
export interface ToldRecord {
  readonly seq: number
  readonly body: string
}

/** What the runtime publishes about records that became durable. */
export interface Told {
  readonly runId: string
  readonly records: readonly ToldRecord[]
}

/** Spans, log events and metrics, as far as they are looked at here. */
interface Projected {
  readonly spans: readonly { readonly spanId: string; readonly traceId: string; readonly name: string }[]
  readonly state: unknown
}

/** The projection and the checker of the runtime: given from outside, so that nothing is loaded before it is needed. */
export interface Eyes<S extends Projected> {
  project(state: S['state'] | null, records: readonly unknown[]): S
  check(telemetry: S): readonly { readonly signal: string; readonly key: string; readonly problem: string }[]
}

/** How far the telemetry of one run was looked at. */
interface Seen {
  seq: number
  state: unknown
  traceId: string | null
  readonly spanIds: Set<string>
}

/** How many records one test may add: a test that makes a crowd of runs is looked at in part, not slowed down. */
const MAX_RECORDS = 20_000

/**
 * Collects what becomes durable and, when asked, projects and checks it. A run of which an earlier record was not seen
 * in this process is left out.
 */
export class TelemetryWatch<S extends Projected> {
  readonly #new = new Map<string, ToldRecord[]>()
  readonly #seen = new Map<string, Seen>()
  #held = 0

  /** Takes up records; cheap, because nothing is computed before `violations`. */
  take(told: Told): void {
    if (this.#held >= MAX_RECORDS) return
    this.#held += told.records.length
    const of = this.#new.get(told.runId) ?? []
    of.push(...told.records)
    this.#new.set(told.runId, of)
  }

  /** True when something was taken up since the last look. */
  get pending(): boolean {
    return this.#held > 0
  }

  /** Forgets what was taken up: for tests that break records on purpose. */
  forget(): void {
    this.#new.clear()
    this.#seen.clear()
    this.#held = 0
  }

  /** Every break of the contract in what was taken up since the last call, each once, as a line of text. */
  violations(eyes: Eyes<S>): readonly string[] {
    const lines = new Set<string>()
    for (const [runId, records] of this.#new) for (const line of this.#ofRun(runId, records, eyes)) lines.add(line)
    this.#new.clear()
    this.#held = 0
    return [...lines]
  }

  #ofRun(runId: string, told: readonly ToldRecord[], eyes: Eyes<S>): readonly string[] {
    const seen = this.#seen.get(runId) ?? { seq: 0, state: null, traceId: null, spanIds: new Set() }
    const records = following(seen.seq, told)
    const last = records.at(-1)
    if (!last) return []
    this.#seen.set(runId, seen)
    const telemetry = eyes.project(
      seen.state,
      records.map((record): unknown => JSON.parse(record.body)),
    )
    seen.seq = last.seq
    seen.state = telemetry.state
    return [
      ...eyes.check(telemetry).map(({ signal, key, problem }) => `${signal} ${key} ${problem}`),
      ...spanFaults(seen, telemetry),
    ]
  }
}

/** The records that follow a sequence without a gap, in order, each once. */
function following(after: number, told: readonly ToldRecord[]): readonly ToldRecord[] {
  const found: ToldRecord[] = []
  for (const record of told.toSorted((a, b) => a.seq - b.seq))
    if (record.seq === after + found.length + 1) found.push(record)
  return found
}

function spanFaults(seen: Seen, { spans }: Projected): readonly string[] {
  const faults: string[] = []
  for (const { spanId, traceId, name } of spans) {
    if (seen.spanIds.has(spanId)) faults.push(`${name} is sent twice`)
    if (seen.traceId !== null && seen.traceId !== traceId) faults.push(`${name} is in another trace of the same run`)
    seen.traceId = traceId
    seen.spanIds.add(spanId)
  }
  return faults
}
