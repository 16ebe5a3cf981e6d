import { canonicalJson } from '../../base/json.ts'
import { NO_AMOUNTS } from '../../contracts/common.ts'
import type { ActivityOutcome } from '../../contracts/records.ts'
import type { EffectState } from '../../contracts/store.ts'
import { isTerminalOutcome, openIntent } from '../../reliability/fold.ts'
import type { Ask, Ended } from './ask.ts'
import { dutySubjects } from './duties.ts'
import { fault } from './fault.ts'
import { linksOf } from './links.ts'
import { settlesOf } from './undo.ts'

/** Records how an ask ended, settles its reservation and its row in the ledger; asks for a flush after an effect (ENGINE R2). */
export async function recordOutcome(ask: Ask, end: Ended): Promise<ActivityOutcome> {
  const { run } = ask
  await fault(ask, 'answered')
  const intent = openIntent(ask.journal())
  const happened = end.status === 'succeeded' && ask.effect !== 'none'
  const mayHaveHappened = end.status === 'succeeded' || end.status === 'unknown' || end.status === 'cancelled'
  const subjects = mayHaveHappened && !end.ledger ? dutySubjects(ask) : []
  const links = linksOf(ask, end)
  const effectId = ask.identity?.effectId ?? intent?.effect_id ?? null
  const outcome = run.append((put) => {
    const result = put(end.result, end.labels ?? ask.labels)
    return {
      type: 'activity.outcome' as const,
      ask: ask.ref,
      kind: ask.kind,
      name: ask.name,
      class: ask.class,
      effect: ask.effect,
      agent: ask.agent,
      status: end.status,
      code: end.code,
      result,
      effect_hash: happened ? run.sealer.digest(canonicalJson(['effect', effectId, ask.digest, end.result])) : null,
      effect_id: effectId,
      idempotency_key: intent?.idempotency_key ?? null,
      // What was reserved and nobody settled is charged in full (invariant 6).
      settled: end.settled ?? intent?.reserved ?? NO_AMOUNTS,
      usage: end.usage ?? null,
      price: end.price ?? null,
      ...(end.cost ? { cost: end.cost } : {}),
      latency_ms: Math.round(end.latencyMs ?? 0),
      ledger: end.ledger ?? null,
      ...(end.trouble ? { trouble: end.trouble } : {}),
      ...(subjects.length > 0 ? { duty_subjects: subjects } : {}),
      ...links,
      ...(end.leaked && end.leaked.length > 0 ? { credential_leak: end.leaked } : {}),
      ...(end.retry ? { retry: end.retry } : {}),
      resolved_by: end.resolvedBy ?? null,
      // The intent that an answer from the ledger belongs to may lie on another branch: such an answer tells all itself.
      proposal: intent && !end.ledger ? null : ask.proposal(put),
      decision: end.ledger ? (ask.decision ?? intent?.decision ?? null) : intent ? null : ask.decision,
      approval_id: intent?.approval_id ?? ask.journal().approval?.requested.approval_id ?? null,
      ...(end.limits ? { limits: end.limits } : {}),
    }
  }, intent?.seq ?? null)
  for (const { limit, percent } of run.budget.freshWarnings())
    run.append({ type: 'budget.warning' as const, scope: 'run', limit, percent }, outcome.seq)
  settleLedger(ask, end, outcome.seq, intent !== null)
  // The record was appended as exactly this type.
  const recorded = outcome as unknown as ActivityOutcome
  if (isTerminalOutcome(recorded)) ask.owner.recorded(recorded)
  await fault(ask, 'outcome_recorded')
  if (ask.effect !== 'none' && intent) {
    run.requestFlush()
    // The point lies behind the flush that was just asked for.
    if (run.env.fault) await run.flush()
    await fault(ask, 'settled')
  }
  return recorded
}

function settleLedger(ask: Ask, end: Ended, seq: number, intended: boolean): void {
  if (!intended || !ask.identity || ask.effect === 'none') return
  const { effectId, idempotencyKey } = ask.identity
  if (end.status === 'succeeded') ask.run.effectKeys.push(idempotencyKey)
  // It was settled where it was recorded first.
  if (end.ledger) return
  for (const effect of settlesOf(ask, effectId, ledgerState(end), seq)) ask.run.with({ effect })
}

function ledgerState(end: Ended): EffectState {
  switch (end.status) {
    case 'succeeded':
      return 'succeeded'
    case 'unknown':
    case 'cancelled':
      // Ended by a person who would not say: it stays unknown, and nobody else may do it.
      return 'unknown'
    case 'not_sent':
      return 'not_sent'
    default:
      return 'failed'
  }
}
