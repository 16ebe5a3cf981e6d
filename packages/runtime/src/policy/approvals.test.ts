import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SignalboxError } from '../base/errors.ts'
import { joinLabels, type Labels, type Principal } from '../contracts/common.ts'
import type { PersonRequestRow } from '../contracts/store.ts'
import {
  APPROVAL_MACHINE,
  type ApprovalEvent,
  type ApprovalOutcome,
  type ApprovalState,
  approvalBinding,
  changedParts,
  isStillBound,
  listedState,
  mayDecide,
  nextApproval,
} from './approvals.ts'
import { sameLabels } from './labels.ts'

const EVENTS: ApprovalEvent[] = [
  ...(['vote', 'approve', 'reject', 'edit', 'accept_edit', 'refuse_edit', 'claim', 'unclaim', 'ask', 'tell'] as const),
  ...(['snooze', 'see', 'begin_stage', 'escalate', 'remind', 'expire', 'cancel'] as const),
  ...(['target_changed', 'policy_changed', 'consume'] as const),
]
const STATES: ApprovalState[] = [
  ...(['open', 'editing', 'approved', 'used', 'rejected', 'expired', 'cancelled', 'void'] as const),
]

function step(state: ApprovalState, event: ApprovalEvent): ApprovalState | string {
  try {
    return nextApproval(state, event)
  } catch (thrown) {
    if (thrown instanceof SignalboxError) return thrown.code
    throw thrown
  }
}

describe('the life of an approval', () => {
  it('APR-010: is a total table without gaps', () => {
    expect(Object.keys(APPROVAL_MACHINE).sort()).toEqual([...STATES].sort())
    for (const row of Object.values(APPROVAL_MACHINE)) expect(Object.keys(row).sort()).toEqual([...EVENTS].sort())
    const ends = STATES.filter((state) => state !== 'open' && state !== 'editing' && state !== 'approved')
    for (const end of ends) {
      for (const event of EVENTS) expect(['refused', 'ignored']).toContain(APPROVAL_MACHINE[end][event])
    }
  })

  it('APR-011: lets the first answer win and tells the second what became of it', () => {
    expect(step('open', 'approve')).toBe('approved')
    expect([step('approved', 'approve'), step('approved', 'reject'), step('rejected', 'approve')]).toEqual([
      'APPROVAL_DECIDED',
      'APPROVAL_DECIDED',
      'APPROVAL_DECIDED',
    ])
    expect([step('expired', 'approve'), step('void', 'approve')]).toEqual(['APPROVAL_EXPIRED', 'APPROVAL_VOID'])
  })

  it('APR-012: is used once, and only when it was given', () => {
    expect([step('open', 'consume'), step('approved', 'consume'), step('used', 'consume')]).toEqual([
      'CONFLICT',
      'used',
      'APPROVAL_DECIDED',
    ])
    expect([listedState('used'), listedState('expired')]).toEqual(['approved', 'expired'])
    // Any order of events, duplicated and dropped: one use at most, after one approval, before any other end.
    const property = fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 30 }), (events) => {
      let state: ApprovalState = 'open'
      let [uses, approvals] = [0, 0]
      for (const event of events) {
        const next: ApprovalOutcome = APPROVAL_MACHINE[state][event]
        if (next === 'refused' || next === 'ignored') continue
        if (next === 'used') uses += 1
        if (next === 'approved') approvals += 1
        state = next
      }
      expect(uses).toBeLessThanOrEqual(approvals)
      expect(approvals).toBeLessThanOrEqual(1)
      expect(state === 'used').toBe(uses === 1)
    })
    fc.assert(property, { numRuns: 500 })
  })

  it('APR-013: ends in a denial when nobody answers, the run stops or its ground changes', () => {
    expect([step('open', 'expire'), step('open', 'cancel'), step('open', 'policy_changed')]).toEqual([
      'expired',
      'cancelled',
      'void',
    ])
    expect([step('approved', 'target_changed'), step('approved', 'policy_changed')]).toEqual(['void', 'void'])
    expect(step('approved', 'expire')).toBe('approved')
  })
})

const row: PersonRequestRow = {
  tenant: 'acme',
  id: 'apr_1',
  kind: 'approval',
  runId: 'run_1',
  workflow: 'desk',
  seq: 9,
  tool: 'payments.pay',
  class: 'payments.write',
  effect: 'irreversible',
  approvers: [['approver'], ['auditor', 'chief']],
  requester: 'user:rita',
  state: 'open',
  decidedBy: null,
  requestedAt: 0,
  deadline: 1,
  decidedAt: null,
}

const person = (id: string, roles: string[], over: Partial<Principal> = {}): Principal => ({
  id: `user:${id}`,
  kind: 'user',
  tenant: 'acme',
  roles,
  ...over,
})

describe('who may answer', () => {
  const answer = (who: Principal, over: Partial<PersonRequestRow> = {}) => {
    const result = mayDecide({ ...row, ...over }, who)
    return result.allowed ? 'allowed' : result.code
  }

  it('APR-020: one who holds a role of each asking policy', () => {
    expect(answer(person('paul', ['approver', 'chief']))).toBe('allowed')
    expect(answer(person('paul', ['approver']))).toBe('APPROVAL_NOT_ALLOWED')
    expect(answer(person('paul', ['chief', 'auditor']))).toBe('APPROVAL_NOT_ALLOWED')
    expect(answer(person('paul', ['approver']), { approvers: [] })).toBe('APPROVAL_NOT_ALLOWED')
    expect(answer(person('paul', ['approver']), { approvers: [[]] })).toBe('APPROVAL_NOT_ALLOWED')
  })

  it('APR-021: never the requester, no service and no agent, nobody of another tenant', () => {
    expect(answer(person('rita', ['approver', 'chief']))).toBe('APPROVAL_SELF')
    expect(answer(person('bot', ['approver', 'chief'], { kind: 'service' }))).toBe('APPROVAL_NOT_ALLOWED')
    expect(answer(person('bot', ['approver', 'chief'], { kind: 'agent' }))).toBe('APPROVAL_NOT_ALLOWED')
    expect(answer(person('paul', ['approver', 'chief'], { tenant: 'other' }))).toBe('APPROVAL_NOT_FOUND')
  })

  it('APR-022: a question about an effect has no roles and another person than the requester; a port asks anyone', () => {
    expect(answer(person('rita', []), { kind: 'question', approvers: [] })).toBe('APPROVAL_SELF')
    expect(answer(person('paul', []), { kind: 'question', approvers: [] })).toBe('allowed')
    expect(answer(person('rita', []), { kind: 'request', approvers: [] })).toBe('allowed')
  })
})

describe('what an approval is bound to', () => {
  const labels: Labels = { integrity: 1, marks: ['personal', 'bank'] }
  const proposal = { name: 'payments.pay', args_digest: 'a', definition_hash: 'd', labels }
  const asks = [
    { id: 'limit', reason_code: 'LIMIT', approvers: ['approver', 'chief'] },
    { id: 'country', reason_code: 'COUNTRY', approvers: ['auditor'] },
  ]
  const asked = approvalBinding('run_1', proposal, 't', asks)

  it('APR-030: a change of arguments, definition, target, labels, tool or run unbinds it', () => {
    expect(isStillBound(asked, approvalBinding('run_1', { ...proposal }, 't', asks))).toBe(true)
    const changed = (over: object, target = 't', run = 'run_1') =>
      changedParts(asked, approvalBinding(run, { ...proposal, ...over }, target, asks))
    expect(changed({ args_digest: 'b' })).toEqual(['args_digest'])
    expect(changed({ definition_hash: 'e' })).toEqual(['definition_hash'])
    expect(changed({ name: 'other' })).toEqual(['name'])
    expect(changed({ labels: { integrity: 0, marks: labels.marks } })).toEqual(['labels'])
    expect(changed({}, 'u')).toEqual(['target_digest'])
    expect(changed({}, 't', 'run_2')).toEqual(['run'])
  })

  it('APR-031: a change of the policies that ask or of who may answer unbinds it; their order and wording do not', () => {
    const now = (some: typeof asks) => changedParts(asked, approvalBinding('run_1', proposal, 't', some))
    const [limit, country] = asks
    if (limit === undefined || country === undefined) throw new Error('two policies ask')
    expect(now([country, { ...limit, approvers: ['chief', 'approver'], reason_code: 'OTHER' }])).toEqual([])
    expect(now([limit])).toEqual(['asks'])
    expect(now([limit, country, { ...country, id: 'third' }])).toEqual(['asks'])
    expect(now([{ ...limit, approvers: ['approver'] }, country])).toEqual(['asks'])
  })

  it('APR-032: the most restrictive join of labels is what it compares, in whatever order they were joined', () => {
    const label = fc.record({
      integrity: fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const),
      marks: fc.array(fc.constantFrom('a', 'b', 'c')),
    })
    const property = fc.property(fc.array(label, { maxLength: 5 }), label, (some, more) => {
      const joined = joinLabels([...some, more])
      expect(sameLabels(joined, joinLabels([more, ...some.toReversed(), more]))).toBe(true)
      expect(joined.integrity).toBeLessThanOrEqual(more.integrity)
      for (const mark of more.marks) expect(joined.marks).toContain(mark)
    })
    fc.assert(property)
    expect(sameLabels({ integrity: 1, marks: ['a'] }, { integrity: 1, marks: ['a', 'b'] })).toBe(false)
    expect(sameLabels({ integrity: 1, marks: ['a', 'a'] }, { integrity: 1, marks: ['a', 'b'] })).toBe(false)
  })
})
