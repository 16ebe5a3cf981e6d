import { describe, expect, it } from 'vitest'
import type { Principal } from '../contracts/common.ts'
import {
  activationBy,
  draftOf,
  foldPolicyHistory,
  NO_POLICY_HISTORY,
  type PolicyEventBody,
  type PolicyHistory,
  policyRow,
} from './history.ts'

const person = (id: string, roles: readonly string[], tenant = 'acme'): Principal => ({
  id,
  kind: 'user',
  tenant,
  roles,
})
const ana = person('user:ana', ['policy-author'])
const ben = person('user:ben', ['policy-approver'])
const ROLES = {
  authors: ['policy-author'],
  approvers: ['policy-approver'],
  emergency: ['policy-approver'],
  tenant: 'acme',
}
const AT = '2026-01-01T00:00:00.000Z'

const then = (history: PolicyHistory, told: PolicyEventBody): PolicyHistory =>
  foldPolicyHistory(history, [policyRow(history, AT, told)])

const proposed = (history: PolicyHistory, bundle: string, by = ana): PolicyHistory =>
  then(history, {
    ...{ type: 'bundle.proposed', bundle, version: '1.0.0', base: history.inForce?.bundle ?? null, rollback: false },
    ...{ by, reason: 'because' },
  })

function activated(history: PolicyHistory, bundle: string, by = ben): PolicyHistory {
  const draft = draftOf(history, bundle)
  if (!draft) throw new Error('no draft')
  return then(history, activationBy(history, draft, { by, reason: 'looked at it' }, ROLES))
}

const code = (fn: () => unknown): unknown => {
  try {
    fn()
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown ? thrown.code : thrown
  }
  return null
}

describe('policy history', () => {
  it('BDL-002: a draft comes into force when somebody else with the role activates it, and names both', () => {
    const first = activated(proposed(NO_POLICY_HISTORY, 'p@a'), 'p@a')
    expect(first.inForce).toMatchObject({ bundle: 'p@a', way: 'bootstrap', author: ana, by: ben, from: null })
    const second = activated(proposed(first, 'p@b'), 'p@b')
    expect(second.inForce).toMatchObject({ bundle: 'p@b', way: 'reviewed', from: 'p@a' })
    expect(second.drafts).toEqual([])
    expect([...second.known]).toEqual(['p@a', 'p@b'])
  })

  it('BDL-003: the author, one without the role, a service and a person of another tenant cannot activate it', () => {
    const history = proposed(NO_POLICY_HISTORY, 'p@a', person('user:ana', ['policy-author', 'policy-approver']))
    const by = (who: Principal) => code(() => activated(history, 'p@a', who))
    expect(by(person('user:ana', ['policy-author', 'policy-approver']))).toBe('POLICY_SELF_REVIEW')
    expect(by(person('user:eve', ['policy-author']))).toBe('FORBIDDEN')
    expect(by({ ...ben, kind: 'service' })).toBe('FORBIDDEN')
    expect(by({ ...ben, tenant: 'other' })).toBe('FORBIDDEN')
    expect(by(ben)).toBe(null)
  })

  it('BDL-004: a draft that was proposed against another bundle than the one in force is stale', () => {
    const base = activated(proposed(NO_POLICY_HISTORY, 'p@a'), 'p@a')
    const both = activated(proposed(proposed(base, 'p@b'), 'p@c'), 'p@c')
    expect(code(() => activated(both, 'p@b'))).toBe('POLICY_DRAFT_STALE')
    expect(activated(proposed(both, 'p@b'), 'p@b').inForce?.bundle).toBe('p@b')
  })
})
