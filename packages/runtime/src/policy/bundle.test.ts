import { describe, expect, it } from 'vitest'
import { SignalboxError } from '../base/errors.ts'
import type { Principal } from '../contracts/common.ts'
import type { PolicyRequest } from '../contracts/policy.ts'
import { loadBundle } from './bundle.ts'

const MANIFEST = {
  name: 'test',
  version: '1.0.0',
  owner: 'owners',
  roles: ['clerk', 'chief', 'auditor'],
  reasons: { TOO_MUCH: 'too much', ASK_CHIEF: 'ask', ASK_AUDITOR: 'ask', ODD: 'odd', NEVER: 'never' },
}

const tool = (name: string, cls: string, effect: string) => ({
  name,
  class: cls,
  effect,
  owner: 'owners',
  blast_radius: 'a little',
  input: { amount: 'Long', to: 'String', tags: 'Set<String>', sure: 'Bool' },
  facts: {},
})

const CATALOGUE = {
  tools: [tool('money.pay', 'payments.write', 'irreversible'), tool('money.look', 'payments.read', 'none')],
  models: [
    { name: 'scripted/*', owner: 'owners' },
    { name: 'scripted/special-*', owner: 'owners' },
  ],
  workflows: [{ name: 'desk', owner: 'owners', roles: ['clerk'] }],
}

const PERMIT = `@id("permit.pay") @owner("o")
permit (principal, action in Signalbox::Action::"class:payments.write", resource)
when { principal.user in Signalbox::Role::"clerk" };
`
const APPROVED = (role: string) =>
  `unless { context has approval && context.approval.bound && context.approval.approver in Signalbox::Role::"${role}" };`
const ASK = `@id("ask.chief") @owner("o") @reason("ASK_CHIEF") @effect("require_approval") @approvers("role:chief")
forbid (principal, action in Signalbox::Action::"effect:irreversible", resource)
when { context.input.amount > 100 } ${APPROVED('chief')}
`
const HARD = `@id("forbid.much") @owner("o") @reason("TOO_MUCH")
forbid (principal, action == Signalbox::Action::"tool:money.pay", resource) when { context.input.amount > 1000 };
`

const files = (cedar: string, manifest: object = MANIFEST, catalogue: object = CATALOGUE) => ({
  'bundle.json': JSON.stringify(manifest, null, 2),
  'catalogue.json': JSON.stringify(catalogue, null, 2),
  'core.cedar': cedar,
})

const ANA: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['clerk'] }
const BOSS: Principal = { id: 'user:boss', kind: 'user', tenant: 'acme', roles: ['chief'] }

function pay(input: object = {}, over: Partial<PolicyRequest> = {}): PolicyRequest {
  return {
    point: 'pre_tool_call',
    run: { id: 'run_1', workflow: 'desk', agent: 'clerk', mode: 'development' },
    principal: ANA,
    action: { name: 'money.pay', class: 'payments.write', effect: 'irreversible', definition_hash: 'h' },
    input: { amount: 50, to: 'bo', tags: [], sure: true, ...input },
    facts: {},
    labels: { integrity: 2, marks: [] },
    approval: null,
    ...over,
  }
}

const by = (approver: Principal, over: object = {}) => ({ id: 'apr_1', approver, bound: true, fresh: true, ...over })

function errorOf(load: () => unknown): SignalboxError {
  try {
    load()
  } catch (thrown) {
    if (thrown instanceof SignalboxError) return thrown
    throw thrown
  }
  throw new Error('nothing was thrown')
}

const problems = (cedar: string, manifest?: object, catalogue?: object) => {
  const error = errorOf(() => loadBundle(files(cedar, manifest, catalogue)))
  expect(error.code).toBe('POLICY_BUNDLE_INVALID')
  return error.details.problems as readonly string[]
}

describe('a bundle', () => {
  it('POL-001: names every error of every file at once, with file and line', () => {
    const found = problems(
      'permit (principal, action, resource);\n\nforbid (principal, action, resource)\nwhen { context.nope };',
      { ...MANIFEST, owner: '' },
      { ...CATALOGUE, models: [{ name: 'nonsense', owner: 'o' }] },
    )
    expect(found.some((line) => line.startsWith('bundle.json:4: `owner`'))).toBe(true)
    expect(found.some((line) => /^catalogue\.json:\d+: `models\[0\]\.name`/.test(line))).toBe(true)
    const cedar = problems('\n\n@id("a") @owner("o") permit (principal, action, resource)\nwhen { 1 + };')
    expect(cedar).toHaveLength(1)
    expect(cedar[0]).toMatch(/^core\.cedar:4: unexpected token/)
  })

  it('POL-001: tells the line of a JSON syntax error', () => {
    const error = errorOf(() => loadBundle({ ...files(PERMIT), 'bundle.json': '{\n  "name": "x",\n  oops\n}' }))
    expect(error.message).toContain('bundle.json:3: is not valid JSON')
  })

  it.each([
    ['no id', '@owner("o") permit (principal, action, resource);', 'needs an `@id`'],
    ['no owner', '@id("a") permit (principal, action, resource);', 'needs an `@owner`'],
    ['no reason', '@id("a") @owner("o") forbid (principal, action, resource);', 'needs a `@reason`'],
    ['an undeclared reason', '@id("a") @owner("o") @reason("X") forbid (principal, action, resource);', 'reason `X`'],
    ['an id used twice', PERMIT + PERMIT, 'is used twice'],
    ['a mistyped annotation', `@efect("warn") ${PERMIT}`, '`@efect` is not a known annotation'],
    ['an unknown role', PERMIT.replace('"clerk"', '"clrek"'), 'role `clrek`'],
    ['a template', '@id("a") @owner("o") permit (principal == ?principal, action, resource);', 'templates'],
  ])('POL-002: refuses %s', (_what, cedar, message) => {
    expect(problems(cedar).join('\n')).toContain(message)
  })

  it('POL-003: refuses a field or action that the catalogue does not declare, on its line', () => {
    const field = problems(`// ünïcode\n${PERMIT}${HARD.replace('context.input.amount', 'context.input.amuont')}`)
    expect(field.join('\n')).toMatch(/core\.cedar:6: .*amuont/)
    expect(problems(PERMIT.replace('payments.write', 'payments.wirte')).join('\n')).toContain('unrecognized action')
    expect(problems(HARD.replace('> 1000', '> "x"')).length).toBeGreaterThan(0)
  })

  it.each([
    ['a permit that asks', `@effect("require_approval") @approvers("role:chief") ${PERMIT}`, 'only a forbid may'],
    ['an unknown effect', `@effect("transform") ${HARD}`, 'require_approval or warn'],
    ['no approvers', ASK.replace('@approvers("role:chief")', ''), 'needs `@approvers('],
    ['an unknown approver', ASK.replace('role:chief', 'role:chef'), 'approver role `chef`'],
    ['an approver without role', ASK.replace('"role:chief"', '"chief"'), 'write `role:chief`'],
    ['an ask that cannot be approved', ASK.slice(0, ASK.indexOf('unless')).trim().concat(';'), 'can never be approved'],
    ['a permit on approval', PERMIT.replace('when {', 'when { context has approval &&'), 'looks at `context.approval`'],
  ])('POL-004: refuses %s', (_what, cedar, message) => {
    expect(problems(cedar).join('\n')).toContain(message)
  })

  it('POL-005: is named by its contents', () => {
    const some = files(PERMIT)
    const one = loadBundle(some)
    const other = loadBundle(Object.fromEntries(Object.entries(some).reverse()))
    expect(one.bundle).toBe(other.bundle)
    expect(one.bundle).toMatch(/^test@[0-9a-f]{64}$/)
    expect(loadBundle({ ...some, 'core.cedar': `${PERMIT} ` }).hash).not.toBe(one.hash)
    expect(one.decide(pay()).bundle).toBe(one.bundle)
  })

  it('POL-006: refuses a key given twice', () => {
    const twice = JSON.stringify(MANIFEST).replace('"owner":', '"owner":"x","owner":')
    const error = errorOf(() => loadBundle({ ...files(PERMIT), 'bundle.json': twice }))
    expect(error.message).toContain('bundle.json:1: `owner` is given twice')
  })

  it('POL-007: must have files', () => {
    expect(errorOf(() => loadBundle({})).code).toBe('POLICY_BUNDLE_MISSING')
    expect(errorOf(() => loadBundle({ 'core.cedar': PERMIT })).message).toContain('no `catalogue.json`')
  })

  it('POL-008: lists who may start what', () => {
    const bundle = loadBundle(files(PERMIT))
    expect([bundle.mayStart('desk', ANA), bundle.mayStart('desk', BOSS), bundle.mayStart('other', ANA)]).toEqual([
      true,
      false,
      false,
    ])
    expect([bundle.sentence('ODD'), bundle.sentence('NO_PERMIT') !== null, bundle.sentence('toString')]).toEqual([
      'odd',
      true,
      null,
    ])
    expect(problems(PERMIT, { ...MANIFEST, roles: ['chief'] }).join('\n')).toContain('catalogue.json')
  })
})

describe('a decision', () => {
  const bundle = loadBundle(files(PERMIT + HARD + ASK))

  it('POL-010: denies what nobody permits and what nobody knows', () => {
    expect(bundle.decide(pay({}, { principal: BOSS }))).toMatchObject({ verdict: 'deny', reason_code: 'NO_PERMIT' })
    const look = { name: 'money.look', class: 'payments.read', effect: 'none', definition_hash: 'h' } as const
    expect(bundle.decide(pay({}, { action: look })).reason_code).toBe('NO_PERMIT')
    const unknown = { ...look, name: 'toString' }
    expect(bundle.decide(pay({}, { action: unknown })).reason_code).toBe('TOOL_UNKNOWN')
    const model = { ...look, name: 'openai/x', class: 'model.call' }
    const answer = bundle.decide(pay({}, { point: 'pre_model_call', action: model }))
    expect(answer).toMatchObject({ verdict: 'deny', reason_code: 'MODEL_UNKNOWN' })
  })

  it('POL-011: tells the first forbid and lists all', () => {
    expect(bundle.decide(pay())).toMatchObject({ verdict: 'allow', reason_code: 'PERMITTED', policies: ['permit.pay'] })
    expect(bundle.decide(pay({ amount: 5000 }))).toMatchObject({
      verdict: 'deny',
      reason_code: 'TOO_MUCH',
      policies: ['forbid.much', 'ask.chief'],
      asks: [],
    })
  })

  it('POL-012: denies a call that understates or overstates itself', () => {
    const action = pay().action
    for (const other of [{ class: 'payments.read' }, { effect: 'none' as const }, { effect: 'reversible' as const }]) {
      expect(bundle.decide(pay({}, { action: { ...action, ...other } })).reason_code).toBe('CATALOGUE_MISMATCH')
    }
  })

  it.each([
    ['a fraction', { amount: 1.5 }],
    ['an unsafe integer', { amount: 2 ** 53 }],
    ['text for a number', { amount: '5' }],
    ['null', { amount: null }],
    ['half a character', { to: '\ud800' }],
    ['an entity', { to: { __entity: { type: 'Signalbox::Role', id: 'chief' } } }],
    ['an extension', { to: { __extn: { fn: 'ip', arg: '127.0.0.1' } } }],
    ['an entity in a list', { tags: [{ __entity: { type: 'Signalbox::Role', id: 'chief' } }] }],
    ['a number for a truth', { sure: 1 }],
  ])('POL-013: denies %s', (_what, input) => {
    expect(bundle.decide(pay(input))).toMatchObject({ verdict: 'deny', reason_code: 'INPUT_NOT_PROJECTABLE' })
  })

  it('POL-013: shows nothing that is not declared', () => {
    expect(bundle.decide(pay({ extra: { __entity: 'x' } })).verdict).toBe('allow')
    const { amount: _amount, ...rest } = pay().input
    expect(bundle.decide(pay({}, { input: rest })).reason_code).toBe('INPUT_NOT_PROJECTABLE')
    expect(bundle.decide(pay({ amount: -0 })).verdict).toBe('allow')
    expect(bundle.decide(pay({ amount: Number.MAX_SAFE_INTEGER })).reason_code).toBe('TOO_MUCH')
  })

  it('POL-014: is not made when a policy reports an error', () => {
    const overflow = HARD.replace('context.input.amount > 1000', 'context.input.amount * 9000000000000000000 > 1')
    const error = errorOf(() => loadBundle(files(PERMIT + overflow)).decide(pay({ amount: 9 })))
    expect(error.code).toBe('POLICY_MALFUNCTION')
    expect(error.details.policies).toEqual(['forbid.much'])
  })

  it('POL-015: by class and effect reaches exactly their tools', () => {
    const all = '@id("permit.all") @owner("o") permit (principal, action, resource);'
    const some = loadBundle(
      files(
        all +
          HARD.replace(
            '== Signalbox::Action::"tool:money.pay"',
            'in Signalbox::Action::"class:payments.write"',
          ).replace('> 1000', '> 1'),
      ),
    )
    const look = { name: 'money.look', class: 'payments.read', effect: 'none', definition_hash: 'h' } as const
    expect(some.decide(pay()).reason_code).toBe('TOO_MUCH')
    expect(some.decide(pay({}, { action: look })).verdict).toBe('allow')
    expect(some.warnings.join()).toContain('permit.all')
  })

  it('POL-016: finds a model by its longest row', () => {
    const special =
      '@id("m") @owner("o") permit (principal, action == Signalbox::Action::"model:scripted/special-*", resource);'
    const some = loadBundle(files(special))
    const ask = (name: string) =>
      some.decide(
        pay(
          {},
          { point: 'pre_model_call', action: { name, class: 'model.call', effect: 'none', definition_hash: '' } },
        ),
      )
    expect(ask('scripted/special-one').verdict).toBe('allow')
    expect(ask('scripted/other').reason_code).toBe('NO_PERMIT')
    expect(ask('scripted/*').reason_code).toBe('NO_PERMIT')
  })

  it('POL-017: can warn without blocking', () => {
    const odd = `@id("warn.odd") @owner("o") @reason("ODD") @effect("warn")
      forbid (principal, action in Signalbox::Action::"class:payments.write", resource) when { context.labels.integrity < 1 };`
    const some = loadBundle(files(PERMIT + odd))
    expect(some.decide(pay({}, { labels: { integrity: 0, marks: [] } }))).toMatchObject({
      verdict: 'warn',
      reason_code: 'ODD',
      policies: ['warn.odd', 'permit.pay'],
    })
    expect(some.decide(pay()).verdict).toBe('allow')
  })

  it('POL-018: at a point takes a policy that names it', () => {
    const output = `@id("out") @owner("o") permit (principal, action == Signalbox::Action::"point:output", resource)
      unless { context.input.text like "*secret*" };`
    const some = loadBundle(files(PERMIT + output))
    expect([some.hasRulesAt('output'), some.hasRulesAt('input'), some.hasRulesAt('pre_tool_call')]).toEqual([
      true,
      false,
      true,
    ])
    const say = (text: string) => some.decide(pay({}, { point: 'output', input: { text } })).verdict
    expect([say('hello'), say('a secret')]).toEqual(['allow', 'deny'])
    expect(
      loadBundle(
        files(HARD.replace('tool:money.pay', 'point:output').replace('context.input.amount > 1000', 'true')),
      ).warnings.join(),
    ).toContain('point:output')
  })

  it('POL-019: does not depend on what else was loaded and asked', () => {
    const many = Array.from({ length: 140 }, (_, n) => {
      const one = loadBundle(files(`${PERMIT}${HARD.replace('1000', String(n))}`))
      return {
        n,
        one,
        first: one.decide(pay({ amount: n + 1 })).verdict,
        second: one.decide(pay({ amount: n })).verdict,
      }
    })
    for (const { n, one, first, second } of many) {
      expect([first, second]).toEqual(['deny', 'allow'])
      expect(one.decide(pay({ amount: n + 1 })).verdict).toBe('deny')
      expect(one.decide(pay({}, { point: 'input', input: { text: '' } })).reason_code).toBe('NO_PERMIT')
    }
    expect(bundle.decide(pay({ amount: 101 })).verdict).toBe('require_approval')
  })
})

describe('an approval in a decision', () => {
  const bundle = loadBundle(files(PERMIT + HARD + ASK))
  const verdict = (approval: ReturnType<typeof by>, amount = 500) =>
    bundle.decide(pay({ amount }, { approval })).verdict

  it('APR-001: is asked for with the policies that ask and the roles that may answer', () => {
    expect(bundle.decide(pay({ amount: 500 }))).toMatchObject({
      verdict: 'require_approval',
      reason_code: 'ASK_CHIEF',
      asks: [{ id: 'ask.chief', reason_code: 'ASK_CHIEF', approvers: ['chief'] }],
    })
  })

  it('APR-002: is not asked for what would be denied anyway', () => {
    expect(bundle.decide(pay({ amount: 500 }, { principal: BOSS }))).toMatchObject({
      verdict: 'deny',
      reason_code: 'NO_PERMIT',
    })
    const never = ASK.replace('context.approval.bound', 'context.approval.bound && context.input.sure')
    expect(loadBundle(files(PERMIT + never)).decide(pay({ amount: 500, sure: false }))).toMatchObject({
      verdict: 'deny',
      reason_code: 'NOT_APPROVABLE',
    })
  })

  it('APR-003: lets the action happen, and never what a hard forbid denies', () => {
    const allowed = bundle.decide(pay({ amount: 500 }, { approval: by(BOSS) }))
    expect(allowed).toMatchObject({ verdict: 'allow', reason_code: 'APPROVED', asks: [{ id: 'ask.chief' }] })
    expect(verdict(by(BOSS), 5000)).toBe('deny')
    expect(bundle.decide(pay({}, { approval: by(BOSS) })).reason_code).toBe('PERMITTED')
  })

  it('APR-004: counts only when it is of another person of the tenant with the role, bound and fresh', () => {
    const text = 'context.approval.bound && context.approval.approver in Signalbox::Role::"chief"'
    // Policy text that checks nothing of it: what is denied here is denied by the runtime.
    const lax = loadBundle(files(PERMIT + ASK.replace(text, 'true')))
    const both = { ...ANA, roles: ['clerk', 'chief'] }
    const wrong = [
      by({ ...BOSS, id: ANA.id }),
      by({ ...BOSS, roles: ['auditor'] }),
      by({ ...BOSS, tenant: 'other' }),
      by({ ...BOSS, kind: 'agent' }),
      by(BOSS, { bound: false }),
      by(BOSS, { fresh: false }),
    ]
    for (const one of [bundle, lax]) {
      for (const approval of wrong) {
        expect(one.decide(pay({ amount: 500 }, { approval })).verdict).toBe('require_approval')
      }
      const self = one.decide(pay({ amount: 500 }, { principal: both, approval: by(both) }))
      expect(self.verdict).toBe('require_approval')
      expect(one.decide(pay({ amount: 500 }, { approval: by(BOSS) })).verdict).toBe('allow')
    }
  })

  it('APR-005: needs a role of every policy that asks', () => {
    const audit = ASK.replaceAll('chief', 'auditor').replace('ASK_CHIEF', 'ASK_AUDITOR')
    const two = loadBundle(files(PERMIT + ASK + audit))
    const ask = (roles: string[]) => two.decide(pay({ amount: 500 }, { approval: by({ ...BOSS, roles }) }))
    expect(ask(['chief']).verdict).toBe('require_approval')
    expect(ask(['chief']).asks.map((each) => each.approvers)).toEqual([['chief'], ['auditor']])
    expect(ask(['chief', 'auditor']).verdict).toBe('allow')
    // The roles of `@approvers` hold also where the conditions forget them.
    const open = (text: string) => text.replace(/unless {.*};/, 'unless { context has approval };')
    const lax = loadBundle(files(PERMIT + open(ASK) + open(audit)))
    const laxly = (roles: string[]) => lax.decide(pay({ amount: 500 }, { approval: by({ ...BOSS, roles }) })).verdict
    expect([laxly(['chief']), laxly(['auditor']), laxly(['chief', 'auditor'])]).toEqual([
      'require_approval',
      'require_approval',
      'allow',
    ])
  })
})
