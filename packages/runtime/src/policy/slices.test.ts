import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PolicyRequest } from '../contracts/policy.ts'
import { loadBundle } from './bundle.ts'
import { actionShapes, cedarSchema } from './cedar-schema.ts'

const EFFECTS = ['none', 'reversible', 'irreversible'] as const
const TOOLS = ['a', 'b', 'c', 'd'].map((name, index) => ({
  name,
  class: index < 2 ? 'first' : 'second',
  effect: EFFECTS[index % 3] ?? 'none',
  owner: 'o',
  blast_radius: 'little',
  input: { n: 'Long' as const },
  facts: {},
}))

const scope = fc.constantFrom(
  'action',
  'action == Signalbox::Action::"tool:a"',
  'action == Signalbox::Action::"tool:d"',
  'action in Signalbox::Action::"class:first"',
  'action in Signalbox::Action::"effect:irreversible"',
  'action in [Signalbox::Action::"class:second", Signalbox::Action::"tool:b"]',
)
const condition = fc.constantFrom(
  '',
  'when { context.labels.integrity > 1 }',
  'when { principal.user in Signalbox::Role::"clerk" }',
  'unless { action in Signalbox::Action::"class:first" }',
)
const policy = fc.record({ effect: fc.constantFrom('permit', 'permit', 'forbid'), scope, condition })
const question = fc.record({
  tool: fc.constantFrom(...TOOLS),
  integrity: fc.constantFrom(0 as const, 3 as const),
  roles: fc.constantFrom(['clerk'], [], ['clerk', 'clerk', 'stranger']),
})

describe('policies prepared for one action', () => {
  it('POL-015: answer as all policies together do', () => {
    const seen = { allow: 0, deny: 0 }
    const property = fc.property(
      fc.array(policy, { minLength: 1, maxLength: 5 }),
      fc.array(question, { minLength: 4, maxLength: 4 }),
      (policies, questions) => {
        const texts = policies.map(
          (each, n) =>
            `@id("p${n}") @owner("o") @reason("R") ${each.effect} (principal, ${each.scope}, resource) ${each.condition};`,
        )
        const bundle = loadBundle({
          'bundle.json': JSON.stringify({
            name: 't',
            version: '1.0.0',
            owner: 'o',
            roles: ['clerk'],
            reasons: { R: 'r' },
          }),
          'catalogue.json': JSON.stringify({ tools: TOOLS, models: [], workflows: [] }),
          'p.cedar': texts.join('\n'),
        })
        for (const { tool, integrity, roles } of questions) {
          const verdict = bundle.decide(request(tool, integrity, roles)).verdict === 'allow' ? 'allow' : 'deny'
          expect(verdict).toBe(together(texts, tool.name, integrity, roles))
          seen[verdict] += 1
        }
      },
    )
    fc.assert(property, { numRuns: 60 })
    expect(Math.min(seen.allow, seen.deny)).toBeGreaterThan(0)
  })

  it('POL-020: a remembered answer is given to an equal question about the same policies, and to no other', () => {
    const [tool] = TOOLS
    if (!tool) throw new Error('there is no tool')
    const bundle = (role: string) =>
      loadBundle({
        'bundle.json': JSON.stringify({
          name: 't',
          version: '1.0.0',
          owner: 'o',
          roles: ['clerk', 'lead'],
          reasons: {},
        }),
        'catalogue.json': JSON.stringify({ tools: TOOLS, models: [], workflows: [] }),
        'p.cedar': `@id("p") @owner("o") permit (principal, action, resource) when {
          principal.user in Signalbox::Role::"${role}" && context.labels.integrity > 1 };`,
      })
    const [clerks, leads] = [bundle('clerk'), bundle('lead')]
    const verdicts = [1, 2].map(() => [
      clerks.decide(request(tool, 3, ['clerk'])).verdict,
      leads.decide(request(tool, 3, ['clerk'])).verdict,
      clerks.decide(request(tool, 0, ['clerk'])).verdict,
      clerks.decide(request(tool, 3, [])).verdict,
    ])
    expect(verdicts).toEqual([1, 2].map(() => ['allow', 'deny', 'deny', 'deny']))
  })
})

function request(tool: (typeof TOOLS)[number], integrity: 0 | 3, roles: readonly string[]): PolicyRequest {
  return {
    point: 'pre_tool_call',
    run: { id: 'run_1', workflow: 'w', agent: null, mode: 'production' },
    principal: { id: 'user:ana', kind: 'user', tenant: 't', roles },
    action: { name: tool.name, class: tool.class, effect: tool.effect, definition_hash: '' },
    input: { n: 1 },
    facts: {},
    labels: { integrity, marks: [] },
    approval: null,
  }
}

/** The same question to Cedar itself, with every policy and the whole schema, parsed anew. */
function together(texts: readonly string[], tool: string, integrity: number, roles: readonly string[]): string {
  const uid = (type: string, id: string) => ({ type: `Signalbox::${type}`, id })
  const user = { __entity: uid('User', 'user:ana') }
  const answer = cedar.isAuthorized({
    principal: uid('Run', 'r'),
    action: uid('Action', `tool:${tool}`),
    resource: uid('Target', 'x'),
    context: {
      input: { n: 1 },
      facts: {},
      labels: { integrity, marks: [] },
      origin: { labelled: true, given: [], unproven: [] },
    },
    schema: cedarSchema(actionShapes({ tools: TOOLS, models: [], workflows: [], points: {} })),
    policies: { staticPolicies: Object.fromEntries(texts.map((text, n) => [`p${n}`, text])) },
    entities: [
      { uid: uid('Run', 'r'), attrs: { workflow: 'w', mode: 'production', user, tenant: 't' }, parents: [] },
      {
        uid: uid('User', 'user:ana'),
        attrs: { tenant: 't', kind: 'user' },
        parents: roles.map((role) => uid('Role', role)),
      },
      { uid: uid('Target', 'x'), attrs: { tenant: 't' }, parents: [] },
    ],
  })
  if (answer.type !== 'success') throw new Error(JSON.stringify(answer.errors))
  return answer.response.decision
}
