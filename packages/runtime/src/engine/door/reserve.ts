import { SignalboxError } from '../../base/errors.ts'
import { isoTime } from '../../base/time.ts'
import type { Amounts } from '../../contracts/common.ts'
import type { ActivityIntent, Proposal, ScopeOpening } from '../../contracts/records.ts'
import type { ScopeAmounts } from '../../contracts/scopes.ts'
import { toolsWithin } from '../../contracts/workflow.ts'
import { routeStart } from '../../orchestration/index.ts'
import { type Affordable, affordableOutputTokens, lowerOf } from '../../policy/index.ts'
import { deadlineIn } from '../lease.ts'
import { openIntent } from '../../reliability/fold.ts'
import { idempotencyKey } from '../../reliability/keys.ts'
import { Unloaded } from '../live-run.ts'
import type { Scope } from '../scope.ts'
import type { Slices } from '../slices.ts'
import type { Ask, Ended } from './ask.ts'
import { fault } from './fault.ts'
import { askUnderNewBundle, isUnderOneBundle } from './one-bundle.ts'
import { isClaimedSince, lookUpLedger } from './ledger.ts'
import { claimsOf } from './undo.ts'

/** An effect in a batch waits until every call of it is decided, then for the calls before it (ENGINE R6). */
export async function waitForTurn(ask: Ask): Promise<Ended | null> {
  const { place, run, owner } = ask
  if (!place) return null
  place.gate.clear(place.index)
  if (!mayAct(ask) || place.gate.mayRun(place.index)) return null
  const ready = place.gate.whenMayRun(place.index, () => {
    run.enter()
    owner.clock.enter()
  })
  run.leave()
  owner.clock.leave()
  await ready
  return null
}

/** True for an effect, and for a nested scope that has effects in it: a batch runs them one after another. */
function mayAct({ effect, kind, owner, name }: Ask): boolean {
  if (kind !== 'scope') return effect !== 'none'
  const spec = owner.scope.spec.scopes.get(name)
  return spec !== undefined && toolsWithin(spec).some((tool) => tool.effect !== 'none')
}

/**
 * Reserves the worst case and records the intent; durable before anything is sent when it is an effect or costs
 * (invariants 3 and 6). A call that the budget does not cover is refused alone.
 */
export async function recordIntent(ask: Ask): Promise<Ended | null> {
  const { run } = ask
  keyOfRepeat(ask)
  for (;;) {
    while (isClaimedSince(ask)) {
      const answered = await lookUpLedger(ask)
      if (answered) return answered
    }
    if (ask.ending) return ask.ending
    if (run.halt) return { status: 'cancelled', code: 'CANCELLED', result: 'the run stops; nothing new is started' }
    const tooDear = ask.model ? reserveModel(ask) : null
    if (tooDear) return tooDear
    const limits = [
      ...limitsPassed(run.budget.remaining(), ask.worst),
      ...ownBudgets(ask).flatMap(({ name, left }) => named(limitsPassed(left, ask.worst), name)),
    ]
    if (run.budget.runtime(run.activeMs()).passed) return refused(ask, ['runtime'])
    if (limits.length > 0) return refused(ask, limits)
    // Nothing may be awaited between what is found here and the intent.
    if (run.slices && !run.slices.covers(outerWorst(ask))) {
      const short = await grantOrLeave(ask, run.slices)
      if (short !== null) return refused(ask, [short])
      continue
    }
    if (isUnderOneBundle(ask)) break
    const ended = await askUnderNewBundle(ask)
    if (ended) return ended
    keyOfRepeat(ask)
  }
  const { decision } = ask
  if (!decision) throw new Error('an intent needs a decision')
  const seconds = ask.tool?.timeoutSeconds ?? run.env.limits.modelTimeoutSeconds
  const leftMs = run.lease.wallMs - run.env.host.now()
  const notAfter = deadlineIn(run.env.host, Math.min(seconds * 1_000, Math.max(leftMs, 1_000)))
  const record = run.append(
    (put) => ({
      type: 'activity.intent' as const,
      ask: ask.ref,
      proposal: ask.proposal(put),
      decision,
      approval_id: ask.approval?.id ?? null,
      reserved: ask.worst,
      not_after: isoTime(notAfter.wallMs),
      idempotency_key: ask.identity?.idempotencyKey ?? '',
      effect_id: ask.identity?.effectId ?? null,
      ...(ask.lowered ? { lowered_output: ask.lowered } : {}),
      ...(ask.kind === 'scope' ? { opens: scopeOpening(ask, ask.proposal(put)) } : {}),
    }),
    ask.approval?.decidedSeq ?? null,
  )
  // The record was appended as exactly this type.
  ask.intent = record as unknown as ActivityIntent
  ask.notAfter = notAfter
  claim(ask, record.seq)
  await fault(ask, 'reserved')
  if (ask.effect !== 'none' || ask.worst.cost_nano_usd !== '0' || ask.model) await run.flush()
  await fault(ask, 'intent_durable')
  return null
}

/** What a nested scope starts with: its input is what was asked for. */
function scopeOpening(ask: Ask, { args }: Proposal): ScopeOpening {
  const { owner, run } = ask
  const spec = owner.scope.spec.scopes.get(ask.name)
  if (!spec) throw new Error('a scope needs its workflow')
  const { to, from, edge } = routeStart(spec, { value: ask.args, ref: args })
  return {
    workflow: spec.name,
    version: spec.version,
    signature: spec.signature,
    checkpoint: {
      kind: 'entry',
      superstep: 0,
      state: {},
      queue: [{ to, from, edge, message: args }],
      fan_in: {},
      requests: [],
      outputs: [],
      effect_keys: [],
      adopted: [],
      spent: run.spent(),
    },
  }
}

/** What is done again on an approval has a key of its own, of which the approval is a part (ENGINE R5). */
function keyOfRepeat(ask: Ask): void {
  if (!ask.repeats || !ask.identity || !ask.approval) return
  const key = idempotencyKey(ask.run.rootRun, ask.ref.key, ask.approval.id)
  ask.identity = { ...ask.identity, idempotencyKey: key }
}

/** What a call may cost of budgets over many runs. An effect that was claimed before is the same one. */
function outerWorst({ run, worst, identity }: Ask): ScopeAmounts {
  const effects = identity && !run.sentKeys.has(identity.idempotencyKey) ? 1 : 0
  return { cost_nano_usd: worst.cost_nano_usd, tokens: worst.tokens, effects, runs: 0 }
}

/** Asks for a larger slice; a worker that lost the run leaves it. */
async function grantOrLeave(ask: Ask, slices: Slices): Promise<string | null> {
  const { run } = ask
  try {
    return await slices.grant(outerWorst(ask))
  } catch (thrown) {
    if (!(thrown instanceof SignalboxError) || thrown.code !== 'FENCED') throw thrown
    run.unload()
    throw new Unloaded()
  }
}

/** The identity is claimed in the intent's own transaction, under the store's unique index (ENGINE R5). */
function claim(ask: Ask, intentSeq: number): void {
  const { run, identity } = ask
  if (!identity) return
  if (run.slices) run.sentKeys.add(identity.idempotencyKey)
  run.claims.set(identity.effectId, (run.claims.get(identity.effectId) ?? 0) + 1)
  for (const effect of claimsOf(ask, identity, intentSeq)) run.with({ effect })
}

/** Worst case of a model call: upper bound of the input plus the output, lowered to what is left (invariant 6). */
function reserveModel(ask: Ask): Ended | null {
  const { model, request, run } = ask
  if (!model || !request) return null
  const input = model.inputUpperBound(request)
  const own = ownBudgets(ask)
  const price = model.priceFor?.({ atMs: run.env.host.now(), tenant: run.tenant }) ?? model.price
  ask.price = price
  const of = (left: Amounts): Affordable => affordableOutputTokens(left, input, request.maxOutputTokens, price)
  const affordable = of(own.map(({ left }) => left).reduce(lowerOf, run.budget.remaining()))
  if (affordable.status === 'refused') {
    const byRun = of(run.budget.remaining())
    const [short] = byRun.status === 'refused' ? [] : own.filter(({ left }) => of(left).status === 'refused')
    return refused(ask, short ? named(affordable.limits, short.name) : affordable.limits)
  }
  ask.lowered = affordable.lowered ? { from: request.maxOutputTokens, to: affordable.maxOutputTokens } : null
  ask.request = { ...request, maxOutputTokens: affordable.maxOutputTokens }
  ask.worst = affordable.worst
  return null
}

/** What is left to each nested scope around a call that has a budget of its own. */
function ownBudgets({ run, owner }: Ask): readonly { readonly name: string; readonly left: Amounts }[] {
  const found: { name: string; left: Amounts }[] = []
  for (let scope: Scope | null = owner.scope; scope !== null; scope = scope.around) {
    const { ownBudget, name } = scope.spec
    if (ownBudget && run.budget.scopes) found.push({ name, left: run.budget.scopes.left(scope.id, ownBudget) })
  }
  return found
}

function named(limits: readonly string[], scope: string): readonly string[] {
  return limits.map((limit) => `${limit} of ${scope}`)
}

/** A refusal settles what an earlier, lost attempt of the same ask still holds: it is charged in full (ENGINE R2). */
function refused(ask: Ask, limits: readonly string[]): Ended {
  const held = openIntent(ask.journal())?.reserved
  return {
    status: 'refused',
    code: 'BUDGET_EXHAUSTED',
    result: `the budget does not cover this call: ${limits.join(', ')}`,
    limits,
    ...(held ? { settled: held } : {}),
  }
}

/** Limits that the worst case would pass. What an earlier, lost attempt holds counts as used. */
function limitsPassed(left: Amounts, worst: Amounts): readonly string[] {
  const limits: string[] = []
  if (worst.turns > left.turns) limits.push('turns')
  if (worst.tool_calls > left.tool_calls) limits.push('tool_calls')
  if (worst.tokens > left.tokens) limits.push('tokens')
  if (BigInt(worst.cost_nano_usd) > BigInt(left.cost_nano_usd)) limits.push('cost')
  return limits
}
