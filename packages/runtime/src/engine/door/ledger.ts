import { canonicalJson } from '../../base/json.ts'
import type { EffectRow } from '../../contracts/store.ts'
import { idempotencyKey } from '../../reliability/keys.ts'
import { onTimeline } from '../../reliability/timeline.ts'
import type { Ask, Ended } from './ask.ts'
import { effectIdOf, recordedAnswer, waitForHolder } from './holder.ts'
import { askPerson } from './question.ts'
import { lookUpUndo, undoOf } from './undo.ts'

const AGAIN = { other_arguments: 'with other arguments', undone_effect: 'after it was undone' } as const

/**
 * Looks an effect up by its identity (invariant 4, ENGINE R5): one that succeeded answers an equal ask; one that is open
 * elsewhere is waited for; the same identity with other arguments goes to a person. Free identities pass and are claimed
 * with the intent.
 */
export async function lookUpLedger(ask: Ask): Promise<Ended | null> {
  if (ask.effect === 'none' || !ask.tool) return null
  if (ask.undoes) return lookUpUndo(ask, ask.undoes)
  const { run } = ask
  const { scope, identity, leftovers } = namedIdentity(ask) ?? (await unnamedIdentity(ask))
  const effectId = effectIdOf(ask, ask.name, scope, identity)
  const key = idempotencyKey(ask.run.rootRun, ask.ref.key, null)
  ask.identity = { tool: ask.name, effectId, scope, identity, idempotencyKey: key }
  for (;;) {
    ask.claimsSeen = run.claims.get(effectId) ?? 0
    // What another ask of this run claimed is in the store before it is looked up there.
    if (ask.claimsSeen > 0) await run.flush()
    const holder = await run.env.store.effect(run.tenant, ask.name, scope, identity)
    if (!holder) break
    const end = await answerFrom(ask, holder)
    if (end && 'status' in end) return end
    if (ask.ordered) break
    await waitForHolder(ask, end?.open ?? holder.effectId)
  }
  const leftover = leftovers[0]
  return leftover ? otherArguments(ask, leftover) : null
}

/**
 * True when another ask of this run claimed the identity after this one looked it up: then it has to look again. Nothing
 * may be awaited between this answer and the intent.
 */
export function isClaimedSince(ask: Ask): boolean {
  if (!ask.identity || ask.ordered) return false
  return (ask.run.claims.get(ask.identity.effectId) ?? 0) !== ask.claimsSeen
}

/** The business identity that the tool declares, or null. */
function namedIdentity(ask: Ask): { scope: string; identity: string; leftovers: EffectRow[] } | null {
  const named = ask.tool?.effectKey?.(ask.args)
  if (!named) return null
  return { scope: scopeOf(ask, named.scope), identity: ask.run.sealer.digest(named.key), leftovers: [] }
}

function scopeOf(ask: Ask, scope: 'run' | 'workflow' | 'tenant'): string {
  if (scope === 'run') return `run:${ask.run.rootRun}`
  return scope === 'workflow' ? `workflow:${ask.run.spec.name}` : 'tenant'
}

/**
 * For a tool without a business identity: the run and its forks, equal calls matched by occurrence. Effects of an
 * abandoned branch or an earlier attempt that nothing on this timeline has matched are left over: a call with other
 * arguments could be the same business act (ENGINE R5).
 */
async function unnamedIdentity(ask: Ask): Promise<{ scope: string; identity: string; leftovers: EffectRow[] }> {
  const { run } = ask
  const rows = (await run.env.store.effects(run.tenant, run.rootRun)).filter((row) => row.tool === ask.name)
  const used = usedEffects(ask)
  const ranges = run.timeline
  const isUsed = (row: EffectRow): boolean =>
    used.has(row.effectId) ||
    isOfSibling(ask, row) ||
    (row.runId === run.runId && row.intentSeq <= run.fold.checkpointSeq && onTimeline(ranges, row.intentSeq))
  const equal = rows.filter((row) => row.argsDigest === ask.digest)
  const known = new Set(equal.map((row) => row.effectId))
  const underWay = equalIntents(ask).filter((id) => !known.has(id))
  const occurrence = equal.filter(isUsed).length + underWay.length
  const identity = run.sealer.digest(canonicalJson([ask.digest, occurrence]))
  const settled = (row: EffectRow): boolean =>
    row.state === 'failed' || row.state === 'not_sent' || row.state === 'released'
  const answered = equal.some((row) => row.identity === identity && !settled(row))
  const leftovers = answered ? [] : rows.filter((row) => !isUsed(row) && !settled(row))
  return { scope: `run:${run.rootRun}`, identity, leftovers }
}

/** An effect of another activation of the open superstep is that one's, also while it is to be tried again. */
function isOfSibling(ask: Ask, row: EffectRow): boolean {
  const { run, ref } = ask
  if (row.runId !== run.runId || row.intentSeq <= run.fold.checkpointSeq) return false
  return onTimeline(run.timeline, row.intentSeq) && !row.askKey.startsWith(`${ref.activation}/`)
}

/** Identities of equal effects of this timeline's open superstep, durable or not. */
function equalIntents(ask: Ask): readonly string[] {
  const ids: string[] = []
  for (const activation of ask.run.fold.activations.values())
    for (const { intents } of activation.asks.values()) {
      const intent = intents.at(-1)
      if (intent?.effect_id && intent.proposal.name === ask.name && intent.proposal.args_digest === ask.digest)
        ids.push(intent.effect_id)
    }
  return ids
}

/** Effects that this timeline already has, of this superstep and adopted ones. */
function usedEffects(ask: Ask): ReadonlySet<string> {
  const used = new Set(ask.run.fold.checkpoint.adopted)
  for (const activation of ask.run.fold.activations.values()) {
    for (const id of activation.effects) used.add(id)
    for (const entry of activation.asks.values()) {
      const id = entry.outcome?.effect_id ?? entry.intents.at(-1)?.effect_id
      if (id) used.add(id)
    }
  }
  return used
}

/** The answer of an effect that happened; the effect whose end has to be waited for; null where a person ordered another. */
async function answerFrom(ask: Ask, holder: EffectRow): Promise<Ended | { readonly open: string } | null> {
  if (holder.argsDigest !== ask.digest) return otherArguments(ask, holder)
  if (holder.state !== 'succeeded' || holder.outcomeSeq === null) return { open: holder.effectId }
  const undo = await undoOf(ask.run, holder)
  if (undo?.state === 'succeeded') return askedBeside(ask, 'undone_effect', holder, undo)
  if (undo) return { open: undo.effectId }
  return recordedAnswer(ask, holder)
}

function otherArguments(ask: Ask, holder: EffectRow): Promise<Ended | null> {
  return askedBeside(ask, 'other_arguments', holder, holder)
}

/** A person says whether the effect is to happen beside the earlier one that `holder` tells of; `last` is what became of it. */
async function askedBeside(
  ask: Ask,
  about: 'other_arguments' | 'undone_effect',
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
  if (answer === 'happened')
    return {
      status: 'rejected',
      code: 'EFFECT_CONFLICT',
      result: 'a person answered that what happened before stands; this one was not done',
    }
  // A person ordered another one: it gets an identity and a key of its own.
  ask.ordered = true
  if (ask.identity) {
    const identity = ask.run.sealer.digest(canonicalJson([ask.identity.identity, id]))
    ask.identity = {
      ...ask.identity,
      identity,
      effectId: effectIdOf(ask, ask.name, ask.identity.scope, identity),
      idempotencyKey: idempotencyKey(ask.run.rootRun, ask.ref.key, id),
    }
  }
  return null
}
