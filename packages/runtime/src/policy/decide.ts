import type { JsonObject } from '../base/json.ts'
import type { Principal } from '../contracts/common.ts'
import type { ApprovalFact, ApprovalVote, AskingPolicy, Decision, PolicyRequest, Verdict } from '../contracts/policy.ts'
import { areDistinct, covers, isComplete, isOthers, rolesOf } from './approval-people.ts'
import { type CedarQuery, type CedarSlice, evaluate } from './cedar.ts'
import { type ActionShape, NAMESPACE } from './cedar-schema.ts'
import { type Projected, project } from './project.ts'
import type { PolicyReason } from './reasons.ts'
import type { Rule } from './rules.ts'

/** What is prepared at load for one action: its shape, the policies that can match it, and those that only warn. */
export interface ActionPolicies {
  readonly shape: ActionShape
  readonly rules: ReadonlyMap<string, Rule>
  readonly deciding: CedarSlice
  readonly warning: CedarSlice | null
}

/** A decision before the bundle and the point are added. */
export type Ruling = Pick<Decision, 'verdict' | 'reason_code' | 'policies' | 'asks'>

/** A refusal that needs no evaluation. */
export function refusal(code: PolicyReason): Ruling {
  return { verdict: 'deny', reason_code: code, policies: [], asks: [] }
}

/**
 * Decides one request by the policies of its action.
 *
 * Without the approval first: an allow needs none, a hard forbid cannot be approved away. When only policies that ask for
 * a person stand against it, the stored approval counts if it is bound and fresh, and given by as many different people as
 * each policy demands, none of them the requester, each with one of its roles (invariant 7); these are checked here and not
 * left to policy text. Else a person is asked, but only if an approval by one who holds the roles would lead to an allow.
 * @throws SignalboxError POLICY_MALFUNCTION
 */
export function decideBy(action: ActionPolicies, request: PolicyRequest): Ruling {
  const base = queryOf(action.shape, request)
  if (base === null) return refusal('INPUT_NOT_PROJECTABLE')
  const plain = evaluate(action.deciding, base)
  const rules = inOrder(action, plain.determining)
  if (plain.allowed) return withWarnings(action, base, 'PERMITTED', rules, [])
  if (rules.length === 0) return refusal('NO_PERMIT')
  const hard = rules.find((rule) => rule.kind !== 'require_approval')
  if (hard !== undefined) return ruling('deny', hard.reason ?? 'NO_PERMIT', rules, [])
  const asks = rules.map(askOf)
  const approved = request.approval !== null && counts(request.approval, request.principal, asks)
  if (approved && request.approval !== null) {
    const query = withApproval(base, request.approval, asks)
    const answer = evaluate(action.deciding, query)
    if (answer.allowed) return withWarnings(action, query, 'APPROVED', inOrder(action, answer.determining), asks)
  }
  return askOrDeny(action, base, request.principal, rules, asks)
}

function askOrDeny(
  action: ActionPolicies,
  base: CedarQuery,
  principal: Principal,
  rules: readonly Rule[],
  asks: readonly AskingPolicy[],
): Ruling {
  const answer = evaluate(action.deciding, withApproval(base, hypothetical(principal, asks), asks))
  if (answer.allowed) return ruling('require_approval', asks[0]?.reason_code ?? 'NOT_APPROVABLE', rules, asks)
  return answer.determining.length === 0 ? refusal('NO_PERMIT') : ruling('deny', 'NOT_APPROVABLE', rules, [])
}

function withWarnings(
  action: ActionPolicies,
  query: CedarQuery,
  code: PolicyReason,
  rules: readonly Rule[],
  asks: readonly AskingPolicy[],
): Ruling {
  const warned = action.warning === null ? [] : inOrder(action, evaluate(action.warning, query).determining)
  const first = warned[0]
  if (first === undefined) return ruling('allow', code, rules, asks)
  return ruling('warn', first.reason ?? code, [...warned, ...rules], asks)
}

function ruling(verdict: Verdict, code: string, rules: readonly Rule[], asks: readonly AskingPolicy[]): Ruling {
  return { verdict, reason_code: code, policies: rules.map((rule) => rule.id), asks }
}

/** In the order of the bundle: Cedar gives ids in no particular order, and a record must not depend on that. */
function inOrder(action: ActionPolicies, ids: readonly string[]): readonly Rule[] {
  const wanted = new Set(ids)
  return [...action.rules.values()].filter((rule) => wanted.has(rule.id))
}

function askOf(rule: Rule): AskingPolicy {
  return { id: rule.id, reason_code: rule.reason ?? 'NOT_APPROVABLE', approvers: rule.approvers, ...rule.terms }
}

function votesOf({ approver, votes }: ApprovalFact): readonly ApprovalVote[] {
  return votes ?? [{ approver }]
}

function counts(approval: ApprovalFact, requester: Principal, asks: readonly AskingPolicy[]): boolean {
  if (!approval.bound || !approval.fresh) return false
  const votes = votesOf(approval)
  return votes.every((vote) => isOthers(vote, requester)) && areDistinct(votes) && isComplete(asks, votes)
}

function hypothetical(requester: Principal, asks: readonly AskingPolicy[]): ApprovalFact {
  const roles = [...new Set(asks.flatMap((ask) => ask.approvers))]
  // Longer than the requester's id, so never equal to it: `approver != principal.user` holds.
  const approver: Principal = { id: `${requester.id}?`, kind: 'user', tenant: requester.tenant, roles }
  return { id: 'hypothetical', approver, bound: true, fresh: true }
}

const ref = (type: string, id: string) => ({ __entity: { type: `${NAMESPACE}::${type}`, id } })
const uid = (type: string, id: string) => ({ type: `${NAMESPACE}::${type}`, id })

function person(who: Principal): CedarQuery['entities'][number] {
  const attrs = { tenant: who.tenant, kind: who.kind }
  return { uid: uid('User', who.id), attrs, parents: who.roles.map((role) => uid('Role', role)) }
}

/** The query with the approval that was given. Policy text speaks of one approver: where several answered, of one who holds what they hold together. */
export function withApproval(query: CedarQuery, approval: ApprovalFact, asks: readonly AskingPolicy[]): CedarQuery {
  const { id, bound, fresh } = approval
  const approver = together(votesOf(approval), approval.approver, asks)
  const context = { ...query.context, approval: { id, approver: ref('User', approver.id), bound, fresh } }
  return { ...query, context, entities: [...query.entities, person(approver)] }
}

function together(votes: readonly ApprovalVote[], last: Principal, asks: readonly AskingPolicy[]): Principal {
  // Who answers because a policy was escalated stands in for those whom that policy names.
  const standIn = (vote: ApprovalVote): readonly string[] =>
    asks.filter((ask) => vote.escalated?.includes(ask.id) && covers(ask, vote)).flatMap((ask) => ask.approvers)
  const roles = votes.flatMap((vote) => [...rolesOf(vote.approver, vote.for), ...standIn(vote)])
  const ids = votes.map((vote) => vote.approver.id)
  // Longer than each id in it: it is equal to that of nobody, and so not to the requester's.
  return { ...last, id: ids.length > 1 ? ids.join('+') : last.id, roles: [...new Set(roles)] }
}

/** The query about an action; null when a value that policy has to see is missing or of another type. */
export function queryOf(shape: ActionShape, request: PolicyRequest): CedarQuery | null {
  const input = projectOr(shape.input, shape.id.startsWith('model:') ? { model: request.action.name } : request.input)
  const facts = projectOr(shape.facts, request.facts)
  const { run, principal, labels } = request
  const names = [
    run.id,
    run.workflow,
    run.agent ?? '',
    principal.id,
    principal.tenant,
    ...principal.roles,
    ...labels.marks,
    ...(request.origin?.given ?? []),
    ...(request.origin?.unproven ?? []),
  ]
  if (input === null || facts === null || !names.every((name) => name.isWellFormed())) return null
  const attrs = {
    workflow: run.workflow,
    ...(run.agent === null ? {} : { agent: run.agent }),
    mode: run.mode,
    user: ref('User', principal.id),
    tenant: principal.tenant,
  }
  return {
    principal: uid('Run', run.id),
    action: uid('Action', shape.id),
    resource: uid('Target', request.action.name),
    context: {
      input,
      facts,
      labels: { integrity: labels.integrity, marks: [...labels.marks] },
      origin: originOf(request),
    },
    entities: [
      { uid: uid('Run', run.id), attrs, parents: [] },
      person(principal),
      { uid: uid('Target', request.action.name), attrs: { tenant: principal.tenant }, parents: [] },
    ],
  }
}

/** A call of a tool that is not labelled proves nothing; what is no tool call has no arguments to prove. */
function originOf({ point, origin }: PolicyRequest): { labelled: boolean; given: string[]; unproven: string[] } {
  if (point !== 'pre_tool_call') return { labelled: true, given: [], unproven: [] }
  return { labelled: origin !== undefined, given: [...(origin?.given ?? [])], unproven: [...(origin?.unproven ?? [])] }
}

function projectOr(declared: ActionShape['input'], values: JsonObject): Record<string, Projected> | null {
  const out = project(declared, values)
  return out === null ? null : { ...out }
}
