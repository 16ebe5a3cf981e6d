/** Cases that a bundle has to decide as its author says: who asks for what, and what comes of it. */
import { z } from 'zod'
import { SignalboxError, toSignalboxError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import type { Principal } from '../../contracts/common.ts'
import type { Decision, InterventionPoint, PolicyRequest } from '../../contracts/policy.ts'
import type { PolicyBundle } from '../bundle.ts'
import { jsonLines } from '../json-lines.ts'
import { MODEL_CLASS } from '../cedar-schema.ts'
import { POINT_NAMES } from '../points.ts'

const text = z.string().min(1).max(200)
const values = z.record(z.string(), z.json())
const Person = z.strictObject({
  roles: z.array(z.string()).min(1),
  kind: z.enum(['user', 'service', 'agent']).default('user'),
  tenant: text.default('acme'),
})
const Asked = z.strictObject({
  /** One of `people`. */
  who: text.optional(),
  tool: text.optional(),
  model: text.optional(),
  point: z.enum(POINT_NAMES).optional(),
  /** Whether the person may start this workflow. */
  start: text.optional(),
  input: values.optional(),
  facts: values.optional(),
  labels: z
    .strictObject({
      integrity: z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(3)]),
      marks: z.array(z.string()),
    })
    .optional(),
  workflow: text.optional(),
  agent: text.nullable().optional(),
  mode: z.enum(['development', 'production']).optional(),
  /** One of `people`: an approval that is bound to this call. */
  approved_by: text.optional(),
})
const Expected = z.strictObject({
  verdict: z.enum(['allow', 'warn', 'deny', 'require_approval', 'transform']),
  reason: text.optional(),
  /** Exactly these policies decided, in any order. */
  policies: z.array(text).optional(),
  /** Exactly these roles may answer, in any order. */
  approvers: z.array(text).optional(),
})
const FixtureFile = z.strictObject({
  people: z.record(text, Person),
  /** What cases build on by `base`: their `input` and `facts` are laid over it. */
  bases: z.record(text, Asked).default({}),
  cases: z.array(Asked.extend({ name: text, base: text.optional(), expect: Expected })).min(1),
})

type Fixtures = z.output<typeof FixtureFile>
type Case = Fixtures['cases'][number]

/** What came of one case. */
export interface FixtureResult {
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly name: string
  readonly passed: boolean
  /** What differs from what was expected, a sentence each. */
  readonly differences: readonly string[]
  readonly verdict: string
  readonly reason: string
  readonly policies: readonly string[]
}

/** What came of all cases of a bundle. */
export interface FixtureReport {
  readonly results: readonly FixtureResult[]
  readonly passed: number
  readonly failed: number
  /** Policies that decided in no case: whatever is changed in them, no case notices. */
  readonly untested: readonly string[]
}

/** Folder of the cases inside a bundle's folder. They are no part of the bundle: its hash does not depend on them. */
export const FIXTURE_FOLDER = 'tests'

/**
 * Asks the bundle every case of the files (path to text).
 * @throws SignalboxError INPUT_INVALID naming everything that is wrong with the files as `file:line: message`
 */
export function runFixtures(bundle: PolicyBundle, files: Readonly<Record<string, string>>): FixtureReport {
  const problems: string[] = []
  const results = Object.keys(files)
    .sort()
    .flatMap((file) => resultsOf(bundle, file, files[file] ?? '', problems))
  if (problems.length > 0) throw new SignalboxError('INPUT_INVALID', `the cases have errors:\n${problems.join('\n')}`)
  const decided = new Set(results.flatMap((each) => each.policies))
  const passed = results.filter((each) => each.passed).length
  const untested = bundle.rules.map((rule) => rule.id).filter((id) => !decided.has(id))
  return { results, passed, failed: results.length - passed, untested }
}

function resultsOf(bundle: PolicyBundle, file: string, source: string, problems: string[]): FixtureResult[] {
  const fixtures = readFixtures(file, source, problems)
  if (!fixtures) return []
  const lines = jsonLines(source)
  return fixtures.cases.flatMap((one, at) => {
    const line = lines.lineOf(['cases', at])
    const asked = completed(fixtures, one)
    const wrong = wrongWith(fixtures, one, asked)
    if (wrong !== null) {
      problems.push(`${file}:${line}: case \`${one.name}\` ${wrong}`)
      return []
    }
    return [{ file, line, name: one.name, ...judged(bundle, fixtures, asked, one) }]
  })
}

function readFixtures(file: string, source: string, problems: string[]): Fixtures | null {
  let json: unknown
  try {
    json = JSON.parse(source)
  } catch (thrown) {
    problems.push(`${file}:1: is not valid JSON: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
    return null
  }
  const lines = jsonLines(source)
  for (const { key, line } of lines.duplicates) problems.push(`${file}:${line}: \`${key}\` is given twice`)
  const parsed = FixtureFile.safeParse(json)
  if (parsed.success) return parsed.data
  for (const { path, message } of parsed.error.issues)
    problems.push(
      `${file}:${lines.lineOf(path)}: \`${path.join('.')}\` ${message.charAt(0).toLowerCase()}${message.slice(1)}`,
    )
  return null
}

/** A case with what its base says; `input` and `facts` are laid over the base's field by field. */
function completed({ bases }: Fixtures, { name: _name, base, expect: _expect, ...own }: Case): z.output<typeof Asked> {
  const under = base === undefined ? {} : (bases[base] ?? {})
  return {
    ...under,
    ...own,
    input: { ...under.input, ...own.input },
    facts: { ...under.facts, ...own.facts },
  }
}

function wrongWith({ people, bases }: Fixtures, one: Case, asked: z.output<typeof Asked>): string | null {
  if (one.base !== undefined && !Object.hasOwn(bases, one.base)) return `builds on \`${one.base}\`, which is no base`
  const kinds = [asked.tool, asked.model, asked.point, asked.start].filter((each) => each !== undefined)
  if (kinds.length !== 1) return 'must say one of `tool`, `model`, `point` or `start`'
  if (asked.who === undefined) return 'must say `who` asks'
  for (const name of [asked.who, asked.approved_by])
    if (name !== undefined && !Object.hasOwn(people, name)) return `names \`${name}\`, who is not among \`people\``
  return null
}

type Judged = Pick<FixtureResult, 'passed' | 'differences' | 'verdict' | 'reason' | 'policies'>

function judged(bundle: PolicyBundle, fixtures: Fixtures, asked: z.output<typeof Asked>, { expect }: Case): Judged {
  const who = principalOf(fixtures, asked.who ?? '')
  if (asked.start !== undefined) {
    const verdict = bundle.mayStart(asked.start, who) ? 'allow' : 'deny'
    const differences = verdict === expect.verdict ? [] : [`the start is ${verdict}, not ${expect.verdict}`]
    return { passed: differences.length === 0, differences, verdict, reason: '', policies: [] }
  }
  const approver = asked.approved_by === undefined ? null : principalOf(fixtures, asked.approved_by)
  try {
    const decision = bundle.decide(questionOf(bundle, asked, who, approver))
    const differences = differencesOf(decision, expect)
    const { verdict, reason_code: reason, policies } = decision
    return { passed: differences.length === 0, differences, verdict, reason, policies }
  } catch (thrown) {
    const { code, message } = toSignalboxError(thrown, 'POLICY_MALFUNCTION')
    return { passed: false, differences: [`${code}: ${message}`], verdict: 'malfunction', reason: code, policies: [] }
  }
}

function principalOf({ people }: Fixtures, name: string): Principal {
  const { roles = [], kind = 'user', tenant = 'acme' } = people[name] ?? {}
  return { id: `${kind}:${name}`, kind, tenant, roles }
}

/** What is asked, in the words that authors use; what is left out is as harmless as it can be. */
export interface Question {
  readonly tool?: string | undefined
  readonly model?: string | undefined
  readonly point?: InterventionPoint | undefined
  readonly input?: JsonObject | undefined
  readonly facts?: JsonObject | undefined
  readonly labels?: PolicyRequest['labels'] | undefined
  readonly workflow?: string | undefined
  readonly agent?: string | null | undefined
  readonly mode?: PolicyRequest['run']['mode'] | undefined
}

/** The question as the door would ask it. The class and effect of a tool are those of the bundle's catalogue. */
export function questionOf(
  bundle: Pick<PolicyBundle, 'tool'>,
  asked: Question,
  who: Principal,
  approver: Principal | null,
): PolicyRequest {
  const { tool, model, point, input = {}, facts = {}, labels, workflow, agent = null, mode = 'development' } = asked
  const row = tool === undefined ? null : bundle.tool(tool)
  const action =
    tool !== undefined
      ? { name: tool, class: row?.class ?? 'unknown', effect: row?.effect ?? ('none' as const) }
      : model !== undefined
        ? { name: model, class: MODEL_CLASS, effect: 'none' as const }
        : { name: point ?? '', class: `point.${point}`, effect: 'none' as const }
  return {
    point: point ?? (tool === undefined ? 'pre_model_call' : 'pre_tool_call'),
    run: { id: 'run_simulated', workflow: workflow ?? 'simulated', agent, mode },
    principal: who,
    action: { ...action, definition_hash: '' },
    input,
    facts,
    labels: labels ?? { integrity: 0, marks: [] },
    approval: approver && { id: 'apr_simulated', approver, bound: true, fresh: true },
  }
}

function differencesOf(decision: Omit<Decision, 'id'>, expect: Case['expect']): readonly string[] {
  const found: string[] = []
  const { verdict, reason_code: reason, policies, asks } = decision
  if (verdict !== expect.verdict) found.push(`verdict is ${verdict} (${reason}), not ${expect.verdict}`)
  if (expect.reason !== undefined && reason !== expect.reason) found.push(`reason is ${reason}, not ${expect.reason}`)
  if (expect.policies !== undefined && setOf(policies) !== setOf(expect.policies))
    found.push(`decided by ${setOf(policies) || 'none'}, not ${setOf(expect.policies) || 'none'}`)
  const approvers = asks.flatMap((ask) => ask.approvers)
  if (expect.approvers !== undefined && setOf(approvers) !== setOf(expect.approvers))
    found.push(`asks ${setOf(approvers) || 'nobody'}, not ${setOf(expect.approvers) || 'nobody'}`)
  return found
}

function setOf(list: readonly string[]): string {
  return [...new Set(list)].sort().join(', ')
}
