import type { Decision } from '../contracts/policy.ts'
import type { LineageTerm, LineageTermRow } from '../contracts/lineage.ts'
import type { ActivityOutcome, ApprovalDecided, RunRecord } from '../contracts/records.ts'
import { millisOf } from './view.ts'

/** Types of records that terms lead to: no other record has any. */
export const TERM_RECORDS: ReadonlySet<string> = new Set([
  'run.started',
  'activity.intent',
  'activity.outcome',
  'approval.decided',
])

/**
 * What a record can be looked up by, from this record alone, so that the rows are stored with it in one transaction and
 * can be made again from the history. A record that a fork took over has none: it is found where it was made.
 */
export function lineageTerms(tenant: string, record: RunRecord): readonly LineageTermRow[] {
  if (record.origin !== undefined) return []
  const at = millisOf(record.at)
  const found = termsOf(record).map(
    ([term, value]): LineageTermRow => ({ tenant, term, value, at, runId: record.run, seq: record.seq }),
  )
  return found.filter(({ value }) => value !== '')
}

type Term = readonly [LineageTerm, string]

function termsOf(record: RunRecord): readonly Term[] {
  switch (record.type) {
    case 'run.started':
      return [['trace', record.trace_id]]
    case 'activity.intent':
      if (record.proposal.effect === 'none') return []
      return [...rules(record.decision), ['idempotency_key', record.idempotency_key]]
    case 'activity.outcome':
      return outcomeTerms(record)
    case 'approval.decided':
      return approverTerms(record)
    default:
      return []
  }
}

function outcomeTerms(outcome: ActivityOutcome): readonly Term[] {
  const response: readonly Term[] = outcome.response_id === undefined ? [] : [['response', outcome.response_id]]
  if (outcome.effect === 'none') return response
  return [
    ...response,
    ['tool', outcome.name],
    // Of a call with an intent its rules are told there.
    ...(outcome.proposal === null ? [] : rules(outcome.decision)),
    ...(outcome.effect_hash === null ? [] : [['effect_hash', outcome.effect_hash] as const]),
    ...(outcome.touched ?? []).map((digest) => ['object', digest] as const),
  ]
}

function rules(decision: Decision | null): readonly Term[] {
  return [...new Set(decision?.policies ?? [])].map((policy) => ['rule', policy])
}

/** Everybody who answered, and those in whose place they did. */
function approverTerms({ by, votes }: ApprovalDecided): readonly Term[] {
  const people = [by, ...(votes ?? []).flatMap((vote) => [vote.by, vote.for ?? null])]
  return [...new Set(people.flatMap((each) => (each === null ? [] : [each.id])))].map((id) => ['approver', id])
}
