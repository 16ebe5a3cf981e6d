import type { ApprovalDecided, ApprovalRequested } from '../../contracts/records.ts'
import { approvalBinding, asVote, isStillBound } from '../../policy/index.ts'
import { upwards } from '../../reliability/fold-scopes.ts'
import { requestApproval } from './approval-request.ts'
import { answerTo } from './approval-wait.ts'
import type { Ask, Ended } from './ask.ts'
import { decide } from './decide.ts'
import { takeEdit } from './edit.ts'
import { lookUpLedger } from './ledger.ts'
import { asPreview, readPreview, targetDigest } from './preview.ts'

/**
 * Where the policy asks for a person: shows the action, waits for the answers, and derives again what was approved
 * (invariant 7). An approval that is on record already, undecided or decided, is not asked again.
 */
export async function askForApproval(ask: Ask): Promise<Ended | null> {
  const own = ask.journal().approval
  // What a person was asked, and may have refused, stands also when the policy would no longer ask.
  if (ask.decision?.verdict !== 'require_approval' && !own) return null
  const carried = own ? null : takeCarried(ask)
  let asked = own ?? carried
  for (;;) {
    const proposed = asked?.decided?.edited ?? asked?.requested.proposal.edited
    if (proposed && ask.edited === null) {
      const ended = await takeEdit(ask, proposed)
      if (ended) return ended
    }
    const requested = asked && !isAskedAgain(asked.decided) ? asked.requested : await requestApproval(ask)
    if ('status' in requested) return requested
    const decided = asked?.requested === requested && asked.decided ? asked.decided : await answerTo(ask, requested)
    // What a reviewer made of it needs other people: they are asked.
    if (isAskedAgain(decided)) asked = { requested, decided }
    else return ended(ask, requested, decided)
  }
}

type Asked = { readonly requested: ApprovalRequested; readonly decided: ApprovalDecided | null }

/** True for an approval that gave way to one of what a reviewer made of the arguments. */
function isAskedAgain(decided: ApprovalDecided | null): boolean {
  return decided?.answer === 'void' && decided.edited !== undefined
}

async function ended(ask: Ask, requested: ApprovalRequested, decided: ApprovalDecided): Promise<Ended | null> {
  switch (decided.answer) {
    case 'approved':
      return bind(ask, requested, decided)
    case 'rejected':
      return { status: 'rejected', code: 'APPROVAL_REJECTED', result: `rejected by ${decided.by?.id ?? 'a reviewer'}` }
    case 'expired':
      return { status: 'expired', code: 'APPROVAL_EXPIRED', result: 'nobody answered in time' }
    case 'cancelled':
      return {
        status: 'cancelled',
        code: 'CANCELLED',
        result: decided.by ? `taken back by ${decided.by.id}` : 'it was stopped while the approval was open',
      }
    case 'void':
      return { status: 'denied', code: 'APPROVAL_VOID', result: 'the approval is void' }
    default:
      return decided.answer satisfies never
  }
}

/** An approval that an earlier attempt got and did not use; taken out, so that no second call of this attempt uses it. */
function takeCarried(ask: Ask): Asked | null {
  const key = `${ask.name}|${ask.digest}`
  // A node around the scope may have been tried again: what its earlier attempt was given lies with it.
  for (const { carried } of upwards(ask.run.fold, ask.ref.activation)) {
    const kept = carried.get(key)
    if (carried.delete(key) && kept) return kept
  }
  return null
}

/** Derives everything that the approval binds again: target, arguments, definition, labels, asking policies (invariant 7). */
async function bind(ask: Ask, requested: ApprovalRequested, decided: ApprovalDecided): Promise<Ended | null> {
  if (!decided.by) return { status: 'denied', code: 'APPROVAL_VOID', result: 'the approval names no person' }
  const { edited } = decided
  // Another call than the one that was looked up before.
  const answered = edited ? await lookUpLedger(ask) : null
  if (answered) return answered
  const read = await readPreview(ask, 'fresh')
  const preview = 'failed' in read ? null : asPreview(read.value)
  const { bundle } = ask.run.env.policy
  const { proposal } = requested
  const digest = edited?.args_digest ?? proposal.edited?.args_digest ?? proposal.args_digest
  const was = { ...proposal, args_digest: digest }
  const asked = edited
    ? approvalBinding(ask.run.runId, was, edited.target_digest, edited.asks)
    : approvalBinding(ask.run.runId, was, requested.target_digest, requested.asks)
  const now =
    preview && approvalBinding(ask.run.runId, proposed(ask), targetDigest(ask, preview), decide(ask, null).asks)
  const bound = now !== null && isStillBound(asked, now)
  if (!bound) {
    ask.run.closeRequest(requested.approval_id, 'void', decided.by.id)
    return { status: 'denied', code: 'APPROVAL_VOID', result: 'what was approved has changed since; it was not done' }
  }
  const { approval_id: id } = requested
  const votes = decided.votes ? { votes: decided.votes.map(asVote) } : {}
  ask.approval = { id, by: decided.by, ...votes, decidedSeq: decided.seq, bound, fresh: true, bundle }
  return null
}

/** What is proposed now, as an approval binds it. */
function proposed(ask: Ask): Parameters<typeof approvalBinding>[1] {
  return { name: ask.name, args_digest: ask.sentDigest, definition_hash: ask.definitionHash, labels: ask.labels }
}
