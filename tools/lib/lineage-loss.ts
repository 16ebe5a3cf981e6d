/** Takes things away from a history, one at a time, and tells what the check of lineage does not notice. */
import { lineageGaps } from '../../packages/runtime/src/observability/index.ts'
import type { RunRecord } from '../../packages/runtime/src/contracts/records.ts'

/** Types of record whose loss changes no effect's lineage, with the reason. */
export const NO_LINEAGE: Readonly<Record<string, string>> = {
  'segment.started': 'says which worker held the run; an effect is whole without it',
  'run.waiting': 'says what the run waited for; request and answer are records of their own',
  'position.saved': 'lets an activation go on from there; the calls themselves are on record',
  'run.completed': 'how the run ended; its effects are told before',
  'request.opened': 'a question at a port: what was answered is part of the messages and state that checkpoints hold',
  'response.received': 'its answer: as above',
  'activation.completed': 'what one node gave before the barrier; the barrier after it holds it too',
  'approval.changed': 'says who looked at a question; who answered is the answer itself',
}

/** Links of a record to what an effect came from, by the type that has them. */
const LINKS: Readonly<Record<string, readonly string[]>> = {
  'activity.intent': [
    'decision',
    'approval_id',
    'idempotency_key',
    'effect_id',
    'proposal',
    'proposal.model_seq',
    'proposal.call_id',
  ],
  'activity.outcome': ['effect_hash', 'effect_id'],
  'approval.decided': ['by', 'votes.0.seen', 'votes.0.by'],
}

/**
 * Types and links that a history of an effect may lose without a gap. Only what the history has is taken away; types
 * that carry no lineage are left out. `gapsOf` is the check that is tried.
 */
export function unnoticedLoss(
  records: readonly RunRecord[],
  gapsOf: (records: readonly RunRecord[]) => readonly unknown[] = lineageGaps,
): readonly string[] {
  const notices = (changed: readonly RunRecord[]): boolean => isNoticed(changed, gapsOf)
  const types = [...new Set(records.map(({ type }) => type))]
    .filter((type) => !Object.hasOwn(NO_LINEAGE, type))
    // A barrier is the checkpoint of the effects behind it; where there are none it is of no effect.
    .filter((type) => type !== 'superstep.completed' || hasEffectAfterBarrier(records))
  const lost = types.filter((type) => !notices(records.filter((record) => record.type !== type)))
  const links = records.flatMap((record, at) => {
    if (!isOfEffect(record)) return []
    return (LINKS[record.type] ?? []).flatMap((path) => {
      const cut = without(record, path.split('.'))
      // The copy lacks a field on purpose.
      return cut === null || notices(records.with(at, cut as RunRecord)) ? [] : [`${record.type}.${path}`]
    })
  })
  return [...new Set([...lost, ...links])].sort()
}

function hasEffectAfterBarrier(records: readonly RunRecord[]): boolean {
  const barrier = records.findIndex(({ type }) => type === 'superstep.completed')
  return records.slice(barrier + 1).some(isOfEffect)
}

function isNoticed(
  records: readonly RunRecord[],
  gapsOf: (records: readonly RunRecord[]) => readonly unknown[],
): boolean {
  try {
    return gapsOf(records).length > 0
  } catch {
    // A history that cannot be followed is not taken for a whole one.
    return true
  }
}

function isOfEffect(record: RunRecord): boolean {
  if (record.type === 'activity.intent') return record.proposal.effect !== 'none' && record.proposal.kind === 'tool'
  if (record.type === 'activity.outcome')
    return record.effect !== 'none' && record.kind === 'tool' && record.status === 'succeeded'
  return record.type === 'approval.decided'
}

/** A copy with null at the place, or null when nothing is there. */
function without(value: unknown, [first, ...rest]: readonly string[]): unknown {
  if (first === undefined || typeof value !== 'object' || value === null) return null
  const before: unknown = Reflect.get(value, first)
  if (before === undefined || before === null) return null
  const after = rest.length === 0 ? null : without(before, rest)
  if (rest.length > 0 && after === null) return null
  return Array.isArray(value) ? value.with(Number(first), after) : { ...value, [first]: after }
}
