import type { UndoneEffect } from '../../contracts/records.ts'
import type { EffectChange, EffectRow, EffectState } from '../../contracts/store.ts'
import { undoIdentity, undoKey, UNDO_SCOPE } from '../../reliability/compensation.ts'
import type { LiveRun } from '../live-run.ts'
import type { Ask, EffectIdentity, Ended } from './ask.ts'
import { effectIdOf, recordedAnswer, waitForHolder } from './holder.ts'

/** The ledger's row of the undo of an effect: open, unknown or succeeded. Null when nobody undoes it or has undone it. */
export function undoOf(run: LiveRun, effect: EffectRow): Promise<EffectRow | null> {
  const identity = undoIdentity(run.sealer, effect.effectId)
  return run.env.store.effect(run.tenant, effect.tool, UNDO_SCOPE, identity)
}

/**
 * The identity of an undo comes from the effect that it undoes, so that whoever asks, and how often, one effect is
 * undone once at most (invariant 4). One that was done answers; one that is open elsewhere is waited for; one that was
 * done with other arguments, or beside a compensation, ends this call: nobody can order a second one.
 */
export async function lookUpUndo(ask: Ask, undoes: UndoneEffect): Promise<Ended | null> {
  const { run } = ask
  const identity = undoIdentity(run.sealer, undoes.effect_id)
  const effectId = effectIdOf(ask, undoes.tool, UNDO_SCOPE, identity)
  const key = undoKey(undoes.effect_id)
  ask.identity = { tool: undoes.tool, scope: UNDO_SCOPE, identity, effectId, idempotencyKey: key }
  for (;;) {
    ask.claimsSeen = run.claims.get(effectId) ?? 0
    if (ask.claimsSeen > 0) await run.flush()
    const end = await heldUndo(ask)
    if (end === null || 'status' in end) return end
    await waitForHolder(ask, end.open)
  }
}

/** How the undo stands in the ledger: done or impossible now, open elsewhere by its effect id, or free. */
async function heldUndo(ask: Ask): Promise<Ended | { readonly open: string } | null> {
  const { run, identity } = ask
  const held = identity && (await run.env.store.effect(run.tenant, identity.tool, identity.scope, identity.identity))
  if (held && held.argsDigest !== ask.sentDigest)
    return conflict(`run \`${held.runId}\` undid it, or is about to, with other arguments`)
  if (held) return (await recordedAnswer(ask, held)) ?? { open: held.effectId }
  const own = ownIdentity(ask)
  const beside = own && (await run.env.store.effect(run.tenant, own.tool, own.scope, own.identity))
  if (!beside) return null
  if (beside.state !== 'succeeded') return { open: beside.effectId }
  return conflict(`run \`${beside.runId}\` called \`${own.tool}\` for the same thing already; find out what that undid`)
}

function conflict(result: string): Ended {
  return { status: 'rejected', code: 'EFFECT_CONFLICT', result }
}

/** The identity that the undo's own tool declares: it is claimed beside the other, so that a plain call is not made twice. */
function ownIdentity(ask: Ask): EffectIdentity | null {
  const named = ask.tool?.effectKey?.(ask.args)
  if (!named || !ask.undoes) return null
  const { run, name } = ask
  const scopes = { run: `run:${run.rootRun}`, workflow: `workflow:${run.spec.name}`, tenant: 'tenant' }
  const identity = run.sealer.digest(named.key)
  const scope = scopes[named.scope]
  const idempotencyKey = undoKey(ask.undoes.effect_id)
  return { tool: name, scope, identity, effectId: effectIdOf(ask, name, scope, identity), idempotencyKey }
}

/** The claims of an ask in the transaction of its intent: its identity, and for an undo that of its tool as well. */
export function claimsOf(ask: Ask, identity: EffectIdentity, intentSeq: number): readonly EffectChange[] {
  const own = ownIdentity(ask)
  const others = ask.others === null ? {} : { others: ask.others }
  const first = { kind: 'claim', row: claimRow(ask, identity, intentSeq), ...others } as const
  return own ? [first, { kind: 'claim', row: claimRow(ask, own, intentSeq) }] : [first]
}

function claimRow(ask: Ask, identity: EffectIdentity, intentSeq: number): EffectRow {
  const { run } = ask
  return {
    tenant: run.tenant,
    tool: identity.tool,
    scope: identity.scope,
    identity: identity.identity,
    effectId: identity.effectId,
    runId: run.runId,
    rootRunId: run.rootRun,
    askKey: ask.ref.key,
    idempotencyKey: identity.idempotencyKey,
    argsDigest: ask.sentDigest,
    state: 'open',
    intentSeq,
    outcomeSeq: null,
  }
}

/** What the end of an ask changes in the ledger: all that its intent claimed. */
export function settlesOf(ask: Ask, effectId: string, state: EffectState, outcomeSeq: number): readonly EffectChange[] {
  const own = ownIdentity(ask)
  const ids = own ? [effectId, own.effectId] : [effectId]
  return ids.map((id) => ({ kind: 'settle', effectId: id, state, outcomeSeq }))
}
