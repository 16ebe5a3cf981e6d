import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Principal } from '../../contracts/common.ts'
import { loadBundle } from '../bundle.ts'
import { bundleDifferences } from './bundle-diff.ts'
import { questionOf } from './fixtures.ts'
import { policyFindings } from './findings.ts'
import { toolPostures } from './posture.ts'

const REASONS = { R: 'as a test says', ASK: 'somebody has to look' }
const MANIFEST = { name: 'test', version: '1.0.0', owner: 'owners', roles: ['clerk', 'chief'], reasons: REASONS }
const tool = (name: string, cls: string, effect: string, over: object = {}) => ({
  ...{ name, class: cls, effect, owner: 'owners', blast_radius: 'a little' },
  ...{ input: { amount: 'Long' }, facts: {} },
  ...over,
})
const SEND = tool('mail.send', 'mail.write', 'irreversible')
const PAY = tool('money.pay', 'money.write', 'irreversible')
const LOOK = tool('money.look', 'money.read', 'none')
const CATALOGUE = {
  tools: [PAY, SEND, LOOK],
  models: [],
  workflows: [{ name: 'desk', owner: 'owners', roles: ['clerk'] }],
}
const act = (name: string) => `Signalbox::Action::"${name}"`
const policy = (id: string, head: string, action: string, rest = ';', notes = '') =>
  `@id("${id}") @owner("o") ${notes}\n${head} (principal, ${action}, resource) ${rest}\n`
const permit = (id: string, action: string, rest = ';') => policy(id, 'permit', action, rest)
const forbid = (id: string, action: string, rest = ';') => policy(id, 'forbid', action, rest, '@reason("R")')
const GIVEN = 'context has approval && context.approval.bound'
const asks = (id: string, action: string, rest = `unless { ${GIVEN} };`) =>
  policy(id, 'forbid', action, rest, '@reason("ASK") @effect("require_approval") @approvers("role:chief")')
const CLERK = `when { principal.user in Signalbox::Role::"clerk" };`
const ALL = permit(
  'all',
  `action in [${act('class:money.write')}, ${act('class:mail.write')}, ${act('class:money.read')}]`,
  CLERK,
)

function side(cedar: string, { catalogue = CATALOGUE, manifest = MANIFEST, more = {} }: Over = {}) {
  const files = {
    'bundle.json': JSON.stringify(manifest, null, 2),
    'catalogue.json': JSON.stringify(catalogue, null, 2),
    'core.cedar': cedar,
    ...more,
  }
  return loadBundle(files)
}
interface Over {
  readonly catalogue?: object
  readonly manifest?: object
  readonly more?: Readonly<Record<string, string>>
}

const NOW = Date.parse('2026-06-01')
function found(cedar: string, over: Over & Partial<Parameters<typeof policyFindings>[0]> = {}) {
  return policyFindings({ bundle: side(cedar, over), at: NOW, ...over })
}
const codes = (list: ReturnType<typeof found>, subject?: string) =>
  list.filter((each) => subject === undefined || each.subject === subject).map((each) => each.code)

const exemption = (over: object = {}) => ({
  'exemptions.json': JSON.stringify({
    exemptions: [
      {
        ...{ tool: 'mail.send', condition: 'to registered people', owner: 'owners', reason: 'mail harms nobody' },
        ...{ signed_by: 'user:ana', signed_on: '2026-01-01', expires_on: '2026-12-01' },
        ...over,
      },
    ],
  }),
})

describe('a check', () => {
  it('PAU-001: tells which tools with an effect can be used without a person, and where', () => {
    const large = asks(
      'ask.large',
      `action == ${act('tool:money.pay')}`,
      `when { context.input.amount > 100 } unless { ${GIVEN} };`,
    )
    const list = found(ALL + large)
    expect(list.filter((each) => each.severity === 'error')).toMatchObject([
      { code: 'APPROVAL_DEPENDS', subject: 'money.pay', file: 'catalogue.json', line: 3 },
      { code: 'EFFECT_WITHOUT_APPROVAL', subject: 'mail.send', file: 'catalogue.json', line: 14 },
    ])
    expect(list[0]?.message).toContain('context.input.amount > 100 (`ask.large`)')
    expect(codes(list, 'money.look')).toEqual([])
    // The class of money is asked about as a whole, but for an action that is taken out.
    const whole = asks(
      'ask',
      `action in ${act('class:money.write')}`,
      `when { action != ${act('tool:mail.send')} } unless { ${GIVEN} };`,
    )
    expect(codes(found(ALL + whole), 'money.pay')).toEqual([])
    const out = asks(
      'ask',
      `action in ${act('class:money.write')}`,
      `when { action != ${act('tool:money.pay')} } unless { ${GIVEN} };`,
    )
    expect(codes(found(ALL + out), 'money.pay')).toEqual(['EFFECT_WITHOUT_APPROVAL'])
  })

  it('PAU-001: an exemption in force answers it; an expired, unsigned or partial one does not', () => {
    const of = (over: object) => codes(found(ALL, { more: exemption(over) }), 'mail.send')
    expect(of({})).toEqual(['EFFECT_EXEMPT'])
    expect(of({ expires_on: '2026-06-01' })).toEqual(['EFFECT_WITHOUT_APPROVAL'])
    expect(of({ signed_by: null, signed_on: null })).toEqual(['EFFECT_WITHOUT_APPROVAL'])
    const two = { ...CATALOGUE, workflows: [...CATALOGUE.workflows, { name: 'other', owner: 'o2', roles: ['clerk'] }] }
    const partial = found(ALL, { catalogue: two, more: exemption({ workflows: ['desk'] }) })
    expect(codes(partial, 'mail.send')).toEqual(['EFFECT_WITHOUT_APPROVAL'])
    expect(partial.find((each) => each.subject === 'mail.send')?.message).toContain('for some workflows only')
  })

  it('PAU-001, PAU-003: a declaration accepts that only some calls are asked about, and has to be true', () => {
    const declared = (needed: string) => ({
      ...CATALOGUE,
      tools: [{ ...PAY, approval: { needed, why: 'small sums', accepted_by: 'treasury' } }, SEND, LOOK],
    })
    const large = asks(
      'ask.large',
      `action == ${act('tool:money.pay')}`,
      `when { context.input.amount > 100 } unless { ${GIVEN} };`,
    )
    const of = (cedar: string, needed: string) =>
      codes(found(ALL + cedar, { catalogue: declared(needed) }), 'money.pay')
    expect(of(large, 'sometimes')).toEqual(['APPROVAL_DECLARED'])
    expect(of(large, 'always')).toEqual(['APPROVAL_OTHER_THAN_DECLARED'])
    expect(of('', 'sometimes')).toEqual(['APPROVAL_OTHER_THAN_DECLARED'])
    const every = asks('ask', `action == ${act('tool:money.pay')}`)
    expect(of(every, 'always')).toEqual([])
    expect(of(every, 'sometimes')).toEqual(['APPROVAL_OTHER_THAN_DECLARED'])
  })

  it('PAU-002: an approval that can be set aside otherwise does not count as always', () => {
    const of = (rest: string) => {
      const bundle = side(ALL + asks('ask', `action == ${act('tool:money.pay')}`, rest))
      return toolPostures(bundle).find((each) => each.tool.name === 'money.pay')?.approval
    }
    expect(of(`unless { ${GIVEN} };`)).toBe('always')
    expect(of(`unless { (${GIVEN}) || context.input.amount < 5 };`)).toBe('sometimes')
    expect(of(`unless { context.input.amount < 5 } unless { ${GIVEN} };`)).toBe('sometimes')
    expect(of(`when { principal.user in Signalbox::Role::"clerk" } unless { ${GIVEN} };`)).toBe('sometimes')
    expect(of(`when { principal.tenant == resource.tenant } unless { ${GIVEN} };`)).toBe('always')
    expect(of(`unless { context.input.amount < 5 && ${GIVEN} };`)).toBe('always')
  })

  it('PAU-002: what is said to be always asked about is never let pass without a person, over random policies', () => {
    const atom = fc.constantFrom(
      `action == ${act('tool:money.pay')}`,
      `action != ${act('tool:money.pay')}`,
      `action in ${act('class:mail.write')}`,
      'context.input.amount > 100',
      'context.input.amount < 5',
      'principal.user in Signalbox::Role::"clerk"',
      'principal.tenant == resource.tenant',
      '"a)\\"(" == "a"',
      'true',
      'false',
    )
    const condition = fc.letrec<{ any: string }>((tie) => ({
      any: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        atom,
        fc.tuple(tie('any'), tie('any')).map(([a, b]) => `(${a}) && (${b})`),
        fc.tuple(tie('any'), tie('any')).map(([a, b]) => `(${a}) || (${b})`),
        tie('any').map((a) => `!(${a})`),
      ),
    })).any
    const scope = fc.constantFrom(`action == ${act('tool:money.pay')}`, `action in ${act('effect:irreversible')}`)
    const clerk: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['clerk'] }
    const claimed = { always: 0, never: 0 }
    fc.assert(
      fc.property(scope, condition, condition, fc.constantFrom('&&', '||'), (action, when, lift, how) => {
        const lifted = how === '&&' ? `unless { (${lift}) && ${GIVEN} }` : `unless { (${lift}) || (${GIVEN}) }`
        const bundle = side(
          permit('all', `action in ${act('effect:irreversible')}`) + asks('ask', action, `when { ${when} } ${lifted};`),
        )
        for (const { tool: row, approval } of toolPostures(bundle)) {
          if (row.effect === 'none') continue
          if (approval !== 'sometimes') claimed[approval] += 1
          for (const amount of [1, 50, 500])
            for (const roles of [['clerk'], ['chief']]) {
              const asked = { tool: row.name, input: { amount } }
              const { verdict } = bundle.decide(questionOf(bundle, asked, { ...clerk, roles }, null))
              if (approval === 'always') expect(verdict).not.toBe('allow')
              if (approval === 'never') expect(verdict).toBe('allow')
            }
        }
      }),
      { numRuns: 40, seed: 7 },
    )
    expect(Math.min(claimed.always, claimed.never)).toBeGreaterThan(3)
  })

  it('PAU-004: tells an approval that stands on a tool without an effect', () => {
    const list = found(ALL + asks('ask.look', `action == ${act('tool:money.look')}`))
    expect(list.find((each) => each.code === 'APPROVAL_WITHOUT_EFFECT')).toMatchObject({ subject: 'ask.look', line: 3 })
    expect(codes(found(ALL + asks('ask.pay', `action == ${act('tool:money.pay')}`)))).not.toContain(
      'APPROVAL_WITHOUT_EFFECT',
    )
  })

  it('PAU-005: tells tools that only the code or only the catalogue has', () => {
    const codeTools = [
      { name: 'money.pay', class: 'money.write', effect: 'reversible' as const },
      { name: 'money.new', class: 'money.write', effect: 'none' as const },
      { name: 'mail.send', class: 'mail.write', effect: 'irreversible' as const },
    ]
    const list = found(ALL, { codeTools })
    expect(codes(list, 'money.new')).toEqual(['TOOL_NOT_IN_CATALOGUE'])
    expect(codes(list, 'money.pay')).toContain('TOOL_DIFFERS')
    expect(codes(list, 'money.look')).toEqual(['TOOL_ONLY_IN_CATALOGUE'])
    expect(codes(found(ALL), 'money.new')).toEqual([])
  })

  it('PAU-006: tells what stands there for nothing', () => {
    const pay = `action == ${act('tool:money.pay')}`
    const cedar = [
      permit('any', 'action'),
      permit('look', `action == ${act('tool:money.look')}`),
      forbid('no.look', `action == ${act('tool:money.look')}`),
      permit('never', pay, `when { action == ${act('tool:mail.send')} };`),
      forbid('one', pay, 'when { context.input.amount > 5 };'),
      forbid('two', pay, 'when { context.input.amount>5 };'),
      forbid('out', `action == ${act('point:output')}`, 'when { context.input.text == "x" };'),
    ].join('')
    const manifest = { ...MANIFEST, roles: ['clerk', 'chief'], reasons: { ...REASONS, UNUSED: 'never given' } }
    const catalogue = { ...CATALOGUE, workflows: [{ name: 'desk', owner: 'tbd', roles: ['clerk'] }] }
    const list = found(cedar, { manifest, catalogue, heldRoles: [] })
    expect(codes(list, 'any')).toEqual(['PERMIT_WITHOUT_ACTION'])
    expect(codes(list, 'look')).toEqual(['PERMIT_OVERRULED'])
    expect(codes(list, 'never')).toEqual(['POLICY_NEVER_MATCHES'])
    expect(codes(list, 'one')).toEqual([])
    expect(codes(list, 'two')).toEqual(['POLICY_REPEATED'])
    expect(codes(list, 'clerk')).toEqual(['ROLE_HELD_BY_NOBODY'])
    expect(codes(list, 'chief')).toEqual(['ROLE_UNUSED'])
    expect(codes(list, 'desk')).toEqual(['OWNER_UNNAMED'])
    expect(codes(list, 'UNUSED')).toEqual(['REASON_UNUSED'])
    expect(codes(list, 'money.look')).toEqual(['TOOL_ALWAYS_FORBIDDEN'])
    expect(codes(found(''), 'money.pay')).toEqual(['TOOL_NEVER_PERMITTED'])
    expect(codes(found(forbid('out', `action == ${act('point:output')}`)), 'output')).toEqual(['POINT_WITHOUT_PERMIT'])
  })
})

describe('the difference of two bundles', () => {
  const names = (before: ReturnType<typeof side>, after: ReturnType<typeof side>) =>
    bundleDifferences(before, after).map(
      ({ what, how, name, loosens }) => `${what} ${name} ${how}${loosens ? ' loosens' : ''}`,
    )

  it('PAU-040: is none for another order, spelling or file of the same policies', () => {
    const ask = asks('ask', `action == ${act('tool:money.pay')}`)
    const spaced = ask.replace(/ && /g, '  &&\n   ').replace('forbid (', 'forbid(')
    const moved = side(spaced, { more: { 'more/all.cedar': ALL } })
    expect(names(side(ALL + ask), moved)).toEqual([])
    expect(moved.hash).not.toBe(side(ALL + ask).hash)
  })

  it('PAU-040, PAU-041: names what was added, removed and changed, and what becomes of approvals', () => {
    const pay = `action == ${act('tool:money.pay')}`
    const before = side(ALL + asks('ask', pay) + forbid('no', pay, 'when { context.input.amount > 900 };'), {
      catalogue: { ...CATALOGUE, tools: [PAY, SEND, LOOK, tool('money.old', 'money.read', 'none')] },
    })
    const after = side(
      ALL +
        asks('ask', pay, `when { context.input.amount > 100 } unless { ${GIVEN} };`) +
        forbid('new', `action == ${act('tool:mail.send')}`),
      {
        catalogue: { ...CATALOGUE, tools: [PAY, { ...SEND, effect: 'reversible' }, LOOK] },
        manifest: { ...MANIFEST, roles: ['clerk', 'chief', 'auditor'], reasons: { ...REASONS, R: 'otherwise' } },
        more: exemption(),
      },
    )
    expect(names(before, after).sort()).toEqual([
      'approval mail.send changed',
      'approval money.pay changed loosens',
      'exemption mail.send (1) added loosens',
      'policy ask changed loosens',
      'policy new added',
      'policy no removed loosens',
      'reason R changed',
      'role auditor added',
      'tool mail.send changed loosens',
      'tool money.old removed',
    ])
    const details = bundleDifferences(before, after)
      .flatMap((each) => each.details)
      .join('\n')
    expect(details).toContain('approval from `always` to `sometimes`')
    expect(details).toContain('effect from `irreversible` to `reversible`')
    expect(details).toContain('when { context.input.amount > 100 }')
  })
})
