/** Finds what happened over all runs: reads new records into the table of the store, then asks the table (Invariant 9). */
import {
  DECISION_RECORDS,
  type ExportedRecord,
  type FactFilter,
  type FactRow,
  FACTS_CURSOR,
  type Host,
  isEmptied,
  type RunRecord,
  sleep,
  type Store,
} from 'signalbox'
import { FactReader } from './reader.ts'

/** Records read at once. */
const BATCH = 1_000
/** Records that one question reads at most before it is answered; the rest is read in the background. */
const MOST_PER_QUESTION = 10_000
/** Runs whose reader is kept; others are rebuilt from their records when they go on. */
const KEPT_RUNS = 1_000
const POLL_MS = 2_000
const BACKOFF_MS = 10_000

/** The part of a store that the finder works with. */
export type FactSource = Pick<Store, 'export' | 'cursor' | 'records' | 'facts' | 'addFacts'>

/** Rows, and whether all stored records were looked at for them. */
export interface FactPage {
  readonly rows: readonly FactRow[]
  readonly complete: boolean
}

interface KeptReader {
  readonly seq: number
  readonly reader: FactReader
}

/** Answers questions about all runs of a tenant from the table, which it keeps up with the records. */
export class FactFinder {
  readonly #store: FactSource
  readonly #readers = new Map<string, KeptReader>()
  readonly #most: number
  #reading: Promise<unknown> = Promise.resolve()

  /** `most`: records that one question reads at most before it is answered. */
  constructor({ store }: { readonly store: FactSource }, most = MOST_PER_QUESTION) {
    this.#store = store
    this.#most = most
  }

  /** Reads what is new, as far as one question may, and answers. */
  async find(filter: FactFilter): Promise<FactPage> {
    const complete = await this.catchUp(this.#most)
    return { rows: await this.#store.facts(filter), complete }
  }

  /** Reads at most so many new records into the table; true when none is left. */
  async catchUp(most = Number.POSITIVE_INFINITY): Promise<boolean> {
    const mine = this.#reading.then(() => this.#read(most))
    this.#reading = mine.catch(() => undefined)
    return await mine
  }

  async #read(most: number): Promise<boolean> {
    for (let read = 0; read < most; ) {
      const from = await this.#store.cursor(FACTS_CURSOR)
      const records = await this.#store.export(from, BATCH)
      const last = records.at(-1)
      if (!last) return true
      await this.#add(from, last.position, records)
      read += records.length
    }
    return false
  }

  async #add(from: number, to: number, records: readonly ExportedRecord[]): Promise<void> {
    const rows: FactRow[] = []
    const dropped: { tenant: string; runId: string }[] = []
    try {
      for (const own of Map.groupBy(records, keyOf).values()) {
        const made = await this.#rowsOf(own)
        if (made === null) dropped.push(...own.slice(0, 1).map(({ tenant, runId }) => ({ tenant, runId })))
        else rows.push(...made)
      }
      // Somebody else was there first: what is kept here no longer fits.
      if (!(await this.#store.addFacts({ from, to, rows, dropped }))) this.#readers.clear()
    } catch (thrown) {
      this.#readers.clear()
      throw thrown
    }
  }

  /** The rows of one run's new records; null for a run of which nothing is left to tell. */
  async #rowsOf(own: readonly ExportedRecord[]): Promise<readonly FactRow[] | null> {
    const [first] = own
    if (!first || own.some(isEmptied)) return null
    const records = own.flatMap(parsed)
    if (records.some((record) => record.type === 'history.pruned' && record.keep === 'nothing')) return null
    const reader = await this.#readerOf(first, records)
    if (!reader) return null
    const rows = records.map((record) => reader.next(record))
    this.#keep(keyOf(first), { seq: own.at(-1)?.seq ?? 0, reader })
    return rows
  }

  async #readerOf(first: ExportedRecord, records: readonly RunRecord[]): Promise<FactReader | null> {
    const kept = this.#readers.get(keyOf(first))
    if (kept?.seq === first.seq - 1) return kept.reader
    const through = { through: first.seq - 1, types: DECISION_RECORDS }
    const before = first.seq === 1 ? [] : await this.#store.records(first.tenant, first.runId, through)
    const earlier = before.flatMap(parsed)
    const started = [...earlier, ...records].find((record) => record.type === 'run.started')
    if (!started) return null
    const reader = new FactReader(started)
    for (const record of earlier) reader.next(record)
    return reader
  }

  #keep(key: string, kept: KeptReader): void {
    this.#readers.delete(key)
    this.#readers.set(key, kept)
    const oldest = this.#readers.keys().next().value
    if (this.#readers.size > KEPT_RUNS && oldest !== undefined) this.#readers.delete(oldest)
  }
}

function keyOf({ tenant, runId }: { readonly tenant: string; readonly runId: string }): string {
  return JSON.stringify([tenant, runId])
}

/** A record that cannot be read is left out: the audit tells of it, and others must be found all the same. */
function parsed({ body }: { readonly body: string }): RunRecord[] {
  try {
    // The store gives back what the engine wrote.
    return body === '' ? [] : [JSON.parse(body) as RunRecord]
  } catch {
    return []
  }
}

/** Keeps the table up with the records in the background, so that no question has to read much. */
function keepFacts(
  finder: FactFinder,
  { host, log }: { readonly host: Host; readonly log: (line: string) => void },
): { stop(): Promise<void> } {
  const stop = new AbortController()
  const run = async (): Promise<void> => {
    let failed = false
    while (!stop.signal.aborted) {
      try {
        while (!stop.signal.aborted && !(await finder.catchUp(BATCH)));
        failed = false
      } catch (thrown) {
        if (!failed) log(`what happened cannot be indexed now: ${thrown instanceof Error ? thrown.name : 'a fault'}`)
        failed = true
      }
      await sleep(host, failed ? BACKOFF_MS : POLL_MS, stop.signal).catch(() => undefined)
    }
  }
  const running = run()
  return {
    stop: async () => {
      stop.abort()
      await running
    },
  }
}

/** A finder whose table is kept up in the background until the end of the process. */
export function keptFacts(parts: {
  readonly store: FactSource
  readonly host: Host
  readonly log: (line: string) => void
  readonly ends: (() => Promise<void> | void)[]
}): FactFinder {
  const finder = new FactFinder(parts)
  const kept = keepFacts(finder, parts)
  parts.ends.push(() => kept.stop())
  return finder
}
