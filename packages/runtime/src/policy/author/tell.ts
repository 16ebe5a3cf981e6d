/** One decision in plain words: what was asked, and how each policy of the bundle stood to it. */
import { canonicalJson, type JsonObject, type JsonValue } from '../../base/json.ts'
import type { Decision, PolicyRequest } from '../../contracts/policy.ts'
import type { PolicyBundle } from '../bundle.ts'
import { holdsAlone, type CedarQuery } from '../cedar.ts'
import { type ActionShape, actionShapes, cedarSchema } from '../cedar-schema.ts'
import { queryOf, withApproval } from '../decide.ts'
import { project } from '../project.ts'
import type { Rule, RuleKind } from '../rules.ts'
import { asExpr, conjuncts, type Expr, isInScope, partsOf, policyWith, textOf } from './structure.ts'

/** How one policy stood to a question. */
export interface PolicyTold {
  readonly id: string
  readonly kind: RuleKind
  readonly owner: string
  readonly file: string
  readonly line: number
  /**
   * `decided`: it made the verdict. `matched`: it held, and others decided. `not_matched`: a condition did not hold.
   * `error`: it could not be evaluated. Policies about other actions are only counted.
   */
  readonly stood: 'decided' | 'matched' | 'not_matched' | 'error'
  /**
   * Of one that did not match: the condition that did not hold. Of one that matched although an `unless` could set it
   * aside: the part of that which did not hold. As Cedar text without the namespace; null otherwise.
   */
  readonly because: string | null
  /** Values that the condition looks at, such as `context.input.amount_minor` to `4200`. They are content. */
  readonly values: Readonly<Record<string, string>>
}

/** A decision, told. */
export interface DecisionTold {
  readonly verdict: Decision['verdict']
  readonly reason: string
  /** The sentence of the reason, or null when nothing declares it. */
  readonly sentence: string | null
  readonly policies: readonly PolicyTold[]
  /** Policies of the bundle that are about other actions. */
  readonly otherActions: number
  /** For each policy that asks: roles of which the reviewer must hold one. */
  readonly approvers: readonly { readonly policy: string; readonly roles: readonly string[] }[]
  /** `name@hash`. */
  readonly bundle: string
}

/**
 * Tells a decision that the bundle took. Every policy is asked by itself, so that what is told follows from the policies
 * and not from how the decision was made; a value that cannot be shown to policy leaves them all untold.
 */
export function tellDecision(
  bundle: PolicyBundle,
  request: PolicyRequest,
  decision: Omit<Decision, 'id'>,
): DecisionTold {
  const shape = shapeOf(bundle, request)
  const plain = shape && queryOf(shape, request)
  const query = plain && request.approval ? withApproval(plain, request.approval, decision.asks) : plain
  const mine = shape ? bundle.rules.filter((rule) => isInScope(rule, shape)) : []
  return {
    verdict: decision.verdict,
    reason: decision.reason_code,
    sentence: bundle.sentence(decision.reason_code),
    policies: shape && query ? mine.map((rule) => toldOf(rule, shape, query, decision)) : [],
    otherActions: bundle.rules.length - mine.length,
    approvers: decision.asks.map(({ id, approvers }) => ({ policy: id, roles: approvers })),
    bundle: decision.bundle,
  }
}

/** The fields of a question that the catalogue lets policy see; what is missing or of another type is left out. */
export function projectedValues(
  bundle: PolicyBundle,
  request: PolicyRequest,
): { readonly input: JsonObject; readonly facts: JsonObject } {
  const shape = shapeOf(bundle, request)
  const only = (declared: ActionShape['input'], values: JsonObject): JsonObject =>
    Object.assign({}, ...Object.entries(declared).map(([name, type]) => project({ [name]: type }, values) ?? {}))
  return { input: only(shape?.input ?? {}, request.input), facts: only(shape?.facts ?? {}, request.facts) }
}

function shapeOf({ catalogue }: PolicyBundle, { point, action }: PolicyRequest): ActionShape | null {
  const shapes = actionShapes(catalogue)
  if (point === 'pre_tool_call') return shapes.find((shape) => shape.id === `tool:${action.name}`) ?? null
  if (point !== 'pre_model_call') return shapes.find((shape) => shape.id === `point:${point}`) ?? null
  const fits = shapes.filter(({ id }) =>
    id.endsWith('*') ? `model:${action.name}`.startsWith(id.slice(0, -1)) : id === `model:${action.name}`,
  )
  return (
    fits.sort((a, b) => Number(a.id.endsWith('*')) - Number(b.id.endsWith('*')) || b.id.length - a.id.length)[0] ?? null
  )
}

function toldOf(rule: Rule, shape: ActionShape, query: CedarQuery, decision: Omit<Decision, 'id'>): PolicyTold {
  const { id, kind, owner, file, line } = rule
  const told = { id, kind, owner, file, line, because: null, values: {} }
  const failed = firstFailed(rule, shape, query)
  if (failed === null) {
    const stood = decision.policies.includes(id) ? 'decided' : 'matched'
    const lifts = notLifted(rule, shape, query)
    return lifts
      ? { ...told, stood, because: `not (${textOf(lifts)})`, values: valuesOf(lifts, query) }
      : { ...told, stood }
  }
  const because = failed.not ? `not (${textOf(failed.expr)})` : textOf(failed.expr)
  // A warning that is set aside by what decides is told as it stood.
  return { ...told, stood: failed.error ? 'error' : 'not_matched', because, values: valuesOf(failed.expr, query) }
}

/** Of a policy that an `unless` could set aside: the first part of it that does not hold. */
function notLifted(rule: Rule, shape: ActionShape, query: CedarQuery): Expr | null {
  const lifting = partsOf(rule).clauses.find((clause) => clause.kind === 'unless')
  return lifting ? firstFalse(lifting.body, shape, query) : null
}

/** The first part of a conjunction that does not hold; parts are tried in order, since one may guard the next. */
function firstFalse(body: Expr, shape: ActionShape, query: CedarQuery): Expr | null {
  const schema = cedarSchema([shape])
  let before: Expr | null = null
  for (const part of conjuncts(body)) {
    const together: Expr = before === null ? part : { '&&': { left: before, right: part } }
    if (holdsAlone(schema, policyWith(together, 'part'), query) !== true) return part
    before = together
  }
  return null
}

interface Failed {
  readonly expr: Expr
  /** The condition would have to be false. */
  readonly not: boolean
  readonly error: boolean
}

/** The first condition that keeps the policy from matching. */
function firstFailed(rule: Rule, shape: ActionShape, query: CedarQuery): Failed | null {
  const schema = cedarSchema([shape])
  const holds = (expr: Expr) => holdsAlone(schema, policyWith(expr, 'part'), query)
  for (const { kind, body } of partsOf(rule).clauses) {
    if (kind === 'unless') {
      const value = holds(body)
      if (value !== false) return { expr: body, not: true, error: value === null }
      continue
    }
    const part = firstFalse(body, shape, query)
    if (part) return { expr: part, not: false, error: holds(body) === null }
  }
  return null
}

/** What the paths that an expression looks at hold in the query, as text; at most ten. */
function valuesOf(expr: Expr, { context, entities }: CedarQuery): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  // The context was made by `queryOf`: plain JSON.
  const values = context as unknown as Readonly<Record<string, JsonValue>>
  for (const path of pathsIn(expr)) {
    if (Object.keys(found).length >= 10) break
    const [root, part = '', field = ''] = path
    if (root === 'context' && part === 'approval') found['context.approval'] = 'approval' in values ? 'given' : 'none'
    else if (root === 'context' && field !== '') found[path.join('.')] = valueText(asExpr(values[part])?.[field])
    else if (root === 'principal' && part === 'user') found['principal.user'] = rolesText(entities)
    else if (root === 'principal') found[path.slice(0, 2).join('.')] = valueText(attrsOf(entities, 'Run')?.[part])
  }
  return found
}

function valueText(value: unknown): string {
  // A field of the context or of an entity: plain JSON.
  return value === undefined ? 'not there' : canonicalJson(value as JsonValue)
}

function attrsOf(entities: CedarQuery['entities'], type: string) {
  return asExpr(entities.find((entity) => 'type' in entity.uid && entity.uid.type.endsWith(`::${type}`))?.attrs)
}

/** The requester is the first person among the entities; an approver comes behind. */
function rolesText(entities: CedarQuery['entities']): string {
  const user = entities.find((entity) => 'type' in entity.uid && entity.uid.type.endsWith('::User'))
  const roles = (user?.parents ?? []).map((parent) => ('id' in parent ? parent.id : parent.__entity.id))
  return `roles ${roles.join(', ') || 'none'}`
}

/** Paths such as `context`, `input`, `amount` that occur in an expression, each once. */
function pathsIn(expr: unknown): readonly (readonly string[])[] {
  const found = new Map<string, readonly string[]>()
  const walk = (value: unknown): void => {
    const node = asExpr(value)
    const path = node && pathOf(node)
    if (path && path.length > 1) found.set(path.join('.'), path)
    else if (node) for (const child of Object.values(node)) walk(child)
    else if (Array.isArray(value)) for (const child of value) walk(child)
  }
  walk(expr)
  return [...found.values()]
}

function pathOf(node: Expr): readonly string[] | null {
  if (typeof node.Var === 'string') return [node.Var]
  const get = asExpr(node['.']) ?? asExpr(node.has)
  const left = asExpr(get?.left)
  const before = left && pathOf(left)
  const attr = Array.isArray(get?.attr) ? get.attr.join('.') : get?.attr
  return before && typeof attr === 'string' ? [...before, attr] : null
}
