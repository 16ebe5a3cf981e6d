import type { JsonObject, JsonValue } from '../../base/json.ts'
import { isoTime, timeOf } from '../../base/time.ts'
import { NO_AMOUNTS } from '../../contracts/common.ts'
import type { ActivityIntent } from '../../contracts/records.ts'
import type { EffectState } from '../../contracts/store.ts'
import { idempotencyKey } from '../../reliability/keys.ts'
import { deadlineIn } from '../lease.ts'
import type { Ask, EffectIdentity, Ended } from './ask.ts'
import { freshRead } from './child.ts'
import { callTool } from './execute.ts'
import { fault } from './fault.ts'
import { guardSend, refusedToSend } from './outlet.ts'
import { recordOutcome } from './outcome.ts'
import { askPerson } from './question.ts'

type Resolution =
  | { readonly kind: 'ended'; readonly end: Ended }
  | { readonly kind: 'repeat'; readonly by: 'same_key' | 'lookup' | 'person' }

/**
 * Finds out what became of an effect whose answer was lost (invariant 5, ENGINE R4): waits until it can no longer be
 * sent or applied, looks it up, repeats it only where the tool declares that harmless or its look-up authoritative, and
 * otherwise asks a person.
 */
export async function resolveUnknown(ask: Ask, why: 'crashed' | 'lost_answer'): Promise<Ended> {
  const intent = lastIntent(ask)
  ask.intent = intent
  ask.identity ??= identityOf(ask, intent)
  if (why === 'crashed' && ask.journal().outcome?.status !== 'unknown')
    await recordOutcome(ask, {
      status: 'unknown',
      code: 'EFFECT_UNKNOWN',
      result: 'the worker ended before the answer was on record',
      settled: NO_AMOUNTS,
    })
  await waitUntilSettled(ask, intent)
  for (;;) {
    const resolution: Resolution = (await lookUp(ask)) ?? repeatBySameKey(ask) ?? (await decideByPerson(ask))
    if (resolution.kind === 'ended') return resolution.end
    if (!mayRepeat(ask)) return notRepeated(ask, resolution.by)
    const end = await repeat(ask)
    // The first intent was charged when the repeat's intent took its place; the repeat itself costs nothing more.
    if (end.status !== 'unknown') return { ...end, settled: NO_AMOUNTS, resolvedBy: resolution.by }
    await recordOutcome(ask, { ...end, settled: NO_AMOUNTS })
    await waitUntilSettled(ask, lastIntent(ask))
  }
}

function lastIntent(ask: Ask): ActivityIntent {
  const intent = ask.journal().intents.at(-1)
  if (!intent) throw new Error('an unknown effect has an intent')
  return intent
}

/** The identity as it was claimed; its key is the one that the target has seen. */
export function identityOf(ask: Ask, intent: ActivityIntent): EffectIdentity {
  const { effect_id: effectId, idempotency_key: idempotencyKey } = intent
  return { tool: ask.name, effectId: effectId ?? '', scope: '', identity: '', idempotencyKey }
}

/** A foreign intent may still be sent until its deadline, and the target may apply it a little later (ENGINE R4). */
async function waitUntilSettled(ask: Ask, intent: ActivityIntent): Promise<void> {
  const { host } = ask.run.env
  const until = timeOf(intent.not_after) + (ask.tool?.settleAfterSeconds ?? 0) * 1_000
  while (host.now() < until) await ask.wait('settle', ask.ref.key, until)
}

/** A target that does not answer once may answer a moment later; after this many a person is asked. */
const MAX_FAILED_LOOK_UPS = 3

function failedLookUps(ask: Ask): number {
  const own = [...ask.journal().children].filter(([key]) => key.startsWith('reconcile/'))
  return own.filter(([, outcome]) => outcome.status === 'failed').length
}

async function lookUp(ask: Ask): Promise<Resolution | null> {
  const reconcile = ask.tool?.reconcile
  if (!reconcile) return null
  const read = await freshRead(ask, 'reconcile', (ctx) => reconcile(ask.args, ctx))
  if ('failed' in read) {
    const failures = failedLookUps(ask)
    if (failures >= MAX_FAILED_LOOK_UPS) return null
    await ask.wait('settle', ask.ref.key, ask.run.env.host.now() + 500 * 2 ** failures)
    return lookUp(ask)
  }
  const found = asObject(read.value)
  if (found?.answer === 'happened') {
    const result = parsed(ask, found.output ?? null)
    if (result === undefined) return null
    return {
      kind: 'ended',
      end: {
        status: 'succeeded',
        code: null,
        result,
        labels: ask.tool?.labels ?? ask.labels,
        settled: lastIntent(ask).reserved,
        resolvedBy: 'lookup',
      },
    }
  }
  if (found?.answer === 'did_not' && ask.tool?.lookup === 'authoritative') return { kind: 'repeat', by: 'lookup' }
  return null
}

function parsed(ask: Ask, output: JsonValue): JsonValue | undefined {
  try {
    return ask.tool?.parseOutput(output)
  } catch {
    // An answer of another shape proves nothing; the next way of finding out is taken.
    return undefined
  }
}

/** A run that stops or a node whose time is up starts nothing, and a tool that is gone cannot be called. */
function mayRepeat(ask: Ask): boolean {
  return ask.tool !== null && ask.ending === null
}

/** It did not happen, and it is not done any more. */
function notRepeated(ask: Ask, by: 'same_key' | 'lookup' | 'person'): Ended {
  return {
    status: 'not_sent',
    code: ask.tool ? 'CANCELLED' : 'TOOL_UNKNOWN',
    result: 'it did not happen, and it is not sent any more',
    settled: lastIntent(ask).reserved,
    resolvedBy: by,
  }
}

/** Without knowing whether it happened, a run that stops does not make it happen. */
function repeatBySameKey(ask: Ask): Resolution | null {
  if (!mayRepeat(ask)) return null
  return ask.tool?.repeat === 'same_key_is_harmless' ? { kind: 'repeat', by: 'same_key' } : null
}

async function decideByPerson(ask: Ask): Promise<Resolution> {
  const { answer, id } = await askPerson(ask, 'unknown_effect', null)
  if (answer === 'happened')
    return {
      kind: 'ended',
      end: {
        status: 'succeeded',
        code: 'CONFIRMED_BY_PERSON',
        result: null,
        settled: lastIntent(ask).reserved,
        resolvedBy: 'person',
      },
    }
  if (answer === 'stop') {
    ask.run.stopWith({
      kind: 'stop',
      end: 'stopped',
      reason: { kind: 'person', code: 'EFFECT_UNKNOWN', subject: ask.name },
      by: null,
    })
    return {
      kind: 'ended',
      end: {
        status: 'cancelled',
        code: 'EFFECT_UNKNOWN',
        result: 'a person stopped the run; what became of the effect stays unknown',
        settled: lastIntent(ask).reserved,
        resolvedBy: 'person',
      },
    }
  }
  // It did not happen: repeated on the person's order, under a key of its own (ENGINE R5).
  // An undo keeps its own: it is one act, whoever orders it.
  const key = ask.undoes ? lastIntent(ask).idempotency_key : idempotencyKey(ask.run.rootRun, ask.ref.key, id)
  if (ask.identity) ask.identity = { ...ask.identity, idempotencyKey: key }
  return { kind: 'repeat', by: 'person' }
}

/** How long to wait before a kill switch is looked at again; a lift wakes it sooner. */
const SWITCH_MS = 5_000

/** While a kill switch stands against the send, nothing is recorded and nothing goes on. */
async function untilSendable(ask: Ask): Promise<void> {
  for (;;) {
    try {
      // The deadline of the first send does not bind a repeat, which gets one of its own.
      await guardSend(ask, { reading: true })
      return
    } catch (thrown) {
      if (!refusedToSend(thrown) || ask.run.dead) throw thrown
      await ask.wait('switch', ask.ref.key, ask.run.env.host.now() + SWITCH_MS)
    }
  }
}

/** Sends the effect again: a new intent for the same identity, which costs nothing more. */
async function repeat(ask: Ask): Promise<Ended> {
  const { run } = ask
  await untilSendable(ask)
  const before = lastIntent(ask)
  const notAfter = deadlineIn(run.env.host, (ask.tool?.timeoutSeconds ?? 30) * 1_000)
  const record = run.append(
    {
      type: 'activity.intent' as const,
      ask: ask.ref,
      proposal: before.proposal,
      decision: before.decision,
      approval_id: before.approval_id,
      reserved: NO_AMOUNTS,
      not_after: isoTime(notAfter.wallMs),
      idempotency_key: ask.identity?.idempotencyKey ?? before.idempotency_key,
      effect_id: before.effect_id,
    },
    before.seq,
  )
  ask.intent = record as unknown as ActivityIntent
  ask.notAfter = notAfter
  const open: EffectState = 'open'
  if (before.effect_id)
    run.with({ effect: { kind: 'settle', effectId: before.effect_id, state: open, outcomeSeq: null } })
  await run.flush()
  await fault(ask, 'intent_durable')
  try {
    await guardSend(ask)
  } catch {
    // The first send stays unknown; a repeat that may not be sent proves nothing about it.
    return { status: 'unknown', code: 'EFFECT_UNKNOWN', result: 'the repeat was not allowed to be sent' }
  }
  const end = await callTool(ask)
  return end.status === 'not_sent' ? { ...end, status: 'unknown' } : end
}

function asObject(value: JsonValue): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null
}
