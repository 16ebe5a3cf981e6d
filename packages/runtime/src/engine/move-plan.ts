import { toSignalboxError } from '../base/errors.ts'
import type { ForkChoice, LaterEffect, MovePlan } from '../contracts/runtime.ts'
import { type EffectRow, holdsIdentity, type RunRow } from '../contracts/store.ts'
import { decodeRecord } from '../reliability/chain.ts'
import { undoIdentity, UNDO_SCOPE } from '../reliability/compensation.ts'
import type { Env } from './env.ts'
import { laterEffects, planOf, refuseOpenAtPoint } from './fork.ts'
import { findPoint, openAtPoint, type Point, refuseChanged, refuseErased, rootOf, rowOf } from './move.ts'
import { approvalsAt, askedAnew, refuseToRestore } from './restore.ts'

/** Tells what a restore or fork would do before it is done (invariant 11): nothing is changed. */
export async function movePlan(
  env: Env,
  row: RunRow,
  move: { readonly kind: MovePlan['kind']; readonly seq: number; readonly plan?: readonly ForkChoice[] },
): Promise<MovePlan> {
  const { kind, seq, plan = [] } = move
  const point = await findPoint(env, row, seq)
  const effects = await env.store.effects(row.tenant, rootOf(row, point))
  const later = laterEffects(row, point, effects)
  const actions = new Map(planOf(row, later, plan).map((entry) => [entry.effect_id, entry.action]))
  const kept = openAtPoint(point).flatMap((ask) => rowOf(ask, effects) ?? [])
  const undone = await undosOf(env, row, later)
  return {
    kind,
    runId: row.runId,
    seq,
    type: point.record.type,
    at: point.record.at,
    checkpointSeq: point.checkpointSeq,
    superstep: point.was.fold.checkpoint.superstep,
    effects: [
      ...kept.map((effect) => told(effect, isKnown(effect) ? 'kept' : 'blocks')),
      ...later.map((effect) =>
        told(effect, whatThen(effect, kind, row, actions.get(effect.effectId), undone.get(effect.effectId))),
      ),
    ],
    again: await madeAgain(env, row, seq),
    askedAnew: await toolsAskedAnew(env, row, point, kind),
    refused: await refusal(env, row, point, kind, effects),
  }
}

function told(effect: EffectRow, handling: LaterEffect['handling']): LaterEffect {
  const { effectId, tool, runId, intentSeq: seq, outcomeSeq, state } = effect
  return { effectId, tool, runId, seq, outcomeSeq, state, handling }
}

function isKnown({ state }: EffectRow): boolean {
  return state !== 'open' && state !== 'unknown'
}

function whatThen(
  effect: EffectRow,
  kind: MovePlan['kind'],
  row: RunRow,
  action: 'ask' | 'repeat' | undefined,
  undo: EffectRow | undefined,
): LaterEffect['handling'] {
  if (!holdsIdentity(effect.state)) return 'again'
  if (!isKnown(effect)) return kind === 'restore' && effect.runId === row.runId ? 'blocks' : 'waits'
  // The ledger says the same when it is asked for again: nobody but a person knows whether it is wanted once more.
  if (undo) return undo.state === 'succeeded' ? 'asked' : 'waits'
  if (action === 'repeat') return 'repeated'
  return action === 'ask' ? 'asked' : 'ledger'
}

/** The undoing of each effect that was undone or is being undone, by the id of the effect. */
async function undosOf(env: Env, row: RunRow, effects: readonly EffectRow[]): Promise<ReadonlyMap<string, EffectRow>> {
  const found = new Map<string, EffectRow>()
  if (effects.length === 0) return found
  const sealer = await env.vault.sealer(row.tenant, row.subject)
  for (const { effectId, tool, state } of effects) {
    if (state !== 'succeeded') continue
    const undo = await env.store.effect(row.tenant, tool, UNDO_SCOPE, undoIdentity(sealer, effectId))
    if (undo) found.set(effectId, undo)
  }
  return found
}

async function madeAgain(env: Env, row: RunRow, seq: number): Promise<MovePlan['again']> {
  const outcomes = await env.store.records(row.tenant, row.runId, { after: seq, types: ['activity.outcome'] })
  let modelCalls = 0
  let reads = 0
  for (const record of outcomes.map(decodeRecord)) {
    if (record.type !== 'activity.outcome' || record.ask.parent !== null || record.effect !== 'none') continue
    // Time is not asked for again: it passes.
    if (record.kind !== 'model' && record.kind !== 'tool') continue
    if (record.kind === 'model') modelCalls += 1
    else reads += 1
  }
  return { modelCalls, reads }
}

/** A fork asks for every approval that was not used at the point; a restore for those that count for nothing any more. */
async function toolsAskedAnew(env: Env, row: RunRow, point: Point, kind: MovePlan['kind']): Promise<readonly string[]> {
  const unused = approvalsAt(point)
  if (kind === 'fork') return unused.map(({ requested }) => requested.proposal.name)
  const requests = await env.store.requests({ tenant: row.tenant, runId: row.runId, limit: 1_000 })
  const anew = new Set(await askedAnew(env, row, point, requests))
  return unused
    .filter(({ requested }) => anew.has(requested.approval_id))
    .map(({ requested }) => requested.proposal.name)
}

async function refusal(
  env: Env,
  row: RunRow,
  point: Point,
  kind: MovePlan['kind'],
  effects: readonly EffectRow[],
): Promise<MovePlan['refused']> {
  try {
    await refuseChanged(env, row, point)
    if (kind === 'fork') refuseOpenAtPoint(row, point, effects)
    else refuseToRestore(row, effects)
    await refuseErased(env, row, point)
    return null
  } catch (thrown) {
    const { code, message } = toSignalboxError(thrown)
    return { code, message }
  }
}
