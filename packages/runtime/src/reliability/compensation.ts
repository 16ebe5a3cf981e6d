import { sha256Hex } from '../base/hash.ts'
import { isoTime, timeOf } from '../base/time.ts'
import type { CompensationItem } from '../contracts/compensation.ts'
import type { ActivityIntent, ActivityOutcome } from '../contracts/records.ts'
import type { EffectRow } from '../contracts/store.ts'
import type { ToolSpec } from '../contracts/tool.ts'
import type { Sealer } from '../contracts/vault.ts'

/** Scope under which the ledger holds undos. No tool can declare it. */
export const UNDO_SCOPE = 'undo'

/** Identity of the undo of an effect: the effect's own, whatever tool undoes it and whoever asks (invariant 4). */
export function undoIdentity(sealer: Pick<Sealer, 'digest'>, effectId: string): string {
  return sealer.digest(`undo\n${effectId}`)
}

/** Idempotency key of the undo of an effect: one for ever. At most 64 characters, safe in a header. */
export function undoKey(effectId: string): string {
  return `sb-undo-${sha256Hex(effectId).slice(0, 40)}`
}

/** What is on record of one effect of the run that is to be compensated. */
export interface RecordedEffect {
  readonly row: EffectRow
  readonly intent: ActivityIntent
  /** The outcome that says that it happened; null while that is unknown. */
  readonly outcome: ActivityOutcome | null
  /** The ledger's row of its undo, or null. */
  readonly undo: EffectRow | null
  /** The tool as it is loaded here, or null. */
  readonly tool: ToolSpec | null
  readonly sharedWith: readonly string[]
}

/** How one effect stands towards being undone, at `nowMs`. Whether its arguments can be made is not asked here. */
export function judgeUndo(effect: RecordedEffect, nowMs: number): CompensationItem {
  const { row, intent, outcome, undo, tool } = effect
  const { proposal } = intent
  const declared = tool?.undo
  const spec = declared === undefined || declared === 'impossible' ? null : declared
  const at = outcome?.at ?? intent.at
  const until = spec?.withinSeconds == null ? null : timeOf(at) + spec.withinSeconds * 1_000
  const base = {
    seq: outcome?.seq ?? intent.seq,
    effectId: row.effectId,
    tool: row.tool,
    class: outcome?.class ?? proposal.class,
    effect: outcome?.effect ?? proposal.effect,
    node: intent.ask.node,
    at,
    undo: spec?.tool.name ?? null,
    until: until === null ? null : isoTime(until),
    undoneBy: undo && { run: undo.runId, seq: undo.state === 'succeeded' ? undo.outcomeSeq : null },
    sharedWith: effect.sharedWith,
  }
  return { ...base, ...stateOf(effect, until, nowMs) }
}

function stateOf(
  { outcome, undo, tool }: RecordedEffect,
  until: number | null,
  nowMs: number,
): Pick<CompensationItem, 'state' | 'why'> {
  if (undo?.state === 'succeeded') return { state: 'undone', why: `run ${undo.runId} undid it` }
  if (undo) return { state: 'being_undone', why: `run ${undo.runId} is at it` }
  if (!outcome)
    return { state: 'unknown', why: 'what became of it is not known: restore the run and answer that first' }
  if (!tool) return { state: 'not_loaded', why: 'its tool is not loaded here' }
  if (tool.undo === undefined) return { state: 'undeclared', why: 'its tool does not say how it is undone' }
  if (tool.undo === 'impossible') return { state: 'impossible', why: 'its tool says that nothing can undo it' }
  if (until !== null && nowMs > until) return { state: 'too_late', why: `it could be undone until ${isoTime(until)}` }
  return { state: 'undoable', why: `\`${tool.undo.tool.name}\` undoes it` }
}
