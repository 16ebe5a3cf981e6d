import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import type { BundleManifest, BundleProblem } from './bundle-files.ts'
import { type ApprovalTerms, readTerms, TERM_ANNOTATIONS } from './approval-terms.ts'
import { type ActionShape, cedarSchema, NAMESPACE } from './cedar-schema.ts'
import { lineAtOffset } from './json-lines.ts'

/** What a policy does: permits, forbids, forbids until a person approves, or is only recorded. */
export type RuleKind = 'permit' | 'forbid' | 'require_approval' | 'warn'

/** One policy of the bundle with the annotations that Cedar itself does not give back in an answer. */
export interface Rule {
  readonly id: string
  readonly kind: RuleKind
  readonly owner: string
  /** Declared in bundle.json; null only for a permit. */
  readonly reason: string | null
  /** Roles of which the reviewer must hold one; empty unless the kind is require_approval. */
  readonly approvers: readonly string[]
  /** What it demands of an approval beside a role; empty unless the kind is require_approval. */
  readonly terms: ApprovalTerms
  readonly text: string
  readonly file: string
  readonly line: number
  /** Actions and action groups in its scope, or null when it is about every action. */
  readonly scope: readonly string[] | null
}

const ANNOTATIONS = new Set(['id', 'owner', 'reason', 'effect', 'approvers', 'description', ...TERM_ANNOTATIONS])
const ID = /^[a-z][a-z0-9._-]{0,99}$/

interface Draft {
  readonly rule: Rule
  readonly json: cedar.PolicyJson
  readonly start: number
}

/**
 * Parses and checks every `.cedar` file of the bundle, in order of path. What is wrong is added to `problems`; the rules
 * that could be read are given, and are not to be used when there are problems.
 */
export function readRules(
  files: Readonly<Record<string, string>>,
  manifest: BundleManifest,
  shapes: readonly ActionShape[],
  problems: BundleProblem[],
): readonly Rule[] {
  const drafts: Draft[] = []
  for (const file of Object.keys(files).sort()) {
    const text = files[file]
    if (file.endsWith('.cedar') && text !== undefined) drafts.push(...readFile(file, text, problems))
  }
  const seen = new Set<string>()
  for (const { rule, json } of drafts) {
    const say = (message: string) => problems.push({ file: rule.file, line: rule.line, message })
    if (seen.has(rule.id)) say(`policy id \`${rule.id}\` is used twice`)
    seen.add(rule.id)
    for (const message of ruleProblems(rule, json, manifest)) say(message)
  }
  problems.push(...typeProblems(drafts, files, shapes))
  return drafts.map((draft) => draft.rule)
}

function readFile(file: string, text: string, problems: BundleProblem[]): Draft[] {
  const parts = cedar.policySetTextToParts(text)
  if (parts.type !== 'success') {
    for (const error of parts.errors) {
      const at = error.sourceLocations?.[0]?.start ?? 0
      const expected = error.sourceLocations?.[0]?.label
      problems.push({ file, line: lineAtByte(text, at), message: error.message + (expected ? `: ${expected}` : '') })
    }
    return []
  }
  for (const template of parts.policy_templates) {
    problems.push({ file, line: lineOf(text, template), message: 'templates are not supported: write the policy out' })
  }
  const drafts = parts.policies.map((part) => readPolicy(file, text, part)).sort((a, b) => a.start - b.start)
  for (const { rule, json } of drafts) {
    for (const name of Object.keys(json.annotations ?? {})) {
      if (ANNOTATIONS.has(name)) continue
      problems.push({ file, line: rule.line, message: `\`@${name}\` is not a known annotation` })
    }
  }
  return drafts
}

function readPolicy(file: string, text: string, part: string): Draft {
  const answer = cedar.policyToJson(part)
  // The text has been parsed just before; an error here would be a fault of the parser, not of the bundle.
  if (answer.type !== 'success') throw new Error(answer.errors[0]?.message ?? 'policy could not be read')
  const { json } = answer
  const notes = json.annotations ?? {}
  const start = Math.max(0, text.indexOf(part))
  const rule: Rule = {
    id: notes.id ?? '',
    kind: kindOf(json),
    owner: notes.owner ?? '',
    reason: notes.reason ?? null,
    approvers: approversOf(notes.approvers),
    // Roles that do not exist are told with the other problems of the rule; here nothing is judged.
    terms: readTerms(notes, approversIn(notes)).terms,
    text: part,
    file,
    line: lineAtOffset(text, start),
    scope: scopeOf(json.action),
  }
  return { rule, json, start }
}

function kindOf(json: cedar.PolicyJson): RuleKind {
  if (json.effect === 'permit') return 'permit'
  const effect = json.annotations?.effect
  return effect === 'require_approval' || effect === 'warn' ? effect : 'forbid'
}

function approversOf(text: string | undefined): readonly string[] {
  const names = (text ?? '').split(',').map((part) => part.trim())
  return [...new Set(names.filter((name) => name !== '').map((name) => name.replace(/^role:/, '')))]
}

/** Every role that the escalations name, so that reading them judges no role. */
function approversIn(notes: Readonly<Record<string, string>>): readonly string[] {
  return [...(notes.escalate ?? '').matchAll(/role:(\S+)/g)].map(([, name = '']) => name)
}

function scopeOf(action: cedar.ActionConstraint): readonly string[] | null {
  if (action.op === 'All') return null
  const entities = 'entities' in action ? action.entities : 'entity' in action ? [action.entity] : []
  return entities.map((entity) => ('__entity' in entity ? entity.__entity.id : entity.id))
}

function ruleProblems(rule: Rule, json: cedar.PolicyJson, manifest: BundleManifest): string[] {
  const name = rule.id === '' ? 'a policy' : `policy \`${rule.id}\``
  const notes = json.annotations ?? {}
  const found: string[] = []
  if (!ID.test(rule.id)) found.push(`${name} needs an \`@id\` of lower case letters, digits, dots and hyphens`)
  if (rule.owner === '') found.push(`${name} needs an \`@owner\``)
  if (rule.reason === null && json.effect === 'forbid')
    found.push(`${name} needs a \`@reason\` declared in bundle.json`)
  if (rule.reason !== null && !Object.hasOwn(manifest.reasons, rule.reason)) {
    found.push(`${name} gives reason \`${rule.reason}\`, which bundle.json does not declare`)
  }
  if (notes.effect !== undefined && (json.effect === 'permit' || rule.kind === 'forbid')) {
    found.push(`${name} has \`@effect("${notes.effect}")\`: only a forbid may carry one, require_approval or warn`)
  }
  for (const role of rolesIn(json)) {
    if (!manifest.roles.includes(role)) found.push(`${name} names role \`${role}\`, which bundle.json does not declare`)
  }
  return [...found, ...approvalProblems(rule, json, manifest, name)]
}

function approvalProblems(rule: Rule, json: cedar.PolicyJson, manifest: BundleManifest, name: string): string[] {
  const found: string[] = []
  const asks = rule.kind === 'require_approval'
  const looks = mentionsApproval(json.conditions)
  if (asks && rule.approvers.length === 0) found.push(`${name} asks for approval and needs \`@approvers("role:…")\``)
  if (!asks && json.annotations?.approvers !== undefined) {
    found.push(`${name} has \`@approvers\` and does not ask for approval: add \`@effect("require_approval")\``)
  }
  const termNames = TERM_ANNOTATIONS.filter((term) => json.annotations?.[term] !== undefined)
  if (asks)
    for (const problem of readTerms(json.annotations ?? {}, manifest.roles).problems) found.push(`${name} ${problem}`)
  else if (termNames[0] !== undefined)
    found.push(`${name} has \`@${termNames[0]}\` and does not ask for approval: add \`@effect("require_approval")\``)
  if (asks && !looks) found.push(`${name} can never be approved: add \`unless { context has approval && … }\``)
  if (!asks && looks) {
    found.push(`${name} looks at \`context.approval\`: only a forbid with \`@effect("require_approval")\` may`)
  }
  for (const role of rule.approvers) {
    if (!manifest.roles.includes(role))
      found.push(`${name} names approver role \`${role}\`, which bundle.json does not declare`)
  }
  for (const entry of (json.annotations?.approvers ?? '').split(',')) {
    const text = entry.trim()
    if (text !== '' && !text.startsWith('role:')) found.push(`${name} has approver \`${text}\`: write \`role:${text}\``)
  }
  return found
}

function rolesIn(json: cedar.PolicyJson): ReadonlySet<string> {
  const roles = new Set<string>()
  visit(json, (node) => {
    if (node.type === `${NAMESPACE}::Role` && typeof node.id === 'string') roles.add(node.id)
  })
  return roles
}

function mentionsApproval(conditions: unknown): boolean {
  let found = false
  visit(conditions, ({ attr }) => {
    if (attr === 'approval' || (Array.isArray(attr) && attr.includes('approval'))) found = true
  })
  return found
}

function visit(value: unknown, each: (node: Readonly<Record<string, unknown>>) => void): void {
  if (typeof value !== 'object' || value === null) return
  // An object of parsed JSON: any key may be there.
  if (!Array.isArray(value)) each(value as Readonly<Record<string, unknown>>)
  for (const child of Object.values(value)) visit(child, each)
}

function typeProblems(
  drafts: readonly Draft[],
  files: Readonly<Record<string, string>>,
  shapes: readonly ActionShape[],
): BundleProblem[] {
  if (drafts.length === 0) return []
  const policies = Object.fromEntries(drafts.map(({ rule }, index) => [`p${index}`, rule.text]))
  const answer = cedar.validate({ schema: cedarSchema(shapes), policies: { staticPolicies: policies } })
  if (answer.type !== 'success') {
    return answer.errors.map((error) => ({ file: 'catalogue.json', line: 1, message: lower(error.message) }))
  }
  return answer.validationErrors.map(({ policyId, error }) => {
    const draft = drafts[Number(policyId.slice(1))]
    if (draft === undefined) return { file: 'catalogue.json', line: 1, message: lower(error.message) }
    const { rule, start } = draft
    const inside = Buffer.from(rule.text)
      .subarray(0, error.sourceLocations?.[0]?.start ?? 0)
      .toString().length
    const message = error.message.replace(`for policy \`${policyId}\``, `for policy \`${rule.id}\``)
    const help = error.help === null ? '' : ` (${error.help})`
    return {
      file: rule.file,
      line: lineAtOffset(files[rule.file] ?? '', start + inside),
      message: lower(message + help),
    }
  })
}

function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

/** Cedar counts in bytes of UTF-8. */
function lineAtByte(text: string, byte: number): number {
  return lineAtOffset(text, Buffer.from(text).subarray(0, byte).toString().length)
}

function lineOf(text: string, part: string): number {
  return lineAtOffset(text, Math.max(0, text.indexOf(part)))
}
