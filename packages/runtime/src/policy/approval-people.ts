/** Whose answer counts for which policy (invariant 7). */
import type { ActingFor } from '../contracts/acting.ts'
import type { Principal } from '../contracts/common.ts'
import type { ApprovalVote, AskingPolicy } from '../contracts/policy.ts'

/** Roles with which an answer counts: the own ones, or those that a delegation passes on. */
export function rolesOf(by: Principal, actingFor: ActingFor | undefined): readonly string[] {
  return actingFor ? actingFor.roles : by.roles
}

/** True when the answer counts for the policy: by a role, or because it was escalated to this person. */
export function covers(ask: AskingPolicy, { approver, for: actingFor, escalated = [] }: ApprovalVote): boolean {
  const roles = rolesOf(approver, actingFor)
  if (ask.approvers.some((role) => roles.includes(role))) return true
  if (!escalated.includes(ask.id)) return false
  return (ask.escalate ?? []).some(
    (to) => to.users.includes(approver.id) || to.roles.some((role) => roles.includes(role)),
  )
}

/** The ids of persons who stand behind an answer: who gave it, and in whose place. */
export function personsOf({ approver, for: actingFor }: ApprovalVote): readonly string[] {
  return actingFor ? [approver.id, actingFor.id] : [approver.id]
}

/** True when nobody stands behind two of the answers. */
export function areDistinct(votes: readonly ApprovalVote[]): boolean {
  const persons = votes.flatMap(personsOf)
  return new Set(persons).size === persons.length
}

/** True for an answer of a person of the requester's tenant behind whom the requester does not stand. */
export function isOthers(vote: ApprovalVote, requester: Principal): boolean {
  const { approver } = vote
  return approver.kind === 'user' && approver.tenant === requester.tenant && !personsOf(vote).includes(requester.id)
}

/** True when the answers let the action happen as far as people are concerned: every policy has as many as it demands. */
export function isComplete(asks: readonly AskingPolicy[], votes: readonly ApprovalVote[]): boolean {
  return asks.every((ask) => votes.filter((vote) => covers(ask, vote)).length >= (ask.quorum ?? 1))
}

/** Number of the stage that a policy belongs to. */
export function stageOf(ask: AskingPolicy): number {
  return ask.stage ?? 1
}

/** The stages of an approval in the order in which they are answered. */
export function stagesOf(asks: readonly AskingPolicy[]): readonly number[] {
  return [...new Set(asks.map(stageOf))].sort((a, b) => a - b)
}
