import { canonicalJson } from '../../base/json.ts'
import type { EffectRow } from '../../contracts/store.ts'
import { decodeRecord } from '../../reliability/chain.ts'
import { idempotencyKey } from '../../reliability/keys.ts'
import { onTimeline } from '../../reliability/timeline.ts'
import type { Ask, Ended } from './ask.ts'
import { askPerson } from './question.ts'

/** How long to wait before another run's open effect is looked at again. */
const OTHER_RUN_MS = 2_000

/**
 * Looks an effect up by its identity (invariant 4, ENGINE R5): one that succeeded answers an equal ask; one that is open
 * elsewhere is waited for; the same identity with other arguments goes to a person. Free identities pass and are claimed
 * with the intent.
 */
export async function lookUpLedger(ask: Ask): Promise<Ended | null> {
  if (ask.effect === 'none' || !ask.tool) return null
  const named = ask.tool.effectKey?.(ask.args) ?? null
  const { scope, identity, leftovers } = named
    ? { scope: scopeOf(ask, named.scope), identity: ask.run.sealer.digest(named.key), leftovers: [] }
    : await unnamedIdentity(ask)
  const effectId = ask.run.sealer.digest(canonicalJson([ask.run.tenant, ask.name, scope, identity]))
  ask.identity = { effectId, scope, identity, idempotencyKey: idempotencyKey(ask.run.rootRun, ask.ref.key, null) }
  for (;;) {
    const holder = await ask.run.env.store.effect(ask.run.tenant, ask.name, scope, identity)
    if (!holder) break
    const end = await answerFrom(ask, holder)
    if (end) return end
    await ask.run.waits.wait('settle', ask.ref.key, ask.run.env.host.now() + OTHER_RUN_MS)
  }
  const leftover = leftovers[0]
  return leftover ? otherArguments(ask, leftover) : null
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
    (row.runId === run.runId && row.intentSeq <= run.fold.checkpointSeq && onTimeline(ranges, row.intentSeq))
  const equal = rows.filter((row) => row.argsDigest === ask.digest)
  const occurrence = equal.filter(isUsed).length
  const identity = run.sealer.digest(canonicalJson([ask.digest, occurrence]))
  const settled = (row: EffectRow): boolean =>
    row.state === 'failed' || row.state === 'not_sent' || row.state === 'released'
  const answered = equal.some((row) => row.identity === identity && !settled(row))
  const leftovers = answered ? [] : rows.filter((row) => !isUsed(row) && !settled(row))
  return { scope: `run:${run.rootRun}`, identity, leftovers }
}

/** Effects that this timeline already has, of this superstep and adopted ones. */
function usedEffects(ask: Ask): ReadonlySet<string> {
  const used = new Set(ask.run.adopted)
  for (const activation of ask.run.fold.activations.values()) {
    for (const id of activation.effects) used.add(id)
    for (const entry of activation.asks.values()) {
      const id = entry.outcome?.effect_id ?? entry.intents.at(-1)?.effect_id
      if (id) used.add(id)
    }
  }
  return used
}

async function answerFrom(ask: Ask, holder: EffectRow): Promise<Ended | null> {
  if (holder.argsDigest !== ask.digest) return otherArguments(ask, holder)
  if (holder.state !== 'succeeded' || holder.outcomeSeq === null) return null
  const { store } = ask.run.env
  const [stored] = await store.recordsAt(ask.run.tenant, holder.runId, [holder.outcomeSeq])
  const record = stored ? decodeRecord(stored) : null
  if (record?.type !== 'activity.outcome' || !record.result) return null
  const result = await ask.run.contents.read({
    ...record.result,
    ...(holder.runId === ask.run.runId ? {} : { r: holder.runId }),
  })
  if (holder.runId === ask.run.runId) ask.run.adopted.push(holder.effectId)
  return {
    status: 'succeeded',
    code: 'ANSWERED_FROM_LEDGER',
    result,
    labels: record.result.l,
    ledger: { run: holder.runId, seq: holder.outcomeSeq },
  }
}

async function otherArguments(ask: Ask, holder: EffectRow): Promise<Ended | null> {
  const { answer, id } = await askPerson(ask, 'other_arguments', {
    run: holder.runId,
    arguments: null,
    status: holder.state,
  })
  if (answer === 'stop')
    return {
      status: 'cancelled',
      code: 'EFFECT_CONFLICT',
      result: 'a person stopped the run at an effect that was asked again with other arguments',
    }
  if (answer === 'happened')
    return {
      status: 'rejected',
      code: 'EFFECT_CONFLICT',
      result: 'a person answered that the earlier effect stands; this one was not done',
    }
  // A person ordered another one: it gets an identity and a key of its own.
  if (ask.identity) {
    const identity = ask.run.sealer.digest(canonicalJson([ask.identity.identity, id]))
    ask.identity = {
      ...ask.identity,
      identity,
      effectId: ask.run.sealer.digest(canonicalJson([ask.run.tenant, ask.name, ask.identity.scope, identity])),
      idempotencyKey: idempotencyKey(ask.run.rootRun, ask.ref.key, id),
    }
  }
  return null
}
