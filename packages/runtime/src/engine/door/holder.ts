import { canonicalJson } from '../../base/json.ts'
import { timeOf } from '../../base/time.ts'
import { NO_AMOUNTS } from '../../contracts/common.ts'
import type { EffectRow } from '../../contracts/store.ts'
import { decodeRecord } from '../../reliability/chain.ts'
import type { Ask, Ended } from './ask.ts'

/**
 * How long to wait before an effect that is open elsewhere is looked at again: the longer it takes, the rarer. Only for
 * what the store cannot tell: the end of the effect wakes the run at once.
 */
const LEAST_WAIT_MS = 60_000
const MOST_WAIT_MS = 300_000

/** Id of an effect: a keyed digest over tenant, tool, scope and identity. */
export function effectIdOf(ask: Ask, tool: string, scope: string, identity: string): string {
  return ask.run.sealer.digest(canonicalJson([ask.run.tenant, tool, scope, identity]))
}

/** Waits until an effect that is open elsewhere is to be looked at again. */
export function waitForHolder(ask: Ask, effectId: string): Promise<void> {
  ask.run.awaitEffect(effectId)
  const now = ask.run.env.host.now()
  const elapsed = now - timeOf(ask.run.fold.checkpointAt)
  const until = now + Math.min(MOST_WAIT_MS, Math.max(LEAST_WAIT_MS, elapsed / 4))
  return ask.wait('settle', ask.ref.key, until)
}

/** The answer that is on record of an effect that succeeded; null when it has not, or the record does not hold one. */
export async function recordedAnswer(ask: Ask, holder: EffectRow): Promise<Ended | null> {
  return holder.state === 'succeeded' ? endOnRecord(ask, holder) : null
}

/** The recorded end of an effect as the end of this ask: nothing is sent, and nothing is charged again. */
export async function endOnRecord(ask: Ask, holder: EffectRow): Promise<Ended | null> {
  if (holder.outcomeSeq === null) return null
  const { tenant, runId, rootRun, env, contents } = ask.run
  const [stored] = await env.store.recordsAt(tenant, holder.runId, [holder.outcomeSeq])
  const record = stored ? decodeRecord(stored) : null
  if (record?.type !== 'activity.outcome' || !record.result) return null
  const elsewhere = holder.runId !== runId
  const family = elsewhere && holder.rootRunId === rootRun ? { family: true as const } : {}
  return {
    status: record.status,
    code: record.status === 'succeeded' ? 'ANSWERED_FROM_LEDGER' : record.code,
    result: await contents.read(elsewhere ? { r: holder.runId, ...record.result } : record.result),
    labels: record.result.l,
    settled: NO_AMOUNTS,
    ledger: { run: holder.runId, seq: holder.outcomeSeq, ...family },
  }
}
