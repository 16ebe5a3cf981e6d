/** Finds what happened over all runs: reads new records into the table of the store, then asks the table (Invariant 9). */
import {
  COST_RECORDS,
  type CostFilter,
  type CostSums,
  CostTally,
  DECISION_RECORDS,
  type ExportedRecord,
  type FactFilter,
  type FactRow,
  FACTS_CURSOR,
  type Host,
  isEmptied,
  type RunCosts,
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
export type FactSource = Pick<Store, 'export' | 'cursor' | 'records' | 'facts' | 'costSums' | 'addFacts'>

/** Rows, and whether all stored records were looked at for them. */
export interface FactPage {
  readonly rows: readonly FactRow[]
  readonly complete: boolean
}

/** What is kept of a run between its records. */
interface RunReader {
  readonly facts: FactReader
  readonly costs: CostTally
}

interface KeptReader {
  readonly seq: number
  readonly reader: RunReader
}

/** What the new records of a run add. */
interface Found {
  readonly rows: readonly FactRow[]
  /** Null when they change nothing of what it cost. */
  readonly costs: RunCosts | null
}

/** Records that a reader needs of what came before. */
const EARLIER = [...new Set([...DECISION_RECORDS, ...COST_RECORDS])]

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

  /** Reads what is new, as far as one question may, and sums up what runs cost. */
  async costs(filter: CostFilter): Promise<CostSums & { readonly complete: boolean }> {
    const complete = await this.catchUp(this.#most)
    return { ...(await this.#store.costSums(filter)), complete }
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
    const found: Found[] = []
    const dropped: { tenant: string; runId: string }[] = []
    try {
      for (const own of Map.groupBy(records, keyOf).values()) {
        const made = await this.#foundIn(own)
        if (made === null) dropped.push(...own.slice(0, 1).map(({ tenant, runId }) => ({ tenant, runId })))
        else found.push(made)
      }
      const rows = found.flatMap((each) => each.rows)
      const costs = found.flatMap((each) => each.costs ?? [])
      // Somebody else was there first: what is kept here no longer fits.
      if (!(await this.#store.addFacts({ from, to, rows, costs, dropped }))) this.#readers.clear()
    } catch (thrown) {
      this.#readers.clear()
      throw thrown
    }
  }

  /** What one run's new records add; null for a run of which nothing is left to tell. */
  async #foundIn(own: readonly ExportedRecord[]): Promise<Found | null> {
    const [first] = own
    if (!first || own.some(isEmptied)) return null
    const records = own.flatMap(parsed)
    if (records.some((record) => record.type === 'history.pruned' && record.keep === 'nothing')) return null
    const reader = await this.#readerOf(first, records)
    if (!reader) return null
    const rows = records.map((record) => reader.facts.next(record))
    const changes = records.filter((record) => reader.costs.next(record))
    this.#keep(keyOf(first), { seq: own.at(-1)?.seq ?? 0, reader })
    return { rows, costs: changes.length > 0 ? reader.costs.costs() : null }
  }

  async #readerOf(first: ExportedRecord, records: readonly RunRecord[]): Promise<RunReader | null> {
    const kept = this.#readers.get(keyOf(first))
    if (kept?.seq === first.seq - 1) return kept.reader
    const through = { through: first.seq - 1, types: EARLIER }
    const before = first.seq === 1 ? [] : await this.#store.records(first.tenant, first.runId, through)
    const earlier = before.flatMap(parsed)
    const started = [...earlier, ...records].find((record) => record.type === 'run.started')
    if (!started) return null
    const reader = { facts: new FactReader(started), costs: new CostTally(started) }
    for (const record of earlier) {
      reader.facts.next(record)
      reader.costs.next(record)
    }
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
