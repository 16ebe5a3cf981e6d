import { canonicalJson } from '../../base/json.ts'
import type { EffectRow } from '../../contracts/store.ts'
import { idempotencyKey } from '../../reliability/keys.ts'
import type { Ask, Ended } from './ask.ts'
import { decide } from './decide.ts'
import { identifyUnnamed, plannedFor, repeatIdentity } from './family.ts'
import { effectIdOf, recordedAnswer, waitForHolder } from './holder.ts'
import { askPerson } from './question.ts'
import { lookUpUndo, undoOf } from './undo.ts'

const AGAIN = {
  other_arguments: 'with other arguments',
  undone_effect: 'after it was undone',
  asked_again: 'in a fork',
} as const

/**
 * Looks an effect up by its identity (invariant 4, ENGINE R5): one that succeeded answers an equal ask, unless the plan of
 * a fork says otherwise; one that is open elsewhere is waited for; the same identity with other arguments goes to a
 * person. Free identities pass and are claimed with the intent.
 */
export async function lookUpLedger(ask: Ask): Promise<Ended | null> {
  if (ask.effect === 'none' || !ask.tool) return null
  if (ask.undoes) return lookUpUndo(ask, ask.undoes)
  const { run } = ask
  for (;;) {
    const leftovers = ask.ordered ? [] : await identifyEffect(ask)
    const { identity } = ask
    if (!identity) return null
    ask.claimsSeen = run.claims.get(identity.effectId) ?? 0
    // What another ask of this run claimed is in the store before it is looked up there.
    if (ask.claimsSeen > 0) await run.flush()
    const found = (await run.env.store.effect(run.tenant, ask.name, identity.scope, identity.identity)) ?? leftovers[0]
    if (!found) return null
    const end = await answerFrom(ask, found)
    if (end && 'status' in end) return end
    // A person or a plan ordered another one: that is looked up by the identity that it got.
    if (ask.identity !== identity) continue
    await waitForHolder(ask, end?.open ?? found.effectId)
  }
}

/** Sets the identity that the ask has, and gives effects that it could be by another name. */
async function identifyEffect(ask: Ask): Promise<readonly EffectRow[]> {
  const named = ask.tool?.effectKey?.(ask.args) ?? null
  if (named !== null) {
    setIdentity(ask, scopeOf(ask, named.scope), ask.run.sealer.digest(named.key), null)
    return []
  }
  const found = await identifyUnnamed(ask)
  setIdentity(ask, found.scope, found.identity, null)
  ask.others = found.others
  return found.leftovers
}

function setIdentity(ask: Ask, scope: string, identity: string, orderedBy: string | null): void {
  const { name: tool, run, ref } = ask
  const effectId = effectIdOf(ask, tool, scope, identity)
  ask.identity = { tool, effectId, scope, identity, idempotencyKey: idempotencyKey(run.rootRun, ref.key, orderedBy) }
}

/**
 * True when another ask of this run claimed the identity after this one looked it up: then it has to look again. Nothing
 * may be awaited between this answer and the intent.
 */
export function isClaimedSince(ask: Ask): boolean {
  if (!ask.identity || ask.ordered) return false
  return (ask.run.claims.get(ask.identity.effectId) ?? 0) !== ask.claimsSeen
}

function scopeOf(ask: Ask, scope: 'run' | 'workflow' | 'tenant'): string {
  if (scope === 'run') return `run:${ask.run.rootRun}`
  return scope === 'workflow' ? `workflow:${ask.run.spec.name}` : 'tenant'
}

/** The answer of an effect that happened; the effect whose end has to be waited for; null where another one was ordered. */
async function answerFrom(ask: Ask, holder: EffectRow): Promise<Ended | { readonly open: string } | null> {
  if (holder.argsDigest !== ask.sentDigest) return askedBeside(ask, 'other_arguments', holder, holder)
  if (holder.state !== 'succeeded' || holder.outcomeSeq === null) return { open: holder.effectId }
  const undo = await undoOf(ask.run, holder)
  if (undo?.state === 'succeeded') return askedBeside(ask, 'undone_effect', holder, undo)
  if (undo) return { open: undo.effectId }
  switch (plannedFor(ask, holder)) {
    case 'repeat':
      ask.repeats = true
      order(ask, repeatIdentity(ask.run, holder.identity), null)
      // The approval stage comes next: it has to see that a person is needed.
      ask.decision = decide(ask, null)
      return null
    case 'ask':
      return askedBeside(ask, 'asked_again', holder, holder)
    default:
      return recordedAnswer(ask, holder)
  }
}

/** A person says whether the effect is to happen beside the earlier one that `holder` tells of; `last` is what became of it. */
async function askedBeside(
  ask: Ask,
  about: keyof typeof AGAIN,
  holder: EffectRow,
  last: EffectRow,
): Promise<Ended | null> {
  const status = about === 'undone_effect' ? 'undone' : holder.state
  const { answer, id } = await askPerson(ask, about, { run: last.runId, arguments: null, status })
  if (answer === 'stop') {
    ask.run.stopWith({
      kind: 'stop',
      end: 'stopped',
      reason: { kind: 'person', code: 'EFFECT_CONFLICT', subject: ask.name },
      by: null,
    })
    return {
      status: 'cancelled',
      code: 'EFFECT_CONFLICT',
      result: `a person stopped the run at an effect that was asked again ${AGAIN[about]}`,
    }
  }
  if (answer === 'happened' && about === 'asked_again') return recordedAnswer(ask, holder)
  if (answer === 'happened')
    return {
      status: 'rejected',
      code: 'EFFECT_CONFLICT',
      result: 'a person answered that what happened before stands; this one was not done',
    }
  if (ask.identity) order(ask, ask.run.sealer.digest(canonicalJson([ask.identity.identity, id])), id)
  return null
}

/** From here on the ask is an effect of its own beside the one that was found: with an identity and a key of its own. */
function order(ask: Ask, identity: string, orderedBy: string | null): void {
  if (!ask.identity) return
  ask.ordered = true
  setIdentity(ask, ask.identity.scope, identity, orderedBy)
}
