/** What is found of a run's records over all runs: names, codes and ids, never content (Invariant 14). */
import {
  DecisionReader,
  type FactDecision,
  type FactEffect,
  type FactRow,
  type RecordedDecision,
  type RunRecord,
  type RunStarted,
} from 'signalbox'

/** Makes the rows of one run, record by record in their order; it keeps what later rows refer to. */
export class FactReader {
  readonly #started: RunStarted
  readonly #decisions: DecisionReader
  /** Who answered an approval, by its id. */
  readonly #approvers = new Map<string, string>()

  constructor(started: RunStarted) {
    this.#started = started
    this.#decisions = new DecisionReader(started)
  }

  /** The row of a record. */
  next(record: RunRecord): FactRow {
    const { tenant, workflow, principal } = this.#started
    if (record.type === 'approval.decided' && record.by) this.#approvers.set(record.approval_id, record.by.id)
    const found = this.#decisions.next(record)
    const decision = found && !found.isCopy ? decisionOf(found) : null
    return {
      ...{ tenant, run_id: record.run, seq: record.seq, at: Date.parse(record.at), type: record.type },
      ...{ workflow: workflow.name, principal: principal.id, node: nodeOf(record), actor: actorOf(record) },
      ...{ name: nameOf(record), code: codeOf(record), decision, effect: this.#effectOf(record) },
    }
  }

  #effectOf(record: RunRecord): FactEffect | null {
    if (record.type !== 'activity.intent' && record.type !== 'activity.outcome' && record.type !== 'approval.requested')
      return null
    const call = record.type === 'activity.outcome' ? record : record.proposal
    // What a fork took over was done in its parent, and is found there; entering a nested workflow changes nothing outside.
    if (call.effect === 'none' || record.origin || call.kind === 'scope') return null
    const approvalId = record.approval_id
    const base = {
      ...{ key: record.ask.key, class: call.class, effect: call.effect, agent: call.agent, approval_id: approvalId },
      approver: approvalId === null ? null : (this.#approvers.get(approvalId) ?? null),
      ...{ effect_hash: null, resolved_by: null, from_ledger: null },
    }
    if (record.type === 'approval.requested') return { ...base, phase: 'waiting', effect_id: null }
    if (record.type === 'activity.intent') return { ...base, phase: 'open', effect_id: record.effect_id }
    const { status, code, effect_id, effect_hash, resolved_by, ledger } = record
    return {
      ...base,
      // A person stopped the run and left it unresolved: nobody knows.
      phase: status === 'cancelled' && code === 'EFFECT_UNKNOWN' ? 'unknown' : status,
      ...{ effect_id, effect_hash, resolved_by },
      from_ledger: ledger && { run: ledger.run, seq: ledger.seq },
    }
  }
}

function decisionOf({ decision, kind, class: of, effect, agent, approvalId }: RecordedDecision): FactDecision {
  return {
    ...{ id: decision.id, point: decision.point, kind, class: of, effect, agent, verdict: decision.verdict },
    ...{ reason_code: decision.reason_code, policies: [...decision.policies], approval_id: approvalId },
    approvers: [...new Set(decision.asks.flatMap((ask) => ask.approvers))],
    bundle: decision.bundle,
  }
}

function nodeOf(record: RunRecord): string | null {
  if ('ask' in record && record.ask) return record.ask.node
  if ('node' in record) return record.node
  if (record.type === 'request.opened') return record.request.node
  return record.type === 'message.dropped' ? record.from : null
}

/** Whose act the record tells of; a worker is none. */
function actorOf(record: RunRecord): string | null {
  if (record.type === 'run.started') return record.parent?.by.id ?? record.principal.id
  if (record.type === 'run.upgraded') return null
  if (record.type === 'approval.changed') return 'by' in record.change ? record.change.by.id : null
  return 'by' in record && record.by !== null ? record.by.id : null
}

function nameOf(record: RunRecord): string | null {
  if (record.type === 'activity.outcome' || record.type === 'activity.late') return record.name
  if ('proposal' in record && record.proposal) return record.proposal.name
  if (record.type === 'decision.recorded') return record.decision.point
  if (record.type === 'unmediated.call') return record.host
  return record.type === 'override.recorded' ? record.what : null
}

function codeOf(record: RunRecord): string | null {
  if ('code' in record && record.code !== null) return record.code
  if ('reason' in record && record.reason && typeof record.reason === 'object' && 'code' in record.reason)
    return record.reason.code
  const decision = 'decision' in record ? record.decision : null
  return decision && decision.verdict !== 'allow' ? decision.reason_code : null
}
