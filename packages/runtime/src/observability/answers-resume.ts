/** Where a run can be resumed safely, and what becomes of each later effect: part of the answers about a run. */
import type { RunRecord } from '../contracts/records.ts'
import { type EffectLineage, lineageOf } from './lineage.ts'
import { type OpenItem, statusFrom } from './open.ts'
import { presentBranch } from './view.ts'
import { leftUnknown } from './words.ts'

/**
 * What a restore does with an effect that came after its point. `ledger`: it happened, and is answered from the ledger
 * when it is asked for again. `blocks`: nobody knows whether it happened, and that has to be settled first. `again`: it
 * did not happen, and may be asked for again.
 */
export type LaterHandling = 'ledger' | 'blocks' | 'again'

/** A record to which the run can be restored. */
export interface ResumePoint {
  readonly seq: number
  readonly at: string
  /** Type of the record. */
  readonly type: string
  readonly superstep: number | null
  /** True when nothing that came after it is unsettled. */
  readonly safe: boolean
  readonly effects: readonly {
    readonly tool: string
    readonly seq: number | null
    readonly effect_id: string | null
    readonly handling: LaterHandling
  }[]
}

/** Where the run can go on. */
export interface ResumeAnswer {
  readonly seqs: readonly number[]
  /**
   * `ends`: it ended; `by_itself`: nothing needs to be done; `person`: it goes on once a person acted; `elsewhere`: it
   * was moved to another store; `gone`: its contents were destroyed.
   */
  readonly goes_on: 'ended' | 'by_itself' | 'person' | 'elsewhere' | 'gone'
  /** What is open, with what a person can do about it. */
  readonly open: readonly {
    readonly kind: OpenItem['kind']
    readonly id: string
    readonly seq: number
    readonly action: string
  }[]
  /** Latest first. Whether its graph and state still fit is said by the plan of a move, not by the records. */
  readonly points: readonly ResumePoint[]
}

/** Restore points that are answered, latest first; the entry of the run is always the last of them. */
const MOST_POINTS = 20

/** Where the run can go on, from its records. */
export function resumeAnswer(records: readonly RunRecord[], open: readonly OpenItem[]): ResumeAnswer {
  const points = pointsOf(records)
  const items = open.map(({ kind, id, seq, action }) => ({ kind, id, seq, action }))
  const seqs = [...new Set([...points.map((point) => point.seq), ...items.map((item) => item.seq)])]
  return { seqs: seqs.sort((a, b) => a - b), goes_on: goesOn(records, open), open: items, points }
}

function goesOn(records: readonly RunRecord[], open: readonly OpenItem[]): ResumeAnswer['goes_on'] {
  if (records.at(-1)?.type === 'history.moved') return 'elsewhere'
  if (records.some(({ type }) => type === 'history.pruned' || type === 'subject.erased')) return 'gone'
  const state = statusFrom(records)
  if (state === 'parked') return 'person'
  if (state === 'running' || state === 'queued' || state === 'stopping') return 'by_itself'
  if (state !== 'waiting') return 'ended'
  const people = open.some((item) => item.kind === 'approval' || item.kind === 'question' || item.kind === 'request')
  return people ? 'person' : 'by_itself'
}

/** A record to which a run can be restored. */
export function isPoint(record: RunRecord): boolean {
  return record.type === 'position.saved' || ('checkpoint' in record && record.checkpoint !== null)
}

function pointsOf(records: readonly RunRecord[]): readonly ResumePoint[] {
  const state = goesOn(records, [])
  if (state === 'elsewhere' || state === 'gone') return []
  const found = presentBranch(records).filter(isPoint)
  const [entry] = found
  const latest = found.slice(1).slice(1 - MOST_POINTS)
  const effects = lineageOf(records).filter((effect) => effect.ledger === null && effect.origin === null)
  return [...(entry ? [entry] : []), ...latest].reverse().map((record) => {
    const later = effects.filter((effect) => (effect.outcomeSeq ?? effect.intentSeq ?? 0) > record.seq)
    const told = later.map((effect) => ({
      ...{ tool: effect.tool, seq: effect.outcomeSeq ?? effect.intentSeq, effect_id: effect.effectId },
      handling: handlingOf(effect),
    }))
    return {
      ...{ seq: record.seq, at: record.at, type: record.type, superstep: superstepOf(record) },
      safe: !told.some((effect) => effect.handling === 'blocks'),
      effects: told,
    }
  })
}

function superstepOf(record: RunRecord): number | null {
  if (record.type === 'run.started') return 0
  return 'superstep' in record && typeof record.superstep === 'number' ? record.superstep : null
}

function handlingOf({ status, code }: EffectLineage): LaterHandling {
  if (status === 'succeeded') return 'ledger'
  return status === 'open' || status === 'unknown' || leftUnknown(status, code) ? 'blocks' : 'again'
}
