import { toSignalboxError } from '../../base/errors.ts'
import { newId } from '../../base/ids.ts'
import { type JsonValue, toJsonValue } from '../../base/json.ts'
import { NO_AMOUNTS, UNLABELLED } from '../../contracts/common.ts'
import type { AskRef } from '../../contracts/records.ts'
import type { ActCtx, ReadCtx } from '../../contracts/tool.ts'
import { childKey } from '../../reliability/keys.ts'
import type { Ask } from './ask.ts'
import { isHeldUp, toolCtx, withBounds, withoutCredentials } from './outlet.ts'
import { heldUntil } from './switches.ts'
import type { Way } from '../../contracts/ways.ts'

type Phase = Way<'read'>

/** The value that was read, or a plain sentence why it was not. */
export type ChildRead = { readonly value: JsonValue; readonly hash: string } | { readonly failed: string }

/** What an activity itself reads: from the record when it is there, else read now (ENGINE R1: parent key, phase, n). */
export async function recordedRead(
  ask: Ask,
  phase: Phase,
  read: (ctx: ReadCtx) => Promise<unknown>,
  n = 0,
): Promise<ChildRead> {
  const recorded = ask.journal().children.get(`${phase}/${n}`)
  if (recorded?.status === 'succeeded' && recorded.result)
    return { value: await ask.run.contents.read(recorded.result), hash: recorded.result.h }
  return freshRead(ask, phase, read)
}

/** The same, always read now: an approval binds what is true at execution, not what was true when it was asked. */
export async function freshRead(ask: Ask, phase: Phase, read: (ctx: ActCtx) => Promise<unknown>): Promise<ChildRead> {
  const n = [...ask.journal().children.keys()].filter((key) => key.startsWith(`${phase}/`)).length
  const ref: AskRef = { ...ask.ref, key: childKey(ask.ref.key, phase, n), parent: { key: ask.ref.key, phase } }
  const { run } = ask
  const started = run.env.host.monotonicMs()
  const labels = ask.tool?.labels ?? UNLABELLED
  const end = await readNow(ask, phase, read)
  const failed = 'failed' in end
  const { leaked } = end
  const record = run.append((put) => ({
    type: 'activity.outcome' as const,
    ask: ref,
    kind: 'tool' as const,
    name: ask.name,
    class: ask.class,
    effect: 'none' as const,
    agent: ask.agent,
    status: failed ? ('failed' as const) : ('succeeded' as const),
    code: failed ? 'TOOL_FAILED' : null,
    result: put(failed ? end.failed : end.value, labels),
    effect_hash: null,
    effect_id: null,
    idempotency_key: null,
    settled: NO_AMOUNTS,
    usage: null,
    price: null,
    latency_ms: Math.round(run.env.host.monotonicMs() - started),
    ledger: null,
    resolved_by: null,
    proposal: ask.proposal(put),
    decision: {
      id: newId(run.env.host, 'dec'),
      point: 'pre_tool_call' as const,
      verdict: 'allow' as const,
      reason_code: `READ_FOR_${phase.toUpperCase()}`,
      policies: [],
      asks: [],
      bundle: run.env.policy.bundle,
    },
    approval_id: null,
    ...(leaked.length > 0 ? { credential_leak: leaked } : {}),
  }))
  return failed ? end : { value: end.value, hash: record.result.h }
}

async function readNow(
  ask: Ask,
  phase: Phase,
  read: (ctx: ActCtx) => Promise<unknown>,
): Promise<({ readonly value: JsonValue } | { readonly failed: string }) & { readonly leaked: readonly string[] }> {
  for (;;) {
    const end = await tryRead(ask, phase, read)
    if (end !== 'held up') return end
    const until = await heldUntil(ask)
    if (until !== null) await ask.wait('switch', ask.ref.key, until)
  }
}

/** A read that a pause holds up is no failed read: it waits, as the call itself does. */
async function tryRead(
  ask: Ask,
  phase: Phase,
  read: (ctx: ActCtx) => Promise<unknown>,
): Promise<
  (({ readonly value: JsonValue } | { readonly failed: string }) & { readonly leaked: readonly string[] }) | 'held up'
> {
  const { run } = ask
  const controller = new AbortController()
  // A limit breaks calls off; what became of an effect is looked up all the same, so that the run can end (invariant 5).
  const signals = phase === 'reconcile' && run.abort.signal.aborted && !run.dead ? [] : [run.abort.signal]
  const ctx = toolCtx(ask, {
    reading: true,
    settling: phase === 'reconcile',
    signal: AbortSignal.any([...signals, controller.signal]),
  })
  // A look-up belongs to an activity that has been sent; facts and previews may only use ctx.fetch.
  const place = {
    runId: run.runId,
    activation: ask.ref.activation,
    where: phase === 'reconcile' ? ('tool' as const) : phase,
    mediated: phase === 'reconcile',
  }
  try {
    const call = run.env.outlet.runIn(place, () => Promise.resolve().then(() => read(ctx)))
    const value = await withBounds(ask, call, {
      seconds: ask.tool?.timeoutSeconds ?? 30,
      controller,
      signals,
    })
    return withoutCredentials(ask, toJsonValue(value, `the ${phase} of \`${ask.name}\``))
  } catch (thrown) {
    if (isHeldUp(thrown) && !run.halt) return 'held up'
    const { value: failed, leaked } = withoutCredentials(ask, toSignalboxError(thrown).message)
    return { failed, leaked }
  }
}
