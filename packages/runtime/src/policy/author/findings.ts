/** What a check of a bundle finds beyond errors: what is allowed and perhaps not meant, and what stands there for nothing. */
import type { InterventionPoint } from '../../contracts/policy.ts'
import { SignalboxError } from '../../base/errors.ts'
import { isoTime } from '../../base/time.ts'
import type { PolicyBundle } from '../bundle.ts'
import { actionShapes } from '../cedar-schema.ts'
import { type DeclaredTool, toolDifferences } from '../diff.ts'
import { type Exemption, type ExemptionState, exemptionFor, exemptionState } from '../exemptions.ts'
import { jsonLines } from '../json-lines.ts'
import { POINT_NAMES, POINTS } from '../points.ts'
import type { Rule } from '../rules.ts'
import { type ToolPosture, toolPostures } from './posture.ts'
import { isInScope, partsOf, standingOf } from './structure.ts'

/** What a finding is about; the first five are errors, which production refuses. */
export type PolicyFindingCode =
  | 'EFFECT_WITHOUT_APPROVAL'
  | 'APPROVAL_DEPENDS'
  | 'APPROVAL_OTHER_THAN_DECLARED'
  | 'TOOL_NOT_IN_CATALOGUE'
  | 'TOOL_DIFFERS'
  | 'APPROVAL_WITHOUT_EFFECT'
  | 'TOOL_ONLY_IN_CATALOGUE'
  | 'PERMIT_WITHOUT_ACTION'
  | 'POINT_WITHOUT_PERMIT'
  | 'POLICY_NEVER_MATCHES'
  | 'PERMIT_OVERRULED'
  | 'POLICY_REPEATED'
  | 'ROLE_UNUSED'
  | 'ROLE_HELD_BY_NOBODY'
  | 'OWNER_UNNAMED'
  | 'REASON_UNUSED'
  | 'TOOL_NEVER_PERMITTED'
  | 'TOOL_ALWAYS_FORBIDDEN'
  | 'APPROVAL_DECLARED'
  | 'EFFECT_EXEMPT'

/** One finding, at its place in the bundle. `error` is what production refuses to start with. */
export interface PolicyFinding {
  readonly code: PolicyFindingCode
  readonly severity: 'error' | 'warning' | 'notice'
  readonly file: string
  /** From 1. */
  readonly line: number
  /** Tool, policy, role, reason or point. */
  readonly subject: string
  readonly message: string
}

/** What a check looks at beside the bundle itself. What is not told is not judged. */
export interface CheckInput {
  readonly bundle: PolicyBundle
  /** Milliseconds since 1970: exemptions count that are in force then. */
  readonly at: number
  /** Roles that somebody holds. */
  readonly heldRoles?: readonly string[]
  /** Tools that the project's code registers. */
  readonly codeTools?: readonly DeclaredTool[]
}

/** Every finding: errors first, then in the order of the files. */
export function policyFindings(input: CheckInput): readonly PolicyFinding[] {
  const place = placesOf(input.bundle.files)
  const postures = toolPostures(input.bundle)
  const found = [
    ...postures.flatMap((posture) => aboutApproval(posture, place, input)),
    ...aboutCode(input, place),
    ...aboutPolicies(input.bundle, postures),
    ...aboutPoints(input.bundle),
    ...aboutNames(input, place),
  ]
  const weight = { error: 0, warning: 1, notice: 2 }
  return found.sort(
    (a, b) => weight[a.severity] - weight[b.severity] || a.file.localeCompare(b.file) || a.line - b.line,
  )
}

/**
 * Refuses a bundle that production does not start with.
 * @throws SignalboxError POLICY_UNGUARDED naming every finding of severity `error` at `at` (milliseconds since 1970)
 */
export function assertGuarded(bundle: PolicyBundle, at: number): void {
  const errors = policyFindings({ bundle, at }).filter((each) => each.severity === 'error')
  if (errors.length === 0) return
  const lines = errors.map(({ file, line, message }) => `${file}:${line}: ${message}`)
  throw new SignalboxError('POLICY_UNGUARDED', `production refuses the policy bundle:\n${lines.join('\n')}`, {
    details: { findings: lines },
  })
}

type Place = (file: 'bundle.json' | 'catalogue.json', path: readonly PropertyKey[]) => number

function placesOf(files: Readonly<Record<string, string>>): Place {
  const lines = new Map(
    ['bundle.json', 'catalogue.json'].map((file) => [file, jsonLines(files[file] ?? '{}')] as const),
  )
  return (file, path) => lines.get(file)?.lineOf(path) ?? 1
}

function aboutApproval(posture: ToolPosture, place: Place, { bundle, at }: CheckInput): PolicyFinding[] {
  const { tool, approval, reach } = posture
  const line = place('catalogue.json', ['tools', bundle.catalogue.tools.indexOf(tool)])
  const say = (code: PolicyFindingCode, severity: PolicyFinding['severity'], message: string): PolicyFinding[] => [
    { code, severity, file: 'catalogue.json', line, subject: tool.name, message: `tool \`${tool.name}\` ${message}` },
  ]
  if (reach === 'none') return say('TOOL_NEVER_PERMITTED', 'notice', 'is permitted by no policy: nobody can use it')
  if (reach === 'forbidden') return say('TOOL_ALWAYS_FORBIDDEN', 'notice', 'is always forbidden, whatever permits it')
  if (tool.effect === 'none' || (approval === 'always' && tool.approval === undefined)) return []
  const declared = tool.approval?.needed
  if (declared !== undefined && declared !== approval) {
    const is = approval === 'never' ? 'needs none' : `needs one ${approval}${whenOf(posture)}`
    const how = `declares that an approval is needed ${declared}, and by the policies it ${is}`
    return say('APPROVAL_OTHER_THAN_DECLARED', 'error', how)
  }
  if (declared === 'always') return []
  const exempt = exemptionOf(bundle, tool.name, at)
  if (exempt?.state === 'in_force') {
    const { signedBy, expiresAt } = exempt.exemption
    const how = `is exempt from approval until ${isoTime(expiresAt).slice(0, 10)}, signed by ${signedBy}: ${exempt.exemption.reason}`
    return say('EFFECT_EXEMPT', 'notice', how)
  }
  if (approval === 'never') {
    const how = `has the effect \`${tool.effect}\` and can be used without any approval${exempt === null ? '' : ` (its exemption is ${exempt.state.replace('_', ' ')})`}: add a policy that asks, or an exemption signed by its owner`
    return say('EFFECT_WITHOUT_APPROVAL', 'error', how)
  }
  if (tool.approval !== undefined) {
    const how = `needs an approval only${whenOf(posture)}; accepted by ${tool.approval.accepted_by}: ${tool.approval.why}`
    return say('APPROVAL_DECLARED', 'notice', how)
  }
  const how = `has the effect \`${tool.effect}\` and needs an approval only${whenOf(posture)}: let its row in the catalogue declare \`approval\` with who accepts this, or ask always`
  return say('APPROVAL_DEPENDS', 'error', how)
}

type Exempt = { readonly exemption: Exemption; readonly state: ExemptionState | 'for some workflows only' }

/** The exemption of a tool that counts for every workflow, or else the first that there is and why it does not count. */
function exemptionOf({ exemptions, catalogue }: PolicyBundle, tool: string, at: number): Exempt | null {
  const all = exemptionFor(exemptions, tool, at)
  const each = catalogue.workflows.map(({ name }) => exemptionFor(exemptions, tool, at, name))
  const [some] = each
  const inForce = all ?? (each.every((one) => one !== null) ? some : null)
  if (inForce) return { exemption: inForce, state: 'in_force' }
  const first = exemptions.find((one) => one.tool === tool)
  if (!first) return null
  const state = exemptionState(first, at)
  return { exemption: first, state: state === 'in_force' ? 'for some workflows only' : state }
}

/** The conditions under which a person is asked, of each policy that asks. */
function whenOf({ policies }: ToolPosture): string {
  const asking = policies.filter((each) => each.kind === 'require_approval')
  if (asking.length === 0) return ''
  return ` when ${asking.map((each) => `${each.conditions.join(' and ')} (\`${each.policy}\`)`).join(', or when ')}`
}

function aboutCode({ bundle, codeTools }: CheckInput, place: Place): PolicyFinding[] {
  if (codeTools === undefined) return []
  const { tools } = bundle.catalogue
  const lineOf = (name: string) => place('catalogue.json', ['tools', tools.findIndex((row) => row.name === name)])
  const differences = toolDifferences(codeTools, bundle.tool).map(({ tool, kind, message }): PolicyFinding => {
    const code = kind === 'missing' ? 'TOOL_NOT_IN_CATALOGUE' : 'TOOL_DIFFERS'
    return { code, severity: 'error', file: 'catalogue.json', line: lineOf(tool), subject: tool, message }
  })
  const inCode = new Set(codeTools.map((tool) => tool.name))
  const only = tools
    .filter((row) => !inCode.has(row.name))
    .map((row): PolicyFinding => {
      const message = `tool \`${row.name}\` is in the catalogue, and no workflow of the project has it`
      const at = { file: 'catalogue.json', line: lineOf(row.name), subject: row.name }
      return { code: 'TOOL_ONLY_IN_CATALOGUE', severity: 'warning', ...at, message }
    })
  return [...differences, ...only]
}

function aboutPolicies(bundle: PolicyBundle, postures: readonly ToolPosture[]): PolicyFinding[] {
  const actions = actionShapes(bundle.catalogue)
  const found: PolicyFinding[] = []
  for (const [at, rule] of bundle.rules.entries()) {
    const say = (code: PolicyFindingCode, message: string) => found.push(about(rule, code, message))
    const mine = actions.filter((action) => isInScope(rule, action))
    const reached = mine.filter((action) => standingOf(rule, action).matches !== 'never')
    if (reached.length === 0)
      say('POLICY_NEVER_MATCHES', 'can never match: its conditions rule out every action it names')
    if (rule.kind === 'permit' && rule.scope === null)
      say('PERMIT_WITHOUT_ACTION', 'permits without naming an action: new tools are permitted as they are added')
    if (rule.kind === 'permit' && reached.length > 0) {
      const isOverruled = reached.every((action) =>
        bundle.rules.some((other) => other.kind === 'forbid' && standingOf(other, action).matches === 'always'),
      )
      if (isOverruled) say('PERMIT_OVERRULED', 'permits nothing: other policies always forbid all that it names')
    }
    const same = bundle.rules.slice(0, at).find((other) => meaningOf(other) === meaningOf(rule))
    if (same) say('POLICY_REPEATED', `says the same as \`${same.id}\``)
    if (rule.kind === 'require_approval') {
      const reads = postures
        .filter(({ tool }) => tool.effect === 'none' && reached.some((action) => action.id === `tool:${tool.name}`))
        .map(({ tool }) => `\`${tool.name}\``)
      if (reads.length > 0)
        say('APPROVAL_WITHOUT_EFFECT', `asks a person about ${reads.join(', ')}, which changes nothing outside`)
    }
  }
  return found
}

function about(rule: Rule, code: PolicyFindingCode, message: string): PolicyFinding {
  const at = { file: rule.file, line: rule.line, subject: rule.id }
  return { code, severity: 'warning', ...at, message: `policy \`${rule.id}\` ${message}` }
}

/** What a policy says, whatever its id, owner and reason: two with the same meaning decide the same. */
function meaningOf(rule: Rule): string {
  const { clauses, head } = partsOf(rule)
  return JSON.stringify([rule.kind, rule.scope && [...rule.scope].sort(), [...rule.approvers].sort(), head, clauses])
}

function aboutPoints({ rules }: PolicyBundle): PolicyFinding[] {
  const names = (rule: Rule, point: InterventionPoint) =>
    rule.scope?.some((name) => name === `point:${point}` || name === 'points') ?? false
  return POINT_NAMES.filter((point) => !POINTS[point].always).flatMap((point) => {
    const first = rules.find((rule) => names(rule, point))
    if (!first || rules.some((rule) => rule.kind === 'permit' && (rule.scope === null || names(rule, point)))) return []
    const message = `no policy permits \`point:${point}\`, so that everything is denied there`
    const at = { file: first.file, line: first.line, subject: point }
    return [{ code: 'POINT_WITHOUT_PERMIT', severity: 'warning', ...at, message }]
  })
}

const UNNAMED = /^(tbd|todo|unknown|none|nobody|n\/?a|owner|me|x+|-+|\?+)$/i

function aboutNames({ bundle, heldRoles }: CheckInput, place: Place): PolicyFinding[] {
  const found: PolicyFinding[] = []
  const { catalogue, rules, roles } = bundle
  const used = new Set([
    ...rules.flatMap((rule) => [...rule.approvers, ...rolesIn(rule.text)]),
    ...catalogue.workflows.flatMap((workflow) => workflow.roles),
    ...(bundle.signOff === null ? [] : [bundle.signOff.role]),
  ])
  for (const [index, role] of roles.entries()) {
    const at = { file: 'bundle.json', line: place('bundle.json', ['roles', index]), subject: role }
    const say = (code: PolicyFindingCode, message: string) => found.push({ code, severity: 'warning', ...at, message })
    if (!used.has(role)) say('ROLE_UNUSED', `role \`${role}\` is declared, and no policy or workflow speaks of it`)
    else if (heldRoles && !heldRoles.includes(role)) say('ROLE_HELD_BY_NOBODY', `role \`${role}\` is held by nobody`)
  }
  const given = new Set([...rules.map((rule) => rule.reason), ...bundle.duties.map((duty) => duty.reason)])
  for (const reason of reasonsOf(bundle.files).filter((each) => !given.has(each))) {
    const at = { file: 'bundle.json', line: place('bundle.json', ['reasons', reason]), subject: reason }
    found.push({
      code: 'REASON_UNUSED',
      severity: 'notice',
      ...at,
      message: `no policy gives the reason \`${reason}\``,
    })
  }
  for (const list of ['tools', 'models', 'workflows'] as const)
    for (const [index, row] of catalogue[list].entries())
      if (UNNAMED.test(row.owner)) {
        const at = { file: 'catalogue.json', line: place('catalogue.json', [list, index, 'owner']), subject: row.name }
        const message = `\`${row.name}\` has the owner \`${row.owner}\`: name who answers for it`
        found.push({ code: 'OWNER_UNNAMED', severity: 'warning', ...at, message })
      }
  return found
}

function rolesIn(text: string): readonly string[] {
  return [...text.matchAll(/Role::"([^"]+)"/g)].map((match) => match[1] ?? '')
}

function reasonsOf(files: Readonly<Record<string, string>>): readonly string[] {
  // A loaded bundle has been read already: the text is an object of this shape.
  const manifest = JSON.parse(files['bundle.json'] ?? '{}') as { readonly reasons?: Readonly<Record<string, string>> }
  return Object.keys(manifest.reasons ?? {})
}
