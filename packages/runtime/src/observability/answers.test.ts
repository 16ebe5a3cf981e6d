import { describe, expect, it } from 'vitest'
import { completeHistory, history } from '../testing/history.ts'
import { answersOf } from './answers.ts'
import { costOf } from './cost.ts'

const PACKET = JSON.stringify({
  summary: 'Pay invoice 4711',
  target: { type: 'invoice', id: '4711', version: 'v1' },
  impact: { money: { minor: 12_000, currency: 'EUR' } },
  rollback: 'Ask for it back.',
})

describe('answers about a run', () => {
  it('NAR-001: eight questions, each with records that it rests on', () => {
    const told = completeHistory()
    const answers = answersOf(told.records())
    const last = told.seq
    for (const [question, { seqs }] of Object.entries(answers)) {
      expect(seqs.length, question).toBeGreaterThan(0)
      for (const seq of seqs) expect(seq <= last && seq > 0, `${question} ${seq}`).toBe(true)
    }
    expect(answers.who).toMatchObject({ principal: 'user:ana', kind: 'user', request_id: 'req-1', tenant: 'acme' })
    expect(answers.ran).toMatchObject({ workflow: 'payables-desk', version: '1.0.0', status: 'completed', code: null })
    expect(answers.model.models).toEqual([
      { model: 'scripted/clerk', agents: ['clerk'], calls: 2, not_succeeded: 0, instead_of: [], troubles: [] },
    ])
    expect(answers.model.prompts).toBeNull()
  })

  it('NAR-002: every verdict about an effect or beside a plain permission is told once, a permitted read is not', () => {
    const rules = answersOf(completeHistory().records()).why.rules
    expect(rules.map(({ subject, verdict }) => [subject, verdict])).toEqual([
      ['payments.transfer', 'require_approval'],
      ['notify.vendor', 'allow'],
    ])
    const denied = answersOf(history().started().segment().model().denied().records()).why.rules
    expect(denied).toMatchObject([{ verdict: 'deny', reason_code: 'NO_PERMIT', effect: 'irreversible' }])
  })

  it('NAR-003: who approved, and what they were shown, for a reader who may open it', () => {
    const told = completeHistory()
    const of = (contents?: () => string) => answersOf(told.records(), contents).approved.approvals[0]
    const approval = of(() => PACKET)
    expect(approval).toMatchObject({
      ...{ tool: 'payments.transfer', answer: 'approved', by: 'user:ben', wait_ms: 60_000 },
      votes: [{ by: 'user:ben', for: null, at: expect.any(String), reason: null, seen: approval?.packet_hash }],
      asked_by: [{ policy: 'payment-above-limit', approvers: ['approver'], quorum: 1, stage: 1 }],
      shown: { summary: 'Pay invoice 4711', target: { id: '4711' }, money: { minor: 12_000, currency: 'EUR' } },
    })
    expect(approval?.seqs).toHaveLength(2)
    expect(of()).toMatchObject({ shown: null, reason: null, seen_hash: approval?.packet_hash })
  })

  it('NAR-004: an effect happened, did not, or nobody knows; a ledger answer changed nothing', () => {
    const sent = () => history().started().segment().model().propose('tool').intent()
    const of = (told: ReturnType<typeof history>) =>
      answersOf(told.records()).outside.effects.map((one) => one.happened)
    expect(of(sent().outcome())).toEqual([true])
    expect(of(sent())).toEqual([null])
    expect(of(sent().outcome({ status: 'unknown', code: 'EFFECT_UNKNOWN' }))).toEqual([null])
    expect(of(sent().outcome({ status: 'cancelled', code: 'EFFECT_UNKNOWN' }))).toEqual([null])
    expect(of(history().started().segment().model().denied())).toEqual([false])
    const again = history().started().segment().model().tool()
    expect(of(again.propose('tool', { ledger: { run: again.runId, seq: again.seq } }).outcome())).toEqual([true, false])
  })

  it('NAR-005: a restore point tells what becomes of each later effect, and is unsafe before one that is not settled', () => {
    const { points, goes_on } = answersOf(completeHistory().records()).resume
    expect(goes_on).toBe('ended')
    expect(points.map((point) => point.type)).toEqual(['superstep.completed', 'superstep.completed', 'run.started'])
    expect(points.at(-1)?.effects.map(({ tool, handling }) => [tool, handling])).toEqual([
      ['payments.transfer', 'ledger'],
      ['notify.vendor', 'ledger'],
    ])
    expect(points.every((point) => point.safe)).toBe(true)
    const open = answersOf(history().started().segment().model().propose('tool').intent().records()).resume
    expect(open.points).toMatchObject([{ type: 'run.started', safe: false, effects: [{ handling: 'blocks' }] }])
  })

  it('NAR-006: the cost is that of the records, and a call of which no use was told is an estimate', () => {
    const told = completeHistory()
    const { cost } = answersOf(told.records())
    expect(cost.cost_nano_usd).toBe(costOf(told.records()).spent.cost_nano_usd)
    expect(cost.estimated_seqs).toEqual([])
    const silent = history().started().segment().propose('model').intent()
    expect(answersOf(silent.records()).cost).toMatchObject({ estimated_seqs: [silent.seq], cost_nano_usd: '0' })
    silent.outcome({ usage: null, status: 'failed', code: 'MODEL_FAILED' })
    expect(answersOf(silent.records()).cost.estimated_seqs).toEqual([silent.seq])
  })

  it('NAR-007: every prefix has answers, and a history without its start', () => {
    const records = completeHistory().records()
    for (let end = 0; end <= records.length; end++) expect(() => answersOf(records.slice(0, end))).not.toThrow()
    expect(answersOf(records.slice(1)).who).toMatchObject({ seqs: [], principal: null })
  })
})
