/** What somebody with one role may do with each tool, computed from the policies alone. */
import { sha256Hex } from '../../base/hash.ts'
import { canonicalJson } from '../../base/json.ts'
import type { EffectClass } from '../../contracts/common.ts'
import type { RolesSigned } from '../../contracts/policy-history.ts'
import type { PolicyBundle } from '../bundle.ts'
import type { SignOffRule } from '../bundle-files.ts'
import { type ActionShape, actionShapes } from '../cedar-schema.ts'
import type { Rule, RuleKind } from '../rules.ts'
import { standingOf } from './structure.ts'

/**
 * `allowed`: nobody is asked. `asks_sometimes`, `asks`: a person is asked, under conditions or always. `denied`: whatever
 * the call is. Where it cannot be told from the policies, the answer is the more permissive one.
 */
export type CellVerdict = 'allowed' | 'asks_sometimes' | 'asks' | 'denied'

/** A condition on which a cell rests. */
export interface CellCondition {
  readonly policy: string
  readonly kind: RuleKind
  /** Reason code of a forbid; null for a permit. */
  readonly reason: string | null
  /** Cedar text without the namespace; all have to hold for the policy to match. */
  readonly when: readonly string[]
}

/** What somebody who holds one role, and no other, may do with one tool. */
export interface MatrixCell {
  readonly verdict: CellVerdict
  /** Why it is denied: a reason code; null for the others. */
  readonly reason: string | null
  /** Roles that may answer when a person is asked. */
  readonly approvers: readonly string[]
  /** On what it depends; empty when it holds for every call. */
  readonly conditions: readonly CellCondition[]
}

/** One tool, with a cell for each role in the order of the matrix. */
export interface MatrixRow {
  readonly tool: string
  readonly class: string
  readonly effect: EffectClass
  readonly owner: string
  readonly cells: readonly MatrixCell[]
}

/** Roles and tools of a bundle. The last column is somebody who holds every role, `ALL_ROLES`. */
export interface RoleMatrix {
  readonly bundle: string
  readonly roles: readonly string[]
  readonly rows: readonly MatrixRow[]
  /** SHA-256 (hex) over roles and rows: equal as long as nobody may do more or less than before. */
  readonly hash: string
}

/** The column of somebody who holds every role: what takes several roles at once shows there. */
export const ALL_ROLES = '(all roles)'

/** Computes the matrix of a bundle. */
export function roleMatrix(bundle: Pick<PolicyBundle, 'bundle' | 'catalogue' | 'rules' | 'roles'>): RoleMatrix {
  const shapes = new Map(actionShapes(bundle.catalogue).map((shape) => [shape.id, shape]))
  const holders: readonly (readonly string[])[] = [...bundle.roles.map((role) => [role]), bundle.roles]
  const rows = bundle.catalogue.tools.flatMap((tool) => {
    const shape = shapes.get(`tool:${tool.name}`)
    if (!shape) return []
    const cells = holders.map((roles) => cellOf(shape, roles, bundle.rules))
    return [{ tool: tool.name, class: tool.class, effect: tool.effect, owner: tool.owner, cells }]
  })
  const roles = [...bundle.roles, ALL_ROLES]
  // Through JSON: what is hashed is what is stored and shown.
  const hash = sha256Hex(canonicalJson(JSON.parse(JSON.stringify({ roles, rows }))))
  return { bundle: bundle.bundle, roles, rows, hash }
}

function cellOf(shape: ActionShape, roles: readonly string[], rules: readonly Rule[]): MatrixCell {
  const found = rules.flatMap((rule) => {
    const { matches, conditions } = standingOf(rule, { ...shape, roles })
    return matches === 'never' ? [] : [{ rule, always: matches === 'always', conditions }]
  })
  const of = (kind: RuleKind) => found.filter(({ rule }) => rule.kind === kind)
  const permits = of('permit')
  if (permits.length === 0) return denied('NO_PERMIT')
  const barred = of('forbid').find(({ always }) => always)
  if (barred) return denied(barred.rule.reason ?? 'NO_PERMIT')
  const asking = of('require_approval')
  const always = asking.some((each) => each.always)
  // A permit without conditions makes those of the others say nothing.
  const bound = permits.some((each) => each.always) ? [] : permits
  const conditions = [...bound, ...of('forbid'), ...asking]
    .filter((each) => !each.always)
    .map(({ rule, conditions: when }) => ({ policy: rule.id, kind: rule.kind, reason: rule.reason, when }))
  return {
    verdict: always ? 'asks' : asking.length > 0 ? 'asks_sometimes' : 'allowed',
    reason: null,
    approvers: [...new Set(asking.flatMap(({ rule }) => rule.approvers))].sort(),
    conditions,
  }
}

function denied(reason: string): MatrixCell {
  return { verdict: 'denied', reason, approvers: [], conditions: [] }
}

/**
 * How the signature of the matrix stands. `not_asked`: the bundle does not ask for one. `missing`: nobody has signed.
 * `changed`: somebody may do more or less than what was signed. `expired`: it was signed too long ago.
 */
export type SignOffState = 'not_asked' | 'missing' | 'changed' | 'expired' | 'signed'

/** The state of the last signature at a time (milliseconds since 1970). The days of the bundle in force count. */
export function signOffState(
  signed: readonly RolesSigned[],
  matrix: Pick<RoleMatrix, 'hash'>,
  rule: SignOffRule | null,
  at: number,
): SignOffState {
  const last = signed.at(-1)
  if (last === undefined) return rule === null ? 'not_asked' : 'missing'
  const until = Math.min(Date.parse(last.expires_at), Date.parse(last.at) + (rule?.days ?? Infinity) * 86_400_000)
  if (last.matrix !== matrix.hash) return rule === null ? 'not_asked' : 'changed'
  return at < until ? 'signed' : 'expired'
}
