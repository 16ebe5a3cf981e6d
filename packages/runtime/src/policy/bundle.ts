import { SignalboxError } from '../base/errors.ts'
import { sha256Hex } from '../base/hash.ts'
import { canonicalJson } from '../base/json.ts'
import type { Principal } from '../contracts/common.ts'
import type { CatalogueTool, Decision, InterventionPoint, PolicyPort, PolicyRequest } from '../contracts/policy.ts'
import {
  type BundleProblem,
  type Catalogue,
  type ChangeRoles,
  readBundleFiles,
  type SignOffRule,
} from './bundle-files.ts'
import { type ActionShape, actionShapes, cedarSchema } from './cedar-schema.ts'
import { type ActionPolicies, decideBy, type Ruling, refusal } from './decide.ts'
import { assertToolsCovered } from './diff.ts'
import type { Duty } from './duties.ts'
import type { Exemption } from './exemptions.ts'
import { cannotPermit } from './capability.ts'
import { assertStepsCovered, stepToolsOf } from './steps.ts'
import { POINTS } from './points.ts'
import { isPolicyReason, POLICY_REASONS } from './reasons.ts'
import { type Rule, readRules } from './rules.ts'

/** A loaded bundle: the policy port, and what people are shown about it. */
export interface PolicyBundle extends PolicyPort {
  readonly name: string
  readonly version: string
  readonly owner: string
  /** SHA-256 (hex) over the canonical JSON of its files; `bundle` is `name@hash`. */
  readonly hash: string
  /** The texts of its files by relative path. */
  readonly files: Readonly<Record<string, string>>
  readonly roles: readonly string[]
  readonly rules: readonly Rule[]
  readonly catalogue: Catalogue
  /** Tools that may run without an approval, signed or not; `exemptionFor` says which count. */
  readonly exemptions: readonly Exemption[]
  /** What one person may not combine. */
  readonly duties: readonly Duty[]
  /** How often the table of roles and tools has to be signed; null when the bundle does not ask for it. */
  readonly signOff: SignOffRule | null
  /** Roles of those who may change the policy while this bundle is in force. */
  readonly change: ChangeRoles
  /** Things that are allowed and probably not meant, as sentences. */
  readonly warnings: readonly string[]
  /** The sentence of a reason code, or null when neither the runtime nor the bundle declares it. */
  sentence(code: string): string | null
  /** True when the catalogue lists the workflow and the principal holds one of its roles. */
  mayStart(workflow: string, principal: Principal): boolean
}

/**
 * Loads a bundle from the texts of its files by relative path: `bundle.json`, `catalogue.json` and any `*.cedar`.
 * Everything is parsed, checked against the types of the catalogue and prepared here, so that a decision only evaluates.
 * @throws SignalboxError POLICY_BUNDLE_MISSING when there is no file; POLICY_BUNDLE_INVALID naming every error at once as
 * `file:line: message`
 */
export function loadBundle(files: Readonly<Record<string, string>>): PolicyBundle {
  if (Object.keys(files).length === 0) {
    throw new SignalboxError('POLICY_BUNDLE_MISSING', 'the policy folder is empty: add bundle.json and catalogue.json')
  }
  const problems: BundleProblem[] = []
  const { manifest, catalogue, exemptions } = readBundleFiles(files, problems)
  const shapes = catalogue === null ? [] : actionShapes(catalogue)
  const rules = manifest === null || catalogue === null ? [] : readRules(files, manifest, shapes, problems)
  if (manifest === null || catalogue === null || problems.length > 0) throw invalid(problems)

  const actDuties = manifest.duties.flatMap((duty) => (duty.kind === 'acts' ? [duty] : []))
  const hash = sha256Hex(canonicalJson(files))
  const bundle = `${manifest.name}@${hash}`
  const actions = new Map(shapes.map((shape) => [shape.id, prepare(shape, rules)]))
  const tools = new Map(catalogue.tools.map((tool) => [tool.name, tool]))
  const tool = (name: string): CatalogueTool | null => tools.get(name) ?? null
  const startRoles = new Map(catalogue.workflows.map((workflow) => [workflow.name, workflow.roles]))
  const ownInput = new Set(catalogue.workflows.filter((one) => one.input === 'user').map((one) => one.name))
  const finder = modelFinder(catalogue)
  return {
    name: manifest.name,
    version: manifest.version,
    owner: manifest.owner,
    hash,
    files,
    bundle,
    roles: manifest.roles,
    rules,
    catalogue,
    exemptions,
    duties: manifest.duties,
    actDuties: () => actDuties,
    signOff: manifest.signOff,
    change: manifest.change,
    warnings: warningsOf(rules),
    tool,
    hasRulesAt: (point) => POINTS[point].always || rules.some((rule) => namesPoint(rule, point)),
    decide: (request) => complete(request.point, bundle, rule(request, actions, tool, finder)),
    checkTools: (declared) => assertToolsCovered(declared, tool),
    stepTools: (workflow, node) => stepToolsOf(catalogue.workflows, workflow, node),
    checkSteps: (steps) => assertStepsCovered(steps, catalogue.workflows),
    cannotPermit: (question) => cannotPermit(actions.get(`tool:${question.tool}`) ?? null, question),
    sentence: (code) => (isPolicyReason(code) ? POLICY_REASONS[code] : own(manifest.reasons, code)),
    isUserInput: (workflow) => ownInput.has(workflow),
    ...(manifest.approvals ? { approvals: manifest.approvals } : {}),
    mayStart: (workflow, { roles }) => (startRoles.get(workflow) ?? []).some((role) => roles.includes(role)),
  }
}

function invalid(problems: readonly BundleProblem[]): SignalboxError {
  const lines = [...problems]
    .sort((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1))
    .map(({ file, line, message }) => `${file}:${line}: ${message}`)
  const count = lines.length === 1 ? 'an error' : `${lines.length} errors`
  return new SignalboxError('POLICY_BUNDLE_INVALID', `the policy bundle has ${count}:\n${lines.join('\n')}`, {
    details: { problems: lines },
  })
}

/** Only the policies that can match the action are evaluated for it: cost grows with them, not with the bundle. */
function prepare(shape: ActionShape, rules: readonly Rule[]): ActionPolicies {
  const names = new Set([shape.id, ...shape.groups])
  const mine = rules.filter((rule) => rule.scope === null || rule.scope.some((name) => names.has(name)))
  const schema = cedarSchema([shape])
  const texts = (some: readonly Rule[]) => Object.fromEntries(some.map((rule) => [rule.id, rule.text]))
  const warning = mine.filter((rule) => rule.kind === 'warn')
  return {
    shape,
    rules: new Map(mine.map((rule) => [rule.id, rule])),
    deciding: { schema, policies: texts(mine.filter((rule) => rule.kind !== 'warn')) },
    warning: warning.length === 0 ? null : { schema, policies: texts(warning) },
  }
}

type ModelFinder = (name: string) => string | null

/** The row of a model: its own, or the longest prefix that ends in `*`. */
function modelFinder(catalogue: Catalogue): ModelFinder {
  const names = catalogue.models.map((model) => model.name).sort((a, b) => b.length - a.length)
  const exact = new Set(names)
  return (name) => {
    if (!name.endsWith('*') && exact.has(name)) return name
    return names.find((row) => row.endsWith('*') && name.startsWith(row.slice(0, -1))) ?? null
  }
}

function rule(
  request: PolicyRequest,
  actions: ReadonlyMap<string, ActionPolicies>,
  tool: (name: string) => CatalogueTool | null,
  model: ModelFinder,
): Ruling {
  const { point, action } = request
  if (point === 'pre_tool_call') {
    const row = tool(action.name)
    if (row === null) return refusal('TOOL_UNKNOWN')
    if (row.class !== action.class || row.effect !== action.effect) return refusal('CATALOGUE_MISMATCH')
    return ruleBy(actions.get(`tool:${action.name}`), request, 'TOOL_UNKNOWN')
  }
  if (point === 'pre_model_call') {
    const row = model(action.name)
    return ruleBy(row === null ? undefined : actions.get(`model:${row}`), request, 'MODEL_UNKNOWN')
  }
  return ruleBy(actions.get(`point:${point}`), request, 'NO_PERMIT')
}

function ruleBy(
  action: ActionPolicies | undefined,
  request: PolicyRequest,
  unknown: 'TOOL_UNKNOWN' | 'MODEL_UNKNOWN' | 'NO_PERMIT',
): Ruling {
  return action === undefined ? refusal(unknown) : decideBy(action, request)
}

function complete(point: InterventionPoint, bundle: string, ruling: Ruling): Omit<Decision, 'id'> {
  return { point, ...ruling, bundle }
}

/** A policy about every action does not switch a point on; it takes part once one that names the point does. */
function namesPoint(rule: Rule, point: InterventionPoint): boolean {
  return rule.scope?.some((name) => name === `point:${point}` || name === 'points') ?? false
}

function warningsOf(rules: readonly Rule[]): readonly string[] {
  const permits = rules.filter((rule) => rule.kind === 'permit')
  const everything = permits
    .filter((rule) => rule.scope === null)
    .map((rule) => `policy \`${rule.id}\` permits without naming an action: new tools are permitted as they are added`)
  const closed = (Object.keys(POINTS) as InterventionPoint[])
    .filter((point) => !POINTS[point].always && rules.some((rule) => namesPoint(rule, point)))
    .filter((point) => !permits.some((rule) => rule.scope === null || namesPoint(rule, point)))
    .map((point) => `no policy permits \`point:${point}\`, so that everything is denied there`)
  return [...everything, ...closed]
}

function own(table: Readonly<Record<string, string>>, key: string): string | null {
  return Object.hasOwn(table, key) ? (table[key] ?? null) : null
}
