/** What a policy says about one action, read from its structure alone: soundly, and without deciding any request. */
import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import { type ActionShape, NAMESPACE } from '../cedar-schema.ts'
import type { Rule } from '../rules.ts'

/** A part of a condition, as Cedar's JSON form has it. */
export type Expr = Readonly<Record<string, unknown>>

/** One `when` or `unless` of a policy. */
export interface Clause {
  readonly kind: 'when' | 'unless'
  readonly body: Expr
}

/** A policy taken apart. */
export interface PolicyParts {
  readonly clauses: readonly Clause[]
  /** Limits of the policy's head beyond its actions, as text; empty for `is Signalbox::Run` and `is Signalbox::Target`. */
  readonly head: readonly string[]
}

/** An action, and where it is known the roles of the person on whose behalf it is asked. */
export interface KnownAction extends ActionShape {
  readonly roles?: readonly string[]
}

/**
 * How a policy stands to one action. `never`: whatever is asked, it does not match. `always`: it matches whatever is
 * asked; a policy that asks for a person, until somebody approves. `sometimes`: it depends on `conditions`.
 */
export interface Standing {
  readonly matches: 'never' | 'always' | 'sometimes'
  /** What it depends on, as Cedar text without the namespace. */
  readonly conditions: readonly string[]
}

const parsed = new WeakMap<Rule, PolicyParts>()

/** Takes a policy of a loaded bundle apart. */
export function partsOf(rule: Rule): PolicyParts {
  const known = parsed.get(rule)
  if (known) return known
  const answer = cedar.policyToJson(rule.text)
  // It was parsed when the bundle was loaded; an error here is a fault of the parser.
  if (answer.type !== 'success') throw new Error(answer.errors[0]?.message ?? 'policy could not be read')
  const { principal, resource, conditions } = answer.json
  const parts: PolicyParts = {
    // Cedar's expressions are objects of one key; the walk below reads them by that key.
    clauses: conditions.map(({ kind, body }) => ({ kind, body: body as Expr })),
    head: [...headLimit('principal', principal, 'Run'), ...headLimit('resource', resource, 'Target')],
  }
  parsed.set(rule, parts)
  return parts
}

function headLimit(what: string, limit: { readonly op: string }, type: string): string[] {
  const plain =
    limit.op === 'All' ||
    (limit.op === 'is' && 'entity_type' in limit && limit.entity_type === `${NAMESPACE}::${type}` && !('in' in limit))
  return plain ? [] : [`${what} ${limit.op} ${JSON.stringify(limit)}`]
}

/** How the policy stands to the action, by its head, its actions and what its conditions say of the action itself. */
export function standingOf(rule: Rule, action: KnownAction): Standing {
  if (!isInScope(rule, action)) return NEVER
  const { clauses, head } = partsOf(rule)
  const conditions = [...head]
  for (const { kind, body } of clauses) {
    const holds = holdsFor(body, action)
    if (holds === (kind === 'unless')) return NEVER
    if (holds !== null) continue
    if (kind === 'unless' && rule.kind === 'require_approval' && needsApproval(body)) continue
    const text = textOf(simplified(body, action))
    conditions.push(kind === 'when' ? text : `not (${text})`)
  }
  return { matches: conditions.length === 0 ? 'always' : 'sometimes', conditions }
}

const NEVER: Standing = { matches: 'never', conditions: [] }

/** True when the policy's head names the action, a group of it, or every action. */
export function isInScope(rule: Rule, action: ActionShape): boolean {
  return rule.scope === null || rule.scope.some((name) => name === action.id || action.groups.includes(name))
}

/** The parts of a condition that all have to hold. */
export function conjuncts(body: Expr): readonly Expr[] {
  const both = sides(body, '&&')
  return both ? [...conjuncts(both.left), ...conjuncts(both.right)] : [body]
}

/** True, false, or null when it depends on more than the action. What cannot be told is null (never a guess). */
export function holdsFor(expr: Expr, action: KnownAction): boolean | null {
  if (typeof expr.Value === 'boolean') return expr.Value
  const and = sides(expr, '&&')
  if (and) return all([holdsFor(and.left, action), holdsFor(and.right, action)])
  const or = sides(expr, '||')
  if (or) return negated(all([negated(holdsFor(or.left, action)), negated(holdsFor(or.right, action))]))
  const not = asExpr(asExpr(expr['!'])?.arg)
  if (not) return negated(holdsFor(not, action))
  const equal = sides(expr, '==')
  if (equal) return isSame(equal.left, equal.right, action)
  const unequal = sides(expr, '!=')
  if (unequal) return negated(isSame(unequal.left, unequal.right, action))
  const within = sides(expr, 'in')
  return within ? isWithin(within.left, within.right, action) : null
}

function all(parts: readonly (boolean | null)[]): boolean | null {
  if (parts.includes(false)) return false
  return parts.includes(null) ? null : true
}

function negated(value: boolean | null): boolean | null {
  return value === null ? null : !value
}

function isSame(left: Expr, right: Expr, action: KnownAction): boolean | null {
  const [one, other] = [left, right].map((side) => (side.Var === 'action' ? action.id : actionId(side)))
  if (one !== null && other !== null) return one === other
  // The runtime tells policy the same tenant of the run and of its target.
  const pair = [left, right].map((side) => JSON.stringify(side)).sort()
  return pair.join() === TENANTS.join() ? true : null
}

const tenantOf = (name: string) => JSON.stringify({ '.': { left: { Var: name }, attr: 'tenant' } })
const TENANTS = [tenantOf('principal'), tenantOf('resource')]

function isWithin(left: Expr, right: Expr, action: KnownAction): boolean | null {
  if (isUser(left)) return action.roles === undefined ? null : holdsRole(right, action.roles)
  if (left.Var !== 'action') return null
  const names = Array.isArray(right.Set) ? right.Set.map((each) => actionId(asExpr(each) ?? {})) : [actionId(right)]
  if (names.includes(null)) return null
  return names.some((name) => name === action.id || action.groups.includes(name ?? ''))
}

function isUser(expr: Expr): boolean {
  const access = asExpr(expr['.'])
  return access?.attr === 'user' && asExpr(access.left)?.Var === 'principal'
}

/** Whether somebody with these roles and no others is in the role, or in one of the roles; null for anything else. */
function holdsRole(right: Expr, roles: readonly string[]): boolean | null {
  const named = Array.isArray(right.Set) ? right.Set.map((each) => roleId(asExpr(each) ?? {})) : [roleId(right)]
  if (named.includes(null)) return null
  return named.some((name) => roles.includes(name ?? ''))
}

function roleId(expr: Expr): string | null {
  const entity = asExpr(asExpr(expr.Value)?.__entity)
  return entity?.type === `${NAMESPACE}::Role` && typeof entity.id === 'string' ? entity.id : null
}

function actionId(expr: Expr): string | null {
  const entity = asExpr(asExpr(expr.Value)?.__entity)
  return entity?.type === `${NAMESPACE}::Action` && typeof entity.id === 'string' ? entity.id : null
}

/** True when the condition cannot hold without an approval: every way to make it true looks at `context has approval`. */
function needsApproval(expr: Expr): boolean {
  const and = sides(expr, '&&')
  if (and) return needsApproval(and.left) || needsApproval(and.right)
  const or = sides(expr, '||')
  if (or) return needsApproval(or.left) && needsApproval(or.right)
  const has = asExpr(expr.has)
  const attr = has?.attr
  const named = attr === 'approval' || (Array.isArray(attr) && attr[0] === 'approval')
  return named && asExpr(has?.left)?.Var === 'context'
}

/** The condition without the parts that are true for the action anyway. */
function simplified(expr: Expr, action: KnownAction): Expr {
  const and = sides(expr, '&&')
  if (and) {
    if (holdsFor(and.left, action) === true) return simplified(and.right, action)
    if (holdsFor(and.right, action) === true) return simplified(and.left, action)
    return { '&&': { left: simplified(and.left, action), right: simplified(and.right, action) } }
  }
  const or = sides(expr, '||')
  if (!or) return expr
  if (holdsFor(or.left, action) === false) return simplified(or.right, action)
  if (holdsFor(or.right, action) === false) return simplified(or.left, action)
  return { '||': { left: simplified(or.left, action), right: simplified(or.right, action) } }
}

/** A policy that permits every action under one condition: what Cedar prints or evaluates of a part. */
export function policyWith(body: Expr, id: string): cedar.PolicyJson {
  return {
    effect: 'permit',
    principal: { op: 'All' },
    action: { op: 'All' },
    resource: { op: 'All' },
    annotations: { id },
    // A part of an expression that Cedar gave is an expression.
    conditions: [{ kind: 'when', body: body as cedar.Expr }],
  }
}

/** A part of a condition as Cedar text, without the namespace. */
export function textOf(expr: Expr): string {
  const answer = cedar.policyToText(policyWith(expr, 'part'))
  if (answer.type !== 'success') return JSON.stringify(expr)
  const text = answer.text.slice(answer.text.indexOf('when {') + 6, answer.text.lastIndexOf('}')).trim()
  return withoutOuterParentheses(text).replaceAll(`${NAMESPACE}::`, '')
}

function withoutOuterParentheses(text: string): string {
  if (!text.startsWith('(') || !text.endsWith(')')) return text
  // What stands in quotes does not count.
  const signs = text.replaceAll(/"(?:[^"\\]|\\.)*"/g, (quoted) => '_'.repeat(quoted.length))
  let depth = 0
  for (let at = 0; at < signs.length; at += 1) {
    if (signs[at] === '(') depth += 1
    if (signs[at] === ')') depth -= 1
    if (depth === 0 && at < signs.length - 1) return text
  }
  return text.slice(1, -1)
}

/** The two sides of a binary operator, or null when the expression is another one. */
export function sides(expr: Expr, operator: string): { readonly left: Expr; readonly right: Expr } | null {
  const found = asExpr(expr[operator])
  const [left, right] = [asExpr(found?.left), asExpr(found?.right)]
  return left && right ? { left, right } : null
}

/** The value as a part of an expression, or null. */
export function asExpr(value: unknown): Expr | null {
  // An object of parsed JSON: any key may be there.
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Expr) : null
}
