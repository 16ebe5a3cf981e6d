import type { ApprovalLifeView, DelegationView, Me, RequestSummary } from '@signalbox/protocol'
import { describe, expect, it } from 'vitest'
import { awaits, claimOf, confirmWord, isShown, isWord, progressText, type Show, SHOWS, showOf } from './inbox.ts'

const NOW = Date.parse('2030-01-01T12:00:00Z')
const LATER = '2030-01-01T12:30:00Z'
const BEFORE = '2030-01-01T11:30:00Z'

const PAUL: Me = {
  principal: { id: 'user:paul', kind: 'user', tenant: 'dev', roles: ['approver'] },
  permissions: ['read', 'approvals.decide'],
}

function life(part: Partial<ApprovalLifeView> = {}): ApprovalLifeView {
  const demand = { policy: 'two', approvers: ['approver'], quorum: 2, stage: 10, given: [], escalated_to: [] }
  return {
    ...{ stage: 10, stages: 2, demands: [demand, { ...demand, policy: 'last', stage: 20, quorum: 1 }], votes: [] },
    ...{ claim: null, information: null, snoozed: {}, editing: null, seen: {}, escalations: [] },
    ...{ edited_by: null, standing: null, ended_by: null },
    ...part,
  }
}

function item(part: Partial<RequestSummary> = {}): RequestSummary {
  return {
    ...{ id: 'apr_1', kind: 'approval', run_id: 'run_1', workflow: 'w', tool: 't', class: 'c', effect: 'reversible' },
    ...{ state: 'open', approvers: [['role:approver']], requester: 'user:rita', requested_at: BEFORE, deadline: LATER },
    ...{ decided_by: null, decided_at: null, summary: null, impact: null, life: life() },
    ...part,
  }
}

const listsOf = (one: RequestSummary): readonly Show[] =>
  SHOWS.filter((show) => isShown(one, show, { me: PAUL, delegations: [] }, NOW))

describe('lists of the inbox', () => {
  it('CON-101: an item is in the lists that its life and the person give it', () => {
    const escalation = { policy: 'two', to: ['role:lead'], at: BEFORE }
    expect(listsOf(item())).toEqual(['open', 'mine'])
    expect(listsOf(item({ life: null }))).toEqual(['open', 'mine'])
    expect(listsOf(item({ state: 'approved' }))).toEqual(['decided'])
    expect(listsOf(item({ life: life({ snoozed: { 'user:paul': LATER } }) }))).toEqual(['snoozed'])
    expect(listsOf(item({ life: life({ snoozed: { 'user:paul': BEFORE, 'user:eva': LATER } }) }))).toContain('open')
    expect(listsOf(item({ life: life({ claim: { by: 'user:eva', until: LATER } }) }))).toContain('claimed')
    expect(listsOf(item({ life: life({ claim: { by: 'user:eva', until: BEFORE } }) }))).not.toContain('claimed')
    expect(listsOf(item({ life: life({ escalations: [escalation] }) }))).toContain('escalated')
    expect(showOf('mine')).toBe('mine')
    expect(showOf('nonsense')).toBe('open')
  })

  it('CON-101: what waits for a person follows from roles of every list, votes, the requester and stand-ins', () => {
    const viewer = { me: PAUL, delegations: [] }
    expect(awaits(item({ approvers: [['approver'], ['finance']] }), viewer)).toBe(false)
    expect(awaits(item({ approvers: [['finance', 'user:paul']] }), viewer)).toBe(true)
    expect(awaits(item({ requester: 'user:paul' }), viewer)).toBe(false)
    const vote = { by: 'user:paul', for: null, stage: 10, at: BEFORE }
    expect(awaits(item({ life: life({ votes: [vote] }) }), viewer)).toBe(false)
    expect(awaits(item({ kind: 'question' }), viewer)).toBe(false)
    const given: DelegationView = {
      ...{ id: 'd', created_by: 'user:eva', created_at: BEFORE, starts_at: BEFORE, expires_at: LATER },
      ...{ revoked_by: null, revoked_at: null, in_force: true, reason: 'away', delegate: 'user:paul' },
      roles: ['finance'],
    }
    const standsIn = { me: PAUL, delegations: [given] }
    const finance = item({ approvers: [['finance']] })
    expect(awaits(finance, standsIn)).toBe(true)
    expect(awaits(finance, { me: PAUL, delegations: [{ ...given, in_force: false }] })).toBe(false)
    expect(awaits({ ...finance, requester: 'user:eva' }, standsIn)).toBe(false)
  })

  it('CON-102: progress counts people of the stage that is answered now, and stages from one', () => {
    expect(progressText(life())).toBe('Stage 1 of 2: 0 of 2 said yes')
    expect(progressText(life({ stage: 20 }))).toBe('Stage 2 of 2: 0 of 1 said yes')
    expect(progressText(life({ stages: 1, demands: [] }))).toBe('nobody has to answer')
    expect(claimOf(null, NOW)).toBeNull()
  })

  it('CON-100: the amount with its currency is typed, or the target; case, spaces and thousands marks do not count', () => {
    const target = { id: 'V-014' }
    expect(confirmWord({ impact: { money: { minor: 125_000, currency: 'EUR' } }, target })).toBe('1,250.00 EUR')
    expect(confirmWord({ impact: {}, target })).toBe('V-014')
    expect(isWord(' 1250.00 eur', '1,250.00 EUR')).toBe(true)
    for (const wrong of ['1250.00', '125.00 EUR', '', 'approve'])
      expect(isWord(wrong, '1,250.00 EUR'), wrong).toBe(false)
  })
})
