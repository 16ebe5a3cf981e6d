/**
 * Nested scopes in the fold of a run (ENGINE R20). A scope is opened by the intent of the ask that enters it, has its own
 * checkpoint and activations, and is kept until the activation around it reaches a position, a barrier or another
 * attempt: until then its effects belong to an open superstep, and the ledger must know which they are (ENGINE R5).
 */
import { SignalboxError } from '../base/errors.ts'
import type { OpenRequest } from '../contracts/checkpoint.ts'
import type { ActivityIntent, ActivityOutcome } from '../contracts/records.ts'
import { enteredBy, isWithin, ROOT_SCOPE, scopeOf } from '../base/scope-id.ts'
import type { ActivationFold, RunFold, ScopeFold, ScopeState } from './run-fold.ts'
import type { ScopeCheckpointRecord } from './timeline.ts'

/** Where effects are gathered. */
interface Effects {
  readonly effects: Set<string>
  readonly adopted: Set<string>
}

/** The checkpoint and requests of a scope. Throws STORE_CORRUPT for one that was never entered. */
export function scopeState(fold: RunFold, id: string): ScopeState {
  return id === ROOT_SCOPE ? fold : nestedScope(fold, id)
}

/** A nested scope. Throws STORE_CORRUPT for one that was never entered. */
export function nestedScope(fold: RunFold, id: string): ScopeFold {
  const scope = fold.scopes.get(id)
  if (!scope) throw new SignalboxError('STORE_CORRUPT', `scope \`${id}\` is named by a record and was never entered`)
  return scope
}

/** Opens the scope of an intent that says what it starts with; a later attempt of the node starts it anew. */
export function openScope(fold: RunFold, record: ActivityIntent, at: string): void {
  if (!record.opens) return
  fold.scopes.set(record.ask.key, {
    id: record.ask.key,
    ask: record.ask,
    name: record.proposal.name,
    ended: false,
    expired: null,
    checkpointSeq: record.seq,
    checkpointAt: at,
    checkpoint: record.opens.checkpoint,
    opened: [],
    effects: new Set(),
    adopted: new Set(),
  })
}

/** Applies a barrier or response of a nested scope: its open superstep, or its request, is done. */
export function foldScopeCheckpoint(fold: RunFold, record: ScopeCheckpointRecord, at: string): void {
  const scope = nestedScope(fold, record.scope)
  scope.checkpointSeq = record.seq
  scope.checkpointAt = at
  scope.checkpoint = record.checkpoint
  if (record.type === 'response.received') {
    scope.expired = record.answer === 'expired' ? record.node : null
    return
  }
  scope.expired = null
  scope.opened = []
  closeActivations(fold, record.scope, scope)
}

/** The ask that entered a scope has ended: nothing of it goes on. */
export function endScope(fold: RunFold, { ask }: ActivityOutcome): void {
  const scope = fold.scopes.get(ask.key)
  if (!scope) return
  scope.ended = true
  closeActivations(fold, scope.id, scope)
}

/** Forgets the activations of a scope; their effects stay with it. */
function closeActivations(fold: RunFold, scope: string, into: Effects): void {
  for (const one of [...fold.activations.values()]) {
    if (one.scope !== scope) continue
    gatherEffects(one, into)
    closeBeneath(fold, one.id, into)
    fold.activations.delete(one.id)
  }
}

/** Forgets the scopes that an activation entered. Their effects go to it, or are given free where it is tried again. */
export function closeBeneath(fold: RunFold, activation: string, into: Effects | null): void {
  for (const [id, scope] of [...fold.scopes]) {
    if (enteredBy(id) !== activation) continue
    closeActivations(fold, id, scope)
    for (const effect of scope.effects) into?.effects.add(effect)
    for (const effect of scope.adopted) into?.adopted.add(effect)
    fold.scopes.delete(id)
  }
}

/** Adds the effects of an activation, those of its open position included. */
export function gatherEffects(one: ActivationFold, into: Effects): void {
  for (const id of one.effects) into.effects.add(id)
  for (const id of one.adopted) into.adopted.add(id)
  for (const { outcome, intents } of one.asks.values()) {
    const id = outcome?.effect_id ?? intents.at(-1)?.effect_id
    if (!id) continue
    into.effects.add(id)
    if (isAdopted(outcome)) into.adopted.add(id)
  }
}

/** True for an answer from the ledger of this run or its family, which nothing else on the timeline may be answered with. */
export function isAdopted(outcome: ActivityOutcome | null): boolean {
  return outcome?.ledger != null && (outcome.ledger.family === true || outcome.ledger.run === outcome.run)
}

/** The activations that lead to an activation, nearest first, itself included. */
export function upwards(fold: RunFold, activation: string): readonly ActivationFold[] {
  const way: ActivationFold[] = []
  for (let id: string | null = activation; id !== null; id = enteredBy(scopeOf(id))) {
    const one = fold.activations.get(id)
    if (one) way.push(one)
  }
  return way
}

/** An attempt was seen: what is entered after a failure of a node around it has to count on from there. */
export function noteAttempt(fold: RunFold, activation: string, attempt: number): void {
  if (scopeOf(activation) === ROOT_SCOPE) return
  for (const one of upwards(fold, activation)) if (one.id !== activation) one.beneath = Math.max(one.beneath, attempt)
}

/** The number of the first attempt of an activation: attempts of one activation never repeat, whatever was tried again. */
export function firstAttempt(fold: RunFold, scope: string): number {
  const owner = enteredBy(scope)
  const around = owner === null ? null : fold.activations.get(owner)
  return (around?.floor ?? 0) + 1
}

/** Nested scopes that are entered and have not ended, innermost first. */
export function openScopes(fold: RunFold): readonly ScopeFold[] {
  return [...fold.scopes.values()].filter((scope) => !scope.ended).sort((a, b) => depthOf(b.id) - depthOf(a.id))
}

/** Requests to people that are open, of port nodes and handlers, in all scopes that have not ended. */
export function openRequestsIn(fold: RunFold): readonly OpenRequest[] {
  const ofPorts = [fold, ...openScopes(fold)].flatMap(({ checkpoint, opened }) => [...checkpoint.requests, ...opened])
  const ofHandlers = [...fold.activations.values()].flatMap(({ asks }) =>
    [...asks.values()].flatMap(({ request }) => (request && !request.answered ? [request.opened.request] : [])),
  )
  return [...ofPorts, ...ofHandlers]
}

/** How deep a scope lies: 0 for the run itself. */
export function depthOf(scope: string): number {
  const owner = enteredBy(scope)
  return owner === null ? 0 : depthOf(scopeOf(owner)) + 1
}

/** True where something of a scope or of one inside it is on record since its checkpoint. */
export function hasOpenWork(fold: RunFold, scope: string): boolean {
  if (scopeState(fold, scope).opened.length > 0) return true
  return [...fold.activations.keys()].some((id) => isWithin(id, scope))
}
