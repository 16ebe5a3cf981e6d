import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CapabilityQuestion, PolicyRequest } from '../contracts/policy.ts'
import { loadBundle } from './bundle.ts'

const tool = (name: string, kind: string) => ({
  name,
  class: kind,
  effect: 'irreversible' as const,
  owner: 'o',
  blast_radius: 'little',
  input: { n: 'Long' as const },
  facts: { ok: 'Bool' as const },
})

function bundleOf(policies: readonly string[], workflows: readonly object[] = []) {
  return loadBundle({
    'bundle.json': JSON.stringify({
      name: 't',
      version: '1.0.0',
      owner: 'o',
      roles: ['clerk', 'lead'],
      reasons: { CLOSED: 'closed', ASK: 'ask' },
    }),
    'catalogue.json': JSON.stringify({ tools: [tool('a', 'first'), tool('b', 'second')], models: [], workflows }),
    'p.cedar': policies.join('\n'),
  })
}

const question = (over: Partial<CapabilityQuestion> & { roles?: readonly string[]; agent?: string | null } = {}) => ({
  tool: 'a',
  run: { id: 'run_1', workflow: 'w', agent: over.agent ?? null, mode: 'production' as const },
  principal: { id: 'user:ana', kind: 'user' as const, tenant: 't', roles: over.roles ?? ['clerk'] },
})

const permit = (when: string, scope = 'principal, action == Signalbox::Action::"tool:a", resource') =>
  `@id("p") @owner("o") permit (${scope}) ${when === '' ? '' : `when { ${when} }`};`
const forbid = (when: string) =>
  `@id("f") @owner("o") @reason("CLOSED") forbid (principal, action == Signalbox::Action::"tool:a", resource) when { ${when} };`

describe('tools of which no call could be permitted', () => {
  it.each<[string, string[], string | null]>([
    ['no policy', [], 'NO_PERMIT'],
    [
      'a permit for another tool',
      [permit('', 'principal, action == Signalbox::Action::"tool:b", resource')],
      'NO_PERMIT',
    ],
    ['a permit for another role', [permit('principal.user in Signalbox::Role::"lead"')], 'NO_PERMIT'],
    ['a permit for another workflow', [permit('principal.workflow == "other"')], 'NO_PERMIT'],
    ['a permit for an agent', [permit('principal has agent && principal.agent == "x"')], 'NO_PERMIT'],
    [
      'a permit that is false whatever the argument',
      [permit('context.input.n > 3 && principal.mode == "development"')],
      'NO_PERMIT',
    ],
    ['a forbid that holds', [permit(''), forbid('principal.user in [Signalbox::Role::"clerk"]')], 'CLOSED'],
    ['a permit', [permit('')], null],
    ['a permit for its role', [permit('principal.user in Signalbox::Role::"clerk"')], null],
    ['a permit that looks at an argument', [permit('context.input.n > 3')], null],
    ['a permit that looks at labels or facts', [permit('context.facts.ok || context.labels.integrity > 2')], null],
    ['a forbid that looks at an argument', [permit(''), forbid('context.input.n > 3')], null],
    ['the tenant of both', [permit('principal.tenant == resource.tenant && principal.user.tenant == "t"')], null],
  ])('CHN-051: under %s', (_name, policies, code) => {
    expect(bundleOf(policies).cannotPermit(question())?.reason_code ?? null).toBe(code)
  })

  it('CHN-051: a person who is asked is no reason to hide a tool', () => {
    const asks = `@id("q") @owner("o") @reason("ASK") @effect("require_approval") @approvers("role:lead")
      forbid (principal, action == Signalbox::Action::"tool:a", resource) unless { context has approval };`
    expect(bundleOf([permit(''), asks]).cannotPermit(question())).toBeNull()
  })

  it('CHN-051: whatever the policies, none is hidden that the door would let pass for some call', () => {
    const atom = fc.constantFrom(
      'principal.user in Signalbox::Role::"clerk"',
      'principal.user in Signalbox::Role::"lead"',
      'principal.workflow == "w"',
      'principal has agent',
      'principal has agent && principal.agent == "x"',
      'principal.mode != "production"',
      'context.input.n > 3',
      'context.facts.ok',
      'context.labels.integrity > 2',
      'action in Signalbox::Action::"class:first"',
      'principal.user == Signalbox::User::"user:ana"',
      '["w", "v"].contains(principal.workflow)',
      'if context.facts.ok then principal.tenant == "t" else false',
      'resource.tenant == "other"',
    )
    const condition = fc
      .tuple(atom, fc.constantFrom('&&', '||'), atom, fc.boolean())
      .map(([a, op, b, not]) => `${not ? '!' : ''}((${a}) ${op} (${b}))`)
    const policy = fc.record({ effect: fc.constantFrom('permit', 'permit', 'forbid'), condition, unless: fc.boolean() })
    const seen = { hidden: 0, shown: 0 }
    fc.assert(
      fc.property(fc.array(policy, { minLength: 1, maxLength: 3 }), (policies) => {
        const bundle = bundleOf(
          policies.map(
            ({ effect, condition: text, unless }, n) =>
              `@id("p${n}") @owner("o") @reason("CLOSED") ${effect} (principal, action == Signalbox::Action::"tool:a", resource) ${unless ? 'unless' : 'when'} { ${text} };`,
          ),
        )
        for (const roles of [['clerk'], ['lead'], []])
          for (const agent of [null, 'x']) {
            const asked = question({ roles, agent })
            const hidden = bundle.cannotPermit(asked) !== null
            seen[hidden ? 'hidden' : 'shown'] += 1
            if (hidden) expect(calls(asked).filter((call) => bundle.decide(call).verdict === 'allow')).toEqual([])
          }
      }),
      { numRuns: 40 },
    )
    expect(Math.min(seen.hidden, seen.shown)).toBeGreaterThan(0)
  })
})

/** Every kind of call that the policies above can tell apart. */
function calls(asked: CapabilityQuestion): PolicyRequest[] {
  const { run, principal } = asked
  return [0, 9].flatMap((n) =>
    [true, false].flatMap((ok) =>
      ([0, 3] as const).map((integrity) => ({
        point: 'pre_tool_call' as const,
        run,
        principal,
        action: { name: asked.tool, class: 'first', effect: 'irreversible' as const, definition_hash: '' },
        input: { n },
        facts: { ok },
        labels: { integrity, marks: [] },
        approval: null,
      })),
    ),
  )
}

describe('lists of steps in the catalogue', () => {
  const rows = [{ name: 'w', owner: 'o', roles: ['clerk'], steps: { pay: ['a'] } }]

  it('CHN-062: a step that may call more in code stops the start, and so does a list without a step; all are named', () => {
    const bundle = bundleOf([], rows)
    const step = (node: string, tools: string[]) => ({ workflow: 'w', node, tools })
    expect(() => bundle.checkSteps([step('pay', ['a', 'b'])])).toThrow(
      expect.objectContaining({ code: 'CATALOGUE_LAXER', message: expect.stringMatching(/pay.*`b`/) }),
    )
    expect(() => bundle.checkSteps([step('other', ['b'])])).toThrow(
      expect.objectContaining({ code: 'POLICY_BUNDLE_INVALID', message: expect.stringContaining('`pay`') }),
    )
    expect(() => bundle.checkSteps([step('pay', ['a']), step('other', ['b'])])).not.toThrow()
    expect(() => bundle.checkSteps([{ workflow: 'v', node: 'x', tools: ['b'] }])).not.toThrow()
    expect([bundle.stepTools('w', 'pay'), bundle.stepTools('w', 'other')]).toEqual([['a'], null])
  })

  it('CHN-062: a list that names a tool which the catalogue lacks is an error of the bundle', () => {
    expect(() => bundleOf([], [{ name: 'w', owner: 'o', roles: ['clerk'], steps: { pay: ['nothing'] } }])).toThrow(
      expect.objectContaining({ code: 'POLICY_BUNDLE_INVALID', message: expect.stringContaining('`nothing`') }),
    )
  })
})
