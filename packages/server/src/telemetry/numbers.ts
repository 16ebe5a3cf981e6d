import { renameSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import {
  CONTRACT,
  type ExportedRecord,
  type Host,
  isEmptied,
  lineageGaps,
  type MetricPoint,
  metricOf,
  openItems,
  presentBranch,
  type RunRecord,
  type Store,
  sleep,
} from 'signalbox'
import { z } from 'zod'
import { type Labels, labelsOf } from './labels.ts'
import { ProjectingReader, parsed, type ReadBatch, type RunPart } from './reader.ts'

/** Name of their file in a data folder. */
export const NUMBERS_FILE = 'metrics.json'

/** Records read at once. */
const BATCH = 500
/** Records that one look reads at most, so that it ends; the next goes on from there. */
const MOST = 20_000
/** Sets of labels that one metric has at most; what comes after is counted under `_OTHER`. */
const MOST_SERIES = 1_000
const MOST_GAPS = 100
/** Records of runs under way that are kept in memory, so that few histories are read again when they end. */
const MOST_KEPT = 4_000

/** A counter or histogram of one set of labels, since the first record of the store. */
export interface Series {
  /** By the pinned conventions. */
  readonly name: string
  /** Names and values, sorted by name. */
  readonly labels: readonly (readonly [string, string])[]
  /** Sum of all values. */
  sum: number
  count: number
  /** By the bounds of the metric and one above them; empty for a counter. */
  readonly buckets: number[]
}

/** What one run waits for: it stands here while it waits or is parked. */
export interface Standing {
  readonly run: string
  readonly tenant: string
  readonly workflow: string
  /** Code of its parking; null when it only waits. */
  readonly parked: string | null
  /** Milliseconds since 1970: since when each approval is open. */
  readonly approvals: readonly number[]
  /** Calls whose outcome is not known, and questions about them. */
  readonly unsettled: number
}

const seriesSchema = z.object({
  name: z.string(),
  labels: z.array(z.tuple([z.string(), z.string()])),
  sum: z.number(),
  count: z.number(),
  buckets: z.array(z.number()),
})
const bookSchema = z.object({
  // Raised when names of the contract change: an older file is counted again.
  v: z.literal(2),
  contract: z.literal(CONTRACT.version),
  position: z.int(),
  left_out: z.int(),
  gaps: z.array(z.string()),
  gap_count: z.int(),
  series: z.array(seriesSchema),
  standing: z.array(
    z.object({
      run: z.string(),
      tenant: z.string(),
      workflow: z.string(),
      parked: z.string().nullable(),
      approvals: z.array(z.number()),
      unsettled: z.int(),
    }),
  ),
})

/** Records after which what a run waits for may be another. */
const TURNS: ReadonlySet<string> = new Set([
  'run.waiting',
  'run.parked',
  'segment.started',
  'branch.started',
  'history.moved',
  'run.completed',
  'run.stopped',
  'run.cancelled',
  'run.terminated',
])
const ENDS: ReadonlySet<string> = new Set(['run.completed', 'run.stopped', 'run.cancelled', 'run.terminated'])

/** What the numbers are made from and kept in. */
export interface NumbersOptions {
  readonly store: Pick<Store, 'export' | 'records' | 'stats'>
  readonly host: Host
  /** File that keeps them between two starts; null keeps them in memory. It may be deleted: the records are the truth. */
  readonly path: string | null
}

/**
 * Counters and histograms over all records of the store. They survive a restart: a file keeps them with the place up to
 * which they count, in one atomic step, and without the file they are counted again from the first record (Invariant 9).
 * Nothing is read until somebody looks.
 */
export class Numbers {
  readonly #options: NumbersOptions
  readonly #reader: ProjectingReader
  /** By the name of the metric, then by the key of the labels. */
  readonly #series = new Map<string, Map<string, Series>>()
  readonly #standing = new Map<string, Standing>()
  #gaps: string[] = []
  #gapCount = 0
  #leftOut = 0
  #position: number | null = null
  /** The whole history of runs under way, oldest first, as far as there is room. */
  readonly #histories = new Map<string, RunRecord[]>()
  #kept = 0
  #looking: Promise<void> | null = null
  #unsaved = false

  constructor(options: NumbersOptions) {
    this.#options = options
    this.#reader = new ProjectingReader(options.store)
  }

  /** Counts what came since the last look; several callers at once share one look. */
  async look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null
    })
    await this.#looking
  }

  get series(): readonly Series[] {
    return [...this.#series.values()].flatMap((own) => [...own.values()])
  }

  get standing(): readonly Standing[] {
    return [...this.#standing.values()]
  }

  /** Runs that ended with a gap in their lineage, and the latest hundred of them. */
  get gaps(): { readonly count: number; readonly runs: readonly string[] } {
    return { count: this.#gapCount, runs: this.#gaps }
  }

  /** Records that could not be projected. */
  get leftOut(): number {
    return this.#leftOut
  }

  /** Records that are not counted yet: more than zero only after a look that had too much to read. */
  async behind(): Promise<number> {
    return Math.max(0, (await this.#options.store.stats()).records - (this.#position ?? 0))
  }

  /**
   * Counts a batch that somebody else read, where it is the next one; anything else is left to the next look. Before the
   * first look nothing is counted: nobody reads these numbers.
   */
  async take(batch: ReadBatch): Promise<void> {
    const [first, last] = [batch.records[0], batch.records.at(-1)]
    if (this.#looking || !first || !last || first.position - 1 !== this.#position) return
    this.#looking = this.#taken(batch, last.position).finally(() => {
      this.#looking = null
    })
    await this.#looking
  }

  async #taken(batch: ReadBatch, position: number): Promise<void> {
    await this.#count(batch)
    this.#position = position
    this.#unsaved = true
  }

  async #look(): Promise<void> {
    const { store, host } = this.#options
    this.#position ??= await this.#load()
    const from = this.#position
    while (this.#position - from < MOST) {
      const records = await store.export(this.#position, BATCH)
      const last = records.at(-1)
      if (!last) break
      const batch = await this.#reader.read(records)
      await this.#count(batch)
      batch.keep()
      this.#position = last.position
      this.#unsaved = true
      // Between batches the process answers others.
      await sleep(host, 0)
    }
    if (this.#unsaved) this.#save()
  }

  async #count({ parts, leftOut }: ReadBatch): Promise<void> {
    for (const { projection } of parts) for (const point of projection.metrics) this.#add(point)
    for (const part of parts) await this.#place(part)
    this.#leftOut += leftOut.length
  }

  #add(point: MetricPoint): void {
    const { bounds } = metricOf(point.name)
    const series = this.#seriesOf(point.name, labelsOf(point.attributes))
    series.sum += point.value
    series.count += 1
    if (bounds.length === 0) return
    const at = bounds.findIndex((bound) => point.value <= bound)
    const bucket = at === -1 ? bounds.length : at
    series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1
  }

  #seriesOf(name: MetricPoint['name'], { key, pairs: labels }: Labels): Series {
    const own = this.#seriesNamed(name)
    const found = own.get(key)
    if (found) return found
    // Names of tools can come from a model: a metric must not grow without bounds.
    if (own.size >= MOST_SERIES && labels.some(([, value]) => value !== '_OTHER')) {
      const pairs = labels.map(([label]) => [label, '_OTHER'] as const)
      return this.#seriesOf(name, { pairs, key: JSON.stringify(pairs) })
    }
    const made = { name, labels, sum: 0, count: 0, buckets: metricOf(name).bounds.map(() => 0) }
    if (made.buckets.length > 0) made.buckets.push(0)
    own.set(key, made)
    return made
  }

  #seriesNamed(name: string): Map<string, Series> {
    let own = this.#series.get(name)
    if (!own) {
      own = new Map()
      this.#series.set(name, own)
    }
    return own
  }

  /** What a run waits for after these records, and whether its lineage is whole once it has ended. */
  async #place({ records: own, told }: RunPart): Promise<void> {
    const runId = own[0]?.runId ?? ''
    this.#keep(runId, told)
    const turn = own.findLast((record) => TURNS.has(record.type))
    if (!turn) return
    this.#standing.delete(turn.runId)
    const waits = turn.type === 'run.waiting' || turn.type === 'run.parked'
    if (!waits && !ENDS.has(turn.type)) return
    const all = await this.#historyOf(turn)
    if (ENDS.has(turn.type)) this.#drop(turn.runId)
    const [started] = all
    if (started?.type !== 'run.started') return
    if (!waits) {
      if (lineageGaps(all).length > 0) this.#gap(runId)
      return
    }
    const open = openItems(presentBranch(all))
    const end = all.at(-1)
    this.#standing.set(turn.runId, {
      run: turn.runId,
      tenant: turn.tenant,
      workflow: started.workflow.name,
      parked: end?.type === 'run.parked' ? end.code : null,
      approvals: open.filter(({ kind }) => kind === 'approval').map(({ seq }) => Date.parse(all[seq - 1]?.at ?? '')),
      unsettled: open.filter(({ kind }) => kind === 'question' || kind === 'call').length,
    })
  }

  #keep(runId: string, told: readonly RunRecord[]): void {
    const kept = this.#histories.get(runId)
    if (told[0]?.seq !== (kept?.at(-1)?.seq ?? 0) + 1) {
      this.#drop(runId)
      return
    }
    if (kept) kept.push(...told)
    else this.#histories.set(runId, [...told])
    this.#kept += told.length
    for (const oldest of this.#histories.keys()) {
      if (this.#kept <= MOST_KEPT) break
      this.#drop(oldest)
    }
  }

  #drop(runId: string): void {
    this.#kept -= this.#histories.get(runId)?.length ?? 0
    this.#histories.delete(runId)
  }

  /** All records of a run up to one of them; none where some were pruned. */
  async #historyOf({ tenant, runId, seq }: ExportedRecord): Promise<readonly RunRecord[]> {
    const kept = this.#histories.get(runId)
    if (kept) return kept.filter((record) => record.seq <= seq)
    const stored = await this.#options.store.records(tenant, runId, { through: seq })
    return stored.some(isEmptied) ? [] : stored.map(parsed)
  }

  #gap(runId: string): void {
    this.#gapCount += 1
    this.#gaps = [...this.#gaps, runId].slice(-MOST_GAPS)
  }

  /** The place up to which the file counts; 0 where there is none, or it is of another form. */
  async #load(): Promise<number> {
    const { path, store } = this.#options
    if (path === null) return 0
    try {
      const book = bookSchema.parse(JSON.parse(await readFile(path, 'utf8')))
      // Of another store, or of this one before it was put back.
      if (book.position > (await store.stats()).records) return 0
      for (const series of book.series) this.#seriesNamed(series.name).set(JSON.stringify(series.labels), series)
      for (const each of book.standing) this.#standing.set(each.run, each)
      this.#gaps = book.gaps
      this.#gapCount = book.gap_count
      this.#leftOut = book.left_out
      return book.position
    } catch {
      return 0
    }
  }

  #save(): void {
    const { path } = this.#options
    if (path === null) return
    const book = {
      v: 2,
      contract: CONTRACT.version,
      position: this.#position ?? 0,
      left_out: this.#leftOut,
      gaps: this.#gaps,
      gap_count: this.#gapCount,
      series: this.series,
      standing: this.standing,
    }
    this.#unsaved = false
    try {
      writeFileSync(`${path}.draft`, JSON.stringify(book), { mode: 0o600 })
      renameSync(`${path}.draft`, path)
    } catch {
      // A full disk costs the next start time, and the numbers nothing.
    }
  }
}
