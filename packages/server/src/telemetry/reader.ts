import {
  type ExportedRecord,
  isEmptied,
  type Projection,
  type ProjectionState,
  projectRecords,
  type RunRecord,
  type Store,
} from 'signalbox'

/** Runs whose projection is kept in memory; others are rebuilt from their records when they go on. */
const KEPT_RUNS = 500

const ENDS = new Set<RunRecord['type']>(['run.completed', 'run.stopped', 'run.cancelled', 'run.terminated'])

/** Telemetry of one run's part of a batch. */
export interface RunPart {
  readonly records: readonly ExportedRecord[]
  /** The same, read. */
  readonly told: readonly RunRecord[]
  readonly projection: Projection
}

/** A batch of records one after the other, and what they came to. */
export interface ReadBatch {
  readonly records: readonly ExportedRecord[]
  readonly parts: readonly RunPart[]
  /** Records that cannot be projected, because they were pruned before or are damaged. */
  readonly leftOut: readonly ExportedRecord[]
}

/** What a batch came to. `keep` is called once the batch counts: until then reading it again gives the same. */
export interface ProjectedBatch extends ReadBatch {
  keep(): void
}

/**
 * Projects batches of the store's records, run by run, and remembers where each run stands between them. Equal records give
 * equal telemetry, however they are cut into batches.
 */
export class ProjectingReader {
  readonly #store: Pick<Store, 'records'>
  readonly #states = new Map<string, ProjectionState>()

  constructor(store: Pick<Store, 'records'>) {
    this.#store = store
  }

  async read(records: readonly ExportedRecord[]): Promise<ProjectedBatch> {
    const parts: RunPart[] = []
    const leftOut: ExportedRecord[] = []
    for (const own of Map.groupBy(records, (record) => record.runId).values()) {
      const part = await this.#partOf(own)
      if (part) parts.push(part)
      else leftOut.push(...own)
    }
    return { records, parts, leftOut, keep: () => this.#keepAll(parts) }
  }

  async #partOf(all: readonly ExportedRecord[]): Promise<RunPart | null> {
    // Of a history that was pruned before it was read nothing can be told.
    const own = all.filter((record) => !isEmptied(record))
    const [first] = own
    if (!first || own.length < all.length) return null
    try {
      const kept = this.#states.get(first.runId)
      const before = kept?.seq === first.seq - 1 ? kept : await this.#rebuilt(first)
      const told = own.map(parsed)
      return { records: own, told, projection: projectRecords(before, told) }
    } catch (cause) {
      if (!(cause instanceof SyntaxError)) throw cause
      // A damaged record must not hold up the records of all other runs; the audit tells of it.
      return null
    }
  }

  async #rebuilt(first: ExportedRecord): Promise<ProjectionState | null> {
    if (first.seq === 1) return null
    const earlier = await this.#store.records(first.tenant, first.runId, { through: first.seq - 1 })
    if (earlier.some(isEmptied)) return null
    return projectRecords(null, earlier.map(parsed)).state
  }

  #keepAll(parts: readonly RunPart[]): void {
    for (const { records, projection } of parts) {
      const runId = records[0]?.runId ?? ''
      this.#states.delete(runId)
      if (!records.some((record) => ENDS.has(record.type))) this.#states.set(runId, projection.state)
      const oldest = this.#states.keys().next().value
      if (this.#states.size > KEPT_RUNS && oldest !== undefined) this.#states.delete(oldest)
    }
  }
}

/** A stored record. Throws SyntaxError for a body that is no JSON. */
export function parsed(record: { readonly body: string }): RunRecord {
  // The store gives back what the engine wrote.
  return JSON.parse(record.body) as RunRecord
}
