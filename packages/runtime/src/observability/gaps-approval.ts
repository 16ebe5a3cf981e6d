import type { Vote } from '../contracts/approval.ts'
import type { AskingPolicy } from '../contracts/policy.ts'
import type { ActivityIntent, ApprovalDecided, ApprovalRequested, RunRecord } from '../contracts/records.ts'

/** What is told of an approval: its request, its answer, the records of the history and who asked for the run. */
export interface ApprovalStory {
  readonly asked: ApprovalRequested
  readonly answer: ApprovalDecided
  readonly records: readonly RunRecord[]
  readonly requester: string | null
  /** True when the answer lies on the way to the intent. */
  readonly leads: boolean
}

/** Why the approval that an intent names does not carry it (Invariants 7 and 15), a sentence each. */
export function approvalFaults(intent: ActivityIntent, story: ApprovalStory): readonly string[] {
  const { asked, answer, leads } = story
  const faults: string[] = []
  const check = (right: boolean, detail: string): void => {
    if (!right) faults.push(detail)
  }
  check(answer.answer === 'approved', `the intent follows an approval that was ${answer.answer}`)
  check(asked.seq < answer.seq && answer.seq < intent.seq, 'request, answer and intent are not in this order')
  check(asked.ask.key === intent.ask.key, 'the approval was given for another call')
  check(isSameCall(intent, asked, answer), 'the arguments changed after the approval')
  check(asked.proposal.definition_hash === intent.proposal.definition_hash, 'the tool changed after the approval')
  check(
    asked.asks.every((ask) => ask.approvers.length > 0),
    'a policy asked for nobody',
  )
  check(answer.by !== null, 'nobody is named as the approver')
  check(leads, 'the approval lies on an abandoned branch')
  return [...faults, ...voteFaults(story)]
}

/** What was proposed, and what a reviewer made of it, is what is sent. */
function isSameCall({ proposal }: ActivityIntent, asked: ApprovalRequested, answer: ApprovalDecided): boolean {
  const edited = answer.edited ?? asked.proposal.edited
  return asked.proposal.args_digest === proposal.args_digest && proposal.edited?.args_digest === edited?.args_digest
}

/** As many different people as each policy demands, each with a role of it, none of them the requester. */
function voteFaults({ asked, answer, records, requester }: ApprovalStory): readonly string[] {
  if (answer.by === null) return []
  const { by, reason, seen } = answer
  const votes: readonly Vote[] = answer.votes ?? [{ by, given_at: answer.at, reason, seen }]
  const faults: string[] = []
  const persons = votes.flatMap((vote) => [vote.by.id, ...(vote.for ? [vote.for.id] : [])])
  if (requester !== null && persons.includes(requester)) return ['the requester approved']
  if (new Set(persons).size !== persons.length) faults.push('one person counts twice')
  if (votes.some((vote) => vote.reason === null)) faults.push('the approver gave no reason')
  // Who gave a standing approval saw no call; its use names it.
  if (!answer.standing) faults.push(...seenFaults(votes, asked))
  for (const ask of answer.edited?.asks ?? asked.asks) {
    const given = votes.filter((vote) => countsFor(ask, vote, records, asked.approval_id)).length
    const needed = ask.quorum ?? 1
    if (given < needed)
      faults.push(`\`${ask.id}\` demands ${needed} of ${ask.approvers.join(' or ')}, and has ${given}`)
  }
  return faults
}

/** The gap of an answer that was given without what it was about in sight, as a program of one's own may give it. */
export const UNSEEN = 'what the approver saw is not on record'

function seenFaults(votes: readonly Vote[], asked: ApprovalRequested): readonly string[] {
  if (votes.some((vote) => vote.seen === null)) return [UNSEEN]
  return votes.every((vote) => vote.seen === asked.packet.h) ? [] : ['what the approver saw is not what was asked']
}

function countsFor(ask: AskingPolicy, vote: Vote, records: readonly RunRecord[], approval: string): boolean {
  const roles = vote.for ? vote.for.roles : vote.by.roles
  if (ask.approvers.some((role) => roles.includes(role))) return true
  // Nobody stands in for a policy that was not escalated to them.
  return records.some(
    (record) =>
      record.type === 'approval.changed' &&
      record.approval_id === approval &&
      record.change.what === 'escalated' &&
      record.change.policy === ask.id &&
      (record.change.users.includes(vote.by.id) || record.change.roles.some((role) => roles.includes(role))),
  )
}
