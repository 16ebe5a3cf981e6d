import { describe, expect, it } from 'vitest'
import { sha256Hex } from '../base/hash.ts'
import { NO_AMOUNTS } from '../contracts/common.ts'
import type { ActivityIntent, ActivityOutcome, RunRecord } from '../contracts/records.ts'
import { ANA, BEN, completeHistory, history } from '../testing/history.ts'
import { auditRun } from './audit.ts'
import { lineageGaps } from './gaps.ts'
import { lineageOf } from './lineage.ts'

const complete = completeHistory()
const kinds = (records: readonly RunRecord[]) => lineageGaps(records).map((gap) => gap.kind)
const isPayment = (record: RunRecord): record is ActivityIntent =>
  record.type === 'activity.intent' && record.proposal.name === 'payments.transfer'

/** The complete history with one record changed; which one is told by the condition. */
function altered<R extends RunRecord>(is: (record: RunRecord) => record is R, change: (record: R) => RunRecord) {
  const records = complete.records().map((record) => (is(record) ? change(record) : record))
  expect(records).not.toEqual(complete.records())
  return records
}

describe('lineage of effects', () => {
  it('OBS-001: each effect is shown with all that led to it', () => {
    const effects = lineageOf(complete.records())
    expect(effects.map((effect) => effect.tool)).toEqual(['payments.transfer', 'notify.vendor'])
    const [payment] = effects
    expect(payment).toMatchObject({
      superstep: 1,
      agent: 'clerk',
      status: 'succeeded',
      effectHash: 'hash:root.1.decide.0/1/1',
    })
    expect(payment?.approval).toMatchObject({ answer: 'approved', by: 'user:ben', reasoned: true })
    const at = (seq: number | null | undefined) => complete.records()[(seq ?? 0) - 1]
    expect(at(payment?.modelSeq)).toMatchObject({ type: 'activity.outcome', kind: 'model' })
    expect(at(payment?.checkpointSeq)).toMatchObject({ type: 'superstep.completed', superstep: 0 })
    expect(at(payment?.approval?.decidedSeq)).toMatchObject({ type: 'approval.decided' })
    expect(at(payment?.intentSeq)).toMatchObject({ type: 'activity.intent' })
  })

  it('OBS-002: a complete history has no gap, at its end and at every record before it', () => {
    for (let end = 1; end <= complete.seq; end++) expect(lineageGaps(complete.records().slice(0, end))).toEqual([])
  })

  it('OBS-003: dropping any record that an effect rests on leaves a gap', () => {
    const needed = new Set([
      'run.started',
      'activity.intent',
      'activity.outcome',
      'approval.requested',
      'approval.decided',
      'superstep.completed',
    ])
    const last = complete.records().findLast((record) => record.type === 'superstep.completed')
    const dropped = complete.records().filter((record) => needed.has(record.type) && record !== last)
    expect(new Set(dropped.map((record) => record.type))).toEqual(needed)
    for (const record of dropped) {
      const rest = complete.records().filter((other) => other !== record)
      expect(kinds(rest), `${record.type} ${record.seq} dropped`).not.toEqual([])
    }
  })

  it.each<[string, string, (record: ActivityIntent) => RunRecord]>([
    ['the approval is not named', 'approval', (intent) => ({ ...intent, approval_id: null })],
    ['the approval is unknown', 'approval', (intent) => ({ ...intent, approval_id: 'apr_other' })],
    [
      'the arguments changed',
      'approval',
      (intent) => ({ ...intent, proposal: { ...intent.proposal, args_digest: 'x' } }),
    ],
    [
      'the tool changed',
      'approval',
      (intent) => ({ ...intent, proposal: { ...intent.proposal, definition_hash: 'x' } }),
    ],
    ['the approval is of another call', 'approval', (intent) => ({ ...intent, ask: { ...intent.ask, key: 'x' } })],
    [
      'no model call is named',
      'model_call',
      (intent) => ({ ...intent, proposal: { ...intent.proposal, model_seq: null } }),
    ],
    [
      'the model call is none',
      'model_call',
      (intent) => ({ ...intent, proposal: { ...intent.proposal, model_seq: 2 } }),
    ],
    [
      'the call id is missing',
      'tool_call',
      (intent) => ({ ...intent, proposal: { ...intent.proposal, call_id: null } }),
    ],
    ['the decision denied', 'decision', (intent) => ({ ...intent, decision: { ...intent.decision, verdict: 'deny' } })],
    [
      'the decision names another bundle',
      'decision',
      (intent) => ({ ...intent, decision: { ...intent.decision, bundle: 'x@1' } }),
    ],
    [
      'the decision names no bundle',
      'decision',
      (intent) => ({ ...intent, decision: { ...intent.decision, bundle: '' } }),
    ],
    ['the budget is passed', 'budget', (intent) => ({ ...intent, reserved: { ...intent.reserved, tool_calls: 7 } })],
    ['the idempotency key is missing', 'intent', (intent) => ({ ...intent, idempotency_key: '' })],
    ['the effect is another', 'effect_hash', (intent) => ({ ...intent, effect_id: 'x' })],
  ])('OBS-004: an intent where %s is a gap of kind %s', (_what, kind, change) => {
    expect(kinds(altered(isPayment, change))).toContain(kind)
  })

  it('LIN-015: a call that the door refused has no decision; one that policy denied has one, or a gap', () => {
    const refused = (code: string) => {
      const one = completeHistory()
      return one.records().map((record) => {
        if (record.type !== 'activity.outcome' || record.kind !== 'tool') return record
        return { ...record, status: 'denied' as const, code, decision: null, effect_hash: null, result: null }
      })
    }
    const gapsOf = (code: string) => {
      const records = refused(code).filter(
        (record) => record.type !== 'activity.intent' || record.proposal.kind === 'model',
      )
      return lineageGaps(records).filter(({ detail }) => detail.startsWith('no policy decision')).length
    }
    expect(gapsOf('TOOL_UNKNOWN')).toBe(0)
    expect(gapsOf('TOOL_NOT_IN_STEP')).toBe(0)
    expect(gapsOf('NO_PERMIT')).toBeGreaterThan(0)
  })

  it('OBS-005: an outcome that happened without effect hash or identity is a gap', () => {
    const isDone = (record: RunRecord): record is ActivityOutcome =>
      record.type === 'activity.outcome' && record.effect_hash !== null
    expect(kinds(altered(isDone, (record) => ({ ...record, effect_hash: null })))).toEqual([
      'effect_hash',
      'effect_hash',
    ])
    expect(kinds(altered(isDone, (record) => ({ ...record, effect_id: null })))).toContain('effect_hash')
  })

  it.each<[string, (it: RunRecord) => RunRecord]>([
    ['by the requester', (it) => (it.type === 'approval.decided' ? { ...it, by: ANA } : it)],
    ['by nobody', (it) => (it.type === 'approval.decided' ? { ...it, by: null } : it)],
    ['without a reason', (it) => (it.type === 'approval.decided' ? { ...it, reason: null } : it)],
    ['of something else than was shown', (it) => (it.type === 'approval.decided' ? { ...it, seen: 'x' } : it)],
    ['that was rejected', (it) => (it.type === 'approval.decided' ? { ...it, answer: 'rejected' } : it)],
  ])('OBS-006: an effect after an approval %s is a gap', (_what, change) => {
    expect(kinds(complete.records().map(change))).toEqual(['approval'])
  })

  it('OBS-007: one approval used for two calls is a gap', () => {
    const again = completeHistory().records()
    const first = again.find(isPayment)
    const notice = (record: RunRecord): RunRecord =>
      record.type === 'activity.intent' && record.proposal.name === 'notify.vendor'
        ? { ...record, approval_id: first?.approval_id ?? null }
        : record
    expect(kinds(again.map(notice))).toContain('approval_reused')
  })

  it('OBS-008: an effect that is sent again after it happened is a gap', () => {
    const twice = history().started().segment().model().tool().intent().outcome()
    expect(kinds(twice.records())).toContain('sent_twice')
    const unknown = history().started().segment().model().propose('tool').intent().outcome({ status: 'unknown' })
    expect(kinds(unknown.outcome({ resolved_by: 'lookup' }).barrier().completed().records())).toEqual([])
  })

  it('OBS-009: an answer from the ledger needs the record of the effect it tells of', () => {
    const paid = history().started().segment().model().tool()
    const ledger = { run: paid.runId, seq: paid.seq }
    const from = (seq: number) =>
      paid.records().concat(
        history()
          .started()
          .segment()
          .model()
          .tool()
          .propose('tool', { ledger: { ...ledger, seq } })
          .outcome()
          .records()
          .slice(-1),
      )
    expect(kinds(from(ledger.seq))).toEqual([])
    expect(kinds(from(2))).toEqual(['ledger'])
  })

  it('OBS-010: an unanswered call is a gap only once the run has ended', () => {
    const sent = history().started().segment().model().propose('tool').intent()
    expect(kinds(sent.records())).toEqual([])
    expect(kinds(sent.stopped().records())).toEqual(['outcome'])
  })

  it('OBS-028: a repeat under another key needs a person who said that the first did not happen', () => {
    const sent = () => history().started().segment().model().approvedTool({ status: 'unknown', code: 'EFFECT_UNKNOWN' })
    expect(kinds(sent().intent({ idempotency_key: 'key:2' }).outcome({ status: 'succeeded' }).records())).toEqual([
      'approval_reused',
    ])
    const asked = sent()
    const ask = asked.records().findLast((record) => record.type === 'activity.intent')?.ask
    if (!ask) throw new Error('no intent was told')
    asked.add({ type: 'question.asked', question_id: 'que_1', ask, about: 'unknown_effect', packet: asked.content(0) })
    asked.add({
      type: 'question.answered',
      question_id: 'que_1',
      ask,
      answer: 'did_not',
      by: BEN,
      reason: asked.content(0),
    })
    expect(kinds(asked.intent({ idempotency_key: 'key:2' }).outcome({ status: 'succeeded' }).records())).toEqual([])
  })

  it('OBS-029: totals that are lower than what the records spent are a gap', () => {
    const lower = complete
      .records()
      .map(
        (record): RunRecord =>
          record.type === 'superstep.completed'
            ? { ...record, checkpoint: { ...record.checkpoint, spent: NO_AMOUNTS } }
            : record,
      )
    expect(kinds(lower)).toEqual(['budget', 'budget'])
    const back = completeHistory().branch(5).records()
    expect(kinds(back)).toEqual([])
    expect(
      kinds(back.map((record) => (record.type === 'branch.started' ? { ...record, spent: NO_AMOUNTS } : record))),
    ).toEqual(['budget'])
  })

  it('a read that an activity asks for itself needs no intent, any other call does', () => {
    const told = history().started().segment().model().propose('tool', { effect: 'none' })
    const parent = { key: 'x', phase: 'preview' } as const
    const bare = told.outcome().records()
    expect(kinds(bare)).toEqual(['intent'])
    const own = bare.map((record) =>
      record.type === 'activity.outcome' && record.kind === 'tool'
        ? { ...record, ask: { ...record.ask, parent } }
        : record,
    )
    expect(kinds(own)).toEqual([])
  })

  it('a deterministic node needs no model call, and an abandoned branch leads to nothing', () => {
    const plain = history().started().segment().tool({ agent: null }).barrier()
    expect(kinds(plain.records())).toEqual([])
    const stale = history().started().segment().model().barrier().branch(1).tool()
    expect(kinds(stale.records())).toEqual(['model_call'])
  })
})

describe('audit of the stored bytes', () => {
  const stored = complete.stored()
  const row = { seq: complete.seq, head: stored.at(-1)?.hash ?? '' }
  const found = (...args: Parameters<typeof auditRun>) => auditRun(...args).findings.map((finding) => finding.kind)

  it('OBS-011: an untouched history verifies, and tells its head', () => {
    expect(auditRun(stored, row)).toEqual({ verified: true, records: stored.length, head: row.head, findings: [] })
    expect(auditRun([], { seq: 0, head: '0'.repeat(64) }).verified).toBe(true)
  })

  it('OBS-012: one changed byte is found in any record', () => {
    for (let i = 0; i < stored.length; i++) {
      const changed = stored.map((each, at) =>
        at === i ? { ...each, body: each.body.replace('"active_ms":', '"active_ms": ') } : each,
      )
      expect(found(changed, row), `record ${i + 1}`).toContain('hash')
    }
  })

  it('OBS-013: a dropped record is found, wherever it was', () => {
    for (let i = 0; i < stored.length; i++)
      expect(
        found(
          stored.filter((_each, at) => at !== i),
          row,
        ),
        `record ${i + 1}`,
      ).not.toEqual([])
  })

  it('OBS-014: a cut tail is found against the row', () => {
    for (let end = 0; end < stored.length; end++) expect(found(stored.slice(0, end), row)).toContain('tail')
    expect(found(stored, { ...row, head: 'f'.repeat(64) })).toEqual(['tail'])
  })

  it('OBS-015: a rewritten record is found even when its own hash was computed again', () => {
    const rewritten = stored.map((each, at) => {
      if (at !== 3) return each
      const body = each.body.replace('"succeeded"', '"failed"').replace('records.get', 'records.put')
      return { ...each, body, hash: sha256Hex(body) }
    })
    expect(found(rewritten, row)).toContain('chain')
  })

  it('OBS-016: other versions, foreign records and unreadable bodies are findings, never faults', () => {
    const swap = (at: number, body: string) => stored.map((each, i) => (i === at ? { ...each, body } : each))
    const body = (at: number) => stored[at]?.body ?? ''
    expect(found(swap(2, body(2).replace('"v":1', '"v":2')))).toContain('version')
    expect(found(swap(2, body(2).replace(complete.runId, 'run_other')))).toContain('mismatch')
    expect(found(swap(2, 'x'))).toContain('unreadable')
    expect(found(swap(2, '{"seq":3,"type":"activity.intent","prev":""}'))).toContain('unreadable')
    expect(found([...stored, ...stored])).toContain('sequence')
  })
})
