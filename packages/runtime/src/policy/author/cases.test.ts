import { describe, expect, it } from 'vitest'
import { SignalboxError } from '../../base/errors.ts'
import type { JsonValue } from '../../base/json.ts'
import type { Decision } from '../../contracts/policy.ts'
import { loadBundle } from '../bundle.ts'
import { DraftComparison } from './compare.ts'
import { questionOf, runFixtures } from './fixtures.ts'
import type { RecordedDecision } from './recorded.ts'
import { tellDecision } from './tell.ts'

const CATALOGUE = {
  tools: [
    {
      name: 'money.pay',
      class: 'money.write',
      effect: 'irreversible',
      owner: 'o',
      blast_radius: 'x',
      input: { amount: 'Long' },
      facts: {},
    },
  ],
  models: [{ name: 'scripted/*', owner: 'o' }],
  workflows: [{ name: 'desk', owner: 'o', roles: ['clerk'] }],
}
const MANIFEST = {
  name: 'test',
  version: '1.0.0',
  owner: 'o',
  roles: ['clerk', 'chief'],
  reasons: { BIG: 'b', HUGE: 'h' },
}
const PERMIT = `@id("pays") @owner("o") permit (principal, action in Signalbox::Action::"class:money.write", resource)
when { principal.tenant == resource.tenant && principal.user in Signalbox::Role::"clerk" };
`
const ASK = (
  limit: number,
) => `@id("ask") @owner("o") @reason("BIG") @effect("require_approval") @approvers("role:chief")
forbid (principal, action == Signalbox::Action::"tool:money.pay", resource) when { context.input.amount > ${limit} }
unless { context has approval && context.approval.bound };
`
const HUGE = `@id("huge") @owner("o") @reason("HUGE")
forbid (principal, action == Signalbox::Action::"tool:money.pay", resource) unless { context.input.amount < 1000 };
`
const load = (cedar: string) =>
  loadBundle({
    'bundle.json': JSON.stringify(MANIFEST),
    'catalogue.json': JSON.stringify(CATALOGUE),
    'all.cedar': cedar,
  })
const BUNDLE = load(PERMIT + ASK(100) + HUGE)
const ANA = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['clerk'] } as const

const file = (cases: readonly object[], more: object = {}) => ({
  'tests/a.json': JSON.stringify(
    {
      people: { ana: { roles: ['clerk'] }, bo: { roles: ['chief'] } },
      bases: { pay: { who: 'ana', tool: 'money.pay' } },
      ...more,
      cases,
    },
    null,
    2,
  ),
})
const pays = (amount: JsonValue, expected: object, over: object = {}) => ({
  ...{ name: `pays ${String(amount)}`, base: 'pay', input: { amount } },
  ...over,
  expect: expected,
})

describe('cases', () => {
  it('PAU-010, PAU-012: pass or fail by verdict, reason, policies and approvers, and name what no case tests', () => {
    const report = runFixtures(
      BUNDLE,
      file([
        pays(5, { verdict: 'allow', policies: ['pays'] }),
        pays(500, { verdict: 'require_approval', reason: 'BIG', approvers: ['chief'] }),
        pays(500, { verdict: 'allow' }, { name: 'approved', approved_by: 'bo' }),
        { name: 'starts', who: 'bo', start: 'desk', expect: { verdict: 'deny' } },
        { name: 'model', who: 'ana', model: 'scripted/x', expect: { verdict: 'deny', reason: 'NO_PERMIT' } },
      ]),
    )
    expect(report).toMatchObject({ passed: 5, failed: 0, untested: ['huge'] })
    const wrong = runFixtures(
      BUNDLE,
      file([
        pays(500, { verdict: 'allow' }),
        pays(5, { verdict: 'allow', policies: ['ask'] }),
        pays(500, { verdict: 'require_approval', approvers: ['clerk'] }),
        pays('5', { verdict: 'deny', reason: 'NO_PERMIT' }),
      ]),
    )
    expect(wrong).toMatchObject({ passed: 0, failed: 4 })
    expect(wrong.results.map((each) => each.differences.join())).toEqual([
      'verdict is require_approval (BIG), not allow',
      'decided by pays, not ask',
      'asks chief, not clerk',
      'reason is INPUT_NOT_PROJECTABLE, not NO_PERMIT',
    ])
    expect(wrong.results[1]?.line).toBeGreaterThan(wrong.results[0]?.line ?? 0)
  })

  it('PAU-011: a case that does not fit its form is told with its line, and nothing runs', () => {
    const problems = (files: Readonly<Record<string, string>>) => {
      try {
        runFixtures(BUNDLE, files)
      } catch (thrown) {
        if (thrown instanceof SignalboxError) return `${thrown.code} ${thrown.message}`
      }
      return 'nothing'
    }
    const ok = { verdict: 'allow' }
    expect(problems(file([{ name: 'a', tool: 'money.pay', expect: ok }]))).toMatch(
      /INPUT_INVALID.*\ntests\/a.json:\d+: case `a` must say `who`/,
    )
    expect(problems(file([{ name: 'a', who: 'eve', tool: 'x', expect: ok }]))).toContain('`eve`, who is not among')
    expect(problems(file([{ name: 'a', who: 'ana', expect: ok }]))).toContain('one of `tool`, `model`')
    expect(problems(file([{ name: 'a', base: 'none', expect: ok }]))).toContain('no base')
    expect(problems(file([{ name: 'a', who: 'ana', tool: 'x', expect: { verdict: 'yes' } }]))).toContain(
      'cases.0.expect.verdict',
    )
    expect(problems(file([{ name: 'a', who: 'ana', tool: 'x', expct: ok, expect: ok }]))).toContain('expct')
    expect(problems({ 'tests/b.json': '{' })).toContain('tests/b.json:1')
  })
})

describe('a decision, told', () => {
  const told = (amount: number, roles: readonly string[] = ['clerk'], approved = false) => {
    const approver = approved ? { ...ANA, id: 'user:bo', roles: ['chief'] } : null
    const request = questionOf(BUNDLE, { tool: 'money.pay', input: { amount } }, { ...ANA, roles }, approver)
    const decided = tellDecision(BUNDLE, request, BUNDLE.decide(request))
    return { ...decided, of: Object.fromEntries(decided.policies.map((each) => [each.id, each])) }
  }

  it('PAU-020: says which policies decided, matched, and why the others did not', () => {
    const small = told(5)
    expect(small).toMatchObject({ verdict: 'allow', reason: 'PERMITTED', otherActions: 0, bundle: BUNDLE.bundle })
    expect(small.of.pays).toMatchObject({ stood: 'decided', because: null })
    expect(small.of.ask).toMatchObject({
      stood: 'not_matched',
      because: 'context.input.amount > 100',
      values: { 'context.input.amount': '5' },
    })
    expect(small.of.huge).toMatchObject({ stood: 'not_matched', because: 'not (context.input.amount < 1000)' })
    const large = told(500)
    expect(large.of.ask).toMatchObject({ stood: 'decided', because: 'not (context has approval)' })
    expect(told(5_000).of.huge).toMatchObject({ stood: 'decided', values: { 'context.input.amount': '5000' } })
    expect(large.of.pays).toMatchObject({ stood: 'matched' })
    expect(large.approvers).toEqual([{ policy: 'ask', roles: ['chief'] }])
    const stranger = told(5, ['nobody'])
    expect(stranger.of.pays).toMatchObject({
      stood: 'not_matched',
      because: 'principal.user in Role::"clerk"',
      values: { 'principal.user': 'roles nobody' },
    })
    expect(told(500, ['clerk'], true).of.ask).toMatchObject({
      stood: 'not_matched',
      values: { 'context.approval': 'given' },
    })
  })
})

describe('a draft beside decisions on record', () => {
  const recorded = (n: number, amount: number, over: Partial<RecordedDecision> = {}): RecordedDecision => {
    const request = questionOf(BUNDLE, { tool: 'money.pay', input: { amount } }, ANA, null)
    const decision: Decision = { id: `dec_${n}`, ...BUNDLE.decide(request) }
    return {
      ...{ runId: `run_${n % 3}`, seq: n, at: '2026-01-01T00:00:00.000Z', decision, name: 'money.pay', kind: 'tool' },
      ...{ class: 'money.write', effect: 'irreversible', agent: null, node: 'pay', workflow: 'desk' },
      run: { mode: 'development', principal: ANA },
      ...{ labels: { integrity: 0, marks: [] }, definitionHash: 'h', asked: null, facts: null },
      ...{ approval: null, approvalId: null, notAgain: null, isCopy: false },
      ...over,
    }
  }
  const amounts = [5, 50, 150, 500, 5_000]
  const compare = (cedar: string, made = BUNDLE, refused = false) => {
    const comparison = new DraftComparison(load(cedar))
    for (const [n, amount] of amounts.entries())
      comparison.add(recorded(n, amount), { asked: { amount }, facts: null }, { made, refused })
    return comparison.result()
  }

  it('PAU-031: finds each flip that is planted, and none in a draft that says the same', () => {
    expect(compare(HUGE + ASK(100) + PERMIT)).toMatchObject({ decisions: 5, same: 5, flipped: 0, flips: [] })
    const stricter = compare(PERMIT + ASK(10) + HUGE)
    expect(stricter).toMatchObject({ same: 4, flipped: 1, runs: 3 })
    expect(stricter.flips).toMatchObject([
      {
        before: 'allow',
        after: 'require_approval',
        name: 'money.pay',
        policies: ['ask'],
        approvers: ['chief'],
        count: 1,
        runs: 1,
      },
    ])
    expect(stricter.flips[0]?.examples).toMatchObject([{ decisionId: 'dec_1', runId: 'run_1', seq: 1 }])
    const open = compare(PERMIT)
    expect(open.flips.map(({ before, after, policies, count }) => [before, after, policies, count])).toEqual([
      ['require_approval', 'allow', ['ask'], 2],
      ['deny', 'allow', ['ask', 'huge'], 1],
    ])
    const shut = compare(HUGE)
    expect(shut.flips.map(({ after, reason, count }) => [after, reason, count])).toEqual([
      ['deny', 'NO_PERMIT', 2],
      ['deny', 'NO_PERMIT', 2],
    ])
    const others = ASK(100).replace('role:chief', 'role:clerk')
    expect(compare(PERMIT + others + HUGE)).toMatchObject({ flipped: 2, flips: [{ approvers: ['clerk'], count: 2 }] })
  })

  it('PAU-033: counts what passes in the draft although a person had refused it', () => {
    expect(compare(PERMIT + HUGE, BUNDLE, true).flips[0]).toMatchObject({ after: 'allow', refusedByPerson: 2 })
    expect(compare(PERMIT + ASK(10) + HUGE, BUNDLE, true).flips[0]).toMatchObject({ refusedByPerson: 0 })
  })

  it('PAU-032: counts what cannot be asked again by why, and claims nothing of it', () => {
    const comparison = new DraftComparison(load(PERMIT))
    const ref = { s: 1, i: 0, h: 'h', l: { integrity: 0, marks: [] } } as const
    comparison.add(recorded(1, 500, { asked: ref }), { asked: null, facts: null })
    comparison.add(recorded(2, 500, { facts: ref }), { asked: { amount: 500 }, facts: null })
    comparison.add(recorded(3, 500, { notAgain: 'fork_plan' }), { asked: { amount: 500 }, facts: null })
    comparison.add(recorded(4, 500, { notAgain: 'not_recorded' }), { asked: null, facts: null })
    // What is on record is not all that was asked: the bundle that decided comes to something else.
    comparison.add(recorded(5, 500), { asked: { amount: 5 }, facts: null }, { made: BUNDLE })
    expect(comparison.result()).toMatchObject({
      ...{ decisions: 5, same: 0, flipped: 0, flips: [] },
      notAgain: { erased: 2, fork_plan: 1, not_recorded: 1, not_reproduced: 1 },
      notReproduced: [{ decisionId: 'dec_5' }],
    })
  })

  it('PAU-034: a draft that fails for a decision is a flip to a malfunction', () => {
    const overflows = `@id("over") @owner("o") @reason("BIG")
forbid (principal, action == Signalbox::Action::"tool:money.pay", resource)
when { context.input.amount * 9223372036854775807 > 7 };
`
    expect(compare(PERMIT + ASK(100) + HUGE + overflows).flips[0]).toMatchObject({
      after: 'malfunction',
      policies: ['over'],
      reason: 'POLICY_MALFUNCTION',
    })
  })
})
