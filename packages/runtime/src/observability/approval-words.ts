import type { ApprovalChanged, ApprovalDecided } from '../contracts/records.ts'
import { name } from './words.ts'

/** What happened to an approval while it was open, as a sentence; null for what is told with its end. */
export function changeText({ approval_id, change }: ApprovalChanged): string {
  const of = `approval ${name(approval_id)}`
  switch (change.what) {
    case 'voted':
      return `${name(change.by.id)}${actingFor(change)} said yes to ${of}; others have to as well.`
    case 'claimed':
      return `${name(change.by.id)} claimed ${of} until ${change.until}.`
    case 'unclaimed':
      return `${name(change.by.id)} gave the claim of ${of} back.`
    case 'information_asked':
      return `${name(change.by.id)} put a question about ${of} to the requester.`
    case 'information_given':
      return `${name(change.by.id)} answered the question about ${of}.`
    case 'snoozed':
      return `${name(change.by.id)} put ${of} off until ${change.until}.`
    case 'seen':
      return `${name(change.by.id)} opened the details of ${of}.`
    case 'edited':
      return `${name(change.by.id)}${actingFor(change)} changed the arguments of ${of}; policy judges them.`
    case 'edit_refused':
      return `What ${name(change.by.id)} made of the arguments of ${of} was refused (${change.code}); it is open as before.`
    case 'stage_begun':
      return `Stage ${change.stage} of ${of} began; silence until ${change.deadline} denies.`
    case 'escalated':
      return `Nobody answered ${of} in time for ${name(change.policy)}: ${[...change.roles, ...change.users].join(', ')} can answer too.`
    case 'reminded':
      return `${name(change.whom)} was reminded of ${of}.`
    default:
      return change satisfies never
  }
}

function actingFor(vote: { readonly for?: { readonly id: string } }): string {
  return vote.for ? ` for ${name(vote.for.id)}` : ''
}

/** Who else said yes, who stands behind it, and what was edited, as the end of a sentence. */
export function votesText({ votes = [], standing, edited }: ApprovalDecided): string {
  const who = votes.map((vote) => `${name(vote.by.id)}${actingFor(vote)}`)
  const told = [
    ...(who.length > 0 ? [`yes was said by ${who.join(' and ')}`] : []),
    ...(standing ? [`by the standing approval ${name(standing.mandate)}, without being asked`] : []),
    ...(edited ? [`with arguments that ${name(edited.by)} wrote`] : []),
  ]
  return told.length === 0 ? '' : `; ${told.join('; ')}`
}
