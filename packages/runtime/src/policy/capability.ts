import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import type { CapabilityQuestion, HiddenTool } from '../contracts/policy.ts'
import { type ActionShape, NAMESPACE } from './cedar-schema.ts'
import type { Rule } from './rules.ts'

/** What is prepared of the action of a tool. */
interface Prepared {
  readonly shape: ActionShape
  readonly rules: ReadonlyMap<string, Rule>
}

/** What an expression comes to with the arguments, facts, labels and approvals of a call unknown. */
type Known =
  | { readonly kind: 'value'; readonly value: boolean | number | string }
  | { readonly kind: 'entity'; readonly type: string; readonly id: string }
  | { readonly kind: 'set'; readonly items: readonly Known[] }
  | typeof UNKNOWN

const UNKNOWN = { kind: 'unknown' } as const

/**
 * Says why no call of a tool can be permitted for this run, whatever its arguments, or null when one might be. It works on
 * what is fixed for the run (its workflow, agent, mode, its user with roles and tenant); all else is unknown, and whatever
 * rests on it might be. A policy is left out only when its conditions are false for certain: then it does not apply, or
 * evaluating it ends in an error, and neither permits anything. So a tool is never hidden that the door would let pass.
 */
export function cannotPermit(action: Prepared | null, question: CapabilityQuestion): HiddenTool | null {
  const { tool } = question
  if (action === null) return { tool, reason_code: 'TOOL_UNKNOWN', policies: [] }
  const rules = [...action.rules.values()]
  const world: World = { question, shape: action.shape }
  const forbids = rules.filter((rule) => rule.kind === 'forbid' && applies(rule, world) === true)
  const [first] = forbids
  if (first) return { tool, reason_code: first.reason ?? 'NO_PERMIT', policies: forbids.map(({ id }) => id) }
  const mayPermit = rules.some((rule) => rule.kind === 'permit' && applies(rule, world) !== false)
  return mayPermit ? null : { tool, reason_code: 'NO_PERMIT', policies: [] }
}

interface World {
  readonly question: CapabilityQuestion
  readonly shape: ActionShape
}

const parsed = new WeakMap<Rule, cedar.PolicyJson | null>()

function jsonOf(rule: Rule): cedar.PolicyJson | null {
  const known = parsed.get(rule)
  if (known !== undefined) return known
  const answer = cedar.policyToJson(rule.text)
  const json = answer.type === 'success' ? answer.json : null
  parsed.set(rule, json)
  return json
}

/** True or false when it is certain, else null. */
function applies(rule: Rule, world: World): boolean | null {
  const json = jsonOf(rule)
  if (json === null) return null
  const parts = [
    inScope(json.principal, principalOf(world)),
    inScope(json.resource, { kind: 'entity', type: `${NAMESPACE}::Target`, id: world.question.tool }),
    ...json.conditions.map(({ kind, body }) => {
      const holds = truth(evaluate(body, world))
      return kind === 'when' || holds === null ? holds : !holds
    }),
  ]
  if (parts.includes(false)) return false
  return parts.every((one) => one === true) ? true : null
}

type Entity = Extract<Known, { kind: 'entity' }>

function principalOf({ question }: World): Entity {
  return { kind: 'entity', type: `${NAMESPACE}::Run`, id: question.run.id }
}

/** Neither a run nor a target is a member of anything. */
function inScope(given: unknown, entity: Entity): boolean | null {
  const scope = asRecord(given)
  switch (scope?.op) {
    case 'All':
      return true
    case '==':
    case 'in': {
      const named = entityOf(scope.entity)
      return named === null ? null : same(named, entity)
    }
    case 'is':
      return typeof scope.entity_type === 'string' && !('in' in scope) ? scope.entity_type === entity.type : null
    default:
      return null
  }
}

type Operands = Readonly<Record<string, unknown>>

const OPERATORS: Readonly<Record<string, (body: Operands, world: World) => Known>> = {
  '!': ({ arg }, world) => not(evaluate(arg, world)),
  '&&': ({ left, right }, world) => both(evaluate(left, world), evaluate(right, world), false),
  '||': ({ left, right }, world) => both(evaluate(left, world), evaluate(right, world), true),
  '==': ({ left, right }, world) => equal(evaluate(left, world), evaluate(right, world)),
  '!=': ({ left, right }, world) => not(equal(evaluate(left, world), evaluate(right, world))),
  in: ({ left, right }, world) => memberOf(evaluate(left, world), evaluate(right, world), world),
  '.': ({ left, attr }, world) => attribute(evaluate(left, world), attr, world),
  has: ({ left, attr }, world) => hasAttribute(evaluate(left, world), attr, world),
  contains: ({ left, right }, world) => contains(evaluate(left, world), evaluate(right, world)),
  'if-then-else': (body, world) => choose(body, world),
}

/** What the expression comes to; unknown for whatever is not worked out here. */
function evaluate(expression: unknown, world: World): Known {
  const node = asRecord(expression)
  const [operator] = Object.keys(node ?? {})
  if (!node || operator === undefined) return UNKNOWN
  const body = node[operator]
  if (operator === 'Var') return variable(body, world)
  if (operator === 'Value') return literal(body)
  if (operator === 'Set')
    return Array.isArray(body) ? { kind: 'set', items: body.map((item: unknown) => evaluate(item, world)) } : UNKNOWN
  const operands = asRecord(body)
  const compute = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined
  return operands && compute ? compute(operands, world) : UNKNOWN
}

function variable(name: unknown, world: World): Known {
  if (name === 'principal') return principalOf(world)
  if (name === 'resource') return { kind: 'entity', type: `${NAMESPACE}::Target`, id: world.question.tool }
  if (name === 'action') return { kind: 'entity', type: `${NAMESPACE}::Action`, id: world.shape.id }
  return UNKNOWN
}

function literal(body: unknown): Known {
  if (typeof body === 'boolean' || typeof body === 'number' || typeof body === 'string')
    return { kind: 'value', value: body }
  return entityOf(body) ?? UNKNOWN
}

/** The attributes that a run, its user and its target have in every question about this run. */
function attribute(of: Known, attr: unknown, { question }: World): Known {
  if (of.kind !== 'entity' || typeof attr !== 'string') return UNKNOWN
  const { run, principal } = question
  const text = (value: string | null): Known => (value === null ? UNKNOWN : { kind: 'value', value })
  if (of.type === `${NAMESPACE}::Run` && of.id === run.id)
    switch (attr) {
      case 'workflow':
        return text(run.workflow)
      case 'agent':
        return text(run.agent)
      case 'mode':
        return text(run.mode)
      case 'tenant':
        return text(principal.tenant)
      case 'user':
        return { kind: 'entity', type: `${NAMESPACE}::User`, id: principal.id }
      default:
        return UNKNOWN
    }
  if (of.type === `${NAMESPACE}::Target` && attr === 'tenant') return text(principal.tenant)
  if (of.type !== `${NAMESPACE}::User` || of.id !== principal.id) return UNKNOWN
  return attr === 'tenant' ? text(principal.tenant) : attr === 'kind' ? text(principal.kind) : UNKNOWN
}

function hasAttribute(of: Known, attr: unknown, world: World): Known {
  if (of.kind === 'entity' && of.type === `${NAMESPACE}::Run` && attr === 'agent')
    return { kind: 'value', value: world.question.run.agent !== null }
  return attribute(of, attr, world) === UNKNOWN ? UNKNOWN : { kind: 'value', value: true }
}

/** Roles are all that a user is in; classes and effects all that an action is in. */
function memberOf(left: Known, right: Known, world: World): Known {
  if (right.kind === 'set') {
    const all = right.items.map((item) => memberOf(left, item, world))
    return all.reduce((found, one) => both(found, one, true), { kind: 'value', value: false })
  }
  if (left.kind !== 'entity' || right.kind !== 'entity') return UNKNOWN
  const { principal } = world.question
  const groups = left.type === `${NAMESPACE}::Action` && left.id === world.shape.id ? world.shape.groups : []
  const roles = left.type === `${NAMESPACE}::User` && left.id === principal.id ? principal.roles : []
  if (left.type === `${NAMESPACE}::User` && left.id !== principal.id) return UNKNOWN
  const isGroup = right.type === `${NAMESPACE}::Action` && groups.includes(right.id)
  const isRole = right.type === `${NAMESPACE}::Role` && roles.includes(right.id)
  return { kind: 'value', value: same(left, right) || isGroup || isRole }
}

function contains(left: Known, right: Known): Known {
  if (left.kind !== 'set') return UNKNOWN
  return left.items.reduce<Known>((found, item) => both(found, equal(item, right), true), {
    kind: 'value',
    value: false,
  })
}

function choose(body: Operands, world: World): Known {
  const condition = truth(evaluate(body.if, world))
  if (condition === null) return UNKNOWN
  return evaluate(condition ? body.then : body.else, world)
}

function equal(a: Known, b: Known): Known {
  if (a.kind === 'entity' && b.kind === 'entity') return { kind: 'value', value: same(a, b) }
  if (a.kind === 'value' && b.kind === 'value') return { kind: 'value', value: a.value === b.value }
  return UNKNOWN
}

/** `deciding` is the side that settles it alone: true for or, false for and. */
function both(left: Known, right: Known, deciding: boolean): Known {
  const [a, b] = [truth(left), truth(right)]
  if (a === deciding || b === deciding) return { kind: 'value', value: deciding }
  return a === null || b === null ? UNKNOWN : { kind: 'value', value: !deciding }
}

function not(one: Known): Known {
  const known = truth(one)
  return known === null ? UNKNOWN : { kind: 'value', value: !known }
}

function truth(one: Known): boolean | null {
  return one.kind === 'value' && typeof one.value === 'boolean' ? one.value : null
}

function same(a: Entity, b: Entity): boolean {
  return a.type === b.type && a.id === b.id
}

function entityOf(given: unknown): Entity | null {
  const outer = asRecord(given)
  const { type, id } = asRecord(outer?.__entity) ?? outer ?? {}
  return typeof type === 'string' && typeof id === 'string' ? { kind: 'entity', type, id } : null
}

function asRecord(given: unknown): Operands | null {
  // A plain object of the policy's JSON form; its fields are looked at one by one.
  return typeof given === 'object' && given !== null && !Array.isArray(given) ? (given as Operands) : null
}
