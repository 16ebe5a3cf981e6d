/** What differs between two bundles by what they mean: another order, spelling or file of the same policy is no difference. */
import { canonicalJson, toJsonValue } from '../../base/json.ts'
import type { PolicyBundle } from '../bundle.ts'
import type { Rule } from '../rules.ts'
import { type ToolPosture, toolPostures } from './posture.ts'
import { partsOf, textOf } from './structure.ts'

/** One difference. `loosens` marks what may let something pass that was stopped, or stop asking a person. */
export interface BundleDifference {
  readonly what:
    | 'policy'
    | 'tool'
    | 'model'
    | 'workflow'
    | 'role'
    | 'reason'
    | 'point'
    | 'approval'
    | 'exemption'
    | 'duty'
    | 'sign_off'
  readonly how: 'added' | 'removed' | 'changed'
  readonly name: string
  /** Sentences: which part, from what to what; empty where it was added or removed as a whole. */
  readonly details: readonly string[]
  readonly loosens: boolean
}

/** Every difference from `before` to `after`: policies first, then the catalogue, then what follows for approvals. */
export function bundleDifferences(before: PolicyBundle, after: PolicyBundle): readonly BundleDifference[] {
  const rows = (list: 'tools' | 'models' | 'workflows', what: 'tool' | 'model' | 'workflow') =>
    compared(what, byName(before.catalogue[list]), byName(after.catalogue[list]))
  return [
    ...policyDifferences(before.rules, after.rules),
    ...rows('tools', 'tool'),
    ...rows('models', 'model'),
    ...rows('workflows', 'workflow'),
    ...compared('point', entries(before.catalogue.points), entries(after.catalogue.points)),
    ...compared('role', names(before.roles), names(after.roles)),
    ...compared('reason', entries(reasonsOf(before)), entries(reasonsOf(after))),
    ...compared('exemption', exemptionsOf(before), exemptionsOf(after)),
    ...compared('duty', dutiesOf(before), dutiesOf(after)),
    ...compared('sign_off', signOffOf(before), signOffOf(after)),
    ...approvalDifferences(toolPostures(before), toolPostures(after)),
  ]
}

function policyDifferences(before: readonly Rule[], after: readonly Rule[]): BundleDifference[] {
  const [old, now] = [before, after].map((rules) => new Map(rules.map((rule) => [rule.id, rule])))
  const found: BundleDifference[] = []
  for (const rule of before)
    if (!now?.has(rule.id))
      found.push({
        what: 'policy',
        how: 'removed',
        name: rule.id,
        details: [saysOf(rule)],
        loosens: rule.kind !== 'permit',
      })
  for (const rule of after) {
    const was = old?.get(rule.id)
    if (!was) {
      found.push({
        what: 'policy',
        how: 'added',
        name: rule.id,
        details: [saysOf(rule)],
        loosens: rule.kind === 'permit',
      })
      continue
    }
    const details = changesOf(facesOf(was), facesOf(rule))
    // What a changed condition lets pass cannot be told from its text: it counts as loosened unless only names changed.
    const loosens = details.some((detail) => !/^(owner|reason) /.test(detail))
    if (details.length > 0) found.push({ what: 'policy', how: 'changed', name: rule.id, details, loosens })
  }
  return found
}

function saysOf(rule: Rule): string {
  const { kind, actions, approvers } = facesOf(rule)
  return `${kind} about ${actions}${approvers === 'none' ? '' : `, asks ${approvers}`}`
}

function facesOf(rule: Rule): Readonly<Record<string, string>> {
  const { clauses, head } = partsOf(rule)
  return {
    kind: rule.kind,
    actions: rule.scope === null ? 'every action' : [...rule.scope].sort().join(', '),
    approvers: [...rule.approvers].sort().join(', ') || 'none',
    reason: rule.reason ?? 'none',
    owner: rule.owner,
    head: head.join(' and ') || 'any run',
    conditions: clauses.map(({ kind, body }) => `${kind} { ${textOf(body)} }`).join(' ') || 'none',
  }
}

function changesOf(was: Readonly<Record<string, string>>, is: Readonly<Record<string, string>>): readonly string[] {
  const keys = [...new Set([...Object.keys(was), ...Object.keys(is)])]
  return keys
    .filter((key) => was[key] !== is[key])
    .map((key) => `${key} from \`${was[key] ?? 'nothing'}\` to \`${is[key] ?? 'nothing'}\``)
}

type Faces = ReadonlyMap<string, Readonly<Record<string, string>>>

function compared(what: BundleDifference['what'], before: Faces, after: Faces): BundleDifference[] {
  const found: BundleDifference[] = []
  for (const name of before.keys())
    if (!after.has(name)) found.push({ what, how: 'removed', name, details: [], loosens: false })
  for (const [name, face] of after) {
    const was = before.get(name)
    if (!was) {
      found.push({ what, how: 'added', name, details: [], loosens: !HARMLESS_TO_ADD.has(what) })
      continue
    }
    const details = changesOf(was, face)
    const loosens = what !== 'reason' && details.length > 0
    if (details.length > 0) found.push({ what, how: 'changed', name, details, loosens })
  }
  return found
}

const HARMLESS_TO_ADD: ReadonlySet<BundleDifference['what']> = new Set(['role', 'reason', 'duty', 'sign_off'])

function byName(rows: readonly object[]): Faces {
  return new Map(
    rows.map((row) => {
      const { name, ...rest } = row as { readonly name: string }
      return [name, facesOfRow(rest)] as const
    }),
  )
}

function entries(table: Readonly<Record<string, unknown>>): Faces {
  return new Map(Object.entries(table).map(([name, value]) => [name, facesOfRow({ value })]))
}

function names(list: readonly string[]): Faces {
  return new Map(list.map((name) => [name, {}]))
}

function facesOfRow(row: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(row)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, typeof value === 'string' ? value : canonicalJson(toJsonValue(value, key))]),
  )
}

function reasonsOf({ files }: PolicyBundle): Readonly<Record<string, unknown>> {
  // Both bundles were loaded, so that their files have been read as this shape.
  const manifest = JSON.parse(files['bundle.json'] ?? '{}') as { readonly reasons?: Readonly<Record<string, unknown>> }
  return manifest.reasons ?? {}
}

function exemptionsOf(bundle: PolicyBundle): Faces {
  return new Map(bundle.exemptions.map((row, at) => [`${row.tool} (${at + 1})`, facesOfRow({ ...row })]))
}

function dutiesOf(bundle: PolicyBundle): Faces {
  return new Map(bundle.duties.map(({ id, ...duty }) => [id, facesOfRow(duty)]))
}

function signOffOf(bundle: PolicyBundle): Faces {
  return bundle.signOff === null ? new Map() : new Map([['sign_off', facesOfRow({ ...bundle.signOff })]])
}

function approvalDifferences(before: readonly ToolPosture[], after: readonly ToolPosture[]): BundleDifference[] {
  const old = new Map(before.map((posture) => [posture.tool.name, posture]))
  return after.flatMap((posture): BundleDifference[] => {
    const was = old.get(posture.tool.name)
    if (!was || posture.tool.effect === 'none') return []
    const details = changesOf(
      { approval: was.approval, reach: was.reach },
      { approval: posture.approval, reach: posture.reach },
    )
    if (details.length === 0) return []
    const weaker = APPROVAL_WEIGHT[posture.approval] < APPROVAL_WEIGHT[was.approval] || posture.reach === 'possible'
    return [{ what: 'approval', how: 'changed', name: posture.tool.name, details, loosens: weaker }]
  })
}

const APPROVAL_WEIGHT = { never: 0, sometimes: 1, always: 2 } as const
