import type { Amounts, BudgetLimits, EffectClass, OutcomeStatus, Principal } from '../contracts/common.ts'
import { NO_AMOUNTS } from '../contracts/common.ts'
import type { AskingPolicy, Decision, Verdict } from '../contracts/policy.ts'
import type { ActivityOutcome, AskRef, Proposal } from '../contracts/records.ts'

/** The one who starts the runs of made-up histories. */
export const ANA: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['clerk'] }
/** The one who answers the approvals of made-up histories. */
export const BEN: Principal = { id: 'user:ben', kind: 'user', tenant: 'acme', roles: ['approver'] }

/** Bundle of made-up decisions. */
export const BUNDLE = `desk@${'ab'.repeat(32)}`
/** Limits of made-up runs. */
export const BUDGET: BudgetLimits = {
  max_turns: 12,
  max_tool_calls: 6,
  max_runtime_seconds: 90,
  max_tokens: 60_000,
  max_cost_nano_usd: '500000000',
}
const ASKING: readonly AskingPolicy[] = [
  { id: 'payment-above-limit', reason_code: 'AMOUNT_ABOVE_LIMIT', approvers: ['approver'] },
]

const REASONS: Readonly<Record<Verdict, string>> = {
  allow: 'PERMITTED',
  warn: 'WARNED',
  deny: 'NO_PERMIT',
  require_approval: 'AMOUNT_ABOVE_LIMIT',
  transform: 'MASKED',
}

/** What a call of a made-up history is; everything has a default that makes a complete history. */
export interface CallOptions {
  readonly name?: string
  readonly class?: string
  readonly effect?: EffectClass
  /** Null for a deterministic node. */
  readonly agent?: string | null
  readonly node?: string
  readonly status?: OutcomeStatus
  readonly code?: string | null
  readonly reserved?: Partial<Amounts>
  readonly settled?: Partial<Amounts>
  readonly verdict?: Verdict
  readonly latencyMs?: number
  readonly ledger?: ActivityOutcome['ledger']
  readonly resolvedBy?: ActivityOutcome['resolved_by']
  readonly attempt?: number
}

/** A call that is being told, and how far it has come. */
export interface HistoryCall {
  readonly ask: AskRef
  readonly proposal: Proposal
  readonly decision: Decision
  readonly options: CallOptions
  approvalId: string | null
  intentSeq: number | null
  sent: boolean
}

/** What every made-up model call used. */
export function madeUpUsage(): NonNullable<ActivityOutcome['usage']> {
  return {
    input_tokens: 900,
    cache_read_tokens: 0,
    cache_write_tokens: null,
    output_tokens: 100,
    reasoning_tokens: null,
  }
}

/** A made-up decision of the given verdict. */
export function madeUpDecision(id: string, kind: Proposal['kind'], verdict: Verdict): Decision {
  return {
    id,
    point: kind === 'model' ? 'pre_model_call' : 'pre_tool_call',
    verdict,
    reason_code: REASONS[verdict],
    policies: verdict === 'deny' ? [] : [verdict === 'require_approval' ? 'payment-above-limit' : 'clerk-may-pay'],
    asks: verdict === 'require_approval' ? ASKING : [],
    bundle: BUNDLE,
  }
}

/** What a made-up call reserves and costs: one turn of 1,000 tokens, or one tool call. */
export function madeUpAmounts(kind: Proposal['kind'], over: Partial<Amounts> = {}): Amounts {
  if (kind === 'model') return { turns: 1, tool_calls: 0, tokens: 1_000, cost_nano_usd: '2000000', ...over }
  return { ...NO_AMOUNTS, tool_calls: kind === 'tool' ? 1 : 0, ...over }
}
