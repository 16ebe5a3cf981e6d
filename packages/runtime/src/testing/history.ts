import { sha256Hex } from '../base/hash.ts'
import { type Amounts, type ContentRef, NO_AMOUNTS, UNLABELLED } from '../contracts/common.ts'
import {
  type ActivityIntent,
  type ActivityOutcome,
  type ApprovalDecided,
  type ApprovalRequested,
  type AskRef,
  type CheckpointBody,
  type Proposal,
  RECORD_VERSION,
  type RecordDraft,
  type RunRecord,
  type RunStarted,
  type RunStopped,
  type RunWaiting,
  type SegmentStarted,
} from '../contracts/records.ts'
import type { StoredRecord } from '../contracts/store.ts'
import { addAmounts, heldIn, NO_SPEND, spendAfter } from '../observability/cost.ts'
import {
  ANA,
  BEN,
  BUDGET,
  BUNDLE,
  type CallOptions,
  type HistoryCall,
  madeUpAmounts,
  madeUpDecision,
  madeUpUsage,
} from './history-parts.ts'

export { ANA, BEN, type CallOptions } from './history-parts.ts'

/**
 * Builds record histories of one run that look like what the engine writes: numbered, chained, with keyed hashes of
 * contents that exist nowhere. Every method appends records and returns the builder. Time moves by 100 ms a record.
 */
export class History {
  readonly runId: string
  #records: RunRecord[] = []
  #stored: StoredRecord[] = []
  #millis = Date.parse('2026-11-22T09:00:00.000Z')
  #activeMs = 0
  #branch = 0
  #segment = 0
  #epoch = 0
  #superstep = 0
  #ordinal = 0
  #position = 0
  #modelSeq: number | null = null
  #call: HistoryCall | null = null

  constructor(runId = 'run_01history0000000000000') {
    this.runId = runId
  }

  /** The records so far. */
  records(): readonly RunRecord[] {
    return this.#records
  }

  /** The records as a store holds them, with body and hash. */
  stored(): readonly StoredRecord[] {
    return this.#stored
  }

  /** Sequence of the last record, 0 before the first. */
  get seq(): number {
    return this.#records.length
  }

  /** Lets wall time pass without a record. */
  later(ms: number): this {
    this.#millis += ms
    return this
  }

  /** Appends any record. `activeMs` is how long the run worked before it. */
  add(draft: RecordDraft, activeMs = 100): this {
    this.#millis += activeMs
    this.#activeMs += activeMs
    const base = {
      v: RECORD_VERSION,
      run: this.runId,
      seq: this.seq + 1,
      at: new Date(this.#millis).toISOString(),
      prev: this.#stored.at(-1)?.hash ?? '0'.repeat(64),
      branch: this.#branch,
      segment: this.#segment,
      cause: this.seq === 0 ? null : this.seq,
      active_ms: this.#activeMs,
    } as const
    // A draft is a record without the base fields, which are all added here.
    const record = { ...base, ...draft } as RunRecord
    const body = JSON.stringify(record)
    this.#records.push(record)
    this.#stored.push({ seq: record.seq, type: record.type, body, hash: sha256Hex(body), sealed: null })
    return this
  }

  /** Genesis. */
  started(over: Partial<Omit<RunStarted, 'type'>> = {}): this {
    return this.add({
      type: 'run.started',
      tenant: 'acme',
      workflow: { name: 'payables-desk', version: '1.0.0', signature: 'sig', shape: 'shape' },
      runtime_version: '0.1.0',
      bundle: BUNDLE,
      principal: ANA,
      request_id: 'req-1',
      subject: this.runId,
      trace_id: sha256Hex(this.runId).slice(0, 32),
      mode: 'development',
      input: this.content(0),
      budget: BUDGET,
      parent: null,
      checkpoint: this.#checkpoint('entry'),
      ...over,
    })
  }

  /** A worker takes the run up. */
  segment(why: SegmentStarted['why'] = 'start', idleMs = 0): this {
    this.#segment++
    this.#epoch++
    this.later(idleMs)
    return this.add(
      { type: 'segment.started', worker: `worker-${this.#epoch}`, epoch: this.#epoch, why, idle_ms: idleMs },
      0,
    )
  }

  /** Proposes a call without writing anything yet: the next methods say what becomes of it. */
  propose(kind: Proposal['kind'], options: CallOptions = {}): this {
    const verdict = options.verdict ?? 'allow'
    const node = options.node ?? 'decide'
    const ask = this.#ask(node, options.attempt ?? 1)
    const agent = options.agent === undefined ? 'clerk' : options.agent
    const fromModel = kind !== 'model' && agent !== null
    this.#call = {
      ask,
      proposal: {
        kind,
        name: options.name ?? (kind === 'model' ? 'scripted/clerk' : 'payments.transfer'),
        class: options.class ?? (kind === 'model' ? 'model.call' : 'payments.write'),
        effect: options.effect ?? (kind === 'model' ? 'none' : 'irreversible'),
        agent,
        model_seq: fromModel ? this.#modelSeq : null,
        call_id: fromModel ? `call_${ask.ordinal}` : null,
        args: this.content(0),
        args_digest: `args-${ask.key}`,
        labels: UNLABELLED,
        definition_hash: 'definition',
      },
      decision: madeUpDecision(`dec_${this.seq + 1}`, kind, verdict),
      options,
      approvalId: null,
      intentSeq: null,
      sent: false,
    }
    return this
  }

  /** Writes the intent of the proposed call. */
  intent(over: Partial<Omit<ActivityIntent, 'type'>> = {}): this {
    const call = this.#current()
    const effect = call.proposal.effect !== 'none'
    call.intentSeq = this.seq + 1
    call.sent = true
    return this.add({
      type: 'activity.intent',
      ask: call.ask,
      proposal: call.proposal,
      decision: call.decision,
      approval_id: call.approvalId,
      reserved: madeUpAmounts(call.proposal.kind, call.options.reserved),
      not_after: new Date(this.#millis + 30_000).toISOString(),
      idempotency_key: `key:${call.ask.key}`,
      effect_id: effect ? `effect:${call.ask.key}` : null,
      ...over,
    })
  }

  /** Writes the outcome of the proposed call. Without an intent before it carries proposal and decision itself. */
  outcome(over: Partial<Omit<ActivityOutcome, 'type'>> = {}): this {
    const call = this.#current()
    const { proposal, options } = call
    const status = over.status ?? options.status ?? 'succeeded'
    const effect = proposal.effect !== 'none'
    const happened = effect && status === 'succeeded'
    this.add({
      type: 'activity.outcome',
      ask: call.ask,
      kind: proposal.kind,
      name: proposal.name,
      class: proposal.class,
      effect: proposal.effect,
      agent: proposal.agent,
      status,
      code: options.code ?? (status === 'succeeded' ? null : 'TOOL_FAILED'),
      result: this.content(0),
      effect_hash: happened ? `hash:${call.ask.key}` : null,
      effect_id: effect ? `effect:${call.ask.key}` : null,
      idempotency_key: effect ? `key:${call.ask.key}` : null,
      settled: call.sent && !options.ledger ? madeUpAmounts(proposal.kind, options.settled) : NO_AMOUNTS,
      usage: proposal.kind === 'model' ? madeUpUsage() : null,
      price: proposal.kind === 'model' ? 'prices-2026-11#scripted/clerk' : null,
      latency_ms: options.latencyMs ?? 100,
      ledger: options.ledger ?? null,
      resolved_by: options.resolvedBy ?? null,
      proposal: call.sent ? null : proposal,
      decision: call.sent ? null : call.decision,
      approval_id: call.sent ? null : call.approvalId,
      ...over,
    })
    if (proposal.kind === 'model' && status === 'succeeded') this.#modelSeq = this.seq
    return this
  }

  /** A model call with its answer: one turn. */
  model(options: CallOptions = {}): this {
    this.#position++
    this.#ordinal = 0
    return this.propose('model', options).intent().outcome()
  }

  /** A tool call that policy allows, with its outcome. */
  tool(options: CallOptions = {}): this {
    return this.propose('tool', options).intent().outcome()
  }

  /** A read without effect. */
  read(options: CallOptions = {}): this {
    return this.tool({ name: 'records.get', class: 'records.read', effect: 'none', ...options })
  }

  /** A tool call that policy denies: one record. */
  denied(options: CallOptions = {}): this {
    const over: CallOptions = { status: 'denied', code: 'NO_PERMIT', verdict: 'deny', ...options }
    return this.propose('tool', over).outcome()
  }

  /** Asks a person about the proposed call. */
  askPerson(over: Partial<Omit<ApprovalRequested, 'type'>> = {}): this {
    const call = this.#current()
    call.approvalId = `apr_${call.ask.key}`
    return this.add({
      type: 'approval.requested',
      approval_id: call.approvalId,
      ask: call.ask,
      proposal: call.proposal,
      decision: call.decision,
      asks: call.decision.asks,
      packet: this.content(0),
      target_digest: 'target-digest',
      deadline: new Date(this.#millis + 86_400_000).toISOString(),
      ...over,
    })
  }

  /** The person's answer to the proposed call's approval. */
  personAnswers(
    answer: ApprovalDecided['answer'] = 'approved',
    over: Partial<Omit<ApprovalDecided, 'type'>> = {},
  ): this {
    const call = this.#current()
    const asked = this.#records.findLast((record): record is ApprovalRequested => record.type === 'approval.requested')
    const person = answer === 'approved' || answer === 'rejected'
    return this.add({
      type: 'approval.decided',
      approval_id: call.approvalId ?? '',
      ask: call.ask,
      answer,
      by: person ? BEN : null,
      reason: person ? this.content(0) : null,
      seen: person ? (asked?.packet.h ?? null) : null,
      wait_ms: 60_000,
      code: answer === 'void' ? 'APPROVAL_VOID' : null,
      ...over,
    })
  }

  /** A payment that waits for a person, who approves it; the wait ends the segment. */
  approvedTool(options: CallOptions = {}): this {
    return this.propose('tool', { verdict: 'require_approval', ...options })
      .askPerson()
      .waiting()
      .later(60_000)
      .segment('wake')
      .personAnswers('approved')
      .intent()
      .outcome()
  }

  /** Nothing can go on until one of these comes. */
  waiting(over: Partial<Omit<RunWaiting, 'type'>> = {}): this {
    const id = this.#call?.approvalId ?? 'apr_unknown'
    return this.add({ type: 'run.waiting', on: [{ kind: 'approval', id }], wake_at: null, ...over })
  }

  /** A barrier: the superstep's checkpoint. */
  barrier(node = 'decide'): this {
    const superstep = this.#superstep
    const result = {
      activation: `root.${superstep}.${node}.0`,
      node,
      delivery: 0,
      writes: [],
      message: this.content(0),
      rejection: null,
    }
    const startedAt = new Date(this.#millis - 100).toISOString()
    this.#superstep++
    this.#ordinal = 0
    this.#position = 0
    return this.add({
      type: 'superstep.completed',
      superstep,
      started_at: startedAt,
      results: [result],
      appends: {},
      checkpoint: this.#checkpoint('superstep'),
    })
  }

  /** Head moved back to an earlier record by a person. */
  branch(from: number): this {
    this.#branch++
    const kept = this.#records.slice(0, from).findLast((record) => 'checkpoint' in record)
    this.#superstep = kept && 'checkpoint' in kept ? (kept.checkpoint?.superstep ?? 0) : 0
    this.#ordinal = 0
    this.#position = 0
    return this.add({
      type: 'branch.started',
      from,
      by: BEN,
      reason: this.content(0),
      checkpoint_seq: kept?.seq ?? 1,
      spent: this.#spentIfLeft(),
    })
  }

  /** The run reached its output. */
  completed(): this {
    return this.add({ type: 'run.completed', output: this.content(0), decision: null })
  }

  /** The run ended before its output. */
  stopped(over: Partial<RunStopped> = {}): this {
    const reason = { kind: 'budget', code: 'BUDGET_EXHAUSTED', subject: 'max_turns' } as const
    return this.add({ type: 'run.stopped', reason, by: null, partial: null, undone: ['close'], ...over })
  }

  /** A reference to a content of the record that is written next. */
  content(i: number): ContentRef {
    return { s: this.seq + 1, i, h: `h${this.seq + 1}.${i}`, l: UNLABELLED }
  }

  #current(): HistoryCall {
    if (!this.#call) throw new Error('propose a call before saying what becomes of it')
    return this.#call
  }

  #ask(node: string, attempt: number): AskRef {
    const activation = `root.${this.#superstep}.${node}.0`
    const ordinal = this.#ordinal++
    const key = `${activation}/${this.#position}/${ordinal}`
    return {
      key,
      activation,
      node,
      superstep: this.#superstep,
      position: this.#position,
      ordinal,
      attempt,
      parent: null,
    }
  }

  #spentIfLeft(): Amounts {
    const fold = this.#records.reduce(spendAfter, NO_SPEND)
    return addAmounts(fold.spent, heldIn(fold))
  }

  #checkpoint(kind: CheckpointBody['kind']): CheckpointBody {
    const state = {}
    const rest = {
      queue: [],
      fan_in: {},
      requests: [],
      outputs: [],
      effect_keys: [],
      adopted: [],
      spent: this.#records.reduce(spendAfter, NO_SPEND).spent,
    }
    return { kind, superstep: this.#superstep, state, ...rest }
  }
}

/** A new, empty history of the given run. */
export function history(runId?: string): History {
  return new History(runId)
}

/**
 * A complete history with everything that a good run has: a read, a model call, an approved payment after a wait, a
 * free notice, and its end.
 */
export function completeHistory(runId?: string): History {
  return history(runId)
    .started()
    .segment()
    .read({ agent: null, node: 'match' })
    .barrier('match')
    .model()
    .approvedTool()
    .model()
    .tool({ name: 'notify.vendor', class: 'external.notification.send' })
    .barrier()
    .completed()
}
