import { canonicalJson } from '../../base/json.ts'
import type { ForkPlanEntry } from '../../contracts/records.ts'
import { type EffectRow, holdsIdentity } from '../../contracts/store.ts'
import { UNDO_SCOPE } from '../../reliability/compensation.ts'
import { upwards } from '../../reliability/fold-scopes.ts'
import { isBehind, isOnWay, type Stretch } from '../../reliability/family.ts'
import type { LiveRun } from '../live-run.ts'
import type { Ask } from './ask.ts'
import { effectIdOf } from './holder.ts'

/** What an ask of a tool without a business identity is in the ledger. */
interface Unnamed {
  readonly scope: string
  readonly identity: string
  /** Effects of the family that nothing on this timeline has matched, and that have other arguments. */
  readonly leftovers: readonly EffectRow[]
  /** How many effects of the tool the other runs of the family have. */
  readonly others: number
}

/**
 * For a tool without a business identity: the run and its forks, equal calls matched one by one (ENGINE R5). An effect of
 * an abandoned branch, an earlier attempt or another run of the family that nothing on this timeline has matched answers
 * an equal call; to a call with other arguments it is left over, since that could be the same business act.
 */
export async function identifyUnnamed(ask: Ask): Promise<Unnamed> {
  const { run } = ask
  const scope = `run:${run.rootRun}`
  const all = (await run.env.store.effects(run.tenant, run.rootRun)).filter((row) => row.tool === ask.name)
  const others = all.filter((row) => row.runId !== run.runId).length
  // What undoes an effect is on record under its tool, and is another act.
  const rows = all.filter((row) => row.scope !== UNDO_SCOPE)
  const isUsed = usedIn(ask, rows)
  const free = rows.filter((row) => holdsIdentity(row.state) && !isUsed(row))
  const equal = free.filter((row) => row.argsDigest === ask.sentDigest)
  // What this run did itself goes first: an effect that it repeated stands for the one that it repeats.
  const match = equal.find((row) => row.runId === run.runId) ?? equal[0]
  const identity = match?.identity ?? freeIdentity(ask, scope, rows.filter(isUsed))
  const { key, activation, attempt } = ask.ref
  run.matched.set(effectIdOf(ask, ask.name, scope, identity), { key, activation, attempt })
  return { scope, identity, leftovers: match ? [] : free, others }
}

/** The digest of the arguments with the first number that nothing on this timeline has. */
function freeIdentity(ask: Ask, scope: string, used: readonly EffectRow[]): string {
  const taken = new Set([...used.map((row) => row.effectId), ...effectsOfTimeline(ask.run)])
  for (let n = 0; ; n++) {
    const identity = ask.run.sealer.digest(canonicalJson([ask.digest, n]))
    const id = effectIdOf(ask, ask.name, scope, identity)
    if (!taken.has(id) && !isMatchedElsewhere(ask, id)) return identity
  }
}

/** Whether an effect belongs to this timeline already, or to another ask that is under way on it. */
function usedIn(ask: Ask, rows: readonly EffectRow[]): (row: EffectRow) => boolean {
  const { run } = ask
  const way = run.way()
  const used = effectsOfTimeline(run)
  const isUsed = (row: EffectRow): boolean =>
    used.has(row.effectId) || isMatchedElsewhere(ask, row.effectId) || isBehind(way, row) || isOfSibling(ask, way, row)
  const isRepeated = (row: EffectRow): boolean => {
    if (plannedFor(ask, row) !== 'repeat') return false
    const again = repeatIdentity(run, row.identity)
    return rows.some((one) => one.identity === again && isUsed(one))
  }
  return (row) => isUsed(row) || isRepeated(row)
}

/** An effect of another activation of the open superstep is that one's, also while it is to be tried again. */
function isOfSibling(ask: Ask, way: readonly Stretch[], row: EffectRow): boolean {
  return isOnWay(way, row) && !row.askKey.startsWith(`${ask.ref.activation}/`) && !isOfEarlierAttempt(ask, row)
}

/** True for an effect from before the last failure of a node around both: in its new attempt any ask may match it. */
function isOfEarlierAttempt({ run, ref }: Ask, { askKey, runId, intentSeq }: EffectRow): boolean {
  for (const { id, failed } of upwards(run.fold, ref.activation)) {
    if (!failed || !askKey.startsWith(`${id}/`)) continue
    const { run: told, seq } = failed.origin ?? failed
    if (told === runId && intentSeq < seq) return true
  }
  return false
}

/** Two asks under way at once are not the same effect; an earlier attempt of the same node has given its place up. */
function isMatchedElsewhere({ run, ref }: Ask, effectId: string): boolean {
  const by = run.matched.get(effectId)
  if (!by || by.key === ref.key) return false
  return by.activation !== ref.activation || by.attempt === ref.attempt
}

/** Effects that this timeline already has, of this superstep and adopted ones. */
function effectsOfTimeline(run: LiveRun): ReadonlySet<string> {
  const used = new Set(run.fold.checkpoint.adopted)
  for (const scope of run.fold.scopes.values()) for (const id of scope.effects) used.add(id)
  for (const activation of run.fold.activations.values()) {
    for (const id of activation.effects) used.add(id)
    for (const entry of activation.asks.values()) {
      const id = entry.outcome?.effect_id ?? entry.intents.at(-1)?.effect_id
      if (id) used.add(id)
    }
  }
  return used
}

/** What the plan of this fork says about an effect; without a word on it, or without a plan, it is reused. */
export function plannedFor({ run }: Ask, row: Pick<EffectRow, 'effectId'>): ForkPlanEntry['action'] | 'reuse' {
  const { parent } = run.fold.started
  return parent?.plan.find((entry) => entry.effect_id === row.effectId)?.action ?? 'reuse'
}

/** Identity of the effect that a fork does again by its plan: one for each fork and effect. */
export function repeatIdentity(run: LiveRun, identity: string): string {
  return run.sealer.digest(canonicalJson([identity, 'repeat', run.runId]))
}
