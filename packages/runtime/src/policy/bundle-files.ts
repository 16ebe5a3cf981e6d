import { z } from 'zod'
import type { ApprovalRules, CatalogueModel, CatalogueTool } from '../contracts/policy.ts'
import { checkDuties, checkDutyActs, DutiesField, type Duty, dutiesOf } from './duties.ts'
import { checkExemptions, type Exemption, ExemptionsFile, exemptionsOf } from './exemptions.ts'
import { jsonLines, lineAtOffset } from './json-lines.ts'
import { isPoint } from './points.ts'
import { isPolicyReason } from './reasons.ts'

/** One thing wrong with a bundle, at a place in one of its files. */
export interface BundleProblem {
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly message: string
}

/** A field that policy can see, by its Cedar type. */
export type FieldType = CatalogueTool['input'][string]

/** `bundle.json`: what the bundle is called, who answers for it, and the closed lists that policies may use. */
export interface BundleManifest {
  readonly name: string
  readonly version: string
  readonly owner: string
  readonly roles: readonly string[]
  /** Reason code to the sentence that people are shown. */
  readonly reasons: Readonly<Record<string, string>>
  /** Who may stand in for a reviewer and give standing approvals; without it nobody may. */
  readonly approvals?: ApprovalRules | undefined
  /** What one person may not combine. */
  readonly duties: readonly Duty[]
  /** How often the table of roles and tools has to be signed; null when the bundle does not ask for it. */
  readonly signOff: SignOffRule | null
  /** Who may change the policy while this bundle is in force. */
  readonly change: ChangeRoles
}

/** Roles of those who change the policy. */
export interface ChangeRoles {
  /** May propose another bundle. Default `policy-author`. */
  readonly authors: readonly string[]
  /** May activate what somebody else proposed. Default `policy-approver`. */
  readonly approvers: readonly string[]
  /** May take a bundle back alone, to be reviewed after. Default: the approvers. */
  readonly emergency: readonly string[]
}

/** That the table of roles and tools is signed by its owner, at least every so many days. */
export interface SignOffRule {
  readonly days: number
  /** Who may sign, as a role of the bundle. */
  readonly role: string
}

/** Who may start a workflow. A workflow that is not listed cannot be started by anyone. */
export interface CatalogueWorkflow {
  readonly name: string
  readonly owner: string
  readonly roles: readonly string[]
  /** `user`: the whole input is written by the one who starts the run. Absent: it may carry outside text. */
  readonly input?: 'user' | 'outside'
  /** Tools that a step may call, by node; a step that is not listed may call what the code lets it. */
  readonly steps?: Readonly<Record<string, readonly string[]>>
}

/** `catalogue.json`: the tools, models and workflows that exist for policy. */
export interface Catalogue {
  readonly tools: readonly CatalogueTool[]
  readonly models: readonly CatalogueModel[]
  readonly workflows: readonly CatalogueWorkflow[]
  /** Fields that policy sees at an intervention point other than tool and model calls; `{ text: String }` unless given. */
  readonly points: Readonly<Record<string, Readonly<Record<string, FieldType>>>>
}

const sentence = z.string().min(1).max(300)
const owner = z.string().min(1).max(100)
const role = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be lower case letters, digits and hyphens')
const fieldName = z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, 'must be a snake_case field name')
const fields = z.record(fieldName, z.enum(['Long', 'String', 'Bool', 'Set<String>']))
const code = z.string().regex(/^[A-Z][A-Z0-9_]{0,62}$/, 'must be capital letters, digits and underscores')

const ApprovalsPart = z.strictObject({
  delegates: z.array(role).default([]),
  delegation_days: z.int().min(1).max(366).default(31),
  standing: z
    .strictObject({
      authors: z.array(role).min(1),
      max_days: z.int().min(1).max(366),
      max_uses: z.int().min(1).max(100_000),
    })
    .nullable()
    .default(null),
})

const ManifestFile = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be lower case letters, digits and hyphens'),
  version: z.string().regex(/^\d+\.\d+\.\d+$/, 'must be a version such as 1.0.0'),
  owner,
  roles: z.array(role).min(1),
  reasons: z.record(code, sentence),
  duties: DutiesField.default([]),
  sign_off: z.strictObject({ days: z.int().min(1).max(366), role }).optional(),
  policy_authors: z.array(role).min(1).optional(),
  policy_approvers: z.array(role).min(1).optional(),
  policy_emergency: z.array(role).min(1).optional(),
  approvals: ApprovalsPart.optional(),
})
type ManifestText = z.output<typeof ManifestFile>

const REASONS = z.strictObject({
  class: z.exactOptional(sentence),
  effect: z.exactOptional(sentence),
  critical: z.exactOptional(sentence),
  output: z.exactOptional(sentence),
})

const CatalogueFile = z.strictObject({
  tools: z.array(
    z.strictObject({
      name: z.string().regex(/^[A-Za-z][\w./-]{0,127}$/, 'must be letters, digits, dots, slashes, hyphens'),
      class: z.string().regex(/^[a-z][a-z0-9_.]{0,62}$/, 'must be a class such as records.read'),
      effect: z.enum(['none', 'reversible', 'irreversible']),
      owner,
      blast_radius: sentence,
      input: fields,
      facts: fields,
      approval: z
        .strictObject({ needed: z.enum(['always', 'sometimes']), why: sentence, accepted_by: owner })
        .exactOptional(),
      critical: z.exactOptional(z.array(z.string().min(1).max(128))),
      output: z.exactOptional(z.enum(['inside', 'outside'])),
      reasons: z.exactOptional(REASONS),
      standing: z.boolean().exactOptional(),
    }),
  ),
  models: z.array(
    z.strictObject({
      name: z.string().regex(/^[a-z][a-z0-9-]*\/([^*\s]+\*?|\*)$/, 'must be provider/model, `*` only at the end'),
      owner,
    }),
  ),
  workflows: z.array(
    z.strictObject({
      name: z.string().min(1).max(128),
      owner,
      roles: z.array(role).min(1),
      input: z.exactOptional(z.enum(['user', 'outside'])),
      steps: z.exactOptional(z.record(z.string().min(1).max(128), z.array(z.string()))),
    }),
  ),
  points: z.record(z.string(), fields).default({}),
})

/** What the JSON files of a bundle say. */
export interface BundleTexts {
  readonly manifest: BundleManifest | null
  readonly catalogue: Catalogue | null
  readonly exemptions: readonly Exemption[]
}

/**
 * Reads `bundle.json`, `catalogue.json` and, where there is one, `exemptions.json`. What is wrong is added to `problems`,
 * and null is given for that file.
 */
export function readBundleFiles(files: Readonly<Record<string, string>>, problems: BundleProblem[]): BundleTexts {
  const text = readFile(files, 'bundle.json', ManifestFile, problems, checkManifest)
  const manifest = text === null ? null : manifestOf(text)
  const catalogue = readFile(files, 'catalogue.json', CatalogueFile, problems, (value, say) => {
    checkCatalogue(value, manifest, say)
    if (manifest !== null) checkDutyActs(manifest.duties, value.tools, (message) => say(['tools'], message))
  })
  if (!Object.hasOwn(files, 'exemptions.json') || catalogue === null) return { manifest, catalogue, exemptions: [] }
  const { tools, workflows } = catalogue
  const exempt = readFile(files, 'exemptions.json', ExemptionsFile, problems, (value, say) =>
    checkExemptions(value, tools, workflows, say),
  )
  return { manifest, catalogue, exemptions: exempt === null ? [] : exemptionsOf(exempt) }
}

function manifestOf({ duties, sign_off: signOff, ...text }: ManifestText): BundleManifest {
  const { policy_authors, policy_approvers, policy_emergency, ...rest } = text
  const approvers = policy_approvers ?? ['policy-approver']
  const change = { authors: policy_authors ?? ['policy-author'], approvers, emergency: policy_emergency ?? approvers }
  return { ...rest, duties: dutiesOf(duties), signOff: signOff ?? null, change }
}

type Say = (path: readonly PropertyKey[], message: string) => void

function readFile<T>(
  files: Readonly<Record<string, string>>,
  file: string,
  schema: z.ZodType<T>,
  problems: BundleProblem[],
  check: (value: T, say: Say) => void,
): T | null {
  const text = Object.hasOwn(files, file) ? files[file] : undefined
  if (text === undefined) {
    problems.push({ file, line: 1, message: `the bundle has no \`${file}\`: add it` })
    return null
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (thrown) {
    problems.push({ file, line: syntaxLine(text, thrown), message: `is not valid JSON: ${plain(thrown)}` })
    return null
  }
  const lines = jsonLines(text)
  const say: Say = (path, message) => {
    problems.push({ file, line: lines.lineOf(path), message: `${pathText(path)}${message}` })
  }
  for (const { key, line } of lines.duplicates) problems.push({ file, line, message: `\`${key}\` is given twice` })
  const parsed = schema.safeParse(json)
  if (parsed.success) {
    check(parsed.data, say)
    return parsed.data
  }
  for (const issue of parsed.error.issues) say(issue.path, lowerFirst(issue.message))
  return null
}

function checkManifest(manifest: ManifestText, say: Say): void {
  unique(manifest.roles, (index, name) => say(['roles', index], `role \`${name}\` is listed twice`))
  for (const name of Object.keys(manifest.reasons)) {
    if (isPolicyReason(name)) say(['reasons', name], `\`${name}\` is a code of the runtime: choose another`)
  }
  checkDuties(manifest.duties, manifest, say)
  for (const field of ['policy_authors', 'policy_approvers', 'policy_emergency'] as const) {
    for (const [index, name] of (manifest[field] ?? []).entries())
      if (!manifest.roles.includes(name)) say([field, index], `role \`${name}\` is not declared in bundle.json`)
  }
  const signer = manifest.sign_off?.role
  if (signer !== undefined && !manifest.roles.includes(signer))
    say(['sign_off', 'role'], `role \`${signer}\` is not declared in bundle.json`)
  const { delegates = [], standing } = manifest.approvals ?? {}
  for (const name of [...delegates, ...(standing?.authors ?? [])])
    if (!manifest.roles.includes(name)) say(['approvals'], `role \`${name}\` is not declared in \`roles\``)
}

function checkCatalogue(catalogue: Catalogue, manifest: BundleManifest | null, say: Say): void {
  for (const list of ['tools', 'models', 'workflows'] as const) {
    unique(
      catalogue[list].map((row) => row.name),
      (index, name) => say([list, index, 'name'], `\`${name}\` is listed twice`),
    )
  }
  for (const name of Object.keys(catalogue.points)) {
    if (!isPoint(name)) say(['points', name], `\`${name}\` is not an intervention point`)
  }
  for (const [at, { steps = {} }] of catalogue.workflows.entries())
    for (const [node, tools] of Object.entries(steps))
      for (const [index, name] of tools.entries()) {
        if (catalogue.tools.some((tool) => tool.name === name)) continue
        say(['workflows', at, 'steps', node, index], `tool \`${name}\` is not in the catalogue`)
      }
  if (manifest === null) return
  for (const [at, workflow] of catalogue.workflows.entries()) {
    for (const [index, name] of workflow.roles.entries()) {
      if (manifest.roles.includes(name)) continue
      say(['workflows', at, 'roles', index], `role \`${name}\` is not declared in bundle.json`)
    }
  }
}

function unique(names: readonly string[], twice: (index: number, name: string) => void): void {
  for (const [index, name] of names.entries()) if (names.indexOf(name) !== index) twice(index, name)
}

function syntaxLine(text: string, thrown: unknown): number {
  const position = /position (\d+)/.exec(plain(thrown))?.[1]
  return lineAtOffset(text, position === undefined ? text.length : Number(position))
}

function plain(thrown: unknown): string {
  return lowerFirst(thrown instanceof Error ? thrown.message : String(thrown))
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')
  return text === '' ? '' : `\`${text.replace(/^\./, '')}\` `
}
