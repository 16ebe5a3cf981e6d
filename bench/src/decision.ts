/**
 * What one decision of the policy costs: the whole of `decide`, with the projection of the arguments, the entities, schema
 * and request validation, beside a bare call of Cedar with the same policies, schema and question.
 */
import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import { loadBundle, type PolicyBundle, type PolicyRequest, type Principal } from 'signalbox'
import { actionShapes, cedarSchema } from '../../packages/runtime/src/policy/cedar-schema.ts'
import type { Check } from './checks.ts'

/** How the policies of a bundle are spread. */
export type Shape = 'as bundles grow' | 'all about every tool'
/** What is asked: one evaluation for an allow, two where a person is asked or has approved. */
export type Question = 'allow' | 'ask' | 'approved'

/** Times of one decision in milliseconds. */
export interface DecisionTimes {
  readonly policies: number
  readonly shape: Shape
  readonly question: Question | 'bare Cedar'
  readonly p50: number
  readonly p99: number
  readonly asked: number
}

/** How much is measured; `sameQuestion` is the planted fault: an answer that was remembered costs nothing. */
export interface DecisionPlan {
  readonly sizes: readonly number[]
  readonly each: number
  readonly sameQuestion?: boolean
}

const GENERAL = 10
const PER_TOOL = 4
const P50_MS = 0.7
const STRETCH_MS = 0.5
const QUESTIONS: Readonly<Record<Question, string>> = { allow: 'allow', ask: 'require_approval', approved: 'allow' }

const USER: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['clerk'] }
const CHIEF: Principal = { id: 'user:paul', kind: 'user', tenant: 'acme', roles: ['chief'] }

/** Times, and what has to be true of them. */
export function measureDecisions(plan: DecisionPlan): { readonly times: DecisionTimes[]; readonly checks: Check[] } {
  const times: DecisionTimes[] = []
  const wrong: string[] = []
  let asked = 0
  const distinct = new Set<string>()
  for (const shape of ['as bundles grow', 'all about every tool'] as const) {
    for (const policies of plan.sizes) {
      const { files, texts } = bundleOf(policies, shape)
      const bundle = loadBundle(files)
      for (const question of ['allow', 'ask', 'approved'] as const) {
        const requests = Array.from({ length: plan.each }, (_, n) =>
          requestOf(question, plan.sameQuestion ? 'same' : `${policies}-${shape}-${question}-${n}`),
        )
        // Without the approval: an approved call is first judged as if there were none.
        for (const request of requests)
          distinct.add(`${policies} ${shape} ${JSON.stringify({ ...request, approval: null })}`)
        asked += requests.length
        const taken = timed(requests, (request) => {
          const { verdict } = bundle.decide(request)
          if (verdict !== QUESTIONS[question]) wrong.push(`${question} at ${policies}: ${verdict}`)
        })
        times.push({ policies, shape, question, ...taken })
      }
      times.push({ policies, shape, question: 'bare Cedar', ...bareTimes(texts, bundle, plan.each, wrong) })
    }
  }
  return { times, checks: checks(wrong, asked, distinct.size) }
}

function checks(wrong: readonly string[], asked: number, distinct: number): Check[] {
  return [
    {
      name: 'every decision is the expected one',
      ok: wrong.length === 0,
      found: wrong[0] ?? `${asked} decisions`,
    },
    {
      name: 'no question is asked twice, so that no answer is a remembered one',
      ok: asked === distinct,
      found: `${distinct} different questions of ${asked}`,
    },
  ]
}

/** The aims: half a millisecond or so at 50 policies, and at most twice that at 500. */
export function decisionAims(times: readonly DecisionTimes[]): Check[] {
  const p50 = (policies: number): number | undefined =>
    times.find((one) => one.policies === policies && one.question === 'allow' && one.shape === 'as bundles grow')?.p50
  const few = p50(50)
  const many = p50(500)
  if (few === undefined || many === undefined) return []
  const at = (aim: number): Check => ({
    name: `a decision at 50 policies takes at most ${aim} ms`,
    ok: few <= aim,
    found: `${few} ms at the median`,
  })
  const growth = { name: 'at most twice as much at 500', ok: many <= 2 * few, found: `${many} ms at the median` }
  return [at(P50_MS), at(STRETCH_MS), growth]
}

/** One line for each measurement. */
export function decisionTable(times: readonly DecisionTimes[]): string {
  const rows = times.map(({ policies, shape, question, p50, p99 }) =>
    [String(policies).padStart(8), shape.padEnd(22), question.padEnd(11), p50.toFixed(3), p99.toFixed(3)].join('  '),
  )
  return ['policies  spread                  question     p50 ms  p99 ms', ...rows].join('\n')
}

/** The first tenth of the calls warms up and is not counted. */
function timed<T>(questions: readonly T[], ask: (question: T) => void): Pick<DecisionTimes, 'p50' | 'p99' | 'asked'> {
  const all = questions.map((question) => {
    const from = performance.now()
    ask(question)
    return performance.now() - from
  })
  const sorted = all.slice(Math.floor(all.length / 10)).sort((a, b) => a - b)
  const at = (share: number): number => Number((sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(3))
  return { p50: at(0.5), p99: at(0.99), asked: all.length }
}

function bundleOf(count: number, shape: Shape) {
  const general = shape === 'as bundles grow' ? GENERAL : count
  const tools = Math.max(1, Math.ceil((count - general) / PER_TOOL))
  const texts = Array.from({ length: count }, (_, n) => policy(n, n < general ? null : (n - general) % tools))
  const rows = Array.from({ length: tools }, (_, n) => ({
    name: `area.tool${n}`,
    class: `area${n % 12}.write`,
    effect: 'irreversible',
    owner: 'bench',
    blast_radius: 'none',
    input: { amount: 'Long', to: 'String', tags: 'Set<String>' },
    facts: { expected: 'String' },
    critical: ['to'],
    output: 'inside',
  }))
  const files = {
    'bundle.json': JSON.stringify({
      name: 'bench',
      version: '1.0.0',
      owner: 'bench',
      roles: ['clerk', 'chief', 'auditor'],
      reasons: { NO: 'no', ASK: 'ask' },
    }),
    'catalogue.json': JSON.stringify({ tools: rows, models: [], workflows: [] }),
    'all.cedar': texts.join('\n'),
  }
  return { files, texts }
}

/** The first two permit and ask; the others look at what real ones look at, and do not apply. */
function policy(n: number, tool: number | null): string {
  const action =
    tool === null
      ? 'action in Signalbox::Action::"effect:irreversible"'
      : `action == Signalbox::Action::"tool:area.tool${tool}"`
  const head = `(principal is Signalbox::Run, ${action}, resource is Signalbox::Target)`
  if (n === 0) return `@id("p0") @owner("o") permit ${head} when { principal.user in Signalbox::Role::"clerk" };`
  if (n === 1) {
    return `@id("p1") @owner("o") @reason("ASK") @effect("require_approval") @approvers("role:chief") forbid ${head}
when { context.input.amount > 1000 }
unless { context has approval && context.approval.bound && context.approval.approver in Signalbox::Role::"chief" };`
  }
  return `@id("p${n}") @owner("o") @reason("NO") forbid ${head}
when { context.input.to != context.facts.expected && context.input.amount > ${n} && !context.origin.unproven.isEmpty() };`
}

function requestOf(question: Question, run: string): PolicyRequest {
  const amount = question === 'allow' ? 50 : 5_000
  const approval = { id: 'apr_1', approver: CHIEF, bound: true, fresh: true }
  return {
    point: 'pre_tool_call',
    run: { id: `run_${run}`, workflow: 'desk', agent: 'clerk', mode: 'production' },
    principal: USER,
    action: { name: 'area.tool0', class: 'area0.write', effect: 'irreversible', definition_hash: 'h' },
    input: { amount, to: 'DE89', tags: ['a', 'b'] },
    facts: { expected: 'DE89' },
    labels: { integrity: 1, marks: ['personal'] },
    origin: { given: ['to'], unproven: [] },
    approval: question === 'approved' ? approval : null,
  }
}

/** The same policies and schema in one call, with four entities. */
function bareTimes(texts: readonly string[], bundle: PolicyBundle, each: number, wrong: string[]) {
  const id = `bench:${texts.length}`
  const policies = Object.fromEntries(texts.map((text, n) => [`p${n}`, text]))
  cedar.preparseSchema(id, cedarSchema(actionShapes(bundle.catalogue)))
  cedar.preparsePolicySet(id, { staticPolicies: policies })
  const uid = (type: string, name: string) => ({ type: `Signalbox::${type}`, id: name })
  const user = { __entity: uid('User', 'user:ana') }
  const runs = Array.from({ length: each }, (_, n) => `run_${n}`)
  return timed(runs, (run) => {
    const answer = cedar.statefulIsAuthorized({
      principal: uid('Run', run),
      action: uid('Action', 'tool:area.tool0'),
      resource: uid('Target', 'area.tool0'),
      context: {
        input: { amount: 50, to: 'DE89', tags: ['a', 'b'] },
        facts: { expected: 'DE89' },
        labels: { integrity: 1, marks: ['personal'] },
        origin: { labelled: true, given: ['to'], unproven: [] },
      },
      entities: [
        { uid: uid('Run', run), attrs: { workflow: 'desk', mode: 'production', user, tenant: 'acme' }, parents: [] },
        { uid: uid('User', 'user:ana'), attrs: { tenant: 'acme', kind: 'user' }, parents: [uid('Role', 'clerk')] },
        { uid: uid('Role', 'clerk'), attrs: {}, parents: [] },
        { uid: uid('Target', 'area.tool0'), attrs: { tenant: 'acme' }, parents: [] },
      ],
      preparsedSchemaName: id,
      preparsedPolicySetId: id,
      validateRequest: true,
    })
    if (answer.type !== 'success' || answer.response.decision !== 'allow') wrong.push(`bare: ${JSON.stringify(answer)}`)
  })
}
