import type {
  ActivationFailed,
  ActivationResult,
  MessageDropped,
  PositionSaved,
  RunRecord,
} from '../../contracts/records.ts'
import { ROOT_SCOPE, scopeOf } from '../../base/scope-id.ts'
import { foldRecord, type RunFold, toldAt } from '../../reliability/fold.ts'
import { type CheckpointRecord, isCheckpoint } from '../../reliability/timeline.ts'
import type { RecordedStretch } from './port.ts'

const NOTHING: RecordedStretch = { asks: new Map(), outcomes: [] }

/** The state at a checkpoint, with nothing begun: what a superstep starts from. */
export function freshFold(fold: RunFold): RunFold {
  return { ...fold, activations: new Map(), scopes: new Map(), judged: new Map(), opened: [] }
}

/** A part of a run's timeline: from one checkpoint to the next, or to the head. */
export interface Stretch {
  /** The run at its first checkpoint. */
  readonly from: RunFold
  readonly records: readonly RunRecord[]
  /** The checkpoint after them, or null at the head. */
  readonly closing: CheckpointRecord | null
  /** Messages that nobody took at the closing checkpoint. */
  readonly drops: readonly MessageDropped[]
}

/** What a superstep that is on record asked, saved and gave: the journal that its replay is fed from and compared with. */
export class RecordedStep {
  /** By activation, attempt and position. */
  readonly stretches = new Map<string, RecordedStretch>()
  readonly saves = new Map<string, PositionSaved>()
  readonly failures = new Map<string, ActivationFailed>()
  readonly results = new Map<string, ActivationResult>()
  readonly closing: CheckpointRecord | null
  readonly drops: readonly MessageDropped[]
  private readonly begun = new Map<string, string>()

  constructor({ from, records, closing, drops }: Stretch) {
    const fold = freshFold(from)
    this.closing = closing
    this.drops = drops
    for (const record of records) {
      // A checkpoint without effect on what is open, such as code that alone took over.
      if (isCheckpoint(record)) continue
      if (record.type === 'position.saved' || record.type === 'activation.failed') this.keep(fold, record.activation)
      foldRecord(fold, record)
      if (!isInside(record)) this.note(record)
    }
    for (const id of fold.activations.keys()) this.keep(fold, id)
    if (closing?.type === 'superstep.completed')
      for (const result of closing.results) this.results.set(result.activation, result)
  }

  stretch(activation: string, attempt: number, position: number): RecordedStretch {
    return this.stretches.get(stretchKey(activation, attempt, position)) ?? NOTHING
  }

  private note(record: RunRecord): void {
    if (record.type === 'position.saved') {
      const key = stretchKey(record.activation, record.attempt, record.position)
      this.saves.set(key, record)
      this.begun.set(`${record.activation}/${record.position}`, toldAt(record))
    }
    if (record.type === 'activation.failed') this.failures.set(`${record.activation}/${record.attempt}`, record)
    if (record.type === 'activation.completed') this.results.set(record.result.activation, record.result)
  }

  private keep(fold: RunFold, activation: string): void {
    const entry = fold.activations.get(activation)
    // What lies in a nested scope is not run again: the scope is one call, answered from the record.
    if (entry?.scope !== ROOT_SCOPE) return
    const position = entry.position?.position ?? 0
    const at = this.begun.get(`${activation}/${position}`)
    this.stretches.set(stretchKey(activation, entry.attempt, position), {
      asks: new Map(entry.asks),
      outcomes: [...entry.outcomes],
      ...(at === undefined ? {} : { at }),
    })
  }
}

/** True for the record of an activation inside a nested scope. */
function isInside(record: RunRecord): boolean {
  if (record.type === 'activation.completed') return scopeOf(record.result.activation) !== ROOT_SCOPE
  const told = record.type === 'position.saved' || record.type === 'activation.failed'
  return told && scopeOf(record.activation) !== ROOT_SCOPE
}

/** Names a stretch: the same for the record and for the replay. */
export function stretchKey(activation: string, attempt: number, position: number): string {
  return `${activation}/${attempt}/${position}`
}
