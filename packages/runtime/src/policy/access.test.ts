import { describe, expect, it } from 'vitest'
import { SignalboxError } from '../base/errors.ts'
import type { PolicyRequest } from '../contracts/policy.ts'
import { loadBundle } from './bundle.ts'
import { brokenByRoles } from './duties.ts'
import { exemptionFor, exemptionState } from './exemptions.ts'

const MANIFEST = {
  name: 'test',
  version: '1.0.0',
  owner: 'owners',
  roles: ['clerk', 'chief', 'auditor'],
  reasons: { ASK: 'ask', NEVER: 'never', TWO_HATS: 'one person, two hats' },
}

const tool = (name: string, effect: string, owner = 'treasury') => ({
  name,
  class: effect === 'none' ? 'money.read' : 'money.write',
  effect,
  owner,
  blast_radius: 'a little',
  input: { vendor: 'String', sure: 'Bool' },
  facts: {},
})

const CATALOGUE = {
  tools: [tool('money.pay', 'irreversible'), tool('money.look', 'none'), tool('vendors.edit', 'reversible')],
  models: [],
  workflows: [
    { name: 'desk', owner: 'owners', roles: ['clerk'] },
    { name: 'night', owner: 'owners', roles: ['clerk'] },
  ],
}

const CEDAR = `@id("permit") @owner("o")
permit (principal, action in Signalbox::Action::"class:money.write", resource);
@id("never") @owner("o") @reason("NEVER")
forbid (principal, action == Signalbox::Action::"tool:vendors.edit", resource);
@id("ask") @owner("o") @reason("ASK") @effect("require_approval") @approvers("role:chief")
forbid (principal, action == Signalbox::Action::"tool:money.pay", resource)
unless { context has approval && context.approval.bound };
`

const EXEMPTION = {
  tool: 'money.pay',
  condition: 'one vendor, once',
  owner: 'treasury',
  reason: 'the match bounds it',
  signed_by: 'user:ana',
  signed_on: '2026-01-01',
  expires_on: '2026-07-01',
}

function load(parts: { exemptions?: readonly object[]; duties?: readonly object[]; signOff?: object } = {}) {
  const { exemptions, duties = [], signOff } = parts
  return loadBundle({
    'bundle.json': JSON.stringify({ ...MANIFEST, duties, ...(signOff ? { sign_off: signOff } : {}) }, null, 2),
    'catalogue.json': JSON.stringify(CATALOGUE, null, 2),
    'core.cedar': CEDAR,
    ...(exemptions ? { 'exemptions.json': JSON.stringify({ exemptions }, null, 2) } : {}),
  })
}

function faults(act: () => unknown): string {
  try {
    act()
  } catch (thrown) {
    if (thrown instanceof SignalboxError && thrown.code === 'POLICY_BUNDLE_INVALID') return thrown.message
    throw thrown
  }
  throw new Error('the bundle was taken')
}

const day = (text: string): number => Date.parse(text)

describe('exemptions', () => {
  it('ROL-001: an exemption counts from its signature to its expiry, for its workflows', () => {
    const { exemptions } = load({
      exemptions: [EXEMPTION, { ...EXEMPTION, tool: 'vendors.edit', workflows: ['night'] }],
    })
    const at = day('2026-03-01')
    expect(exemptionFor(exemptions, 'money.pay', at)).toMatchObject({ owner: 'treasury', signedBy: 'user:ana' })
    expect(exemptionFor(exemptions, 'money.pay', day('2025-12-31'))).toBeNull()
    expect(exemptionFor(exemptions, 'money.pay', day('2026-06-30T23:59:59Z'))).not.toBeNull()
    expect(exemptionFor(exemptions, 'money.pay', day('2026-07-01'))).toBeNull()
    expect(exemptionFor(exemptions, 'money.other', at)).toBeNull()
    expect(exemptionFor(exemptions, 'vendors.edit', at)).toBeNull()
    expect(exemptionFor(exemptions, 'vendors.edit', at, 'desk')).toBeNull()
    expect(exemptionFor(exemptions, 'vendors.edit', at, 'night')).not.toBeNull()
    expect(exemptionFor(exemptions, 'money.pay', at, 'desk')).not.toBeNull()
    expect(load().exemptions).toEqual([])
  })

  it('ROL-001: an unsigned exemption does not count', () => {
    const { exemptions } = load({ exemptions: [{ ...EXEMPTION, signed_by: null, signed_on: null }] })
    expect(exemptions.map((each) => exemptionState(each, day('2026-03-01')))).toEqual(['unsigned'])
    expect(exemptionFor(exemptions, 'money.pay', day('2026-03-01'))).toBeNull()
  })

  it('ROL-002: a bundle is refused with the line of each fault of its exemptions', () => {
    const wrong = [
      { ...EXEMPTION, tool: 'money.none' },
      { ...EXEMPTION, tool: 'money.look' },
      { ...EXEMPTION, owner: 'somebody' },
      { ...EXEMPTION, workflows: ['desk', 'day'] },
      { ...EXEMPTION, signed_by: null },
      { ...EXEMPTION, expires_on: '2027-01-03' },
      { ...EXEMPTION, expires_on: '2026-01-01' },
    ]
    const said = faults(() => load({ exemptions: wrong }))
    for (const part of [
      'tool `money.none` is not in the catalogue',
      'tool `money.look` has no effect and needs no exemption',
      'only `treasury`, who owns `money.pay`, can exempt it',
      'workflow `day` is not in the catalogue',
      'a signature needs both',
      'must be within 366 days',
      'must be after `signed_on`',
    ])
      expect(said).toContain(part)
    expect(said.match(/exemptions\.json:\d+: /g)).toHaveLength(7)
    expect(faults(() => load({ exemptions: [{ ...EXEMPTION, signed_by: 'treasury' }] }))).toContain('user:ana')
  })

  it('ROL-003: an exemption loosens neither a forbid nor a policy that asks for a person', () => {
    const bundle = load({ exemptions: [EXEMPTION, { ...EXEMPTION, tool: 'vendors.edit' }] })
    const ask = (name: string, effect: PolicyRequest['action']['effect']): PolicyRequest => ({
      point: 'pre_tool_call',
      run: { id: 'run_1', workflow: 'desk', agent: null, mode: 'production' },
      principal: { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['clerk'] },
      action: { name, class: 'money.write', effect, definition_hash: 'h' },
      input: { vendor: 'v', sure: true },
      facts: {},
      labels: { integrity: 2, marks: [] },
      approval: null,
    })
    expect(bundle.decide(ask('money.pay', 'irreversible')).verdict).toBe('require_approval')
    expect(bundle.decide(ask('vendors.edit', 'reversible'))).toMatchObject({ verdict: 'deny', reason_code: 'NEVER' })
  })
})

describe('duties', () => {
  const ACTS = {
    id: 'edit-and-pay',
    reason: 'TWO_HATS',
    done: { tool: 'vendors.edit', field: 'vendor' },
    barred: { tool: 'money.pay', field: 'vendor' },
  }
  const ROLES = { id: 'pay-and-audit', reason: 'TWO_HATS', roles: ['clerk', 'auditor'] }

  it('ROL-010: duties are read, and a person with both roles is found', () => {
    const { duties, signOff } = load({ duties: [ACTS, ROLES], signOff: { days: 90, role: 'chief' } })
    expect(duties.map((each) => each.kind)).toEqual(['acts', 'roles'])
    expect(signOff).toEqual({ days: 90, role: 'chief' })
    expect(brokenByRoles(duties, ['auditor', 'chief', 'clerk'])?.id).toBe('pay-and-audit')
    expect(brokenByRoles(duties, ['clerk', 'chief'])).toBeNull()
  })

  it('ROL-010: a duty that cannot be kept is refused', () => {
    const said = faults(() =>
      load({
        duties: [ROLES, { ...ROLES, roles: ['clerk', 'king'] }, { ...ROLES, id: 'same', roles: ['clerk', 'clerk'] }],
        signOff: { days: 30, role: 'king' },
      }),
    )
    for (const part of ['declared twice', 'role `king` is not declared', 'two different roles', 'sign_off.role'])
      expect(said).toContain(part)
    expect(faults(() => load({ duties: [{ ...ROLES, reason: 'OTHER' }] }))).toContain('reason `OTHER`')
    const acts = faults(() =>
      load({
        duties: [
          { ...ACTS, done: { tool: 'vendors.none', field: 'vendor' } },
          { ...ACTS, id: 'b', barred: { tool: 'money.look', field: 'vendor' } },
          { ...ACTS, id: 'c', barred: { tool: 'money.pay', field: 'sure' } },
        ],
      }),
    )
    for (const part of ['not in the catalogue', 'which has no effect', '`sure` of `money.pay`'])
      expect(acts).toContain(part)
  })
})
